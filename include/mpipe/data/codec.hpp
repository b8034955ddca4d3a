// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Bytes of values that vary in size. Each element is encoded on its own, without any header, so that
/// elements can be cut out, put into other blocks and compared without decoding:
///   string   its UTF-8 bytes;
///   array    rank (u64), extents (u64 each), then the items: raw bytes, or for items that vary in size their
///   lengths
///            (u64 each) followed by their bytes;
///   object   a header-less Boost binary archive.
/// All integers are little-endian as on every machine that this library supports.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/core/error.hpp>
#include <mpipe/data/element_type.hpp>

#include <boost/archive/binary_iarchive.hpp>
#include <boost/archive/binary_oarchive.hpp>

#include <cstring>
#include <streambuf>

namespace mpipe {

namespace detail {

/// Appends what a Boost archive writes to a byte vector.
class AppendBuffer final : public std::streambuf {
 public:
  explicit AppendBuffer(Bytes& out) : out_(out) {}

 private:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize count) override;
  Bytes& out_;
};

/// Lets a Boost archive read from bytes.
class ReadBuffer final : public std::streambuf {
 public:
  explicit ReadBuffer(std::span<const std::byte> bytes);
};

constexpr unsigned kArchiveFlags = boost::archive::no_header | boost::archive::no_codecvt;

[[noreturn]] void throw_bad_encoding(const ElementType& type, const char* what);

/// Refuses bytes that no C++ bool has: to read one is undefined behaviour.
void check_booleans(std::span<const std::byte> bytes, const ElementType& type);

/// Reads encoded bytes of a value of this type, which must outlive the reader. They may come from a file.
inline ByteReader element_reader(std::span<const std::byte> bytes, const ElementType& type) {
  return {bytes, type.name, ByteOrigin::file};
}

/// The shape in front of an encoded array; refuses ranks over 64 and shapes with more items than there are
/// bytes
/// (`item_bytes` each at least).
Shape read_shape(ByteReader& reader, std::size_t item_bytes);
void write_shape(std::span<const Index> shape, Bytes& out);
void append(Bytes& out, const void* data, std::size_t size);

template <class A>
Shape shape_of(const A& array) {
  if constexpr (requires { array.shape(); })
    return array.shape();
  else
    return {static_cast<Index>(array.size())};
}

/// Makes an array-like of `shape`; refuses a rank or a length that the C++ type cannot have.
template <class A>
A make_array(const Shape& shape, const ElementType& type) {
  if constexpr (
      requires { A(shape); } && !requires(A a) { a.push_back(a[0]); }) {
    return A(shape);
  } else {
    if (shape.size() != 1) throw_bad_encoding(type, "its rank is not 1");
    if constexpr (requires(A a) { a.resize(1); }) {
      return A(static_cast<std::size_t>(shape[0]));
    } else {
      A array{};
      if (shape[0] != static_cast<Index>(array.size()))
        throw_bad_encoding(type, "its length is not the declared one");
      return array;
    }
  }
}

}  // namespace detail

/// Appends the encoding of `value` to `out`.
template <ElementValue T>
void encode(const T& value, Bytes& out) {
  if constexpr (FixedValue<T>) {
    detail::append(out, &value, sizeof(T));
  } else if constexpr (std::is_same_v<T, std::string>) {
    detail::append(out, value.data(), value.size());
  } else if constexpr (ArrayLike<T>) {
    using Item = typename ArrayItem<T>::type;
    detail::write_shape(detail::shape_of(value), out);
    if constexpr (FixedValue<Item> && requires { value.data(); }) {
      detail::append(out, value.data(), static_cast<std::size_t>(value.size()) * sizeof(Item));
    } else if constexpr (FixedValue<Item>) {
      for (const Item item : value) detail::append(out, &item, sizeof(Item));  // std::vector<bool>
    } else {
      const std::size_t lengths = out.size();
      out.resize(lengths + static_cast<std::size_t>(value.size()) * sizeof(std::uint64_t));
      std::size_t k = 0;
      for (const Item& item : value) {
        const std::size_t begin = out.size();
        encode(item, out);
        const std::uint64_t length = out.size() - begin;
        std::memcpy(out.data() + lengths + sizeof(length) * k++, &length, sizeof(length));
      }
    }
  } else {
    detail::AppendBuffer buffer(out);
    boost::archive::binary_oarchive archive(buffer, detail::kArchiveFlags);
    archive << value;
  }
}

/// The inverse of `encode`. Throws `Error` (storage_failed) when the bytes are not an encoding of a `T`;
/// objects are only as safe as Boost's archives, so they are decoded only from bytes whose checksum was
/// right.
template <ElementValue T>
T decode(std::span<const std::byte> bytes) {
  const ElementType& type = element_type<T>();
  if constexpr (FixedValue<T>) {
    if (bytes.size() != sizeof(T)) detail::throw_bad_encoding(type, "its length is wrong");
    if constexpr (std::is_same_v<T, bool>) detail::check_booleans(bytes, type);
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  } else if constexpr (ArrayLike<T>) {
    using Item = typename ArrayItem<T>::type;
    ByteReader reader = detail::element_reader(bytes, type);
    const Shape shape = detail::read_shape(reader, FixedValue<Item> ? sizeof(Item) : sizeof(std::uint64_t));
    T array = detail::make_array<T>(shape, type);
    const auto count = static_cast<std::size_t>(array.size());
    if constexpr (FixedValue<Item>) {
      const auto raw = reader.take(count * sizeof(Item));
      if constexpr (std::is_same_v<Item, bool>) detail::check_booleans(raw, type);
      if constexpr (requires { array.data(); }) {
        if (count != 0) std::memcpy(array.data(), raw.data(), raw.size());
      } else {
        for (std::size_t k = 0; k < count; ++k)
          array[k] = decode<Item>(raw.subspan(k * sizeof(Item), sizeof(Item)));
      }
    } else {
      auto lengths = detail::element_reader(reader.take(count * sizeof(std::uint64_t)), type);
      for (auto& item : array) item = decode<Item>(reader.take(lengths.get<std::uint64_t>()));
    }
    reader.expect_end();
    return array;
  } else {
    T value{};
    detail::ReadBuffer buffer(bytes);
    try {
      boost::archive::binary_iarchive archive(buffer, detail::kArchiveFlags);
      archive >> value;
    } catch (const boost::archive::archive_exception& error) {
      detail::throw_bad_encoding(type, error.what());
    }
    if (buffer.in_avail() > 0) detail::throw_bad_encoding(type, "bytes are left over");
    return value;
  }
}

}  // namespace mpipe
