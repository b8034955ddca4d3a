// SPDX-License-Identifier: BSD-3-Clause
// Arrays of which some elements are there: in memory of one process or of several, in a file, or joined.
#include "data/api/partial_array.hpp"

#include "data/api/file_faults.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_folder.hpp"

#include <csignal>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::error_message;
using Texts = std::vector<std::string>;

PartialArray of_texts(Index elements) { return {element_type<std::string>(), {elements}, Shape{}}; }

void put(PartialArray& array, Index begin, const Texts& texts) {
  const Value value(texts);
  const Index elements = static_cast<Index>(texts.size()) / array.values_per_element();
  array.put({begin, begin + elements}, {value.data(), value.byte_size()},
            {value.offsets(), texts.size() + 1});
}

Texts texts_of(const PartialArray::Piece& piece) {
  Texts texts;
  for (std::size_t k = 1; k < piece.offsets.size(); ++k) {
    const auto bytes = piece.bytes.subspan(piece.offsets[k - 1], piece.offsets[k] - piece.offsets[k - 1]);
    texts.push_back(decode<std::string>(bytes));
  }
  return texts;
}

template <class T>
void write(PartialArray& array, Index element, const std::vector<T>& values) {
  std::memcpy(array.destination(element), values.data(), values.size() * sizeof(T));
  array.mark({element, element + static_cast<Index>(values.size()) / array.values_per_element()});
}

TEST(PartialArray, of_numbers) {
  PartialArray array(element_type<double>(), {2, 3}, Shape{});
  EXPECT_EQ(array.element_total(), 6);
  EXPECT_EQ(array.values_per_element(), 1);
  EXPECT_EQ(array.element_bytes(), 8U);
  EXPECT_TRUE(array.have().empty());
  write<double>(array, 4, {4.5, 5.5});
  write<double>(array, 0, {0.5});
  EXPECT_EQ(array.have(), (RangeSet{{0, 1}, {4, 6}}));
  const Value value = array.to_value();
  EXPECT_EQ(value.shape(), (Shape{2, 3}));
  EXPECT_EQ(value.as<Array<double>>()(1, 1), 4.5);
  EXPECT_EQ(value.as<Array<double>>()(0, 1), 0.0);  // not here
}

TEST(PartialArray, elements_may_be_arrays) {
  PartialArray array(element_type<std::int32_t>(), {4}, Shape{2, 3});
  EXPECT_EQ(array.values_per_element(), 6);
  EXPECT_EQ(array.element_bytes(), 24U);
  std::vector<std::int32_t> element(6);
  std::iota(element.begin(), element.end(), 1);
  write(array, 2, element);
  EXPECT_EQ(array.have(), (RangeSet{{2, 3}}));
  EXPECT_EQ(array.to_value().shape(), (Shape{4, 2, 3}));
  EXPECT_EQ(array.to_value().as<Array<std::int32_t>>()(2, 1, 0), 4);
  const PartialArray::Piece piece = array.piece({2, 3});
  EXPECT_EQ(piece.bytes.data(), array.data(2));  // in place
  EXPECT_EQ(piece.bytes.size(), 24U);
  EXPECT_TRUE(piece.offsets.empty());
}

TEST(PartialArray, of_a_single_value) {
  PartialArray array(element_type<double>(), {}, Shape{});
  EXPECT_EQ(array.element_total(), 1);
  write<double>(array, 0, {2.5});
  EXPECT_TRUE(array.to_value().is_scalar());
  EXPECT_EQ(array.to_value().as<double>(), 2.5);
}

