// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Numbers, texts and ranges as bytes, and back: the one way in which processes of a job tell each other
/// something, and in which binary headers of files are written. (JSON is for files that people read.)
///
/// All numbers are little-endian, as on every machine that this library supports. Lists, texts and nested
/// bytes are preceded by their length as u64.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/core/index.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace mpipe {

using Bytes = std::vector<std::byte>;

/// Values that are written as the bytes that they have in memory. A type with padding between its members
/// does not belong here, as the padding would be sent uninitialised.
template <class T>
concept PlainValue = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>;

/// Appends values to bytes, its own or those of the caller.
class ByteWriter {
 public:
  ByteWriter() : out_(&own_) {}
  /// Appends to `out`, which must outlive the writer.
  explicit ByteWriter(Bytes& out) : out_(&out) {}
  ByteWriter(const ByteWriter&) = delete;
  ByteWriter& operator=(const ByteWriter&) = delete;

  template <PlainValue T>
  void put(const T& value) {
    append(std::as_bytes(std::span<const T, 1>(&value, 1)));
  }
  /// A list: its length, then its values.
  template <PlainValue T>
  void put_list(std::span<const T> values) {
    put(static_cast<std::uint64_t>(values.size()));
    append(std::as_bytes(values));
  }
  template <PlainValue T>
  void put_list(const std::vector<T>& values) {
    put_list(std::span<const T>(values));
  }
  void put_text(std::string_view text);
  void put_bytes(std::span<const std::byte> bytes);
  void put_ranges(const RangeSet& set);
  /// The bytes alone, without a length: whoever reads them knows it.
  void append(std::span<const std::byte> bytes);

  std::size_t size() const { return out_->size(); }
  /// What was written; also to be moved from when writing is over.
  Bytes& bytes() { return *out_; }

 private:
  Bytes own_;
  Bytes* out_;
};

/// Who wrote bytes that are read, which decides what is thrown when they are not as they should be.
enum class ByteOrigin : std::uint8_t {
  process,  ///< another process of this job, the same program: what it sends wrongly is a `Bug`
  file      ///< a file, which may be damaged or somebody else's: `Error` (storage_failed)
};

/// Takes values from the front of bytes that somebody else has written. Every length is checked against the
/// bytes that are left before anything is allocated.
class ByteReader {
 public:
  /// `what` names the bytes in messages, as in "the journal"; it must outlive the reader, as must `bytes`.
  ByteReader(std::span<const std::byte> bytes, std::string_view what, ByteOrigin origin = ByteOrigin::process)
      : rest_(bytes), what_(what), origin_(origin) {}

  template <PlainValue T>
  T get() {
    // Bytes that no bool or enumerator has are undefined behaviour once they are looked at.
    if constexpr (std::is_same_v<T, bool>) {
      const auto flag = get<std::uint8_t>();
      if (flag > 1) fail("a flag is neither 0 nor 1");
      return flag != 0;
    } else {
      T value;
      std::memcpy(&value, take(sizeof value).data(), sizeof value);
      return value;
    }
  }
  /// An enumerator from the first one to `last`.
  template <class Enum>
  requires std::is_enum_v<Enum> Enum get_enum(Enum last) {
    const auto number = get<std::underlying_type_t<Enum>>();
    if (number < 0 || number > static_cast<std::underlying_type_t<Enum>>(last)) fail("an unknown enumerator");
    return static_cast<Enum>(number);
  }
  /// An index, a count or an extent: not negative.
  Index get_index();
  /// A list of at most `most` values.
  template <PlainValue T>
  std::vector<T> get_list(std::uint64_t most = kAny) {
    const auto raw = take(checked_length(most, sizeof(T)) * sizeof(T));
    std::vector<T> values(raw.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), raw.data(), raw.size());
    return values;
  }
  /// A list of at most `most` indices or extents, of which none is negative.
  std::vector<Index> get_indices(std::uint64_t most = 64);
  /// A text of at most `most` bytes.
  std::string get_text(std::uint64_t most = kAny);
  /// Bytes that were put with their length: a view into what is read.
  std::span<const std::byte> get_bytes() { return take(checked_length(kAny, 1)); }
  /// One range, not empty.
  IndexRange get_range();
  /// Ranges in order, none of them empty, none overlapping.
  RangeSet get_ranges();
  std::span<const std::byte> take(std::uint64_t count) {
    if (count > rest_.size()) fail("it ends too early");
    const auto taken = rest_.first(static_cast<std::size_t>(count));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  /// Everything that is left.
  std::span<const std::byte> take_rest() { return take(rest_.size()); }

  bool at_end() const { return rest_.empty(); }
  std::size_t remaining() const { return rest_.size(); }
  /// Throws where bytes are left over.
  void expect_end() const;
  /// Throws, as for bytes that end too early: `Bug` or `Error` by the origin. For what a caller finds wrong.
  [[noreturn]] void fail(std::string_view problem) const;

 private:
  static constexpr std::uint64_t kAny = ~std::uint64_t{0};
  /// Reads the length of a list, and checks that so many items are there.
  std::uint64_t checked_length(std::uint64_t most, std::size_t item_bytes);

  std::span<const std::byte> rest_;
  std::string_view what_;
  ByteOrigin origin_;
};

}  // namespace mpipe
