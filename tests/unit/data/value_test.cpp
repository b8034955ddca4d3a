// SPDX-License-Identifier: BSD-3-Clause
// Values: what they are made of, what they give back, how they convert, and ranges of them.
#include <mpipe/data/value.hpp>

#include "support/expect_error.hpp"
#include "unit/data/particle.hpp"

#include <complex>
#include <numeric>
#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;
using test::Particle;
using namespace std::string_literals;

TEST(Value, of_a_scalar) {
  const Value value(2.5);
  EXPECT_TRUE(value.has_value());
  EXPECT_TRUE(value.is_scalar());
  EXPECT_EQ(value.rank(), 0U);
  EXPECT_EQ(value.count(), 1);
  EXPECT_EQ(value.type(), element_type<double>());
  EXPECT_EQ(value.byte_size(), 8U);
  EXPECT_EQ(value.offsets(), nullptr);
  EXPECT_EQ(value.as<double>(), 2.5);
  EXPECT_EQ(Value(true).as<bool>(), true);
  EXPECT_EQ(Value(std::complex<double>(1, 2)).as<std::complex<double>>(), std::complex<double>(1, 2));
}

TEST(Value, of_text) {
  const Value value("abc");
  EXPECT_EQ(value.type(), element_type<std::string>());
  EXPECT_EQ(value.as<std::string>(), "abc");
  EXPECT_EQ(Value(""s).as<std::string>(), "");
  EXPECT_EQ(Value("a\0b"s).as<std::string>(), "a\0b"s);
  EXPECT_EQ(Value(std::string(5000, 'x')).as<std::string>(), std::string(5000, 'x'));
}

TEST(Value, of_arrays) {
  const Value list({1.0, 2.0, 3.0});
  EXPECT_EQ(list.shape(), Shape{3});
  EXPECT_EQ(list.as<std::vector<double>>(), (std::vector<double>{1, 2, 3}));

  Array<int> array(Shape{2, 3});
  std::iota(array.begin(), array.end(), 0);
  const Value matrix(array);
  EXPECT_EQ(matrix.shape(), (Shape{2, 3}));
  EXPECT_EQ(matrix.type(), element_type<int>());  // an N-D value of ints, not one element of type array
  EXPECT_EQ(matrix.as<Array<int>>(), array);
  EXPECT_EQ(Value(array.view()), matrix);

  EXPECT_EQ(Value(std::vector<bool>{true, false, true}).as<std::vector<bool>>(),
            (std::vector<bool>{true, false, true}));
  EXPECT_EQ((Value(std::array<float, 2>{1, 2}).as<std::array<float, 2>>()), (std::array<float, 2>{1, 2}));
  EXPECT_EQ(Value({"a", "bc"}).as<std::vector<std::string>>(), (std::vector<std::string>{"a", "bc"}));
}

TEST(Value, of_ragged_arrays_and_objects) {
  const std::vector<std::vector<double>> ragged{{1, 2}, {}, {3}};
  const Value rows(ragged);
  EXPECT_EQ(rows.type().name, "array<float64>");
  EXPECT_EQ(rows.shape(), Shape{3});
  EXPECT_EQ(rows.as<std::vector<std::vector<double>>>(), ragged);

  const Particle particle{"muon", {1, 2, 3}, -1};
  EXPECT_EQ(Value(particle).as<Particle>(), particle);
  EXPECT_TRUE(Value(particle).is_scalar());
  EXPECT_EQ(Value(std::vector<Particle>{particle, {}}).as<std::vector<Particle>>(),
            (std::vector<Particle>{particle, {}}));
}

TEST(Value, without_elements) {
  for (const Value& value :
       {Value(std::vector<double>{}), Value(std::vector<std::string>{}), Value(Array<int>(Shape{0}))}) {
    EXPECT_TRUE(value.has_value());
    EXPECT_FALSE(value.is_scalar());
    EXPECT_EQ(value.count(), 0);
    EXPECT_EQ(value.byte_size(), 0U);
    EXPECT_EQ(Value::from_wire(value.to_wire()), value);
  }
  EXPECT_EQ(Value(Array<double>(Shape{3, 0})).as<Array<double>>().shape(), (Shape{3, 0}));
  EXPECT_TRUE(Value(std::vector<std::string>{}).as<std::vector<std::string>>().empty());
}

