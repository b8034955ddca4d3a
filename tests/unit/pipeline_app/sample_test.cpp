// SPDX-License-Identifier: BSD-3-Clause
// Samples of stored outputs, against all of their values.
#include "report/sample.hpp"

#include <mpipe/mpipe.hpp>

#include "report/png.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>

namespace mpipe::app {
namespace {

double on_grid(double x, double y, double z) { return x * 10'000 + y * 100 + z; }

/// The axis k of the result lies within an element; it comes first in the mapspec, last, or between.
std::vector<double> inside(double x, double y) {
  std::vector<double> values;
  for (int k = 0; k < 5; ++k) values.push_back(x * 10'000 + y * 100 + k);
  return values;
}

double with_gaps(double x) {
  if (x == 3) throw std::runtime_error("no value at 3");
  return x == 5 ? std::nan("") : x;
}

/// A run with outputs of 4 x 7 x 6 and 4 x 7 x 5 values.
void make_run(const std::filesystem::path& folder) {
  const Pipeline pipeline{
      function("f", on_grid).parameters("x", "y", "z").mapspec("x[i], y[j], z[l] -> f[i, j, l]"),
      function("g", inside).parameters("x", "y").mapspec("x[i], y[j] -> g[k, i, j]").internal_shape({5}),
      function("h", inside).parameters("x", "y").mapspec("x[i], y[j] -> h[i, k, j]").internal_shape({5}),
      function("s", with_gaps).parameters("x2").mapspec("x2[m] -> s[m]")};
  const Inputs inputs{{"x", arange(4.0)}, {"y", arange(7.0)}, {"z", arange(6.0)}, {"x2", arange(8.0)}};
  MapOptions options;
  options.run_folder = folder.string();
  options.error_handling = ErrorHandling::proceed;
  pipeline.map(Communicator(), inputs, options);
}

/// Cells that hold what the whole array has, summed up in the plainest way.
std::vector<Cell> expected_cells(const Value& all, const Slice& slice, Index row_step, Index column_step,
                                 const Sample& like) {
  std::vector<Cell> cells(like.cells.size());
  for (Index k = 0; k < all.count(); ++k) {
    const MultiIndex at = multi_index(k, all.shape());
    bool is_in = true;
    for (std::size_t axis = 0; axis < at.size(); ++axis)
      if (axis != slice.column_axis && slice.row_axis != axis) is_in = is_in && at[axis] == slice.at[axis];
    if (!is_in) continue;
    const Index row = slice.row_axis ? at[*slice.row_axis] / row_step : 0;
    const Index column = at[slice.column_axis] / column_step;
    Cell& cell = cells[static_cast<std::size_t>(row * like.columns + column)];
    const double value = number_of(all.type(), all.element(k).data());
    cell.sum += value;
    cell.low = std::min(cell.low, value);
    cell.high = std::max(cell.high, value);
    ++cell.count;
  }
  return cells;
}

TEST(Sample, of_any_axes_in_any_order_has_the_values_of_its_cells) {
  const test::TemporaryFolder folder;
  make_run(folder / "run");
  RunReader reader(folder / "run");
  int compared = 0;
  for (const char* name : {"f", "g", "h"}) {
    const std::size_t output = *reader.find(name);
    EXPECT_EQ(undrawable_because(reader, output), "");
    const Value all = reader.read_all(output);
    for (std::size_t row = 0; row < 3; ++row)
      for (std::size_t column = row; column < 3; ++column)
        for (const Index most : {1, 2, 3, 100}) {
          Slice slice{{2, 3, 1}, row, column};
          if (row == column) slice.row_axis.reset();
          const Sample found = sample(reader, output, slice, NumberPart::real, most, most);
          ASSERT_LE(found.rows, most);
          ASSERT_LE(found.columns, most);
          EXPECT_FALSE(found.thinned);
          const auto expected = expected_cells(all, slice, found.row_step, found.column_step, found);
          for (std::size_t k = 0; k < expected.size(); ++k, ++compared) {
            ASSERT_EQ(found.cells[k].count, expected[k].count) << name << row << column << most;
            EXPECT_EQ(found.cells[k].sum, expected[k].sum) << name << row << column << most;
            EXPECT_EQ(found.cells[k].low, expected[k].low);
            EXPECT_EQ(found.cells[k].high, expected[k].high);
          }
        }
  }
  EXPECT_GT(compared, 400);
}

TEST(Sample, beyond_its_limits_has_the_first_value_of_each_cell) {
  const test::TemporaryFolder folder;
  make_run(folder / "run");
  RunReader reader(folder / "run");
  const std::size_t output = *reader.find("f");
  const Sample found = sample(reader, output, {{2, 0, 0}, 1, 2}, NumberPart::real, 3, 2, {10, 1 << 20});
  EXPECT_TRUE(found.thinned);
  ASSERT_EQ(found.rows, 3);
  ASSERT_EQ(found.columns, 2);
  for (Index row = 0; row < 3; ++row)
    for (Index column = 0; column < 2; ++column) {
      EXPECT_EQ(found.cell(row, column).count, 1);
      EXPECT_EQ(found.cell(row, column).sum, 20'000 + 300 * row + 3 * column);
    }
  // Elements of 40 bytes, of which no more than six are to be read.
  const Sample few =
      sample(reader, *reader.find("g"), {{1, 0, 0}, 1, 2}, NumberPart::real, 4, 7, {1000, 240});
  EXPECT_TRUE(few.thinned);
  EXPECT_LE(few.rows * few.columns, 6);
  EXPECT_EQ(few.cells.front().sum, 1);
}

TEST(Sample, counts_what_is_not_done_and_what_is_not_finite) {
  const test::TemporaryFolder folder;
  make_run(folder / "run");
  RunReader reader(folder / "run");
  const Sample found = sample(reader, *reader.find("s"), {{0}, std::nullopt, 0}, NumberPart::real, 1, 100);
  EXPECT_EQ(found.missing, 1);
  EXPECT_EQ(found.not_finite, 1);
  ASSERT_EQ(found.columns, 8);
  for (Index k = 0; k < 8; ++k) EXPECT_EQ(found.cell(0, k).empty(), k == 3 || k == 5) << k;
}

TEST(Numbers, of_every_type_are_read) {
  const auto read = [](const Value& value, NumberPart part = NumberPart::real) {
    return number_of(value.type(), value.data(), part);
  };
  EXPECT_EQ(read(true), 1);
  EXPECT_EQ(read(std::int8_t{-7}), -7);
  EXPECT_EQ(read(std::uint16_t{65'535}), 65'535);
  EXPECT_EQ(read(std::int64_t{-1}), -1);
  EXPECT_EQ(read(1.5F), 1.5);
  const Value z = std::complex<double>(3, -4);
  EXPECT_EQ(read(z), 3);
  EXPECT_EQ(read(z, NumberPart::imaginary), -4);
  EXPECT_EQ(read(z, NumberPart::modulus), 5);
}

TEST(Colours, go_from_dark_to_light) {
  const auto& colours = value_colours();
  EXPECT_EQ(colours[0].alpha, 0);
  EXPECT_EQ(colours[1].red, 0x44);
  EXPECT_EQ(colours[255].red, 0xfd);
  const auto brightness = [](const Colour& colour) {
    return 2 * colour.red + 5 * colour.green + colour.blue;
  };
  for (std::size_t k = 2; k < colours.size(); ++k)
    EXPECT_GE(brightness(colours[k]) + 2, brightness(colours[k - 1])) << k;
}

}  // namespace
}  // namespace mpipe::app
