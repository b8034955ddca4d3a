// SPDX-License-Identifier: BSD-3-Clause
// What many futures, runs, isolated elements, stages, outputs and workers cost, each of them.
#include <mpipe/mpipe.hpp>

#include "bench/growth.hpp"
#include "schedule/api/virtual_cluster.hpp"

#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <stdexcept>
#include <vector>

namespace mpipe::bench {
namespace {

// --- futures, on one rank ---

double half(std::int64_t k) { return 0.5 * static_cast<double>(k); }

/// Processor time of submitting so many calls, and of what `use` does with their futures.
template <class Use>
double seconds_with_futures(Index count, const Use& use) {
  MPICommExecutor ranks{Communicator()};
  MPIPoolExecutor pool(ranks);
  return cpu_seconds_of([&] {
    std::vector<Future<double>> futures;
    for (Index k = 0; k < count; ++k) futures.push_back(pool.submit(half, k));
    use(futures);
  });
}

double futures_as_completed(Index count) {
  return seconds_with_futures(count, [&](std::vector<Future<double>>& futures) {
    double sum = 0;
    for (const Future<double>& future : as_completed(futures)) sum += future.result();
    require(sum == half(count * (count - 1) / 2), "a future is missing");
  });
}

double futures_waited_for(Index count) {
  return seconds_with_futures(count, [](std::vector<Future<double>>& futures) {
    require(wait(futures).done.size() == futures.size(), "a future is not done");
  });
}

double unordered_map(Index count) {
  MPICommExecutor ranks{Communicator()};
  MPIPoolExecutor pool(ranks);
  return cpu_seconds_of([&] {
    std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
    for (std::size_t k = 0; k < numbers.size(); ++k) numbers[k] = static_cast<std::int64_t>(k);
    double sum = 0;
    for (const double value : pool.map({.unordered = true}, half, numbers)) sum += value;
    require(sum == half(count * (count - 1) / 2), "a result is missing");
  });
}

double links_of_then(Index count) {
  MPICommExecutor ranks{Communicator()};
  MPIPoolExecutor pool(ranks);
  return cpu_seconds_of([&] {
    Future<double> last = pool.submit(half, std::int64_t{0});
    for (Index k = 0; k < count; ++k) last = last.then([](double value) { return value + 1; });
    require(last.result() == static_cast<double>(count), "a link is missing");
  });
}

// --- maps ---

Function mapped(const std::string& output, const std::string& input) {
  return function(output, [](double x) { return 2 * x; })
      .parameters(input)
      .mapspec(fmt::format("{}[i] -> {}[i]", input, output));
}

/// `comm` has a zygote.
double isolated_elements(const Communicator& comm, Index count) {
  const Pipeline pipeline{mapped("y", "x").isolation(Isolation::process)};
  const Inputs inputs{{"x", linspace(0, 1, count)}};
  return cpu_seconds_of([&] { map(pipeline, comm, inputs, {}); });
}

double runs_of_a_launch(Index count) {
  const Communicator alone;
  const Pipeline pipeline{mapped("y", "x")};
  std::vector<AsyncMap> runs;
  return cpu_seconds_of([&] {
    for (Index k = 0; k < count; ++k)
      runs.push_back(pipeline.map_async(alone, {{"x", {1.0, 2.0, 3.0}}}, {},
                                        {.start = false, .name = fmt::format("r{}", k)}));
    for (const MapOutcome& outcome : gather_maps(alone, runs)) require(outcome.completed(), "a run failed");
  });
}

/// As many functions, each of which needs the one before it.
double chain_of_functions(Index count) {
  std::vector<Function> functions{mapped("y0", "x")};
  for (Index k = 1; k < count; ++k)
    functions.push_back(mapped(fmt::format("y{}", k), fmt::format("y{}", k - 1)));
  return cpu_seconds_of([&] {
    map(Pipeline(functions), Communicator(), {{"x", {1.0, 2.0, 3.0}}}, {.return_results = false});
  });
}

/// As many functions, each of which is a stage of its own.
double stages(Index count) {
  std::vector<Function> functions;
  for (Index k = 0; k < count; ++k) functions.push_back(mapped(fmt::format("y{}", k), "x"));
  return cpu_seconds_of([&] {
    map(Pipeline(functions), Communicator(), {{"x", {1.0, 2.0, 3.0}}}, {.return_results = false});
  });
}

/// Every second value of an axis fails, and blocks all that is made of it and of the values of another axis.
double failures_through_a_product(Index count) {
  constexpr Index kOthers = 20;
  const Pipeline pipeline{
      function("v", [](double y) { return std::fmod(y, 2) == 0 ? throw std::runtime_error("even") : y; })
          .parameters("y")
          .mapspec("y[j] -> v[j]"),
      function("z", [](double x, double v) { return x * v; })
          .parameters("x", "v")
          .mapspec("x[i], v[j] -> z[i, j]")};
  const Inputs inputs{{"x", linspace(0, 1, kOthers)},
                      {"y", arange(0.0, 2.0 * static_cast<double>(count), 1.0)}};
  return cpu_seconds_of([&] {
    MapOptions options;
    options.error_handling = "continue";
    options.return_results = false;
    const Results results = map(pipeline, Communicator(), inputs, options);
    require(results.at("z").blocked.count() == kOthers * count, "not all is blocked");
  });
}

// --- ranks, in virtual time ---

/// Ten elements of 10 ms on each worker: what rank 0 has to do for each of the workers.
double workers(Index count) {
  VirtualClusterOptions cluster;
  cluster.workers = static_cast<std::size_t>(count);
  VirtualCluster simulated(cluster, {}, [](StageId, Index) { return std::chrono::milliseconds(10); });
  return cpu_seconds_of([&] {
    const std::pair<StageId, RangeSet> stage{StageId{0}, RangeSet{{0, 10 * count}}};
    simulated.run({&stage, 1});
    require(simulated.scheduler().finished(), "elements are left");
  });
}

}  // namespace

void grow_jobs(const Communicator& comm) {
  grow("futures, as_completed", 100'000, futures_as_completed);
  grow("futures, wait", 100'000, futures_waited_for);
  grow("futures, unordered map", 100'000, unordered_map);
  grow("futures, links of then", 100'000, links_of_then);
  grow("runs of a launch", 10'000, runs_of_a_launch);
  grow("isolated elements", 100'000, [&](Index count) { return isolated_elements(comm, count); });
  grow("functions in a chain", 10'000, chain_of_functions);
  grow("functions beside each other", 10'000, stages);
  grow("failures through a product with 20", 100'000, failures_through_a_product);
  grow("workers, in virtual time", 10'000, workers);
}

}  // namespace mpipe::bench