TEST(Value, that_is_none) {
  const Value none;
  EXPECT_FALSE(none.has_value());
  EXPECT_EQ(none, Value());
  EXPECT_FALSE(none == Value(0.0));
  EXPECT_EQ(describe(none), "nothing");
  EXPECT_THROW(none.as<double>(), Bug);
}

TEST(Value, elements_in_C_order) {
  const Value texts({"a", "", "bcd"});
  ASSERT_NE(texts.offsets(), nullptr);
  EXPECT_EQ(std::vector<std::uint64_t>(texts.offsets(), texts.offsets() + 4),
            (std::vector<std::uint64_t>{0, 1, 1, 4}));
  EXPECT_EQ(decode<std::string>(texts.element(2)), "bcd");
  EXPECT_EQ(decode<std::string>(texts.element(1)), "");
  EXPECT_EQ(decode<int>(Value({7, 8, 9}).element(1)), 8);
}

// Up to 16 bytes live inside of the value itself: a copy has its own, and they must not be those of the
// original.
TEST(Value, small_ones_survive_copies_and_moves) {
  for (const Value& original :
       {Value(1.5), Value(std::complex<double>(1, 2)), Value({1.0, 2.0}), Value({"a", "bc"}),
        Value("sixteen bytes :)"), Value({1.0, 2.0, 3.0}), Value(std::string(17, 'x'))}) {
    SCOPED_TRACE(describe(original));
    const Bytes wire = original.to_wire();
    Value copy;
    {
      Value source = original;
      copy = source;
      EXPECT_EQ(copy, original);
    }
    EXPECT_EQ(copy.to_wire(), wire);
    Value moved = std::move(copy);
    EXPECT_EQ(moved.to_wire(), wire);
    std::vector<Value> many{moved};
    for (int k = 0; k < 100; ++k) many.push_back(moved);  // moves them about
    for (const Value& value : many) EXPECT_EQ(value.to_wire(), wire);
    moved = *&moved;
    EXPECT_EQ(moved, original);
  }
}

TEST(Value, small_ones_point_into_themselves_and_large_ones_are_shared) {
  const Value small(1.5);
  const Value small_copy = small;
  EXPECT_NE(small_copy.data(), small.data());
  const Value large(std::vector<double>(100, 1.5));
  const Value large_copy = large;
  EXPECT_EQ(large_copy.data(), large.data());
}

TEST(Value, from_bytes_shares_them) {
  auto bytes = std::make_shared_for_overwrite<std::byte[]>(4 * sizeof(double));
  for (std::size_t k = 0; k < 4; ++k) {
    const auto number = static_cast<double>(k);
    std::memcpy(bytes.get() + k * sizeof number, &number, sizeof number);
  }
  const Value value = Value::from_bytes(element_type<double>(), {2, 2}, bytes);
  EXPECT_EQ(value.data(), bytes.get());
  EXPECT_EQ(value.as<Array<double>>()(1, 0), 2.0);
  EXPECT_THROW(Value::from_bytes(element_type<std::string>(), {2}, bytes), Bug);
}

TEST(Value, copy_of_checks_what_it_is_given) {
  const Bytes bytes(8);
  const std::vector<std::uint64_t> offsets{0, 3, 8};
  EXPECT_EQ(Value::copy_of(element_type<float>(), {2}, bytes).count(), 2);
  EXPECT_EQ(Value::copy_of(element_type<std::string>(), {2}, bytes, offsets).element(1).size(), 5U);
  EXPECT_THROW(Value::copy_of(element_type<float>(), {3}, bytes), Bug);
  EXPECT_THROW(Value::copy_of(element_type<std::string>(), {3}, bytes, offsets), Bug);
}

TEST(Value, reshaped) {
  const Value flat({1.0, 2.0, 3.0, 4.0, 5.0, 6.0});
  const Value matrix = flat.reshaped({2, 3});
  EXPECT_EQ(matrix.shape(), (Shape{2, 3}));
  EXPECT_EQ(matrix.as<Array<double>>()(1, 1), 5.0);
  EXPECT_EQ(flat.shape(), Shape{6});
  EXPECT_EQ(Value({"a", "b"}).reshaped({2, 1}).as<Array<std::string>>()(1, 0), "b");
  EXPECT_EQ(Value({7}).reshaped({}).as<int>(), 7);
  EXPECT_THROW(flat.reshaped({2, 2}), Bug);
  EXPECT_THROW(flat.reshaped({}), Bug);
}

