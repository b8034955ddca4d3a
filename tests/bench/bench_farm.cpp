// SPDX-License-Identifier: BSD-3-Clause
// `map` over MPI ranks, trivial elements, against raw farms of the same kind.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/mpipe.hpp>

#include "bench/raw_farm.hpp"
#include "bench/report.hpp"

#include <fmt/format.h>

namespace {

using namespace mpipe::bench;

constexpr std::int64_t kRow = 1000;

std::vector<double> numbers(std::int64_t count) {
  std::vector<double> values(static_cast<std::size_t>(count));
  for (std::size_t k = 0; k < values.size(); ++k) values[k] = 0.5 * static_cast<double>(k);
  return values;
}

/// Every rank has these, in the farms and in the map.
struct Sweep {
  explicit Sweep(std::int64_t count) : x(numbers(count / kRow)), y(numbers(kRow)), elements(count) {}
  double task(std::int64_t k) const {
    return x[static_cast<std::size_t>(k / kRow)] + y[static_cast<std::size_t>(k % kRow)];
  }
  std::vector<double> x, y;
  std::int64_t elements;
};

double farm(const mpipe::Communicator& comm, const Sweep& sweep, bool guided) {
  const MPI_Comm native = mpipe::native_comm(comm);
  comm.barrier();
  FarmTime time;
  if (comm.is_root()) {
    time = guided ? farm_guided_root(native, sweep.elements) : farm_single_root(native, sweep.elements);
  } else {
    std::vector<double> values(static_cast<std::size_t>(sweep.elements));
    const auto task = [&](std::int64_t k) { return sweep.task(k); };
    if (guided)
      farm_guided_worker(native, values, task);
    else
      farm_single_worker(native, values, task);
  }
  return comm.broadcast_value(time.seconds);
}

double map(const mpipe::Communicator& comm, const mpipe::Pipeline& pipeline, const Sweep& sweep,
           mpipe::Index block) {
  mpipe::MapOptions options;
  options.rank0 = mpipe::Rank0::schedule;
  options.return_results = false;
  if (block > 0) options.chunksizes = {{"", block}};
  const mpipe::Inputs inputs{{"x", sweep.x}, {"y", sweep.y}};
  comm.barrier();
  const double seconds = seconds_of([&] { mpipe::map(pipeline, comm, inputs, options); });
  return comm.broadcast_value(seconds);
}

void compare(const mpipe::Communicator& comm, bool guided, std::int64_t elements, int repeats, double limit) {
  const Sweep sweep(elements);
  const mpipe::Pipeline pipeline{mpipe::function("z", [](double x, double y) { return x + y; })
                                     .parameters("x", "y")
                                     .mapspec("x[i], y[j] -> z[i, j]")};
  const Pair pair = measure(
      repeats, [&] { return map(comm, pipeline, sweep, guided ? 0 : 1); },
      [&] { return farm(comm, sweep, guided); });
  if (!comm.is_root()) return;
  const double to_us = 1e6 / static_cast<double>(elements);
  const char* baseline = guided ? "x raw farm, guided" : "x raw farm, 1 task a message";
  print_row(fmt::format("map over MPI, {}, {} worker{}", guided ? "automatic blocks" : "blocks of 1",
                        comm.size() - 1, comm.size() > 2 ? "s" : ""),
            pair.ratio, limit, baseline,
            fmt::format("{:.3g} us per element, farm {:.3g} us", pair.ours * to_us, pair.baseline * to_us));
}

}  // namespace

int main(int argc, char** argv) {
  mpipe::Environment environment(argc, argv);
  const mpipe::Communicator& comm = environment.world();
  compare(comm, true, 10'000'000, 9, 2);
  compare(comm, false, 50'000, 5, 3);
  return 0;
}
