// SPDX-License-Identifier: BSD-3-Clause
#include "mapspec/api/edit.hpp"

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

namespace mpipe::test {
namespace {

using Names = std::vector<std::string>;

std::string with(const char* spec, const ArraySpec& input, const std::string& axis,
                 const Names& outputs = {}) {
  const auto old = spec == nullptr ? std::nullopt : std::optional(MapSpec::parse(spec));
  return with_axis(old, outputs, input, axis).to_string();
}

TEST(WithAxis, AddsToInputsAndOutputs) {
  EXPECT_EQ(with("x[i] -> y[i], z[i]", {"x", {"i", "k"}}, "k"), "x[i, k] -> y[i, k], z[i, k]");
  EXPECT_EQ(with("x[i] -> y[i]", {"b", {"k"}}, "k"), "x[i], b[k] -> y[i, k]");
  EXPECT_EQ(with("x[i] -> y[i]", {"b", {"i"}}, "i"), "x[i], b[i] -> y[i]");
  EXPECT_EQ(with("... -> y[i]", {"b", {std::nullopt, "k"}}, "k"), "b[:, k] -> y[i, k]");
  EXPECT_EQ(with(nullptr, {"b", {"k"}}, "k", {"y", "z"}), "b[k] -> y[k], z[k]");
}

TEST(WithRenamedAxes, AllAtOnce) {
  const MapSpec spec = MapSpec::parse("x[i, :], b[j] -> y[i, j]");
  EXPECT_EQ(with_renamed_axes(spec, {{"i", "j"}, {"j", "i"}, {"q", "r"}}).to_string(),
            "x[j, :], b[i] -> y[j, i]");
  error_message(Category::rename_collision, [&] { with_renamed_axes(spec, {{"i", "j"}}); });
  error_message(Category::bad_identifier, [&] { with_renamed_axes(spec, {{"i", "1"}}); });
}

std::optional<std::string> nested(const std::vector<const char*>& texts, const Names& inputs,
                                  const Names& outputs) {
  std::vector<std::optional<MapSpec>> specs;
  for (const char* text : texts)
    specs.push_back(text == nullptr ? std::nullopt : std::optional(MapSpec::parse(text)));
  const auto spec = nested_mapspec(specs, inputs, outputs);
  return spec ? std::optional(spec->to_string()) : std::nullopt;
}

TEST(NestedMapspec, HasTheAxesOfAll) {
  EXPECT_EQ(nested({"x[i], b[j] -> y[i, j]", "y[i, j] -> z[i, j]"}, {"b", "c", "x"}, {"z"}),
            "b[j], x[i] -> z[i, j]");
  EXPECT_EQ(nested({"x[i, :] -> y[i]", "y[i] -> z[i]"}, {"x"}, {"y", "z"}), "x[i, :] -> y[i], z[i]");
  EXPECT_EQ(nested({nullptr, nullptr}, {"x"}, {"z"}), std::nullopt);
}

TEST(NestedMapspec, RefusesOtherAxes) {
  const auto refused = [](const std::vector<const char*>& texts, const Names& inputs) {
    return error_message(Category::nest_mapspec, [&] { nested(texts, inputs, {"z"}); });
  };
  EXPECT_TRUE(contains(refused({"x[i] -> y[i]", nullptr}, {"x"}), "with and without"));
  EXPECT_TRUE(contains(refused({"x[i] -> y[i]", "u[j] -> z[j]"}, {"x", "u"}), "different axes"));
  EXPECT_TRUE(
      contains(refused({"x[i], u[j] -> y[i, j]", "y[i, j] -> z[j, i]"}, {"x", "u"}), "different axes"));
  EXPECT_TRUE(contains(refused({"... -> y[i]", "y[i] -> z[i]"}, {}), "makes an axis itself"));
  EXPECT_TRUE(contains(refused({"x[i] -> y[i, k]", "y[i, k] -> z[i, k]"}, {"x"}), "makes an axis itself"));
  EXPECT_TRUE(contains(refused({"x[i, :] -> y[i]", "x[:, i] -> z[i]"}, {"x"}), "different parts of 'x'"));
}

}  // namespace
}  // namespace mpipe::test
