// SPDX-License-Identifier: BSD-3-Clause
// Blocks of any size give the same bytes as one element after the other; failures cut a block at the exact
// element; random draws depend on the element only.
#include <mpipe/document/expression.hpp>

#include "body_runner.hpp"
#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <set>

namespace mpipe::test {
namespace {

/// Numbers of all kinds, from a fixed stream: large, small, negative, NaN, infinities, zeros.
Array<double> awkward(Shape shape, std::uint64_t stream) {
  Random random(1, stream, 0);
  Array<double> values(std::move(shape));
  for (double& value : values) {
    const double kind = random.uniform();
    value = kind < 0.03   ? std::numeric_limits<double>::quiet_NaN()
            : kind < 0.05 ? -std::numeric_limits<double>::infinity()
            : kind < 0.08 ? -0.0
            : kind < 0.3  ? 1e150 * random.normal()
                          : random.normal();
  }
  return values;
}

::testing::AssertionResult same_bytes(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size())
    return ::testing::AssertionFailure() << a.size() << " and " << b.size() << " values";
  for (std::size_t k = 0; k < a.size(); ++k)
    if (std::memcmp(&a[k], &b[k], sizeof(double)) != 0)
      return ::testing::AssertionFailure() << "value " << k << ": " << a[k] << " and " << b[k];
  return ::testing::AssertionSuccess();
}

/// All elements in blocks of `size`.
std::vector<double> in_blocks(const BodyRunner& runner, Index count, Index size) {
  std::vector<double> all;
  for (Index begin = 0; begin < count; begin += size) {
    const BlockResult result = runner.run({begin, std::min(count, begin + size)});
    EXPECT_FALSE(result.error) << *result.error;
    EXPECT_EQ(result.completed, std::min(count, begin + size) - begin);
    all.insert(all.end(), result.outputs[0].begin(), result.outputs[0].end());
  }
  return all;
}

class BlockSizes : public ::testing::TestWithParam<const char*> {};

TEST_P(BlockSizes, GiveTheSameBytes) {
  const auto body = make_expression_body({GetParam()}, {"x", "y", "c", "row"});
  // Axes of 7, 5 and 93: rows shorter and longer than what is read in place, ends inside of lanes.
  const Shape external{7, 5, 93};
  const Index count = element_count(external);
  const BodyRunner runner(
      *body, external,
      {{awkward({7}, 1), {0}}, {awkward({5, 93}, 2), {1, 2}}, {Value(0.75), {}}, {awkward({93, 6}, 3), {2}}});
  const std::vector<double> one_by_one = in_blocks(runner, count, 1);
  for (const Index size : {2, 3, 8, 63, 64, 93, 512, 1000, 3255})
    EXPECT_TRUE(same_bytes(in_blocks(runner, count, size), one_by_one)) << "blocks of " << size;
}

INSTANTIATE_TEST_SUITE_P(All, BlockSizes,
                         ::testing::Values("x + y * c", "sin(c * x) + y", "x^2 + y^3 - x / y", "-x * (y - c)",
                                           "min(x, y, c) + max(x, y)", "if(x < y, x, y) + (x == y)",
                                           "exp(-x^2) * log(abs(y) + 1)", "random() + x",
                                           "normal() * y + random()", "sum(row) + x * y",
                                           "dot(row, arange(size(row))) - c", "max(row) + at(row, 3) * y",
                                           "mean(row * x) / c", "c * 2"));

TEST(ExpressionBlocks, AgreeWithPlainLoops) {
  const Array<double> x = awkward({40}, 4), y = awkward({30}, 5);
  const auto body = make_expression_body({"sin(x) + y", "x * y"});
  const BlockResult result = BodyRunner(*body, {40, 30}, {{x, {0}}, {y, {1}}}).run();
  std::vector<double> sums, products;
  for (const double a : x)
    for (const double b : y) {
      sums.push_back(std::sin(a) + b);
      products.push_back(a * b);
    }
  // The sign of a NaN is not the same in two compilations of a loop, so those are compared as such.
  for (std::size_t k = 0; k < sums.size(); ++k) {
    EXPECT_TRUE(result.outputs[0][k] == sums[k] || (std::isnan(sums[k]) && std::isnan(result.outputs[0][k])));
    EXPECT_TRUE(result.outputs[1][k] == products[k] ||
                (std::isnan(products[k]) && std::isnan(result.outputs[1][k])));
  }
}

TEST(ExpressionBlocks, ReadStridedAndIntegerColumns) {
  // element (i, j) takes x[j, i]: neighbours of a row are far apart
  Array<std::int32_t> x(Shape{50, 70});
  for (Index k = 0; k < x.size(); ++k) x[k] = static_cast<std::int32_t>(k);
  const auto body = make_expression_body({"x + 0.5"});
  const BlockResult result = BodyRunner(*body, {70, 50}, {Argument{x, {1, 0}}}).run();
  for (Index i = 0; i < 70; ++i)
    for (Index j = 0; j < 50; ++j)
      ASSERT_EQ(result.outputs[0][static_cast<std::size_t>(i * 50 + j)], static_cast<double>(x(j, i)) + 0.5);
}

TEST(ExpressionBlocks, AFailureLeavesExactlyTheElementsBefore) {
  Array<double> x(Shape{2000});
  for (Index k = 0; k < x.size(); ++k) x[k] = static_cast<double>(k);
  for (const char* text : {"fail_if(x == 1337, 2 * x)", "2 * x + 0 * fail_if(x > 1336.5, 1)",
                           "fail_if(x == 1337, 2 * x) + sum([0, 0])"}) {
    const auto body = make_expression_body({text});
    const BodyRunner runner(*body, {2000}, {Argument{x, {0}}});
    const BlockResult result = runner.run({100, 2000});
    EXPECT_EQ(result.completed, 1237) << text;
    ASSERT_TRUE(result.error) << text;
    EXPECT_TRUE(contains(*result.error, "fail_if: its condition is not zero"));
    for (std::size_t k = 0; k < 1237; ++k)
      ASSERT_EQ(result.outputs[0][k], 2.0 * static_cast<double>(k + 100));
  }
}

TEST(ExpressionBlocks, TheEarliestOfSeveralFailuresCounts) {
  const Array<double> x{0, 1, 2, 3, 4, 5};
  const auto body = make_expression_body({"fail_if(x == 4, 1) + fail_if(x == 2, 1)"});
  EXPECT_EQ(BodyRunner(*body, {6}, {Argument{x, {0}}}).run().completed, 2);
}

TEST(ExpressionBlocks, ArraysOfABlockAreCollected) {
  const auto body = make_expression_body({"arange(3) * x"});
  const BlockResult result = BodyRunner(*body, {4}, {Argument{Array<double>{1, 2, 3, 4}, {0}}}).run({1, 3});
  EXPECT_EQ(result.internal[0], (Shape{3}));
  EXPECT_EQ(result.outputs[0], (std::vector<double>{0, 2, 4, 0, 3, 6}));
}

// ---- random draws
// ------------------------------------------------------------------------------------------------

std::vector<double> draws(const std::string& text, Index count, std::uint64_t seed) {
  const auto body = make_expression_body({text});
  return BodyRunner(*body, {count}, {}).run({0, count}, seed).outputs[0];
}

TEST(ExpressionRandom, AreTheDocumentedStreams) {
  const auto values = draws("random()", 5, 42);
  for (std::uint64_t element = 0; element < 5; ++element)
    EXPECT_EQ(values[element], Random(42, stream_of("out"), element).uniform());
  const auto normals = draws("normal()", 5, 42);
  for (std::uint64_t element = 0; element < 5; ++element)
    EXPECT_EQ(normals[element], Random(42, stream_of("out"), element).normal());
}

TEST(ExpressionRandom, EveryTextualCallDrawsForItself) {
  for (const double value : draws("random() - random()", 100, 3)) EXPECT_NE(value, 0.0);
  // .. and its number does not depend on the order of evaluation
  const auto first = draws("random() + 0 * random()", 20, 3);
  EXPECT_EQ(first, draws("random()", 20, 3));
  EXPECT_NE(draws("0 * random() + random()", 20, 3), first);
}

TEST(ExpressionRandom, SeedsAndElementsDiffer) {
  const auto values = draws("random()", 1000, 1);
  EXPECT_EQ(std::set<double>(values.begin(), values.end()).size(), 1000U);
  EXPECT_NE(values, draws("random()", 1000, 2));
  double mean = 0;
  for (const double value : values) {
    EXPECT_GE(value, 0.0);
    EXPECT_LT(value, 1.0);
    mean += value / 1000;
  }
  EXPECT_NEAR(mean, 0.5, 0.05);  // 5 standard deviations
}

TEST(ExpressionRandom, NormalsHaveMeanZeroAndVarianceOne) {
  double sum = 0, squares = 0;
  for (const double value : draws("normal()", 10000, 1)) {
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 10000, 0.0, 0.05);
  EXPECT_NEAR(squares / 10000, 1.0, 0.07);
}

}  // namespace
}  // namespace mpipe::test
