// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/mapspec/mapspec.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;

using Strings = std::vector<std::string>;

std::string refused(Category category, const std::string& text) {
  return error_message(category, [&] { MapSpec::parse(text); });
}

TEST(MapSpec, prints_canonically) {
  const char* canonical[] = {
      "x[i] -> y[i]",
      "x[i], y[j] -> z[j, i]",
      "a[i], b[j], c[k], d[l] -> w[k, i, l, j]",
      "A[i, :], B[:, k] -> C[i, k], D[i, k]",
      "x[:, j, :, l] -> y[l, j]",
      "x[:], w[j] -> y[j]",
      "x[i] -> y[i, j, k]",
      "x[k] -> y[i, k, j]",
      "... -> x[i]",
      "... -> m[i, j], n[i, j]",
      "foo.x[i] -> foo.y[i]",
      "x[reynolds_number], y2[_] -> z[reynolds_number, _]",
  };
  int checks = 0;
  for (const std::string text : canonical) {
    EXPECT_EQ(MapSpec::parse(text).to_string(), text);
    EXPECT_EQ(MapSpec::parse(MapSpec::parse(text).to_string()), MapSpec::parse(text));
    ++checks;
  }
  EXPECT_EQ(checks, 12);
}

TEST(MapSpec, white_space_is_free) {
  const std::string canonical = "A[i, :], s.B[:, k] -> C[i, k]";
  EXPECT_EQ(MapSpec::parse("A[i,:],s.B[:,k]->C[i,k]").to_string(), canonical);
  EXPECT_EQ(MapSpec::parse("  A [ i , : ] ,\n\ts.B[ : ,k ]\r\n -> C[i,k]  \n").to_string(), canonical);
  EXPECT_EQ(MapSpec::parse("...->x[i]").to_string(), "... -> x[i]");
}

TEST(MapSpec, splits_external_and_internal_axes) {
  const MapSpec spec = MapSpec::parse("x[k], w[:, m] -> y[i, k, j, m], z[i, k, j, m]");
  EXPECT_EQ(spec.output_axes(), (Strings{"i", "k", "j", "m"}));
  EXPECT_EQ(spec.external_mask(), (std::vector<bool>{false, true, false, true}));
  EXPECT_EQ(spec.external_axes(), (Strings{"k", "m"}));
  EXPECT_EQ(spec.internal_axes(), (Strings{"i", "j"}));
  EXPECT_FALSE(spec.is_generator());
}

TEST(MapSpec, external_axes_come_in_the_order_of_the_outputs) {
  EXPECT_EQ(MapSpec::parse("x[i], y[j] -> z[j, i]").external_axes(), (Strings{"j", "i"}));
}

TEST(MapSpec, a_generator_has_internal_axes_only) {
  const MapSpec spec = MapSpec::parse("... -> x[i, j]");
  EXPECT_TRUE(spec.is_generator());
  EXPECT_TRUE(spec.inputs().empty());
  EXPECT_EQ(spec.external_mask(), (std::vector<bool>{false, false}));
  EXPECT_TRUE(spec.external_axes().empty());
  EXPECT_EQ(spec.internal_axes(), (Strings{"i", "j"}));
}

TEST(MapSpec, whole_arrays_alone_give_no_external_axis_but_are_inputs) {
  const MapSpec spec = MapSpec::parse("x[:] -> y[j]");
  EXPECT_FALSE(spec.is_generator());
  EXPECT_TRUE(spec.external_axes().empty());
  EXPECT_EQ(spec.internal_axes(), Strings{"j"});
}

TEST(MapSpec, finds_arrays_by_name) {
  const MapSpec spec = MapSpec::parse("x[i], s.y[:, j] -> z[i, j]");
  ASSERT_NE(spec.find_input("s.y"), nullptr);
  EXPECT_EQ(spec.find_input("s.y")->rank(), 2U);
  EXPECT_EQ(spec.find_input("s.y")->position("j"), 1U);
  EXPECT_EQ(spec.find_input("s.y")->position("i"), std::nullopt);
  EXPECT_EQ(spec.find_input("z"), nullptr);
  EXPECT_EQ(spec.find_output("x"), nullptr);
  ASSERT_NE(spec.find_output("z"), nullptr);
  EXPECT_EQ(spec.find_output("z")->to_string(), "z[i, j]");
  EXPECT_EQ(spec.find_input("s.y")->to_string(), "s.y[:, j]");
}

TEST(MapSpec, renames_arrays_also_crosswise) {
  const MapSpec spec = MapSpec::parse("x[i], y[j] -> z[i, j]");
  EXPECT_EQ(spec.renamed({{"x", "y"}, {"y", "x"}, {"other", "q"}}).to_string(), "y[i], x[j] -> z[i, j]");
  EXPECT_EQ(spec.renamed({{"z", "out.z"}}).to_string(), "x[i], y[j] -> out.z[i, j]");
  EXPECT_EQ(spec.renamed({}), spec);
  error_message(Category::mapspec_syntax, [&] { spec.renamed({{"x", "y"}}); });
  error_message(Category::mapspec_syntax, [&] { spec.renamed({{"x", "1x"}}); });
}

