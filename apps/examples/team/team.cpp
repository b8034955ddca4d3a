// SPDX-License-Identifier: BSD-3-Clause
// A rod that is heated along its length and cooled at its ends: -u'' = heat. Each call of `hottest` solves
// this on two ranks, half of the points on each, beside calls of `exact`, which need one. With `mpirun -n 5
// team` two rods are computed at a time.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/mpipe.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

namespace {

/// Jacobi's method. Every rank has its part of the points, and one point of each neighbour.
double hottest(double heat, int points, int sweeps, mpipe::Comm comm) {
  const MPI_Comm ranks = comm;
  const int below = comm.rank() > 0 ? comm.rank() - 1 : MPI_PROC_NULL;
  const int above = comm.rank() + 1 < comm.size() ? comm.rank() + 1 : MPI_PROC_NULL;
  // The parts are cut so that they fit together for any number of ranks, whether it divides the points or
  // not.
  const int first = points * comm.rank() / comm.size();
  const auto own = static_cast<std::size_t>(points * (comm.rank() + 1) / comm.size() - first);
  const double step = 1.0 / (points + 1);
  std::vector<double> u(own + 2, 0.0);
  std::vector<double> next = u;
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    // Send and receive are one call, since neighbours that both send first might wait for each other for
    // ever. At the ends the neighbour is MPI_PROC_NULL, and the boundary keeps its 0.
    MPI_Sendrecv(&u[1], 1, MPI_DOUBLE, below, 0, &u[own + 1], 1, MPI_DOUBLE, above, 0, ranks,
                 MPI_STATUS_IGNORE);
    MPI_Sendrecv(&u[own], 1, MPI_DOUBLE, above, 1, &u[0], 1, MPI_DOUBLE, below, 1, ranks, MPI_STATUS_IGNORE);
    for (std::size_t k = 1; k <= own; ++k) next[k] = (u[k - 1] + u[k + 1] + step * step * heat) / 2;
    u.swap(next);
  }
  double most = *std::max_element(u.begin(), u.end());
  // All ranks of a team return the same value, so it does not matter whose is kept.
  MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_DOUBLE, MPI_MAX, ranks);
  return most;
}

double exact(double heat) { return heat / 8; }

}  // namespace

int main(int argc, char** argv) {
  mpipe::Environment mpi(argc, argv);
  const mpipe::Pipeline pipeline{
      mpipe::function("hottest", hottest)
          .parameters("heat", "points", "sweeps")
          .mapspec("heat[i] -> hottest[i]")
          .resources({.ranks = 2}),
      mpipe::function("exact", exact).parameters("heat").mapspec("heat[i] -> exact[i]")};
  const mpipe::Inputs inputs{{"heat", mpipe::linspace(1, 8, 8)}, {"points", 31}, {"sweeps", 3000}};
  const auto results = pipeline.map(mpi.world(), inputs, {});
  if (!mpi.world().is_root()) return 0;
  for (mpipe::Index k = 0; k < 8; ++k)
    std::printf("heat %d: %.4f, where %.4f is exact\n", static_cast<int>(k + 1),
                results.get<mpipe::Array<double>>("hottest")[k],
                results.get<mpipe::Array<double>>("exact")[k]);
  return 0;
}
