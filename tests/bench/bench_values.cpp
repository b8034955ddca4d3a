// SPDX-License-Identifier: BSD-3-Clause
// Values between stages: an array of 5 x 10^7 doubles, then sums over its rows or over its columns, beside plain
// MPI processes that share a window; and the memory that all ranks take together.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/mpipe.hpp>

#include "bench/memory_use.hpp"
#include "bench/report.hpp"

#include <fmt/format.h>

#include <mpi.h>

#include <atomic>
#include <cmath>
#include <thread>

namespace mpipe::bench {
namespace {

constexpr Index kRows = 10'000;
constexpr Index kColumns = 5'000;
constexpr double kMegabytes = 8e-6 * kRows * kColumns;

enum class Sums { rows, columns };

/// Seconds of one map on all ranks, which begin together.
double map_once(const Communicator& comm, Sums sums) {
  const Pipeline pipeline{expression_function({"z"}, {"sin(x) * y"}).mapspec("x[i], y[j] -> z[i, j]"),
                          expression_function({"s"}, {"sum(z)"})
                              .mapspec(sums == Sums::rows ? "z[i, :] -> s[i]" : "z[:, j] -> s[j]")};
  const Inputs inputs{{"x", linspace(0, 1, kRows)}, {"y", linspace(0, 1, kColumns)}};
  MapOptions options;
  options.return_results = false;
  comm.barrier();
  return seconds_of([&] { map(pipeline, comm, inputs, options); });
}

/// The elements of an axis that are one rank's.
IndexRange part_of(const Communicator& comm, Index extent) {
  return {extent * comm.rank() / comm.size(), extent * (comm.rank() + 1) / comm.size()};
}

double sum_of_part(const Communicator& comm, Sums sums, const double* z) {
  double all = 0;
  if (sums == Sums::rows) {
    const IndexRange rows = part_of(comm, kRows);
    for (Index k = rows.begin * kColumns; k < rows.end * kColumns; ++k) all += z[k];
    return all;
  }
  // As the values lie in memory: a stretch of each row at a time.
  const IndexRange columns = part_of(comm, kColumns);
  std::vector<double> of_column(static_cast<std::size_t>(columns.size()), 0.0);
  for (Index i = 0; i < kRows; ++i)
    for (Index j = columns.begin; j < columns.end; ++j)
      of_column[static_cast<std::size_t>(j - columns.begin)] += z[i * kColumns + j];
  for (const double sum : of_column) all += sum;
  return all;
}

/// The same by MPI alone: every rank computes an equal part of a window, then sums an equal part of it.
double window_once(const Communicator& comm, Sums sums) {
  const MPI_Comm mpi = native_comm(comm);
  volatile double kept = 0;
  comm.barrier();
  return seconds_of([&] {
    double* z = nullptr;
    MPI_Win window = MPI_WIN_NULL;
    const MPI_Aint size = comm.is_root() ? static_cast<MPI_Aint>(sizeof(double)) * kRows * kColumns : 0;
    MPI_Win_allocate_shared(size, sizeof(double), MPI_INFO_NULL, mpi, &z, &window);
    MPI_Aint of_root = 0;
    int unit = 0;
    MPI_Win_shared_query(window, 0, &of_root, &unit, &z);
    const IndexRange rows = part_of(comm, kRows);
    for (Index i = rows.begin; i < rows.end; ++i)
      for (Index j = 0; j < kColumns; ++j)
        z[i * kColumns + j] =
            std::sin(static_cast<double>(i) / (kRows - 1)) * static_cast<double>(j) / (kColumns - 1);
    MPI_Barrier(mpi);
    kept = sum_of_part(comm, sums, z);
    MPI_Barrier(mpi);
    MPI_Win_free(&window);
  });
}

void compare(const Communicator& comm, Sums sums) {
  const auto slowest = [&](double seconds) { return comm.all_reduce(seconds, ReduceOp::max); };
  const Pair pair = measure(
      5, [&] { return slowest(map_once(comm, sums)); }, [&] { return slowest(window_once(comm, sums)); });
  if (!comm.is_root()) return;
  const bool rows = sums == Sums::rows;
  print_row(fmt::format("values, sums over {}, {} ranks", rows ? "rows" : "columns", comm.size()), pair.ratio,
            1.3, "x MPI with a shared window",
            fmt::format("ours {:.3g} s, MPI {:.3g} s", pair.ours, pair.baseline));
}

/// The most memory that this process takes while `step` runs, in MB; shared pages count in parts.
template <class Step>
double peak_megabytes(const Step& step) {
  std::atomic<bool> ended = false;
  double most = 0;
  std::thread sampler([&] {
    while (!ended) {
      most = std::max(most, memory_megabytes("smaps_rollup", "Pss"));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  step();
  ended = true;
  sampler.join();
  return most;
}

void weigh(const Communicator& comm) {
  const double before = comm.all_reduce(memory_megabytes("smaps_rollup", "Pss"), ReduceOp::sum);
  const double most = comm.all_reduce(peak_megabytes([&] { map_once(comm, Sums::rows); }), ReduceOp::sum);
  if (!comm.is_root()) return;
  print_row(fmt::format("values, memory of {} ranks", comm.size()),
            (most - before - 25.0 * comm.size()) / kMegabytes, 1.15, "x the array (PSS, all ranks)",
            fmt::format("{:.0f} MB for an array of {:.0f} MB, of 25 MB a rank beside it", most - before,
                        kMegabytes));
}

}  // namespace
}  // namespace mpipe::bench

int main(int argc, char** argv) {
  mpipe::Environment environment(argc, argv);
  const mpipe::Communicator& comm = environment.world();
  mpipe::bench::compare(comm, mpipe::bench::Sums::rows);
  mpipe::bench::compare(comm, mpipe::bench::Sums::columns);
  mpipe::bench::weigh(comm);
  return 0;
}
