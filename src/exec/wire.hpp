// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Numbers, texts and shapes as bytes, for messages between processes of one program.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/core/shape.hpp>
#include <mpipe/data/codec.hpp>

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace mpipe {

class WireWriter {
 public:
  explicit WireWriter(Bytes& out) : out_(out) {}

  template <class T>
  requires std::is_trivially_copyable_v<T>
  void put(const T& number) { detail::append(out_, &number, sizeof(number)); }
  void put_flag(bool flag) { put(static_cast<std::uint8_t>(flag ? 1 : 0)); }
  void put_bytes(std::span<const std::byte> bytes) {
    put(static_cast<std::uint64_t>(bytes.size()));
    detail::append(out_, bytes.data(), bytes.size());
  }
  void put_text(std::string_view text) { put_bytes(std::as_bytes(std::span(text))); }
  /// Shapes, strides and indices.
  void put_indices(std::span<const Index> indices) { put_bytes(std::as_bytes(indices)); }

 private:
  Bytes& out_;
};

/// Throws `Bug` where there is less than is asked for.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <class T>
  requires std::is_trivially_copyable_v<T> T get() {
    T number;
    std::memcpy(&number, take(sizeof(T)).data(), sizeof(T));
    return number;
  }
  bool flag() { return get<std::uint8_t>() != 0; }
  std::span<const std::byte> take(std::uint64_t count) {
    if (count > rest_.size()) throw Bug("a message between processes is shorter than it says");
    const auto taken = rest_.first(static_cast<std::size_t>(count));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  std::span<const std::byte> bytes() { return take(get<std::uint64_t>()); }
  std::string text() {
    const auto taken = bytes();
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }
  /// `List`: `Shape`, `Strides`, `MultiIndex`. At most 64 of them.
  template <class List>
  List indices() {
    constexpr std::size_t most = 64;
    const auto taken = bytes();
    if (taken.size() % sizeof(Index) != 0 || taken.size() / sizeof(Index) > most)
      throw Bug("a message between processes has no list of indices where one is due");
    List list;
    WireReader numbers(taken);
    while (!numbers.at_end()) list.push_back(numbers.get<Index>());
    return list;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
};

}  // namespace mpipe
