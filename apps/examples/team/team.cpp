// SPDX-License-Identifier: BSD-3-Clause
// A rod that is heated along its length and cooled at its ends: -u'' = heat. Each call of `hottest` solves this
// on two ranks, half of the points on each, beside calls of `limit`, which need one:
//
//     mpirun -n 5 team        two rods at a time; the hottest point has heat / 8
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/mpipe.hpp>

#include <cmath>
#include <cstdio>
#include <vector>

namespace {

/// Jacobi's method. Every rank has its part of the points, and one point of each neighbour.
double hottest(double heat, int points, mpipe::Comm comm) {
  const MPI_Comm ranks = comm;
  const int below = comm.rank() > 0 ? comm.rank() - 1 : MPI_PROC_NULL;
  const int above = comm.rank() + 1 < comm.size() ? comm.rank() + 1 : MPI_PROC_NULL;
  const int first = points * comm.rank() / comm.size();
  const int own = points * (comm.rank() + 1) / comm.size() - first;
  const double step = 1.0 / (points + 1);
  std::vector<double> u(static_cast<std::size_t>(own) + 2, 0.0);
  std::vector<double> next = u;
  double change = 1;
  for (int sweep = 0; change > 1e-7 * heat; ++sweep) {
    double* const end = &u[static_cast<std::size_t>(own)];
    MPI_Sendrecv(&u[1], 1, MPI_DOUBLE, below, 0, end + 1, 1, MPI_DOUBLE, above, 0, ranks, MPI_STATUS_IGNORE);
    MPI_Sendrecv(end, 1, MPI_DOUBLE, above, 1, &u[0], 1, MPI_DOUBLE, below, 1, ranks, MPI_STATUS_IGNORE);
    change = 0;
    for (std::size_t k = 1; k + 1 < u.size(); ++k) {
      next[k] = (u[k - 1] + u[k + 1] + step * step * heat) / 2;
      change = std::max(change, std::abs(next[k] - u[k]));
    }
    u.swap(next);
    if (sweep % 50 == 0) MPI_Allreduce(MPI_IN_PLACE, &change, 1, MPI_DOUBLE, MPI_MAX, ranks);
    else change = heat;  // asked about now and then only
  }
  double most = *std::max_element(u.begin(), u.end());
  MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_DOUBLE, MPI_MAX, ranks);
  return most;
}

double limit(double heat) { return heat / 8; }

}  // namespace

int main(int argc, char** argv) {
  mpipe::Environment mpi(argc, argv);
  const mpipe::Pipeline pipeline{
      mpipe::function("hottest", hottest).parameters("heat", "points").mapspec("heat[i] -> hottest[i]").resources({.ranks = 2}),
      mpipe::function("limit", limit).parameters("heat").mapspec("heat[i] -> limit[i]")};
  const auto results = pipeline.map(mpi.world(), {{"heat", mpipe::linspace(1, 8, 8)}, {"points", 31}});
  if (!mpi.world().is_root()) return 0;
  const auto found = results.get<std::vector<double>>("hottest");
  const auto expected = results.get<std::vector<double>>("limit");
  bool right = true;
  for (std::size_t k = 0; k < found.size(); ++k) {
    std::printf("heat %zu: %.4f, where %.4f is exact\n", k + 1, found[k], expected[k]);
    right = right && std::abs(found[k] - expected[k]) < 1e-3 * expected[k];
  }
  return right ? 0 : 1;
}
