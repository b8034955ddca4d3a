// SPDX-License-Identifier: BSD-3-Clause
// Memory of every rank of a run on many ranks, beyond what MPI itself takes.
#include <mpipe/mpipe.hpp>

#include "bench/memory_use.hpp"
#include "bench/report.hpp"
#include "bench/temporary_folder.hpp"

#include <fmt/format.h>

#include <optional>

int main(int argc, char** argv) {
  mpipe::Environment environment(argc, argv);
  const mpipe::Communicator& comm = environment.world();
  std::optional<mpipe::bench::TemporaryFolder> folder;
  if (comm.is_root()) folder.emplace();
  comm.barrier();
  const double before = mpipe::bench::memory_megabytes("smaps_rollup", "Pss");
  const mpipe::Pipeline pipeline{
      mpipe::expression_function({"z"}, {"sin(x*y)"}).mapspec("x[i], y[j] -> z[i, j]"),
      mpipe::expression_function({"s"}, {"mean(z)"}).mapspec("z[i, :] -> s[i]")};
  mpipe::MapOptions options;
  if (folder) options.run_folder = folder->path() / "run";
  const mpipe::Inputs inputs{{"x", mpipe::linspace(0, 1, 400)}, {"y", mpipe::linspace(0, 1, 250)}};
  double seconds = 0;
  {
    const auto start = mpipe::bench::Clock::now();
    const mpipe::Results results = mpipe::map(pipeline, comm, inputs, options);
    seconds = std::chrono::duration<double>(mpipe::bench::Clock::now() - start).count();
    comm.barrier();
    const double more =
        comm.all_reduce(mpipe::bench::memory_megabytes("smaps_rollup", "Pss") - before, mpipe::ReduceOp::max);
    if (comm.is_root())
      mpipe::bench::print_row(fmt::format("memory per rank, {} ranks", comm.size()), more, 15,
                              "MB beyond MPI (PSS, largest)",
                              fmt::format("100000 elements into a file in {:.3g} s", seconds));
  }
  comm.barrier();
  return 0;
}
