// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/mapspec/mapspec.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;

using Shapes = std::map<std::string, PartialShape>;
constexpr std::nullopt_t unknown = std::nullopt;

PartialShape external(const std::string& spec, const Shapes& shapes) {
  return external_shape(MapSpec::parse(spec), shapes);
}

std::string refused(Category category, const std::string& spec, const Shapes& shapes) {
  return error_message(category, [&] { external(spec, shapes); });
}

TEST(ExternalShape, is_the_product_of_the_axes_in_output_order) {
  EXPECT_EQ(external("x[i] -> y[i]", {{"x", {3}}}), PartialShape{3});
  EXPECT_EQ(external("x[i], y[j] -> z[j, i]", {{"x", {3}}, {"y", {2}}}), (PartialShape{2, 3}));
  EXPECT_EQ(
      external("a[i], b[j], c[k], d[l] -> w[k, i, l, j]", {{"a", {2}}, {"b", {3}}, {"c", {4}}, {"d", {5}}}),
      (PartialShape{4, 2, 5, 3}));
  EXPECT_EQ(external("x[:, j, :, l] -> y[l, j]", {{"x", {2, 3, 2, 4}}}), (PartialShape{4, 3}));
  EXPECT_EQ(external("x[i, j], y[j, i] -> z[i, j]", {{"x", {2, 3}}, {"y", {3, 2}}}), (PartialShape{2, 3}));
}

TEST(ExternalShape, leaves_internal_axes_out) {
  EXPECT_EQ(external("x[k] -> y[i, k, j]", {{"x", {3}}}), PartialShape{3});
  EXPECT_EQ(external("... -> y[i]", {}), PartialShape{});
  EXPECT_EQ(external("x[:] -> y[j]", {{"x", {9}}}), PartialShape{});
}

TEST(ExternalShape, keeps_empty_axes) {
  EXPECT_EQ(external("x[i, j] -> y[i, j]", {{"x", {0, 3}}}), (PartialShape{0, 3}));
  EXPECT_EQ(external("x[i], y[i] -> z[i]", {{"x", {0}}, {"y", {0}}}), PartialShape{0});
}

TEST(ExternalShape, ignores_other_arrays) {
  EXPECT_EQ(external("x[i] -> y[i]", {{"x", {3}}, {"q", {1, 2}}}), PartialShape{3});
}

TEST(ExternalShape, takes_unknown_lengths_from_whoever_knows) {
  EXPECT_EQ(external("x[i] -> y[i]", {{"x", {unknown}}}), PartialShape{unknown});
  EXPECT_EQ(external("x[i], w[i] -> z[i]", {{"x", {unknown}}, {"w", {3}}}), PartialShape{3});
  EXPECT_EQ(external("x[i], w[i] -> z[i]", {{"x", {3}}, {"w", {unknown}}}), PartialShape{3});
  EXPECT_EQ(external("x[i], w[j] -> z[i, j]", {{"x", {unknown}}, {"w", {2}}}), (PartialShape{unknown, 2}));
}

TEST(ExternalShape, zipped_lengths_must_agree_as_soon_as_two_are_known) {
  const std::string message =
      refused(Category::dimension_mismatch, "x[i], y[i] -> z[i]", {{"x", {3}}, {"y", {4}}});
  EXPECT_TRUE(contains(message, "the axis 'i' of the mapspec 'x[i], y[i] -> z[i]'"));
  EXPECT_TRUE(contains(message, "'x' has 3 (shape (3,)), 'y' has 4 (shape (4,))"));
  refused(Category::dimension_mismatch, "x[i], y[i], z[i] -> w[i]",
          {{"x", {unknown}}, {"y", {4}}, {"z", {3}}});
  refused(Category::dimension_mismatch, "x[i, j], y[j, i] -> z[i, j]", {{"x", {2, 3}}, {"y", {2, 3}}});
  refused(Category::dimension_mismatch, "x[i], y[i] -> z[i]", {{"x", {0}}, {"y", {1}}});
  EXPECT_TRUE(contains(refused(Category::dimension_mismatch, "u[k], x[i], v[j], y[i] -> z[i, j, k]",
                               {{"u", {5}}, {"x", {1}}, {"v", {6}}, {"y", {2}}}),
                       "differ in length: 'x' has 1 (shape (1,)), 'y' has 2 (shape (2,)) ("));
  EXPECT_TRUE(contains(refused(Category::dimension_mismatch, "x[i], y[i, j], z[i] -> w[i, j]",
                               {{"x", {3}}, {"y", {unknown, 7}}, {"z", {4}}}),
                       "'x' has 3 (shape (3,)), 'y' has ? (shape (?, 7)), 'z' has 4 (shape (4,))"));
}

TEST(ExternalShape, whole_axes_are_not_compared) {
  EXPECT_EQ(external("x[i, :], y[:, k] -> z[i, k]", {{"x", {2, 3}}, {"y", {7, 4}}}), (PartialShape{2, 4}));
}

TEST(ExternalShape, ranks_must_agree) {
  const std::string message = refused(Category::rank_mismatch, "x[i, j] -> y[i, j]", {{"x", {3}}});
  EXPECT_TRUE(contains(message, "the array 'x' has the shape (3,), but 'x[i, j]'"));
  EXPECT_TRUE(contains(message, "needs 2 axes"));
  refused(Category::rank_mismatch, "x[i] -> y[i]", {{"x", {}}});
  refused(Category::rank_mismatch, "x[i] -> y[i]", {{"x", {3, 3}}});
  refused(Category::rank_mismatch, "x[i] -> y[i]", {{"x", {3, unknown}}});
  refused(Category::rank_mismatch, "x[:], w[i] -> y[i]", {{"x", {3, 3}}, {"w", {1}}});
}

TEST(ExternalShape, a_shape_that_was_not_given_is_a_bug) {
  EXPECT_THROW(external("x[i], y[i] -> z[i]", {{"x", {3}}}), Bug);
}

TEST(OutputShape, weaves_external_and_internal_lengths) {
  const auto weave = [](const std::string& spec, const PartialShape& outer, const PartialShape& inner) {
    return output_shape(MapSpec::parse(spec), outer, inner);
  };
  EXPECT_EQ(weave("x[k] -> y[i, k, j]", {3}, {2, 4}), (PartialShape{2, 3, 4}));
  EXPECT_EQ(weave("x[i] -> y[i, j, k]", {2}, {unknown, 3}), (PartialShape{2, unknown, 3}));
  EXPECT_EQ(weave("x[i], y[j] -> z[j, i]", {2, unknown}, {}), (PartialShape{2, unknown}));
  EXPECT_EQ(weave("... -> y[i, j]", {}, {5, unknown}), (PartialShape{5, unknown}));
}

TEST(OutputShape, lengths_that_do_not_fit_are_a_bug) {
  const MapSpec spec = MapSpec::parse("x[i] -> y[i, j]");
  EXPECT_THROW(output_shape(spec, {2}, {}), Bug);
  EXPECT_THROW(output_shape(spec, {2, 3}, {}), Bug);
  EXPECT_THROW(output_shape(spec, {2}, {3, 4}), Bug);
}

}  // namespace
}  // namespace mpipe