TEST(PartialArray, values_outlive_the_array) {
  Value value;
  std::shared_ptr<const void> owner;
  {
    PartialArray array(element_type<double>(), {100'000}, Shape{});
    write<double>(array, 99'999, {7.5});
    value = array.to_value();
    owner = array.owner();
    EXPECT_EQ(value.data(), array.data(0));  // shared, not copied
  }
  EXPECT_EQ(decode<double>(value.element(99'999)), 7.5);
}

TEST(PartialArray, internal_shape_may_come_later) {
  PartialArray array(element_type<double>(), {3}, std::nullopt);
  EXPECT_FALSE(array.internal_known());
  EXPECT_THROW(array.to_value(), Bug);
  array.set_internal({2});
  EXPECT_TRUE(array.internal_known());
  EXPECT_EQ(array.internal(), Shape{2});
  write<double>(array, 1, {1, 2});
  array.set_internal({2});  // the same again
  EXPECT_EQ(array.to_value().as<Array<double>>()(1, 1), 2.0);
  EXPECT_NE(error_message(Category::internal_shape_mismatch, [&] { array.set_internal({3}); }), "");
  EXPECT_NE(error_message(Category::internal_shape_mismatch, [&] { array.set_internal({2, 1}); }), "");
}

TEST(PartialArray, without_elements_or_values) {
  PartialArray none(element_type<double>(), {0, 5}, Shape{3});
  EXPECT_EQ(none.to_value().shape(), (Shape{0, 5, 3}));
  PartialArray empty(element_type<double>(), {4}, Shape{0});
  empty.mark({0, 4});
  EXPECT_EQ(empty.element_bytes(), 0U);
  EXPECT_EQ(empty.to_value().shape(), (Shape{4, 0}));
  EXPECT_EQ(of_texts(0).to_value().count(), 0);
  PartialArray empty_texts(element_type<std::string>(), {4}, Shape{0});
  empty_texts.put({1, 3}, {}, std::vector<std::uint64_t>{0});
  EXPECT_EQ(empty_texts.to_value().shape(), (Shape{4, 0}));
  EXPECT_EQ(empty_texts.have(), (RangeSet{{1, 3}}));
}

// 8 GB of address space of which two pages are written.
TEST(PartialArray, declares_a_billion_elements) {
  const Index count = 1'000'000'000;
  PartialArray array(element_type<double>(), {count}, Shape{});
  write<double>(array, count - 1, {1.5});
  write<double>(array, 0, {2.5});
  EXPECT_EQ(decode<double>(array.piece({count - 1, count}).bytes), 1.5);
  EXPECT_EQ(array.have().count(), 2);
}

TEST(PartialArray, that_no_process_can_address_is_refused) {
  error_message(Category::too_large, [] { PartialArray(element_type<double>(), {Index{1} << 60}, Shape{}); });
  error_message(Category::too_large,
                [] { PartialArray(element_type<double>(), {Index{1} << 40}, Shape{Index{1} << 40}); });
}

/// A file of numbers that begin on its second page, as a results file has them.
File file_of(const test::TemporaryFolder& folder, const std::vector<double>& numbers) {
  File file(folder.path() / "values", File::Mode::create);
  file.write_at(4096, std::as_bytes(std::span(numbers)));
  return file;
}

TEST(PartialArray, looks_into_a_file_in_whole_pages) {
  const test::TemporaryFolder folder;
  std::vector<double> numbers(200'000);
  std::iota(numbers.begin(), numbers.end(), 0.5);
  const File file = file_of(folder, numbers);
  for (const bool shared : {false, true}) {
    const auto pages = shared ? SharedPages::create(1) : nullptr;
    PartialArray array(element_type<double>(), {200'000}, Shape{}, {pages, 0});
    write(array, 1'000, std::vector<double>(numbers.begin() + 1'000, numbers.begin() + 150'000));
    const RangeSet seen = array.look_into(file, 4096, {{1'000, 150'000}});
    array.give_back(seen);
    // The pages at the ends hold other elements, too.
    EXPECT_EQ(seen, (RangeSet{{1'024, 149'504}}));
    EXPECT_EQ(array.in_file(), seen);
    for (Index element = 1'000; element < 150'000; ++element)
      ASSERT_EQ(decode<double>(array.piece({element, element + 1}).bytes),
                0.5 + static_cast<double>(element));
    if (shared) {
      EXPECT_LT(pages->bytes_in_use(), 20'000U);
    }
    // What is behind may still be written, and what is there already is not looked at twice.
    write<double>(array, 150'000, {-1});
    EXPECT_TRUE(array.look_into(file, 4096, {{1'000, 150'000}}).empty());
  }
}

TEST(PartialArray, elements_of_many_values_may_reach_over_the_pages_of_a_file) {
  const test::TemporaryFolder folder;
  std::vector<double> numbers(300'000);
  std::iota(numbers.begin(), numbers.end(), 0.5);
  const File file = file_of(folder, numbers);
  PartialArray array(element_type<double>(), {100}, Shape{3'000}, {SharedPages::create(1), 0});
  write(array, 0, numbers);
  const RangeSet seen = array.look_into(file, 4096, {{10, 50}});
  array.give_back(seen);
  EXPECT_EQ(seen, (RangeSet{{11, 49}}));
  for (const Index element : {9, 10, 11, 48, 49, 50}) {
    const PartialArray::Piece piece = array.piece({element, element + 1});
    EXPECT_EQ(std::memcmp(piece.bytes.data(), numbers.data() + 3'000 * element, piece.bytes.size()), 0)
        << element;
  }
}

TEST(PartialArray, a_file_that_is_cut_is_told_and_ends_no_process) {
  const test::TemporaryFolder folder;
  File file = file_of(folder, std::vector<double>(100'000, 1.5));
  PartialArray array(element_type<double>(), {100'000}, Shape{});
  write(array, 0, std::vector<double>(100'000, 1.5));
  array.look_into(file, 4096, {{0, 100'000}});
  const std::uint64_t before = file_faults();
  file.resize(400'000);
  EXPECT_EQ(decode<double>(array.piece({10, 11}).bytes), 1.5);
  EXPECT_EQ(file_faults(), before);
  EXPECT_EQ(decode<double>(array.piece({90'000, 90'001}).bytes), 0.0);
  EXPECT_GT(file_faults(), before);
}

TEST(FileFaultsDeathTest, others_get_their_signals) {
  EXPECT_EXIT(
      {
        const test::TemporaryFolder folder;
        File file = file_of(folder, std::vector<double>(100'000, 1.5));
        PartialArray array(element_type<double>(), {100'000}, Shape{});
        array.look_into(file, 4096, {{0, 100'000}});
        ::raise(SIGBUS);
      },
      testing::KilledBySignal(SIGBUS), "");
}

TEST(PartialArray, short_stretches_are_not_worth_a_file) {
  const test::TemporaryFolder folder;
  const std::vector<double> numbers(20'000, 1.5);
  const File file = file_of(folder, numbers);
  PartialArray array(element_type<double>(), {20'000}, Shape{});
  write(array, 0, numbers);
  EXPECT_TRUE(array.look_into(file, 4096, {{0, 20'000}}).empty());
}

TEST(PartialArray, in_shared_memory_is_seen_by_all_who_map_it) {
  const auto pages = SharedPages::create(2);
  PartialArray writer(element_type<double>(), {100'000}, Shape{}, {pages, 1});
  PartialArray reader(element_type<double>(), {100'000}, std::nullopt,
                      {SharedPages::open(pages->address(), 2), 1});
  reader.set_internal({});
  write<double>(writer, 70'000, {1.5, 2.5});
  EXPECT_TRUE(reader.have().empty());  // until somebody tells
  reader.mark({70'000, 70'002});
  EXPECT_EQ(decode<double>(reader.piece({70'001, 70'002}).bytes), 2.5);
}

TEST(PartialArray, of_texts) {
  PartialArray array = of_texts(10);
  put(array, 6, {"g", "", "iii"});
  put(array, 1, {"b", "cc"});
  EXPECT_EQ(array.have(), (RangeSet{{1, 3}, {6, 9}}));
  EXPECT_EQ(texts_of(array.piece({1, 3})), (Texts{"b", "cc"}));
  EXPECT_EQ(texts_of(array.piece({7, 9})), (Texts{"", "iii"}));
  EXPECT_EQ(array.to_value().as<Texts>(), (Texts{"", "b", "cc", "", "", "", "g", "", "iii", ""}));
}

TEST(PartialArray, pieces_span_blocks) {
  PartialArray array = of_texts(9);
  put(array, 3, {"d", "e", "f"});
  put(array, 0, {"a", "b", "c"});
  put(array, 6, {"g", "h", "i"});
  EXPECT_EQ(texts_of(array.piece({2, 7})), (Texts{"c", "d", "e", "f", "g"}));
  EXPECT_EQ(texts_of(array.piece({4, 5})), Texts{"e"});
  EXPECT_EQ(array.piece({0, 9}).offsets.front(), 0U);
}

TEST(PartialArray, a_piece_that_is_not_here_is_a_bug) {
  PartialArray array = of_texts(9);
  put(array, 0, {"a", "b"});
  put(array, 4, {"e"});
  EXPECT_THROW(array.piece({0, 3}), Bug);
  EXPECT_THROW(array.piece({2, 3}), Bug);
  EXPECT_THROW(array.piece({0, 5}), Bug);
  EXPECT_THROW(array.piece({8, 9}), Bug);
}

TEST(PartialArray, texts_per_element) {
  PartialArray array(element_type<std::string>(), {3}, Shape{2});
  put(array, 1, {"c", "dd", "e", ""});
  EXPECT_EQ(array.have(), (RangeSet{{1, 3}}));
  EXPECT_EQ(texts_of(array.piece({2, 3})), (Texts{"e", ""}));
  EXPECT_EQ(array.to_value().shape(), (Shape{3, 2}));
  EXPECT_EQ(array.to_value().as<Array<std::string>>()(1, 1), "dd");
}

TEST(PartialArray, offsets_must_fit) {
  PartialArray array = of_texts(9);
  const Bytes bytes(4);
  using Offsets = std::vector<std::uint64_t>;
  EXPECT_THROW(array.put({0, 2}, bytes, Offsets{0, 4}), Bug);
  EXPECT_THROW(array.put({0, 1}, bytes, Offsets{0, 3}), Bug);
  EXPECT_THROW(array.put({0, 2}, bytes, Offsets{0, 5, 4}), Bug);
  EXPECT_THROW(array.put({0, 1}, bytes, Offsets{1, 4}), Bug);
  EXPECT_THROW(array.put({8, 10}, bytes, Offsets{0, 2, 4}), Bug);
  EXPECT_THROW(array.put({-1, 1}, bytes, Offsets{0, 2, 4}), Bug);
  EXPECT_TRUE(array.have().empty());
}

TEST(PartialArray, can_be_moved) {
  PartialArray from(element_type<double>(), {10}, Shape{});
  write<double>(from, 3, {3.5});
  PartialArray to = std::move(from);
  EXPECT_EQ(decode<double>(to.piece({3, 4}).bytes), 3.5);
  EXPECT_EQ(to.have(), (RangeSet{{3, 4}}));
}

// Blocks that come again (other ranks, a resume) replace what was there, and release takes any range: against
// a plain list of strings.
TEST(PartialArray, of_texts_against_a_model) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](Index below) { return std::uniform_int_distribution<Index>(0, below - 1)(random); };
    constexpr Index total = 24;
    PartialArray array = of_texts(total);
    Texts model(total);
    RangeSet here;
    for (int step = 0; step < 60; ++step) {
      const Index begin = pick(total);
      const IndexRange range{begin, begin + 1 + pick(total - begin)};
      Texts texts;
      for (Index k = range.begin; k < range.end; ++k)
        texts.push_back(std::string(static_cast<std::size_t>(pick(4)), static_cast<char>('a' + pick(26))));
      put(array, range.begin, texts);
      here.insert(range);
      std::copy(texts.begin(), texts.end(), model.begin() + range.begin);
      ASSERT_EQ(array.have(), here);
      ASSERT_EQ(array.to_value().as<Texts>(), model) << "seed " << seed << ", step " << step;
      for (const IndexRange& part : here.ranges()) {
        const Index first = part.begin + pick(part.size());
        const Index last = first + 1 + pick(part.end - first);
        ASSERT_EQ(texts_of(array.piece({first, last})), Texts(model.begin() + first, model.begin() + last))
            << "seed " << seed << ", step " << step;
      }
    }
  }
}

}  // namespace
}  // namespace mpipe
