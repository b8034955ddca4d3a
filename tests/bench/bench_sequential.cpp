// SPDX-License-Identifier: BSD-3-Clause
// Sequential `map` and `run` against the same work in plain loops.
#include <mpipe/mpipe.hpp>

#include "bench/report.hpp"

#include <fmt/format.h>

#include <cmath>
#include <memory>

namespace {

using mpipe::bench::measure;
using mpipe::bench::Pair;
using mpipe::bench::print_row;
using mpipe::bench::seconds_of;

std::vector<double> numbers(std::size_t count, double first) {
  std::vector<double> values(count);
  for (std::size_t k = 0; k < count; ++k) values[k] = first + 0.001 * static_cast<double>(k);
  return values;
}

struct Axes {
  explicit Axes(std::size_t n)
      : a(numbers(n, 0.1)), b(numbers(n, 0.2)), x(numbers(n, 0.3)), y(numbers(n, 0.4)) {}
  mpipe::Inputs inputs() const { return {{"a", a}, {"b", b}, {"x", x}, {"y", y}}; }
  std::vector<double> a, b, x, y;
};

mpipe::Pipeline lambdas() {
  const auto add = [](double a, double b) { return a + b; };
  const auto wave = [](double c, double x, double y) { return std::sin(c * x) + y; };
  const auto total = [](mpipe::ArrayView<const double> d) {
    double sum = 0;
    for (const double value : d) sum += value;
    return sum;
  };
  return {mpipe::function("c", add).parameters("a", "b").mapspec("a[k], b[k] -> c[k]"),
          mpipe::function("d", wave).parameters("c", "x", "y").mapspec("c[k], x[i], y[j] -> d[i, j, k]"),
          mpipe::function("e", total).parameters("d").mapspec("d[i, j, :] -> e[i, j]")};
}

mpipe::Pipeline expressions() {
  return {mpipe::expression_function({"c"}, {"a + b"}).mapspec("a[k], b[k] -> c[k]"),
          mpipe::expression_function({"d"}, {"sin(c*x) + y"}).mapspec("c[k], x[i], y[j] -> d[i, j, k]"),
          mpipe::expression_function({"e"}, {"sum(d)"}).mapspec("d[i, j, :] -> e[i, j]")};
}

/// The plainest code: nested loops into arrays that were not there before. Returns a value, so that nothing
/// is left out.
double loops(const Axes& axes, std::size_t n) {
  const std::unique_ptr<double[]> c(new double[n]);
  const std::unique_ptr<double[]> d(new double[n * n * n]);
  const std::unique_ptr<double[]> e(new double[n * n]);
  for (std::size_t k = 0; k < n; ++k) c[k] = axes.a[k] + axes.b[k];
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t k = 0; k < n; ++k) d[(i * n + j) * n + k] = std::sin(c[k] * axes.x[i]) + axes.y[j];
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < n; ++k) sum += d[(i * n + j) * n + k];
      e[i * n + j] = sum;
    }
  return e[n * n - 1];
}

double kept = 0;  ///< keeps the compiler from leaving out what nobody looks at

void bench_map(const std::string& name, const mpipe::Pipeline& pipeline, std::size_t n, int repeats,
               double limit) {
  const Axes axes(n);
  const mpipe::Communicator serial;
  const auto ours = [&] {
    return seconds_of([&] {
      const mpipe::Results results = mpipe::map(pipeline, serial, axes.inputs());
      kept += results.value("e").element(0).size();
    });
  };
  const auto plain = [&] { return seconds_of([&] { kept += loops(axes, n); }); };
  const Pair pair = measure(repeats, ours, plain);
  print_row(fmt::format("map, {}, N = {}", name, n), pair.ratio, limit, "x plain loops",
            fmt::format("{:.3g} ms, loops {:.3g} ms", pair.ours * 1e3, pair.baseline * 1e3));
}

void bench_run() {
  const mpipe::Pipeline pipeline{
      mpipe::function("b", [](double a) { return a + 1; }).parameters("a"),
      mpipe::function("c", [](double b) { return b * 2; }).parameters("b"),
      mpipe::function("d", [](double b, double c) { return b + c; }).parameters("b", "c")};
  constexpr int kCalls = 20'000;
  const mpipe::Inputs inputs{{"a", 1.5}};
  const auto run = [&] {
    return seconds_of([&] {
      for (int k = 0; k < kCalls; ++k) kept += pipeline.run<double>("d", inputs);
    });
  };
  std::vector<double> times;
  for (int k = 0; k < 7; ++k) times.push_back(run());
  const double per_call = mpipe::bench::median(times) / (3 * kCalls) * 1e6;
  print_row("run, three functions", per_call, 1, "us per function call",
            fmt::format("{:.3g} us per run", per_call * 3));
}

}  // namespace

int main() {
  bench_map("C++ lambdas", lambdas(), 50, 21, 6);
  bench_map("C++ lambdas", lambdas(), 300, 5, 2);
  bench_map("expressions", expressions(), 300, 5, 4);
  bench_run();
  return std::isnan(kept) ? 1 : 0;
}
