// SPDX-License-Identifier: BSD-3-Clause
// A sweep in a program of one's own: squares over two axes, a reduction, and the results file. Rank 0 prints
// what came out and how many ranks there were.
#include <mpipe/mpipe.hpp>

#include <cstdint>
#include <iostream>

namespace {

std::int64_t product(std::int64_t x, std::int64_t y) { return x * y; }

std::int64_t total(mpipe::ArrayView<const std::int64_t> values) {
  std::int64_t sum = 0;
  for (const std::int64_t value : values) sum += value;
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const mpipe::Environment mpi(argc, argv);
  const mpipe::Pipeline pipeline{
      mpipe::function("product", product).parameters("x", "y").mapspec("x[i], y[j] -> product[i, j]"),
      mpipe::function("total", total).parameters("product")};
  mpipe::MapOptions options;
  options.run_folder = argv[1];
  const mpipe::Results results =
      pipeline.map(mpi.world(), {{"x", mpipe::arange(0, 10, 1)}, {"y", mpipe::arange(0, 20, 1)}}, options);
  if (mpi.world().is_root())
    std::cout << results.get<std::int64_t>("total") << " on " << mpi.world().size() << '\n';
  return 0;
}
