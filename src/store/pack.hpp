// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Bytes between ranks and in headers of files: plain values one behind the other.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/core/index.hpp>

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace mpipe {

/// Appends values to a byte vector.
class Packer {
 public:
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void put(const T& value) { append(&value, sizeof value); }
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void put_all(const std::vector<T>& values) {
    put<std::uint64_t>(values.size());
    if (!values.empty()) append(values.data(), values.size() * sizeof(T));
  }
  void put_text(std::string_view text) {
    put<std::uint64_t>(text.size());
    append(text.data(), text.size());
  }
  void put_ranges(const RangeSet& set) { put_all(set.ranges()); }

  std::vector<std::byte>& bytes() { return bytes_; }

 private:
  void append(const void* data, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), first, first + size);
  }
  std::vector<std::byte> bytes_;
};

/// Reads them back. Every length is checked: throws `Error` (storage_failed) when the bytes end too early.
class Unpacker {
 public:
  explicit Unpacker(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <class T>
  requires std::is_trivially_copyable_v<T> T get() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  template <class T>
  requires std::is_trivially_copyable_v<T> std::vector<T> get_all() {
    const auto count = get<std::uint64_t>();
    if (count > rest_.size() / sizeof(T)) throw_short();
    const auto bytes = take(static_cast<std::size_t>(count) * sizeof(T));
    std::vector<T> values(static_cast<std::size_t>(count));
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  std::string get_text() {
    const auto bytes = take(get<std::uint64_t>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  RangeSet get_ranges();
  bool at_end() const { return rest_.empty(); }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > rest_.size()) throw_short();
    const auto taken = rest_.first(static_cast<std::size_t>(count));
    rest_ = rest_.subspan(static_cast<std::size_t>(count));
    return taken;
  }

 private:
  [[noreturn]] static void throw_short() {
    throw Error(Category::storage_failed, "packed bytes end too early (they are damaged).");
  }
  std::span<const std::byte> rest_;
};

inline RangeSet Unpacker::get_ranges() {
  RangeSet set;
  for (const IndexRange& range : get_all<IndexRange>()) set.insert(range);  // at the end each time: cheap
  return set;
}

}  // namespace mpipe
