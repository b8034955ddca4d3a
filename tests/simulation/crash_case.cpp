// SPDX-License-Identifier: BSD-3-Clause
// Functions over all storages and kinds of outputs, which take simulated time and count their calls.
#include "simulation/crash_case.hpp"

#include "comm/api/waiter.hpp"

#include <array>
#include <numeric>
#include <stdexcept>

namespace mpipe::test {
namespace {

using namespace std::chrono_literals;

/// A number that differs from draw to draw, the same for each compiler.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed * 2654435761u + 17) {}
  Index below(Index limit) { return static_cast<Index>(random_() % static_cast<std::uint64_t>(limit)); }
  bool chance(int percent) { return below(100) < percent; }

 private:
  std::mt19937_64 random_;
};

/// Makes functions that are counted.
struct Maker {
  Dice& dice;
  std::shared_ptr<CallCounts> calls;
  std::vector<Function> functions = {};

  auto counter(const std::string& output) const {
    // Long and short elements, so that ranks commit, sync and wait in different orders.
    const auto pause =
        std::array<Duration, 4>{0s, 1ms, 100ms, 800ms}[static_cast<std::size_t>(dice.below(4))];
    return [calls = calls, output, pause](double key) {
      ++(*calls)[output][key];
      if (pause > Duration::zero()) sleep_for(pause);
    };
  }

  void numbers(bool fails) {
    functions.push_back(function("y",
                                 [count = counter("y"), fails](double x, Random random) {
                                   count(x);
                                   if (fails && x > 0.9) throw std::domain_error("x is too large");
                                   return x + random.uniform();
                                 })
                            .parameters("x")
                            .mapspec("x[i] -> y[i]"));
  }
  void texts() {
    functions.push_back(function("text",
                                 [count = counter("text")](double y) {
                                   count(y);
                                   return std::string(static_cast<std::size_t>(y * 40), 't') +
                                          std::to_string(y);
                                 })
                            .parameters("y")
                            .mapspec("y[i] -> text[i]"));
  }
  void late_arrays() {
    functions.push_back(function("late",
                                 [count = counter("late")](double y) {
                                   count(y);
                                   return std::vector<double>{y, 2 * y, 3 * y};
                                 })
                            .parameters("y")
                            .mapspec("y[i] -> late[i, k]"));
    functions.push_back(function("sum",
                                 [count = counter("sum")](ArrayView<const double> late) {
                                   count(late[0]);
                                   return std::accumulate(late.begin(), late.end(), 0.0);
                                 })
                            .parameters("late")
                            .mapspec("late[i, :] -> sum[i]"));
  }
  void generator() {
    functions.push_back(function("g",
                                 [count = counter("g")](double n) {
                                   count(n);
                                   return std::vector<double>(static_cast<std::size_t>(n), 0.5);
                                 })
                            .parameters("n")
                            .mapspec("... -> g[j]"));
    functions.push_back(function("h", [](double g, double y) { return g * y; })
                            .parameters("g", "y")
                            .mapspec("g[j], y[i] -> h[i, j]"));
  }
  void panels() {
    // The values of one element lie far from each other.
    functions.push_back(function("panel",
                                 [count = counter("panel")](double x) {
                                   count(x);
                                   return std::vector<double>{x, -x};
                                 })
                            .parameters("x")
                            .mapspec("x[i] -> panel[t, i]")
                            .internal_shape({2}));
  }
  void wide() {
    // Enough for a rank to write it past its journal.
    functions.push_back(function("wide",
                                 [count = counter("wide")](double x) {
                                   count(x);
                                   return std::vector<double>(9000, x);
                                 })
                            .parameters("x")
                            .mapspec("x[i] -> wide[i, u]")
                            .internal_shape({9000}));
  }
  void reduction() {
    functions.push_back(function("total", [](ArrayView<const double> y) {
                          return std::accumulate(y.begin(), y.end(), 0.0);
                        }).parameters("y"));
  }
};

}  // namespace

CrashCase crash_case(std::uint64_t seed) {
  Dice dice(seed);
  const auto calls = std::make_shared<CallCounts>();
  const bool fails = dice.chance(30);
  Inputs inputs{{"x", linspace(0, 1, 2 + dice.below(14))}};
  MapOptions options;
  Maker maker{dice, calls};
  maker.numbers(fails);
  if (dice.chance(50)) maker.texts();
  if (dice.chance(50)) maker.late_arrays();
  if (dice.chance(40)) maker.panels();
  if (dice.chance(15)) maker.wide();
  if (dice.chance(40)) {
    maker.generator();
    inputs["n"] = static_cast<double>(1 + dice.below(4));
  }
  if (dice.chance(60)) maker.reduction();
  constexpr std::array kStorages{StorageKind::hdf5, StorageKind::file, StorageKind::memory};
  for (const Function& each : maker.functions)
    if (dice.chance(40)) options.storage[each.name()] = kStorages[static_cast<std::size_t>(dice.below(3))];
  options.storage.try_emplace("", StorageKind::hdf5);
  options.seed = seed;
  options.error_handling = fails ? ErrorHandling::proceed : ErrorHandling::raise;
  options.keep_status = false;
  return {Pipeline(std::move(maker.functions)), std::move(inputs), std::move(options), calls, fails};
}

}  // namespace mpipe::test
