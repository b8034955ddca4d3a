// SPDX-License-Identifier: BSD-3-Clause
// Declared extents of internal axes.
#include <mpipe/pipeline/function.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

namespace mpipe::test {
namespace {

PartialShape extents_of(const InternalShape& shape) { return shape.extents("y"); }

TEST(InternalShape, NumbersAndUnknownOnes) {
  EXPECT_EQ(extents_of(5), (PartialShape{5}));
  EXPECT_EQ(extents_of(0), (PartialShape{0}));
  EXPECT_EQ(extents_of("?"), (PartialShape{std::nullopt}));
  EXPECT_EQ(extents_of({"?", 3}), (PartialShape{std::nullopt, 3}));
  EXPECT_EQ(extents_of({4, std::nullopt}), (PartialShape{4, std::nullopt}));
  EXPECT_EQ(extents_of(PartialShape{{}, {7}}), (PartialShape{std::nullopt, 7}));
  EXPECT_EQ(extents_of({}), PartialShape{});
  const InternalShapes shapes{{"x", 5}, {"y", {"?", 3}}, {"z", "?"}};
  EXPECT_EQ(shapes.at("x").extents("x"), (PartialShape{5}));
  EXPECT_EQ(shapes.at("y").extents("y"), (PartialShape{std::nullopt, 3}));
  EXPECT_EQ(shapes.at("z").extents("z"), (PartialShape{std::nullopt}));
}

TEST(InternalShape, AnythingElseIsRefusedByName) {
  for (const InternalShape& wrong :
       {InternalShape("a"), InternalShape(-1), InternalShape{3, "2.5"}, InternalShape{"", 1}}) {
    const std::string text =
        error_message(Category::internal_shape_type, [&] { static_cast<void>(wrong.extents("speed")); });
    EXPECT_TRUE(contains(text, "'speed'"));
  }
  error_message(Category::internal_shape_type,
                [] { function("y", [](double x) { return std::vector<double>{x}; }).internal_shape({-3}); });
}

}  // namespace
}  // namespace mpipe::test
