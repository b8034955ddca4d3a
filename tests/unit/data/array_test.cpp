// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/data/array.hpp>

#include "support/expect_error.hpp"

#include <numeric>
#include <vector>

namespace mpipe {
namespace {

template <class T>
Array<T> counting(Shape shape) {
  Array<T> array(std::move(shape));
  std::iota(array.begin(), array.end(), T{0});
  return array;
}

TEST(Array, of_rank_0_has_one_value) {
  Array<double> scalar((Shape()));
  EXPECT_EQ(scalar.rank(), 0U);
  ASSERT_EQ(scalar.size(), 1);
  EXPECT_FALSE(scalar.empty());
  scalar() = 2.5;
  EXPECT_EQ(scalar[0], 2.5);
}

TEST(Array, starts_at_zero) {
  const Array<int> array(Shape{100});
  for (const int value : array) EXPECT_EQ(value, 0);
}

// Every multi-index of every rank up to 4 leads to the value with its C-order number.
TEST(Array, is_in_C_order) {
  Array<int> one = counting<int>({5});
  for (Index i = 0; i < 5; ++i) EXPECT_EQ(one(i), i);

  Array<int> two = counting<int>({2, 3});
  for (Index i = 0; i < 2; ++i)
    for (Index j = 0; j < 3; ++j) EXPECT_EQ(two(i, j), i * 3 + j);

  Array<int> three = counting<int>({2, 3, 4});
  for (Index i = 0; i < 2; ++i)
    for (Index j = 0; j < 3; ++j)
      for (Index k = 0; k < 4; ++k) EXPECT_EQ(three(i, j, k), (i * 3 + j) * 4 + k);

  const Array<int> four = counting<int>({2, 3, 4, 5});
  EXPECT_EQ(four.rank(), 4U);
  EXPECT_EQ(four.extent(3), 5);
  EXPECT_EQ(four(0, 0, 0, 1), 1);
  EXPECT_EQ(four(0, 0, 1, 0), 5);
  EXPECT_EQ(four(0, 1, 0, 0), 20);
  EXPECT_EQ(four(1, 0, 0, 0), 60);
  EXPECT_EQ(four(1, 2, 3, 4), 119);
}

TEST(Array, is_written_through_its_indices) {
  Array<std::string> names(Shape{2, 2});
  names(1, 0) = "a";
  EXPECT_EQ(names[2], "a");
  EXPECT_EQ(names[3], "");
}

TEST(Array, of_values_in_braces_has_rank_1) {
  const Array<double> array{1.5, 2.5, 3.5};
  EXPECT_EQ(array.shape(), Shape{3});
  EXPECT_EQ(array[2], 3.5);
}

TEST(Array, may_be_empty) {
  EXPECT_EQ(Array<double>().shape(), Shape{0});
  for (const Shape& shape : {Shape{0}, Shape{0, 3}, Shape{3, 0}, Shape{2, 0, 4, 1}}) {
    const Array<double> array(shape);
    EXPECT_EQ(array.size(), 0) << to_string(shape);
    EXPECT_TRUE(array.empty());
    EXPECT_EQ(array.begin(), array.end());
    EXPECT_EQ(array.shape(), shape);
    EXPECT_EQ(Array<double>(array), array);
  }
}

TEST(Array, copies_are_independent) {
  Array<int> original{1, 2, 3};
  Array<int> copy = original;
  copy[0] = 9;
  EXPECT_EQ(original[0], 1);
  original = copy;
  EXPECT_EQ(original, (Array<int>{9, 2, 3}));
  original = *&original;  // onto itself
  EXPECT_EQ(original, (Array<int>{9, 2, 3}));
}

TEST(Array, that_was_moved_away_is_empty) {
  Array<int> from = counting<int>({2, 3});
  const int* values = from.data();
  Array<int> to = std::move(from);
  EXPECT_EQ(to.data(), values);  // moved, not copied
  EXPECT_EQ(to.shape(), (Shape{2, 3}));
  EXPECT_EQ(from.size(), 0);  // NOLINT(bugprone-use-after-move): that is what is promised
  EXPECT_EQ(from.shape(), Shape{0});
  EXPECT_EQ(from.begin(), from.end());
  from = to;
  EXPECT_EQ(from, to);
}

TEST(Array, equality_is_of_shape_and_values) {
  EXPECT_EQ(counting<int>({2, 3}), counting<int>({2, 3}));
  EXPECT_FALSE(counting<int>({2, 3}) == counting<int>({3, 2}));
  Array<int> other = counting<int>({2, 3});
  other(1, 2) = 7;
  EXPECT_FALSE(counting<int>({2, 3}) == other);
}

TEST(Array, with_too_many_elements_is_refused) {
  const Index many = Index{1} << 32;
  test::error_message(Category::too_large, [&] { Array<double>(Shape{many, many}); });
}

TEST(ArrayView, sees_what_it_is_a_view_of) {
  Array<int> array = counting<int>({3, 4});
  const ArrayView<const int> view = array.view();
  EXPECT_EQ(view.rank(), 2U);
  EXPECT_EQ(view.extent(0), 3);
  EXPECT_EQ(view.extent(1), 4);
  EXPECT_EQ(view.size(), 12);
  EXPECT_EQ(view.shape(), (Shape{3, 4}));
  array(2, 1) = -1;
  EXPECT_EQ(view(2, 1), -1);
  EXPECT_EQ(view[9], -1);
  EXPECT_EQ(std::accumulate(view.begin(), view.end(), 0), 66 - 9 - 1);
}

// A row, a plane and one value of a larger array, each under its own shape.
TEST(ArrayView, of_a_dense_part) {
  const Array<int> array = counting<int>({2, 3, 4});
  const Shape row_shape{4};
  const ArrayView<const int> row(array.data() + 4, row_shape);
  EXPECT_EQ(std::vector<int>(row.begin(), row.end()), (std::vector<int>{4, 5, 6, 7}));

  const Shape plane_shape{3, 4};
  const ArrayView<const int> plane(array.data() + 12, plane_shape);
  EXPECT_EQ(plane(0, 0), array(1, 0, 0));
  EXPECT_EQ(plane(2, 3), array(1, 2, 3));

  const Shape none;
  const ArrayView<const int> value(array.data() + 7, none);
  EXPECT_EQ(value.rank(), 0U);
  EXPECT_EQ(value.size(), 1);
  EXPECT_EQ(value(), 7);
}

TEST(ArrayView, may_be_empty) {
  const ArrayView<const double> nothing;
  EXPECT_TRUE(nothing.empty());
  EXPECT_EQ(nothing.begin(), nothing.end());
  const Array<double> array(Shape{4, 0});
  EXPECT_TRUE(array.view().empty());
  EXPECT_EQ(array.view().extent(0), 4);
}

TEST(ArrayView, of_mutable_values_writes_them) {
  std::vector<double> values(6);
  const Shape shape{2, 3};
  const ArrayView<double> view(values.data(), shape);
  view(1, 0) = 4.5;
  EXPECT_EQ(values[3], 4.5);
}

}  // namespace
}  // namespace mpipe
