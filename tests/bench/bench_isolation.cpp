// SPDX-License-Identifier: BSD-3-Clause
// Isolated calls against the bare fork of a process from the same zygote.
#include <mpipe/mpipe.hpp>

#include "bench/report.hpp"
#include "isolation/api/zygote.hpp"

#include <fmt/format.h>

namespace {

using namespace mpipe::bench;

constexpr int kCalls = 200;

double plus_one(double x) { return x + 1; }

/// Elements one by one, each in a child of its own.
double isolated_calls(const mpipe::Communicator& comm) {
  const mpipe::Pipeline pipeline{mpipe::function("y", plus_one)
                                     .parameters("x")
                                     .mapspec("x[i] -> y[i]")
                                     .isolation(mpipe::Isolation::process)};
  const mpipe::Inputs inputs{{"x", mpipe::linspace(0, 1, kCalls)}};
  return seconds_of([&] { mpipe::map(pipeline, comm, inputs, {.chunksizes = {{"", 1}}}); });
}

/// Children that end at once, one after the other; each is waited for.
double bare_forks(mpipe::Zygote& zygote) {
  return seconds_of([&] {
    for (int k = 0; k < kCalls; ++k) {
      mpipe::ChildProcess child = zygote.spawn([](mpipe::Channel) {});
      child.status();
    }
  });
}

double kept_children(const mpipe::Communicator& comm, mpipe::Index elements) {
  const mpipe::Pipeline pipeline{mpipe::function("y", plus_one).parameters("x").mapspec("x[i] -> y[i]")};
  const mpipe::Inputs inputs{{"x", mpipe::linspace(0, 1, elements)}};
  return seconds_of([&] { mpipe::map(pipeline, comm, inputs, {.executor = {{"", "processes:1"}}}); });
}

}  // namespace

int main(int argc, char** argv) {
  const mpipe::Environment environment(argc, argv);
  const mpipe::Communicator& comm = environment.world();
  mpipe::Zygote& zygote = *comm.zygote();
  const Pair calls = measure(
      7, [&] { return isolated_calls(comm); }, [&] { return bare_forks(zygote); });
  print_row(
      "isolated call", calls.ratio, 1.5, "x fork from the zygote",
      fmt::format("{:.3g} ms, fork {:.3g} ms", calls.ours / kCalls * 1e3, calls.baseline / kCalls * 1e3));

  constexpr mpipe::Index kElements = 100'000;
  std::vector<double> times;
  for (int k = 0; k < 5; ++k) times.push_back(kept_children(comm, kElements));
  const double per_element = median(times) / static_cast<double>(kElements) * 1e6;
  print_row("processes:1, trivial elements", per_element, 5, "us per element",
            fmt::format("{} elements in {:.3g} ms", kElements, median(times) * 1e3));

  const auto start = [&] { return seconds_of([] { mpipe::Zygote::start(mpipe::Zygote::Moment::early); }); };
  times.clear();
  for (int k = 0; k < 21; ++k) times.push_back(start());
  print_row("start and end of a zygote", median(times) * 1e3, 10, "ms", "without MPI");
  return 0;
}