TEST(MapSpec, differs_when_any_part_does) {
  const MapSpec spec = MapSpec::parse("x[i], y[j] -> z[i, j]");
  EXPECT_NE(spec, MapSpec::parse("x[i], y[j] -> z[j, i]"));
  EXPECT_NE(spec, MapSpec::parse("y[j], x[i] -> z[i, j]"));
  EXPECT_NE(spec, MapSpec::parse("x[i], y[j] -> w[i, j]"));
}

// --- the invariants, by text and by parts ---

TEST(MapSpecInvariants, outputs_are_indexed_by_named_axes) {
  refused(Category::mapspec_output_axes, "x[i] -> y[i, :]");
  refused(Category::mapspec_output_axes, "x[i] -> y[:]");
  refused(Category::mapspec_output_axes, "... -> y[:]");
  refused(Category::mapspec_output_axes, "x[i] -> a[i], b[:]");
}

TEST(MapSpecInvariants, outputs_have_the_same_axes_in_the_same_order) {
  refused(Category::mapspec_output_axes, "x[i] -> a[i], b[i, j]");
  refused(Category::mapspec_output_axes, "x[i] -> a[i, j], b[j, i]");
  refused(Category::mapspec_output_axes, "x[i], y[j] -> a[i], b[j]");
}

TEST(MapSpecInvariants, every_named_input_axis_is_in_the_outputs) {
  refused(Category::mapspec_unused_index, "x[i], y[j] -> z[i]");
  refused(Category::mapspec_unused_index, "x[i, j] -> z[j]");
}

TEST(MapSpecInvariants, repeated_axes_are_refused) {
  refused(Category::mapspec_syntax, "x[i, i] -> y[i]");
  refused(Category::mapspec_syntax, "x[i, :, i] -> y[i]");
  refused(Category::mapspec_output_axes, "x[i] -> y[i, i]");
  refused(Category::mapspec_output_axes, "... -> y[j, i, j]");
  EXPECT_NO_THROW(MapSpec::parse("x[:, :, i] -> y[i]")) << "':' may be repeated";
}

TEST(MapSpecInvariants, arrays_occur_once) {
  refused(Category::mapspec_syntax, "x[i], x[j] -> y[i, j]");
  refused(Category::mapspec_syntax, "x[i], x[i] -> y[i]");
  refused(Category::mapspec_syntax, "x[i] -> y[i], y[i]");
  refused(Category::mapspec_syntax, "x[i] -> x[i]");
}

TEST(MapSpecInvariants, hold_for_specs_made_of_parts) {
  const auto make = [](std::vector<ArraySpec> inputs, std::vector<ArraySpec> outputs) {
    return [=] { MapSpec(inputs, outputs); };
  };
  const ArraySpec x{"x", {"i"}};
  const ArraySpec y{"y", {"i"}};
  EXPECT_EQ(MapSpec({x}, {y}), MapSpec::parse("x[i] -> y[i]"));
  EXPECT_EQ(MapSpec({}, {y}), MapSpec::parse("... -> y[i]"));

  error_message(Category::mapspec_syntax, make({x}, {}));
  error_message(Category::mapspec_syntax, make({}, {}));
  error_message(Category::mapspec_syntax, make({x}, {{"y", {}}}));
  error_message(Category::mapspec_syntax, make({{"x", {}}}, {y}));
  error_message(Category::mapspec_syntax, make({{"x y", {"i"}}}, {y}));
  error_message(Category::mapspec_syntax, make({{"", {"i"}}}, {y}));
  error_message(Category::mapspec_syntax, make({{"x", {"i.j"}}}, {{"y", {"i.j"}}}));
  error_message(Category::mapspec_syntax, make({{"x", {""}}}, {{"y", {""}}}));
  error_message(Category::mapspec_syntax, make({x, {"", {"i"}}}, {y}));
  error_message(Category::mapspec_syntax, make({x}, {y, {"", {"i"}}}));
  error_message(Category::mapspec_syntax, make({{"x", {"i", "j k"}}}, {y}));
  error_message(Category::mapspec_syntax, make({x, x}, {y}));
  error_message(Category::mapspec_output_axes, make({x}, {{"y", {"i", std::nullopt}}}));
  error_message(Category::mapspec_output_axes, make({x}, {y, {"z", {"i", "j"}}}));
  const std::string text = error_message(Category::mapspec_unused_index, make({{"x", {"i", "j"}}}, {y}));
  EXPECT_TRUE(contains(text, "at column 6: the axis 'j' of the input 'x'"))
      << "columns of the canonical text";
  EXPECT_TRUE(contains(text, "\n  x[i, j] -> y[i]\n       ^"));
}

TEST(Identifier, is_a_name_or_a_scoped_name) {
  for (const char* name : {"x", "_", "x1", "Xy_9", "scope.x", "_s._x"})
    EXPECT_TRUE(is_identifier(name)) << name;
  for (const char* name :
       {"", "1", "1x", "x-y", "x y", " x", "x.", ".x", "x..y", "a.b.c", "x.1", "x[", "\xC3\xA9", "x\n"})
    EXPECT_FALSE(is_identifier(name)) << name;
  EXPECT_FALSE(is_identifier(std::string_view("x\0", 2)));
}

}  // namespace
}  // namespace mpipe