TEST(Value, equality_is_of_type_shape_and_bytes) {
  EXPECT_EQ(Value({1, 2}), Value(Array<int>{1, 2}));
  EXPECT_FALSE(Value({1, 2}) == Value({1, 3}));
  EXPECT_FALSE(Value({1, 2}) == Value({1L, 2L}));
  EXPECT_FALSE(Value({1, 2, 3, 4}) == Value({1, 2, 3, 4}).reshaped({2, 2}));
  EXPECT_FALSE(Value(1) == Value({1}));
  EXPECT_FALSE(Value({"ab", "c"}) == Value({"a", "bc"}));  // the same bytes, cut elsewhere
}

TEST(Value, as_something_else_is_refused) {
  error_message(Category::rank_mismatch, [] { static_cast<void>(Value({1.0}).as<double>()); });
  error_message(Category::rank_mismatch, [] { static_cast<void>(Value(1.0).as<std::vector<double>>()); });
  error_message(Category::rank_mismatch, [] { static_cast<void>(Value(1.0).as<Array<double>>()); });
  error_message(Category::rank_mismatch, [] { static_cast<void>(Value("abc").as<Array<std::string>>()); });
  const Value matrix(Array<double>(Shape{2, 3}));
  EXPECT_TRUE(contains(
      error_message(Category::rank_mismatch, [&] { static_cast<void>(matrix.as<std::vector<double>>()); }),
      "(2, 3)"));
  EXPECT_TRUE(contains(error_message(Category::rank_mismatch,
                                     [] {
                                       static_cast<void>(Value({1.0, 2.0}).as<std::array<double, 3>>());
                                     }),
                       "length 3"));
  error_message(Category::type_mismatch, [] { static_cast<void>(Value("abc").as<double>()); });
  error_message(Category::type_mismatch, [] { static_cast<void>(Value(1.0).as<std::string>()); });
  error_message(Category::type_mismatch, [] { static_cast<void>(Value(1.0).as<Particle>()); });
  error_message(Category::type_mismatch, [] { static_cast<void>(Value({1.5}).as<std::vector<int>>()); });
}

TEST(Value, what_was_moved_from_has_no_value) {
  Value text("long enough to lie outside of the value itself");
  const Value taken = std::move(text);
  EXPECT_FALSE(text.has_value());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(taken.as<std::string>().substr(0, 4), "long");
  Value number(1.5);
  Value other(std::vector<int>{1, 2});
  other = std::move(number);
  EXPECT_FALSE(number.has_value());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(other.as<double>(), 1.5);
  text = other;
  EXPECT_EQ(text, other);
}

TEST(Value, an_array_that_is_an_element_can_be_opened) {
  const Value rows(std::vector<std::vector<int>>{{1, 2, 3}, {}, {4}});
  EXPECT_EQ(rows.opened(0), Value({1, 2, 3}));
  EXPECT_EQ(rows.opened(1).shape(), Shape{0});
  const Value texts(std::vector<std::vector<std::string>>{{"a", "", "ccc"}});
  EXPECT_EQ(texts.opened(0), Value({"a", "", "ccc"}));
  Array<Array<double>> points(Shape{1});
  points[0] = Array<double>(Shape{});
  EXPECT_EQ(Value(points).opened(0).shape(), Shape{});
  EXPECT_THROW(static_cast<void>(Value({1, 2}).opened(0)), Bug);
  // Bytes that end too early, or go on.
  Bytes bytes(rows.element(0).begin(), rows.element(0).end());
  bytes.push_back({});
  error_message(Category::storage_failed, [&] { Value::open_array(rows.type(), bytes); });
  bytes.resize(bytes.size() - 2);
  error_message(Category::storage_failed, [&] { Value::open_array(rows.type(), bytes); });
  Bytes lengths(texts.element(0).begin(), texts.element(0).end());
  lengths[2 * sizeof(std::uint64_t)] = std::byte{9};  // of the first text
  error_message(Category::storage_failed, [&] { Value::open_array(texts.type(), lengths); });
}

