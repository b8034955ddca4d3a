// SPDX-License-Identifier: BSD-3-Clause
// Bytes that are written are read again; bytes that are wrong are refused before anything is allocated.
#include <mpipe/base/bytes.hpp>

#include "base/api/failure_bytes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace mpipe {
namespace {

constexpr std::string_view kWhat = "a test";

Bytes sample() {
  ByteWriter out;
  out.put(std::int32_t{-5});
  out.put(true);
  out.put(Category::cycle);
  out.put_list<double>({1.5, -2.0});
  out.put_text("größe");
  out.put_ranges(RangeSet{{0, 4}, {9, 10}});
  out.put_bytes(std::vector<std::byte>(3, std::byte{7}));
  return std::move(out.bytes());
}

void read_sample(std::span<const std::byte> bytes, ByteOrigin origin) {
  ByteReader in(bytes, kWhat, origin);
  EXPECT_EQ(in.get<std::int32_t>(), -5);
  EXPECT_TRUE(in.get<bool>());
  EXPECT_EQ(in.get_enum(Category::storage_failed), Category::cycle);
  EXPECT_EQ(in.get_list<double>(), (std::vector<double>{1.5, -2.0}));
  EXPECT_EQ(in.get_text(), "größe");
  EXPECT_EQ(in.get_ranges(), (RangeSet{{0, 4}, {9, 10}}));
  EXPECT_EQ(in.get_bytes().size(), 3U);
  in.expect_end();
}

TEST(Bytes, are_read_as_they_were_written) { read_sample(sample(), ByteOrigin::process); }

TEST(Bytes, that_end_too_early_are_refused_wherever_they_end) {
  const Bytes whole = sample();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::span<const std::byte> part = std::span(whole).first(length);
    EXPECT_THROW(read_sample(part, ByteOrigin::process), Bug) << length;
    EXPECT_THROW(read_sample(part, ByteOrigin::file), Error) << length;
  }
}

template <class Read>
void refused(const ByteWriter& writer, const Read& read) {
  ByteReader in(const_cast<ByteWriter&>(writer).bytes(), kWhat);
  EXPECT_THROW(read(in), Bug);
}

TEST(Bytes, that_no_value_has_are_refused) {
  ByteWriter flag;
  flag.put(std::uint8_t{2});
  refused(flag, [](ByteReader& in) { in.get<bool>(); });
  ByteWriter category;
  category.put(static_cast<std::underlying_type_t<Category>>(Category::storage_failed) + 1);
  refused(category, [](ByteReader& in) { in.get_enum(Category::storage_failed); });
  ByteWriter index;
  index.put(Index{-1});
  refused(index, [](ByteReader& in) { in.get_index(); });
  ByteWriter empty;
  empty.put(IndexRange{3, 3});
  refused(empty, [](ByteReader& in) { in.get_range(); });
  ByteWriter overlapping;
  overlapping.put_list<IndexRange>({{0, 5}, {4, 6}});
  refused(overlapping, [](ByteReader& in) { in.get_ranges(); });
  ByteWriter left_over;
  left_over.put(std::uint8_t{0});
  refused(left_over, [](ByteReader& in) { in.expect_end(); });
}

TEST(Bytes, with_lengths_that_wrap_allocate_nothing) {
  for (const std::uint64_t length : {~std::uint64_t{0}, std::uint64_t{1} << 61, std::uint64_t{1} << 40}) {
    ByteWriter out;
    out.put(length);
    refused(out, [](ByteReader& in) { in.get_list<double>(); });
    refused(out, [](ByteReader& in) { in.get_text(); });
    refused(out, [](ByteReader& in) { in.get_ranges(); });
    refused(out, [](ByteReader& in) { in.take(in.get<std::uint64_t>()); });
  }
}

TEST(Bytes, longer_than_allowed_are_refused) {
  ByteWriter out;
  out.put_text("four");
  ByteReader in(out.bytes(), kWhat);
  EXPECT_THROW(in.get_text(3), Bug);
}

Failure sample_failure() {
  Failure failure;
  failure.output = "energy";
  failure.element = 120;
  failure.index = {1, 20};
  failure.message = "größer als erlaubt";
  failure.type = "std::domain_error";
  failure.arguments = "x=1.5";
  failure.host = "node17";
  failure.rank = 42;
  failure.category = Category::internal_shape_mismatch;
  failure.subject = {Subject::Kind::output, "energy"};
  return failure;
}

TEST(FailureBytes, are_read_as_they_were_written) {
  ByteWriter out;
  put_failure(out, sample_failure());
  ByteReader in(out.bytes(), kWhat);
  const Failure failure = get_failure(in);
  in.expect_end();
  EXPECT_EQ(failure.output, "energy");
  EXPECT_EQ(failure.element, 120);
  EXPECT_EQ(failure.index, (MultiIndex{1, 20}));
  EXPECT_EQ(failure.message, "größer als erlaubt");
  EXPECT_EQ(failure.type, "std::domain_error");
  EXPECT_EQ(failure.arguments, "x=1.5");
  EXPECT_EQ(failure.host, "node17");
  EXPECT_EQ(failure.rank, 42);
  EXPECT_EQ(failure.category, Category::internal_shape_mismatch);
  EXPECT_EQ(failure.subject, (Subject{Subject::Kind::output, "energy"}));
}

TEST(FailureBytes, have_texts_that_were_cut_between_two_characters) {
  Failure failure = sample_failure();
  for (int k = 0; k < 20'000; ++k) failure.message += "ö";
  ByteWriter out;
  put_failure(out, failure);
  ByteReader in(out.bytes(), kWhat);
  const std::string text = get_failure(in).message;
  EXPECT_LE(text.size(), kMaxFailureText);
  EXPECT_GT(text.size(), kMaxFailureText - 4);
  EXPECT_TRUE(text.ends_with("ö .. (cut)")) << text.substr(text.size() - 20);
  EXPECT_EQ(cut_text("short", 16), "short");
}

}  // namespace
}  // namespace mpipe
