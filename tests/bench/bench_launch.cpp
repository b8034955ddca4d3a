// SPDX-License-Identifier: BSD-3-Clause
// Two equal runs at the same time, each on half of the workers, against the same two one after the other.
#include <mpipe/mpipe.hpp>

#include "bench/report.hpp"

#include <fmt/format.h>

#include <thread>

namespace {

using mpipe::AsyncMap;
using mpipe::Communicator;

constexpr double kNap = 0.005;  // seconds; sleeping, so that cores that are shared do not count
constexpr int kElements = 400;

double nap(double x) {
  std::this_thread::sleep_for(std::chrono::duration<double>(kNap));
  return x;
}

std::vector<AsyncMap> two_runs(const Communicator& comm) {
  const mpipe::Pipeline pipeline{mpipe::function("y", nap).parameters("x").mapspec("x[i] -> y[i]")};
  mpipe::MapOptions options;
  options.return_results = false;
  std::vector<AsyncMap> runs;
  for (const char* name : {"one", "two"})
    runs.push_back(pipeline.map_async(comm, {{"x", mpipe::linspace(0, 1, kElements)}}, options,
                                      {.start = false, .name = name}));
  return runs;
}

/// Seconds, and the part of them that the workers did not sleep.
struct Measured {
  double seconds = 0;
  double idle = 0;
};

Measured measure(const Communicator& comm, int at_once) {
  const std::vector<AsyncMap> runs = two_runs(comm);
  mpipe::LaunchOptions options{.max_concurrent = at_once};
  options.keep_rank0_free = true;  // the same ranks compute in both
  comm.barrier();
  std::vector<mpipe::MapOutcome> outcomes;
  const double seconds =
      mpipe::bench::seconds_of([&] { outcomes = mpipe::gather_maps(comm, runs, options); });
  if (!comm.is_root()) return {};
  double busy = 0;
  for (const mpipe::MapOutcome& outcome : outcomes) busy += outcome.get().functions.at("y").seconds;
  return {seconds, 1 - busy / (seconds * (comm.size() - 1))};
}

}  // namespace

int main(int argc, char** argv) {
  const mpipe::Environment environment(argc, argv);
  const Communicator& comm = environment.world();
  constexpr int kRounds = 3;
  std::vector<double> idle;
  const auto pair = mpipe::bench::measure(
      kRounds,
      [&] {
        const Measured measured = measure(comm, 2);
        idle.push_back(measured.idle);
        return measured.seconds;
      },
      [&] { return measure(comm, 1).seconds; });
  if (!comm.is_root()) return 0;
  const int workers = comm.size() - 1;
  mpipe::bench::print_row(fmt::format("2 runs at once, {} workers", workers), pair.ratio, 1.05,
                          "x one after the other",
                          fmt::format("at once {:.3g} s, in turn {:.3g} s", pair.ours, pair.baseline));
  mpipe::bench::print_row(fmt::format("idle workers, 2 runs at once, {} workers", workers),
                          100 * mpipe::bench::median(idle), 5, "%",
                          fmt::format("{} elements of {} ms each", 2 * kElements, 1000 * kNap));
  return 0;
}
