// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/core/error.hpp>
#include <mpipe/core/shape.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;

constexpr Index kMost = Index{1} << 62;

/// All shapes of rank 0 to `rank` with extents from 0 to `extent`.
std::vector<Shape> all_shapes(std::size_t rank, Index extent) {
  std::vector<Shape> shapes{{}};
  for (std::size_t begin = 0, axis = 0; axis < rank; ++axis) {
    const std::size_t end = shapes.size();
    for (; begin < end; ++begin)
      for (Index last = 0; last <= extent; ++last) {
        Shape longer = shapes[begin];
        longer.push_back(last);
        shapes.push_back(longer);
      }
  }
  return shapes;
}

/// All multi-indices of `shape` in C order, by counting like an odometer.
std::vector<MultiIndex> all_indices(const Shape& shape) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return {};
  std::vector<MultiIndex> indices;
  MultiIndex index(shape.size(), 0);
  while (true) {
    indices.push_back(index);
    std::size_t axis = shape.size();
    while (axis > 0 && ++index[axis - 1] == shape[axis - 1]) index[--axis] = 0;
    if (axis == 0) return indices;
  }
}

TEST(ElementCount, multiplies) {
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({7}), 7);
  EXPECT_EQ(element_count({2, 3, 4}), 24);
  EXPECT_EQ(element_count({0}), 0);
  EXPECT_EQ(element_count({3, 0, 2}), 0);
}

TEST(ElementCount, is_exact_up_to_2_to_the_62_and_refuses_beyond) {
  EXPECT_EQ(element_count({kMost}), kMost);
  EXPECT_EQ(element_count({Index{1} << 31, Index{1} << 31}), kMost);
  EXPECT_EQ(element_count({3, kMost / 3}), kMost / 3 * 3);
  error_message(Category::too_large, [] { element_count({3, kMost / 3 + 1}); });
  error_message(Category::too_large, [] { element_count({kMost + 1}); });
  error_message(Category::too_large, [] { element_count({kMost, 2}); });
  error_message(Category::too_large, [] {
    element_count({Index{1} << 32, Index{1} << 32});
  });  // 2^64 wraps to 0
  error_message(Category::too_large, [] { element_count({6'700'417, 641, Index{1} << 32, 5}); });
  EXPECT_TRUE(contains(error_message(Category::too_large,
                                     [] {
                                       element_count({kMost, 3});
                                     }),
                       "(4611686018427387904, 3)"));
}

TEST(ElementCount, an_empty_axis_wins_over_huge_ones) { EXPECT_EQ(element_count({kMost, kMost, 0}), 0); }

TEST(ElementCount, negative_extents_are_bugs) { EXPECT_THROW(element_count({2, -1}), Bug); }

TEST(Strides, are_those_of_c_order) {
  EXPECT_EQ(c_strides({}), Strides{});
  EXPECT_EQ(c_strides({2, 3, 4}), (Strides{12, 4, 1}));
  EXPECT_EQ(c_strides({5}), Strides{1});
}

TEST(Index, last_axis_changes_fastest) {
  EXPECT_EQ(linear_index({0, 0, 1}, {2, 3, 4}), 1);
  EXPECT_EQ(linear_index({1, 0, 0}, {2, 3, 4}), 12);
  EXPECT_EQ(multi_index(23, {2, 3, 4}), (MultiIndex{1, 2, 3}));
}

