// SPDX-License-Identifier: BSD-3-Clause
// Typed bodies over blocks: where arguments are read, where outputs go, where a failure cuts.
#include <mpipe/data/value.hpp>
#include <mpipe/pipeline/function.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace mpipe::test {
namespace {

using Code = std::uint64_t;

/// An argument as a block sees it: the first axes of `value` follow the external axes `mapped`, the rest is a
/// slice.
ArgumentView view(const Value& value, std::size_t external_rank, const std::vector<std::size_t>& mapped) {
  ArgumentView result;
  result.type = &value.type();
  result.data = value.data();
  result.offsets = value.offsets();
  const Strides strides = c_strides(value.shape());
  result.strides.assign(external_rank, 0);
  for (std::size_t k = 0; k < mapped.size(); ++k) result.strides[mapped[k]] = strides[k];
  const auto first_free = static_cast<std::ptrdiff_t>(mapped.size());
  result.slice_shape.assign(value.shape().begin() + first_free, value.shape().end());
  result.slice_strides.assign(strides.begin() + first_free, strides.end());
  return result;
}

OutputColumn numbers(std::vector<double>& values) {
  OutputColumn column;
  column.type = &element_type<double>();
  column.fixed = reinterpret_cast<std::byte*>(values.data());
  return column;
}

const Array<double> kRows{10, 20, 30};
const Array<double> kColumns{1, 2, 3, 4};

TEST(TypedBody, ReadsProductsOfAxesFromAnyStart) {
  const auto sum = function("y", [](double a, double b) { return a + b; });
  const Shape external{3, 4};
  const Value rows(kRows), columns(kColumns);
  const std::vector<ArgumentView> arguments{view(rows, 2, {0}), view(columns, 2, {1})};
  for (Index begin = 0; begin <= 12; ++begin)
    for (Index end = begin; end <= 12; ++end) {
      std::vector<double> values(static_cast<std::size_t>(end - begin));
      OutputColumn column = numbers(values);
      BlockCall call{{begin, end}, &external, arguments, std::span(&column, 1), 0, 0, 0};
      sum.body().call(call);
      EXPECT_EQ(call.completed, end - begin);
      for (Index k = begin; k < end; ++k)
        ASSERT_EQ(values[static_cast<std::size_t>(k - begin)], kRows[k / 4] + kColumns[k % 4])
            << begin << " " << end;
    }
}

TEST(TypedBody, SlicesAreSeenInPlaceOrGathered) {
  const auto first_and_last =
      function("y", [](ArrayView<const double> x) { return 100 * x[0] + x[x.size() - 1]; });
  const Value matrix(Array<double>(Shape{2, 3}, std::array{1.0, 2.0, 3.0, 4.0, 5.0, 6.0}.begin()));
  std::vector<double> values(3);
  OutputColumn column = numbers(values);

  const Shape rows{2};
  ArgumentView by_row = view(matrix, 1, {0});
  BlockCall call{{0, 2}, &rows, std::span(&by_row, 1), std::span(&column, 1), 0, 0, 0};
  first_and_last.body().call(call);
  EXPECT_EQ(values[0], 103.0);
  EXPECT_EQ(values[1], 406.0);

  const Shape columns{3};
  ArgumentView by_column = by_row;
  by_column.strides = {1};
  by_column.slice_shape = {2};
  by_column.slice_strides = {3};
  BlockCall transposed{{0, 3}, &columns, std::span(&by_column, 1), std::span(&column, 1), 0, 0, 0};
  first_and_last.body().call(transposed);
  EXPECT_EQ(values, (std::vector<double>{104, 205, 306}));
}

TEST(TypedBody, AFailureTellsHowManyElementsAreComplete) {
  const auto fails_at_30 = function("y", [](double x) {
    if (x == 30) throw std::runtime_error("thirty");
    return -x;
  });
  const Shape external{3};
  const Value rows(kRows);
  const std::vector<ArgumentView> arguments{view(rows, 1, {0})};
  std::vector<double> values(3, 7.0);
  OutputColumn column = numbers(values);
  BlockCall call{{0, 3}, &external, arguments, std::span(&column, 1), 0, 0, 0};
  EXPECT_THROW(fails_at_30.body().call(call), std::runtime_error);
  EXPECT_EQ(call.completed, 2);
  EXPECT_EQ(values, (std::vector<double>{-10, -20, 7}));
}

TEST(TypedBody, TextsAreReadAndWrittenByTheirOffsets) {
  const auto shout = function("y", [](const std::string& text) { return text + "!"; });
  const Shape external{3};
  const Value texts(std::vector<std::string>{"a", "", "ccc"});
  const std::vector<ArgumentView> arguments{view(texts, 1, {0})};
  OutputColumn column;
  column.type = &element_type<std::string>();
  BlockCall call{{1, 3}, &external, arguments, std::span(&column, 1), 0, 0, 0};
  shout.body().call(call);
  const Value written = Value::copy_of(*column.type, {2}, column.bytes, column.offsets);
  EXPECT_EQ(written.as<std::vector<std::string>>(), (std::vector<std::string>{"!", "ccc!"}));
}

/// Calls `body` for the first element of its only argument.
Code call_once(const Function& body, const ArgumentView& argument, const Shape& external) {
  Code result = 0;
  OutputColumn column;
  column.type = &element_type<Code>();
  column.fixed = reinterpret_cast<std::byte*>(&result);
  BlockCall call{{0, 1}, &external, std::span(&argument, 1), std::span(&column, 1), 0, 0, 0};
  body.body().call(call);
  return result;
}

TEST(TypedBody, ArraysOfArraysAreTakenWholeOrOneByOne) {
  const Value rows(std::vector<std::vector<int>>{{1, 2, 3}, {}, {4}});
  const auto sizes = function("y", [](ArrayView<const Array<int>> arrays) {
    Code code = 0;
    for (const Array<int>& row : arrays) code = 10 * code + static_cast<Code>(row.size());
    return code;
  });
  EXPECT_EQ(call_once(sizes, view(rows, 0, {}), {}), 301U);
  const auto sum = function("y", [](ArrayView<const int> row) {
    Code code = 0;
    for (const int item : row) code += static_cast<Code>(item);
    return code;
  });
  EXPECT_EQ(call_once(sum, view(rows, 1, {0}), {3}), 6U);
  // Integers are accepted where doubles are wanted, within arrays as well.
  const auto halves = function(
      "y", [](const std::vector<double>& row) { return static_cast<Code>(2 * (row[0] / 2 + row[2] / 2)); });
  EXPECT_EQ(call_once(halves, view(rows, 1, {0}), {3}), 4U);
}

TEST(TypedBody, ArraysOfInternalAxesHaveOneShape) {
  const auto ramp =
      function("y", [](double n) { return std::vector<double>(static_cast<std::size_t>(n), n); });
  const Shape external{2};
  const auto run = [&](const Array<double>& lengths, OutputColumn& column) {
    column.type = &element_type<double>();
    column.collects_items = true;
    column.item_rank = 1;
    const Value value(lengths);
    const std::vector<ArgumentView> arguments{view(value, 1, {0})};
    BlockCall call{{0, 2}, &external, arguments, std::span(&column, 1), 0, 0, 0};
    ramp.body().call(call);
  };
  OutputColumn good;
  run({2, 2}, good);
  EXPECT_EQ(good.internal, (Shape{2}));
  EXPECT_EQ(good.bytes.size(), 4 * sizeof(double));
  OutputColumn ragged;
  EXPECT_TRUE(contains(error_message(Category::internal_shape_mismatch,
                                     [&] {
                                       run({2, 3}, ragged);
                                     }),
                       "shape (3,)"));
  OutputColumn declared;
  declared.declared = {5};
  error_message(Category::internal_shape_mismatch, [&] { run({2, 2}, declared); });
}

TEST(TypedBody, EveryElementHasItsOwnRandomNumbers) {
  const auto draw = function("y", [](Random random) { return random.uniform(); });
  const Shape external{5};
  std::vector<double> values(3);
  OutputColumn column = numbers(values);
  BlockCall call{{2, 5}, &external, {}, std::span(&column, 1), 11, stream_of("y"), 0};
  draw.body().call(call);
  for (std::uint64_t k = 0; k < 3; ++k) EXPECT_EQ(values[k], Random(11, stream_of("y"), k + 2).uniform());
}

}  // namespace
}  // namespace mpipe::test
