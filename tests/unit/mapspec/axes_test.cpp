// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/mapspec/mapspec.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <map>
#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;

using Axes = std::vector<std::optional<std::string>>;
using AxesOfArrays = std::map<std::string, Axes>;

std::vector<MapSpec> specs(std::initializer_list<const char*> texts) {
  std::vector<MapSpec> parsed;
  for (const char* text : texts) parsed.push_back(MapSpec::parse(text));
  return parsed;
}

std::string inconsistent(std::initializer_list<const char*> texts) {
  const std::vector<MapSpec> parsed = specs(texts);
  error_message(Category::axes_inconsistent, [&] { axes_of_arrays(parsed); });
  return error_message(Category::axes_inconsistent, [&] { check_consistent_axes(parsed); });
}

std::string generated(const std::vector<std::string>& outputs, const AxesOfArrays& axes) {
  const std::optional<MapSpec> spec = generated_mapspec(outputs, axes);
  return spec ? spec->to_string() : "none";
}

TEST(ConsistentAxes, accepts_pipelines) {
  EXPECT_NO_THROW(check_consistent_axes({}));
  EXPECT_NO_THROW(check_consistent_axes(specs({"x[i] -> a[i]", "a[i], y[j] -> b[i, j]", "b[i, :] -> c[i]",
                                               "b[:, j] -> d[j]", "b[i, j], c[i] -> e[j, i]"})));
  EXPECT_NO_THROW(check_consistent_axes(specs({"x[i] -> y[i]", "x[i] -> y[i]"})));
  EXPECT_NO_THROW(check_consistent_axes(specs({"x[i] -> y[i]", "u[i] -> v[i]"})));
}

TEST(ConsistentAxes, ranks_are_the_same_everywhere) {
  const std::string message = inconsistent({"x[i, j] -> y[i, j]", "y[i] -> z[i]"});
  EXPECT_TRUE(contains(message, "'y[i, j]' in 'x[i, j] -> y[i, j]', but 'y[i]' in 'y[i] -> z[i]'"));
  inconsistent({"y[i] -> z[i]", "x[i, j] -> y[i, j]"});
  inconsistent({"x[:, i] -> y[i]", "x[:], w[j] -> z[j]"});
}

TEST(ConsistentAxes, names_are_the_same_at_the_same_position) {
  const std::string message = inconsistent({"x[i, j] -> y[i, j]", "x[j, i] -> z[i, j]"});
  EXPECT_TRUE(contains(message, "the axes of the array 'x' are inconsistent"));
  EXPECT_TRUE(contains(message, "'x[i, j]' in 'x[i, j] -> y[i, j]', but 'x[j, i]' in 'x[j, i] -> z[i, j]'"));
  inconsistent({"x[i] -> y[i]", "x[j] -> z[j]"});
  inconsistent({"x[i] -> y[i]", "y[j] -> z[j]"});
}

TEST(ConsistentAxes, whole_axes_fit_all_but_do_not_hide_a_contradiction) {
  EXPECT_TRUE(contains(inconsistent({"x[i, :] -> a[i]", "x[:, j] -> b[j]", "x[i, k] -> c[i, k]"}),
                       "'x[:, j]' in 'x[:, j] -> b[j]', but 'x[i, k]' in 'x[i, k] -> c[i, k]'"));
}

TEST(ConsistentAxes, shows_who_named_an_axis_first) {
  EXPECT_TRUE(contains(inconsistent({"x[:] -> q[m]", "x[i] -> a[i]", "x[i] -> b[i]", "x[k] -> c[k]"}),
                       "'x[i]' in 'x[i] -> a[i]', but 'x[k]' in 'x[k] -> c[k]'"));
}

TEST(ConsistentAxes, one_name_has_one_position_in_an_array) {
  EXPECT_TRUE(contains(inconsistent({"x[i, :] -> a[i]", "x[:, i] -> b[i]"}),
                       "the axis 'i' would have two positions"));
}

TEST(AxesOfArrays, merges_what_all_uses_say) {
  const AxesOfArrays expected{
      {"a", {"i"}}, {"b", {"j"}}, {"c", {"m"}}, {"w", {std::nullopt, "m"}}, {"x", {"i", "j", std::nullopt}}};
  EXPECT_EQ(axes_of_arrays(specs({"x[i, :, :] -> a[i]", "x[:, j, :] -> b[j]", "w[:, m] -> c[m]"})), expected);
  EXPECT_TRUE(axes_of_arrays({}).empty());
}

TEST(GeneratedMapspec, indexes_the_outputs_like_their_consumers) {
  EXPECT_EQ(generated({"x"}, axes_of_arrays(specs({"x[i] -> y[i]"}))), "... -> x[i]");
  EXPECT_EQ(generated({"x", "w"}, axes_of_arrays(specs({"x[i], w[i] -> y[i]"}))), "... -> x[i], w[i]");
}

TEST(GeneratedMapspec, outputs_that_nobody_indexes_go_along) {
  EXPECT_EQ(generated({"w", "x"}, {{"x", {"i", "j"}}}), "... -> w[i, j], x[i, j]");
}

TEST(GeneratedMapspec, there_is_none_when_nobody_indexes_an_output) {
  EXPECT_EQ(generated({"q", "r"}, {{"x", {"i"}}}), "none");
  EXPECT_EQ(generated({}, {{"x", {"i"}}}), "none");
}

TEST(GeneratedMapspec, axes_without_a_name_get_new_ones) {
  EXPECT_EQ(generated({"x"}, {{"x", {std::nullopt, "k", std::nullopt}}}),
            "... -> x[unnamed_0, k, unnamed_1]");
  EXPECT_EQ(generated({"x"}, {{"x", {std::nullopt}}, {"q", {"unnamed_0"}}}), "... -> x[unnamed_1]");
  EXPECT_EQ(generated({"x"}, {{"x", {"unnamed_0", std::nullopt}}}), "... -> x[unnamed_0, unnamed_1]");
}

TEST(GeneratedMapspec, outputs_complete_each_other) {
  EXPECT_EQ(generated({"x", "w"}, {{"x", {"i", std::nullopt}}, {"w", {std::nullopt, "j"}}}),
            "... -> x[i, j], w[i, j]");
}

TEST(GeneratedMapspec, outputs_with_different_axes_are_refused) {
  const auto refused = [](const AxesOfArrays& axes) {
    return error_message(Category::axes_inconsistent, [&] { generated({"x", "w"}, axes); });
  };
  EXPECT_TRUE(contains(refused({{"x", {"i"}}, {"w", {"j"}}}), "are indexed as 'x[i]' and 'w[j]'"));
  refused({{"x", {"i"}}, {"w", {"i", "j"}}});
  refused({{"x", {"i", std::nullopt}}, {"w", {std::nullopt, "i"}}});
}

TEST(GeneratedMapspec, fits_the_pipeline_that_it_was_made_for) {
  std::vector<MapSpec> all = specs({"x[i, :] -> y[i]", "w[:, j] -> z[j]"});
  const std::vector<std::string> outputs{"x", "w"};
  const std::optional<MapSpec> spec = generated_mapspec(outputs, axes_of_arrays(all));
  ASSERT_TRUE(spec.has_value());
  all.push_back(*spec);
  EXPECT_NO_THROW(check_consistent_axes(all));
  EXPECT_EQ(generated_mapspec(outputs, axes_of_arrays(all)), spec) << "generating again changes nothing";
}

}  // namespace
}  // namespace mpipe
