// SPDX-License-Identifier: BSD-3-Clause
// `page` waits for something, so it runs on threads and stays in memory; `words` computes, so it runs on the
// worker ranks and goes to the file; a hook sees every call of both, where it is made.
//
//     mpirun -n 3 hooks RUN_FOLDER
#include <mpipe/mpipe.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

namespace {

/// Stands for a server that takes its time.
double page(std::int64_t number) {
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return static_cast<double>(number % 7);
}

double words(double length, double density) {
  double sum = 0;
  for (int k = 1; k <= 20'000; ++k) sum += length * density / k;
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  mpipe::Environment mpi(argc, argv);
  const mpipe::Communicator& world = mpi.world();
  std::atomic<std::int64_t> calls = 0;  // of this rank; threads count, too
  const auto count = [&](const mpipe::FinishedCall&) { ++calls; };
  const mpipe::Pipeline pipeline{mpipe::function("page", page)
                                     .parameters("number")
                                     .mapspec("number[i] -> page[i]")
                                     .thread_safe()
                                     .post_execution_hook(count),
                                 mpipe::function("words", words)
                                     .parameters("page", "density")
                                     .mapspec("page[i], density[j] -> words[i, j]")
                                     .post_execution_hook(count)};
  const mpipe::Inputs inputs{{"number", mpipe::Array<std::int64_t>{3, 1, 4, 1, 5, 9, 2, 6}},
                             {"density", mpipe::linspace(0.1, 1, 25)}};
  mpipe::MapOptions options;
  // The empty name stands for all other outputs.
  options.executor = {{"page", "threads:4"}, {"", world.size() > 1 ? "mpi" : "sequential"}};
  if (argc > 1) {
    options.run_folder = argv[1];
    options.overwrite = true;
    options.storage = {{"page", "memory"}, {"", "hdf5"}};
  }
  const mpipe::Results results = pipeline.map(world, inputs, options);
  // Each rank has counted the calls that it made; the sum is collective, so all ranks take part.
  const std::int64_t all = world.all_reduce(calls.load(), mpipe::ReduceOp::sum);
  if (world.is_root())
    std::printf("%lld calls were seen; words[7, 24] = %.3f\n", static_cast<long long>(all),
                results.get<mpipe::Array<double>>("words")(7, 24));
}