TEST(Index, linear_and_multi_index_are_a_bijection_for_all_small_shapes) {
  int elements = 0;
  int empty_shapes = 0;
  const std::vector<Shape> shapes = all_shapes(4, 4);
  ASSERT_EQ(shapes.size(), 1U + 5U + 25U + 125U + 625U);
  for (const Shape& shape : shapes) {
    const std::vector<MultiIndex> indices = all_indices(shape);
    const Strides strides = c_strides(shape);
    ASSERT_EQ(strides.size(), shape.size());
    ASSERT_EQ(element_count(shape), static_cast<Index>(indices.size())) << to_string(shape);
    empty_shapes += indices.empty() ? 1 : 0;
    for (std::size_t k = 0; k < indices.size(); ++k) {
      const auto linear = static_cast<Index>(k);
      ASSERT_EQ(linear_index(indices[k], shape), linear) << to_string(shape);
      ASSERT_EQ(multi_index(linear, shape), indices[k]) << to_string(shape);
      Index by_strides = 0;
      for (std::size_t axis = 0; axis < shape.size(); ++axis) by_strides += strides[axis] * indices[k][axis];
      ASSERT_EQ(by_strides, linear) << to_string(shape);
      ++elements;
    }
  }
  EXPECT_EQ(elements, 1 + 10 + 100 + 1'000 + 10'000);
  EXPECT_EQ(empty_shapes, 781 - (1 + 4 + 16 + 64 + 256));
}

TEST(Index, huge_shapes_stay_exact) {
  const Shape shape{Index{1} << 20, Index{1} << 21, Index{1} << 21};
  EXPECT_EQ(multi_index(kMost - 1, shape), (MultiIndex{shape[0] - 1, shape[1] - 1, shape[2] - 1}));
  EXPECT_EQ(linear_index({shape[0] - 1, shape[1] - 1, shape[2] - 1}, shape), kMost - 1);
}

TEST(BoundingBox, agrees_with_brute_force_for_all_ranges_of_small_shapes) {
  int checks = 0;
  for (const Shape& shape : all_shapes(4, 3)) {
    const std::vector<MultiIndex> indices = all_indices(shape);
    for (std::size_t begin = 0; begin < indices.size(); ++begin) {
      MultiIndex low = indices[begin];
      MultiIndex high = indices[begin];
      for (std::size_t end = begin + 1; end <= indices.size(); ++end) {
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
          low[axis] = std::min(low[axis], indices[end - 1][axis]);
          high[axis] = std::max(high[axis], indices[end - 1][axis]);
        }
        const IndexBox box = bounding_box({static_cast<Index>(begin), static_cast<Index>(end)}, shape);
        ASSERT_EQ(box.begin, low) << to_string(shape) << " " << begin << ", " << end;
        Shape extents(shape.size());
        for (std::size_t axis = 0; axis < shape.size(); ++axis) extents[axis] = high[axis] - low[axis] + 1;
        ASSERT_EQ(box.shape(), extents) << to_string(shape) << " " << begin << ", " << end;
        ++checks;
      }
    }
  }
  EXPECT_EQ(checks, 1 + 10 + 116 + 1'480 + 19'856);
}

TEST(BoundingBox, of_nothing_is_a_bug) { EXPECT_THROW(bounding_box({2, 2}, {4}), Bug); }

TEST(BoundingBox, of_a_scalar_has_no_axes) {
  const IndexBox box = bounding_box({0, 1}, {});
  EXPECT_TRUE(box.begin.empty());
  EXPECT_TRUE(box.shape().empty());
}

TEST(PartialShape, is_known_when_all_extents_are) {
  const Shape shape{2, 0, 4};
  EXPECT_EQ(partial(shape), (PartialShape{2, 0, 4}));
  EXPECT_TRUE(is_known(partial(shape)));
  EXPECT_EQ(known_shape(partial(shape)), shape);
  EXPECT_TRUE(is_known({}));
  EXPECT_FALSE(is_known({2, std::nullopt}));
  EXPECT_THROW(known_shape({2, std::nullopt}), Bug);
}

TEST(ToString, writes_shapes_like_tuples) {
  EXPECT_EQ(to_string(Shape{}), "()");
  EXPECT_EQ(to_string(Shape{3}), "(3,)");
  EXPECT_EQ(to_string(Shape{3, 4}), "(3, 4)");
  EXPECT_EQ(to_string(PartialShape{std::nullopt}), "(?,)");
  EXPECT_EQ(to_string(PartialShape{3, std::nullopt}), "(3, ?)");
  EXPECT_EQ(index_to_string({3, 4}), "[3, 4]");
  EXPECT_EQ(index_to_string({}), "[]");
}

}  // namespace
}  // namespace mpipe
