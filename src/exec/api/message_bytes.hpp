// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How messages are put into bytes and read again, by those that encode them.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/exec/messages.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

namespace mpipe::wire {

enum class Kind : FrameKind {
  compute = 1,
  retract = 2,
  barrier = 3,
  commit = 4,
  stop = 5,
  compute_in_team = 6,
  release_team = 7,
  done = 65,
  retracted = 66,
  team_news = 67
};

inline constexpr std::string_view cut_mark = " .. (cut)";
/// Among the flags of a message: what follows them is the payload. It is where it does not fit the body.
inline constexpr std::uint8_t in_payload = 4;

// Writing

/// Appends numbers to the body of a message; the caller knows that they fit.
class BodyWriter {
 public:
  BodyWriter(EncodedMessage& message, Kind kind) : message_(message) {
    message_.kind = static_cast<FrameKind>(kind);
  }

  template <class T>
  void put(T value) {
    static_assert(std::is_integral_v<T>);
    std::memcpy(message_.bytes.data() + message_.size, &value, sizeof value);
    message_.size += sizeof value;
  }
  void put(IndexRange range) {
    put(range.begin);
    put(range.end);
  }
  void put(const Block& block) {
    put(block.id);
    put(block.stage.value);
    put(block.range);
  }

 private:
  EncodedMessage& message_;
};

/// Appends to bytes of any length.
class DetailWriter {
 public:
  template <class T>
  void put(T value) {
    static_assert(std::is_integral_v<T>);
    append(&value, sizeof value);
  }
  void put(const std::vector<Index>& values) {
    put(static_cast<std::uint32_t>(values.size()));
    append(values.data(), values.size() * sizeof(Index));
  }
  void put_text(std::string_view text) {
    const bool cut = text.size() > max_failure_text_bytes;
    if (cut) text = text.substr(0, character_boundary(text, max_failure_text_bytes - cut_mark.size()));
    const std::string_view mark = cut ? cut_mark : std::string_view();
    put(static_cast<std::uint32_t>(text.size() + mark.size()));
    append(text.data(), text.size());
    append(mark.data(), mark.size());
  }

  std::vector<std::byte> bytes;

 private:
  /// The last position up to `limit` that is not within a UTF-8 character.
  static std::size_t character_boundary(std::string_view text, std::size_t limit) {
    while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
    return limit;
  }
  void append(const void* data, std::size_t size) {
    const std::size_t at = bytes.size();
    bytes.resize(at + size);
    if (size > 0) std::memcpy(bytes.data() + at, data, size);
  }
};

inline void put_failure(DetailWriter& writer, const Failure& failure) {
  writer.put(failure.element);
  writer.put(static_cast<std::int32_t>(failure.rank));
  writer.put(static_cast<std::uint16_t>(failure.category));
  writer.put(failure.index);
  for (const std::string* text :
       {&failure.output, &failure.message, &failure.type, &failure.arguments, &failure.host}) {
    writer.put_text(*text);
  }
}

/// Puts the flags behind what the body has, and `rest` behind them.
inline void put_rest(EncodedMessage& message, std::uint8_t flags, DetailWriter rest) {
  const bool fits = message.size + 1 + rest.bytes.size() <= max_body_bytes;
  message.bytes[message.size++] = std::byte{fits ? flags : static_cast<std::uint8_t>(flags | in_payload)};
  if (!fits) {
    message.payload = std::move(rest.bytes);
    return;
  }
  std::copy(rest.bytes.begin(), rest.bytes.end(),
            message.bytes.begin() + static_cast<std::ptrdiff_t>(message.size));
  message.size += rest.bytes.size();
}

// Reading

/// Takes numbers from the front of bytes that somebody else has written.
class Reader {
 public:
  Reader(FrameKind kind, std::span<const std::byte> bytes) : kind_(kind), bytes_(bytes) {}

  template <class T>
  T get() {
    static_assert(std::is_integral_v<T>);
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  Index get_count() {
    const Index count = get<Index>();
    if (count < 0) fail("a negative number");
    return count;
  }
  IndexRange get_range() {
    IndexRange range;
    range.begin = get_count();
    range.end = get_count();
    if (range.empty()) fail("an empty range");
    return range;
  }
  Block get_block() {
    Block block;
    block.id = get<std::uint64_t>();
    block.stage.value = get<std::uint32_t>();
    block.range = get_range();
    return block;
  }
  std::vector<Index> get_indices() {
    const std::uint32_t count = get<std::uint32_t>();
    const std::span<const std::byte> raw = take(std::size_t{count} * sizeof(Index));
    std::vector<Index> indices(count);
    if (count > 0) std::memcpy(indices.data(), raw.data(), raw.size());
    for (const Index index : indices) {
      if (index < 0) fail("a negative index");
    }
    return indices;
  }
  Category get_category() {
    const auto category = category_from_number(get<std::uint16_t>());
    if (!category) fail("an unknown category");
    return *category;
  }
  std::string get_text() {
    const std::uint32_t size = get<std::uint32_t>();
    if (size > max_failure_text_bytes) fail("too long a text");
    const std::span<const std::byte> raw = take(size);
    return std::string(reinterpret_cast<const char*>(raw.data()), raw.size());
  }
  std::span<const std::byte> rest() { return std::exchange(bytes_, {}); }
  void expect_end() const {
    if (!bytes_.empty()) fail("more than belongs there");
  }
  [[noreturn]] void fail(std::string_view what) const {
    throw Bug(fmt::format("malformed message of kind {}: {}", kind_, what));
  }

 private:
  std::span<const std::byte> take(std::size_t size) {
    if (size > bytes_.size()) fail("it ends too early");
    const std::span<const std::byte> taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }

  FrameKind kind_;
  std::span<const std::byte> bytes_;
};

/// What `put_rest` puts: the flags, of which there are `known` besides `in_payload`, and a reader of what
/// follows.
inline std::pair<std::uint8_t, Reader> get_rest(const Frame& frame, Reader& body, std::uint8_t known) {
  const auto flags = body.get<std::uint8_t>();
  if ((flags & ~(known | in_payload)) != 0) body.fail("unknown flags");
  const bool apart = (flags & in_payload) != 0;
  if (apart == frame.payload.empty()) body.fail("a payload that is not announced, or is missing");
  const std::span<const std::byte> here = body.rest();
  if (apart && !here.empty()) body.fail("more than belongs there");
  return {static_cast<std::uint8_t>(flags & known), Reader(frame.kind, apart ? frame.payload : here)};
}

inline Failure get_failure(Reader& reader) {
  Failure failure;
  failure.element = reader.get_count();
  failure.rank = reader.get<std::int32_t>();
  failure.category = reader.get_category();
  failure.index = reader.get_indices();
  for (std::string* text :
       {&failure.output, &failure.message, &failure.type, &failure.arguments, &failure.host}) {
    *text = reader.get_text();
  }
  return failure;
}

}  // namespace mpipe::wire