TEST(Value, round_trip_over_the_wire) {
  for (const Value& value :
       {Value(1.5), Value(true), Value(std::int8_t{-5}), Value("größer"), Value(""),
        Value(Array<float>(Shape{2, 3, 4})), Value({"a", "", "bc"}),
        Value(std::vector<std::vector<std::string>>{{"a"}, {}}), Value(Particle{"p", {1}, 2}),
        Value(std::vector<Particle>{{"p", {1}, 2}, {}}), Value(std::vector<std::vector<Particle>>{{{}}, {}}),
        Value(std::vector<double>(100'000, 0.5))}) {
    SCOPED_TRACE(describe(value));
    const Value read = Value::from_wire(value.to_wire());
    EXPECT_EQ(read, value);
    EXPECT_EQ(read.to_wire(), value.to_wire());
  }
  // The type is found again by its name, so the value can be used as what it was.
  EXPECT_EQ(Value::from_wire(Value(Particle{"p", {1}, 2}).to_wire()).as<Particle>(), (Particle{"p", {1}, 2}));
}

TEST(Linspace, includes_both_ends) {
  EXPECT_EQ(linspace(0, 1, 5).as<std::vector<double>>(), (std::vector<double>{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(linspace(1, -1, 3).as<std::vector<double>>(), (std::vector<double>{1, 0, -1}));
  const auto points = linspace(-0.3, 0.1, 11).as<std::vector<double>>();
  EXPECT_EQ(points.front(), -0.3);
  EXPECT_EQ(points.back(), 0.1);  // exactly, whatever the rounding on the way
  EXPECT_TRUE(std::is_sorted(points.begin(), points.end()));
}

TEST(Linspace, of_few_points) {
  EXPECT_EQ(linspace(3, 4, 2).as<std::vector<double>>(), (std::vector<double>{3, 4}));
  EXPECT_EQ(linspace(3, 4, 1).as<std::vector<double>>(), (std::vector<double>{3}));
  EXPECT_EQ(linspace(3, 4, 0).count(), 0);
  error_message(Category::too_large, [] { linspace(0, 1, -1); });
}

TEST(Describe, values) {
  EXPECT_EQ(describe(Value(1.5)), "1.5");
  EXPECT_EQ(describe(Value(0.1)), "0.1");
  EXPECT_EQ(describe(Value(1.0 / 3)), "0.3333333333333333");  // all digits
  EXPECT_EQ(describe(Value(true)), "true");
  EXPECT_EQ(describe(Value(std::int8_t{65})), "65");  // a number, not the letter A
  EXPECT_EQ(describe(Value(std::uint64_t{18446744073709551615U})), "18446744073709551615");
  EXPECT_EQ(describe(Value("abc")), "\"abc\"");
  EXPECT_EQ(describe(Value(std::complex<double>(1, -2.5))), "(1, -2.5)");
  EXPECT_EQ(describe(Value(Array<double>(Shape{3, 4}))), "array of float64, shape (3, 4)");
  EXPECT_EQ(describe(Value({"a"})), "array of str, shape (1,)");
  EXPECT_EQ(describe(Value(Particle{})), "<mpipe::test::Particle>");
}

TEST(Describe, long_text_is_cut) {
  const std::string text = describe(Value(std::string(5000, 'x')));
  EXPECT_LT(text.size(), 250U);
  EXPECT_TRUE(contains(text, ".."));
}

TEST(Arange, isThatOfDocuments) {
  EXPECT_EQ(arange(4).as<std::vector<std::int64_t>>(), (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(arange(7, 0, -3).as<std::vector<std::int64_t>>(), (std::vector<std::int64_t>{7, 4, 1}));
  EXPECT_EQ(arange(0, 1, 0.25).as<std::vector<double>>(), (std::vector<double>{0, 0.25, 0.5, 0.75}));
  EXPECT_EQ(arange(std::size_t{2}).as<std::vector<std::int64_t>>().size(), 2U);
  EXPECT_TRUE(arange(3, 3).as<std::vector<std::int64_t>>().empty());
  EXPECT_THROW(arange(0, 1, 0), Error);
  EXPECT_THROW(arange(0.0, 1.0, 1e-300), Error);
}

TEST(ArrayOf, zerosHasAShapeAndBracesAreValues) {
  EXPECT_EQ(Array<double>::zeros({3, 4}).shape(), (Shape{3, 4}));
  EXPECT_EQ(Array<double>({3, 4}).shape(), (Shape{2}));
}

}  // namespace
}  // namespace mpipe
