// SPDX-License-Identifier: BSD-3-Clause
// Uses what has been hard for compilers: ranges of futures, functions of pipelines, maps. It must compile without a
// warning, also by other compilers than the one that builds the library.
#include <mpipe/mpipe.hpp>

#include <string>
#include <vector>

namespace {

int square(int x) { return x * x; }

[[maybe_unused]] double use(mpipe::MPIPoolExecutor& pool, const mpipe::Communicator& comm) {
  double sum = 0;
  const std::vector<int> numbers{1, 2, 3};
  for (const int result : pool.map(square, numbers)) sum += result;
  mpipe::Future<int> future = pool.submit(square, 3);
  sum += pool.submit([] { return 1; }).result();
  mpipe::wait({future});
  sum += future.then([](int x) { return 2.0 * x; }).result();
  const mpipe::Pipeline pipeline{
      mpipe::function("y", [](double x) { return 2 * x; }).parameters("x").mapspec("x[i] -> y[i]"),
      mpipe::function({"total", "name"}, [](mpipe::ArrayView<const double> y) {
        return std::pair(y[0], std::string("a"));
      }).parameters("y")};
  return sum + mpipe::map(pipeline, comm, {{"x", mpipe::linspace(0, 1, 3)}}).at("total").value.as<double>();
}

}  // namespace
