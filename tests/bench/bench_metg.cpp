// SPDX-License-Identifier: BSD-3-Clause
// METG(50 %): the length of a task at which half of the workers' time is lost, of `map` over MPI and of a raw
// farm with one task a message.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/mpipe.hpp>

#include "bench/raw_farm.hpp"
#include "bench/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace {

using namespace mpipe::bench;

/// Steps of a computation that no compiler can leave out or shorten.
double spin(std::int64_t steps) {
  double x = 1;
  for (std::int64_t k = 0; k < steps; ++k) x = 1 / (1 + x);
  return x;
}

/// Seconds of one step, the least of some tries: what it takes when nobody disturbs.
double step_seconds() {
  constexpr std::int64_t kSteps = 1'000'000;
  double least = 1;
  double kept = 0;  // or there would be nothing to compute
  for (int k = 0; k < 20; ++k) least = std::min(least, seconds_of([&] { kept += spin(kSteps); }) / kSteps);
  return kept > 0 ? least : 0;
}

/// Seconds of a run of so many tasks of so many steps.
using Farm = std::function<double(std::int64_t tasks, std::int64_t steps)>;

/// The overhead of a task of length L is what a worker spends on it beyond L. Where it equals L, half is
/// lost: the fixed point of L -> overhead(L), which changes slowly with L.
double metg_us(const mpipe::Communicator& comm, double step, const Farm& farm) {
  constexpr int kRounds = 7;
  constexpr double kSecondsPerRound = 0.2;
  const int workers = comm.size() - 1;
  double length = 1e-6;
  std::vector<double> lengths;
  for (int round = 0; round < kRounds; ++round) {
    const auto steps = std::max<std::int64_t>(1, std::llround(length / step));
    const double task = static_cast<double>(steps) * step;
    const auto tasks =
        std::clamp<std::int64_t>(std::llround(kSecondsPerRound * workers / (2 * task)), 10'000, 5'000'000) /
        1000 * 1000;
    comm.barrier();
    const double took = comm.broadcast_value(farm(tasks, steps));
    const double overhead = took * workers / static_cast<double>(tasks) - task;
    length = std::max(step, overhead);
    if (round >= 2) lengths.push_back(length);  // the first ones come from afar
  }
  return 1e6 * median(lengths);
}

double raw(const mpipe::Communicator& comm, std::int64_t tasks, std::int64_t steps) {
  const MPI_Comm native = mpipe::native_comm(comm);
  if (comm.is_root()) return farm_single_root(native, tasks).seconds;
  std::vector<double> values(static_cast<std::size_t>(tasks));
  farm_single_worker(native, values, [&](std::int64_t) { return spin(steps); });
  return 0;
}

double map(const mpipe::Communicator& comm, mpipe::Index block, std::int64_t tasks, std::int64_t steps) {
  constexpr std::int64_t kRow = 1000;
  const mpipe::Pipeline pipeline{mpipe::function("z", [](std::int64_t x, std::int64_t) { return spin(x); })
                                     .parameters("x", "y")
                                     .mapspec("x[i], y[j] -> z[i, j]")};
  mpipe::MapOptions options;
  options.rank0 = mpipe::Rank0::schedule;
  options.return_results = false;
  if (block > 0) options.chunksizes = {{"", block}};
  const mpipe::Inputs inputs{{"x", std::vector<std::int64_t>(static_cast<std::size_t>(tasks / kRow), steps)},
                             {"y", std::vector<std::int64_t>(kRow, 0)}};
  return seconds_of([&] { mpipe::map(pipeline, comm, inputs, options); });
}

}  // namespace

int main(int argc, char** argv) {
  mpipe::Environment environment(argc, argv);
  const mpipe::Communicator& comm = environment.world();
  const double step = comm.broadcast_value(step_seconds());
  const double farm = metg_us(comm, step, [&](auto tasks, auto steps) { return raw(comm, tasks, steps); });
  const double automatic =
      metg_us(comm, step, [&](auto tasks, auto steps) { return map(comm, 0, tasks, steps); });
  const double single =
      metg_us(comm, step, [&](auto tasks, auto steps) { return map(comm, 1, tasks, steps); });
  if (!comm.is_root()) return 0;
  const std::string workers = fmt::format("{} worker{}", comm.size() - 1, comm.size() > 2 ? "s" : "");
  const std::string figures = fmt::format("raw farm, 1 task a message: {:.3g} us", farm);
  print_row("METG(50 %), automatic blocks, " + workers, automatic, 0.3, "us", figures);
  print_row("METG(50 %), blocks of 1, " + workers, single / farm, 2, "x raw farm, 1 task a message",
            fmt::format("{:.3g} us, farm {:.3g} us", single, farm));
  return 0;
}
