// SPDX-License-Identifier: BSD-3-Clause
// Values that are read piece by piece.
#include <mpipe/core/error.hpp>
#include <mpipe/data/value.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <vector>

namespace mpipe::test {
namespace {

/// Element k is k; notes what is read, and refuses what lies behind `end`.
template <class T>
class Counting final : public ArraySource {
 public:
  explicit Counting(std::vector<IndexRange>& reads, Index end) : reads_(reads), end_(end) {}
  Index piece() const override { return 10; }
  void read(IndexRange elements, std::byte* to) const override {
    reads_.push_back(elements);
    if (elements.end > end_) throw Error(Category::bad_input_file, "the source ends here");
    for (Index k = elements.begin; k < elements.end; ++k, to += sizeof(T)) {
      const T value = static_cast<T>(k);
      std::memcpy(to, &value, sizeof(T));
    }
  }

 private:
  std::vector<IndexRange>& reads_;
  Index end_;
};

class ArraySources : public ::testing::Test {
 protected:
  template <class T>
  Value value(Shape shape, Index end = 1'000'000) {
    return Value::from_source(element_type<T>(), std::move(shape),
                              std::make_shared<Counting<T>>(reads_, end));
  }
  static double at(const Value& value, Index k) {
    double number = 0;
    std::memcpy(&number, value.address() + static_cast<std::size_t>(k) * sizeof(number), sizeof(number));
    return number;
  }

  std::vector<IndexRange> reads_;
};

TEST_F(ArraySources, AreReadInPiecesWhereSomebodyLooks) {
  const Value numbers = value<double>({95});
  EXPECT_TRUE(reads_.empty());
  numbers.fetch({12, 13});
  EXPECT_EQ(at(numbers, 12), 12.0);
  EXPECT_EQ(at(numbers, 19), 19.0);
  numbers.fetch({15, 31});  // the piece from 10 on is here
  EXPECT_EQ(at(numbers, 30), 30.0);
  numbers.fetch({90, 95});
  EXPECT_EQ(reads_, (std::vector<IndexRange>{{10, 20}, {20, 30}, {30, 40}, {90, 95}}));
}

TEST_F(ArraySources, AreReadWhollyByWhoTakesAll) {
  const Value numbers = value<double>({5, 5});
  numbers.fetch({3, 4});
  EXPECT_EQ(numbers.as<Array<double>>()(4, 4), 24.0);
  EXPECT_EQ(numbers.reshaped({25}).as<std::vector<double>>()[7], 7.0);
  EXPECT_EQ(reads_, (std::vector<IndexRange>{{0, 10}, {10, 20}, {20, 25}}));
}

TEST_F(ArraySources, GiveSingleElements) {
  const Value numbers = value<std::int32_t>({100});
  std::int32_t number = 0;
  std::memcpy(&number, numbers.element(57).data(), sizeof(number));
  EXPECT_EQ(number, 57);
  EXPECT_EQ(reads_, (std::vector<IndexRange>{{50, 60}}));
}

TEST_F(ArraySources, EqualPlainArrays) {
  std::vector<double> plain(25);
  for (std::size_t k = 0; k < plain.size(); ++k) plain[k] = static_cast<double>(k);
  const Value numbers = value<double>({25});
  EXPECT_EQ(numbers.digest(), Value(plain).digest());
  EXPECT_EQ(numbers, Value(plain));
  EXPECT_EQ(Value::from_wire(numbers.to_wire()), Value(plain));
  EXPECT_EQ(value<double>({0}).digest(), Value(std::vector<double>()).digest());
}

TEST_F(ArraySources, ConvertWhereNothingCanBeLost) {
  const Value widened = value<float>({95}).converted(element_type<double>());
  EXPECT_TRUE(reads_.empty());
  widened.fetch({12, 13});
  EXPECT_EQ(at(widened, 12), 12.0);
  EXPECT_EQ(reads_, (std::vector<IndexRange>{{10, 20}}));
  EXPECT_EQ(widened.as<std::vector<double>>()[94], 94.0);
  reads_.clear();
  value<std::int64_t>({95}).converted(element_type<double>());  // each must be looked at
  EXPECT_EQ(reads_.size(), 10);
}

TEST_F(ArraySources, AreNotAskedAgainForWhatFailed) {
  const Value numbers = value<double>({100}, 50);
  numbers.fetch({0, 50});
  reads_.clear();
  for (int k = 0; k < 2; ++k)
    EXPECT_EQ(error_message(Category::bad_input_file,
                            [&] {
                              numbers.fetch({45, 51});
                            }),
              "the source ends here");
  EXPECT_EQ(reads_, (std::vector<IndexRange>{{50, 60}}));
  numbers.fetch({0, 50});
  EXPECT_EQ(at(numbers, 49), 49.0);
}

TEST(ArraySource, HasPiecesOfAnySizeButNone) {
  class Sized final : public ArraySource {
   public:
    explicit Sized(Index piece) : piece_(piece) {}
    Index piece() const override { return piece_; }
    void read(IndexRange elements, std::byte* to) const override {
      std::memset(to, 1, static_cast<std::size_t>(elements.size()));
    }

   private:
    Index piece_;
  };
  const auto value = [](Index piece) {
    return Value::from_source(element_type<std::int8_t>(), {5}, std::make_shared<Sized>(piece));
  };
  EXPECT_EQ(value(std::numeric_limits<Index>::max()).as<std::vector<std::int8_t>>().back(), 1);
  EXPECT_THROW(value(0), Bug);
}

TEST_F(ArraySources, DoNotFillTheMemoryOfTheMachine) {
  const Value numbers = value<double>({Index{1} << 42});
  EXPECT_EQ(numbers.address() != nullptr, true);
  EXPECT_TRUE(contains(error_message(Category::too_large, [&] { numbers.data(); }), "memory"));
  numbers.fetch({0, 1});
  EXPECT_EQ(at(numbers, 9), 9.0);
}

}  // namespace
}  // namespace mpipe::test
