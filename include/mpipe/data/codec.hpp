// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Bytes of values that vary in size. Each element is encoded on its own, without any header, so that
/// elements can be cut out, put into other blocks and compared without decoding:
///
///     string   its UTF-8 bytes
///     array    rank (u64), extents (u64 each), then the items: raw bytes, or for items that vary in size their
///              lengths (u64 each) followed by their bytes
///     object   what its `serialize` writes, see `ObjectWriter`
///
/// All integers are little-endian as on every machine that this library supports.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/core/error.hpp>
#include <mpipe/data/element_type.hpp>

#include <boost/serialization/level.hpp>
#include <boost/serialization/serialization.hpp>
#include <boost/serialization/version.hpp>

#include <cstring>

namespace mpipe {

namespace detail {

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

/// How objects become bytes. Specialised where the archives of this header are not enough: for types with
/// pointers, see `MPIPE_BOOST_ARCHIVE`.
template <class T>
struct ObjectCodec {
  using NeedsSerialize = T;
  static void write(const T& value, Bytes& out);
  static void read(T& value, ByteReader& reader);
};

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
    ObjectCodec<T>::write(value, out);
  }
}

/// The inverse of `encode`. Throws `Error` (storage_failed) when the bytes are not an encoding of a `T`.
/// Objects are as safe as their `serialize`, so they are decoded only from bytes whose checksum was right.
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
    ByteReader reader = detail::element_reader(bytes, type);
    ObjectCodec<T>::read(value, reader);
    reader.expect_end();
    return value;
  }
}

// How a class is found to have a `serialize`, before it is called: what the compiler says otherwise names
// functions of ours and of Boost's, and not what is missing.
namespace serialize_search {

/// Boost's own `serialize` takes any type, and fails inside. This one takes the same, so that the two of them
/// are ambiguous, and only one that is made for the type can be called.
template <class Archive, class T>
void serialize(Archive& archive, T& value, const unsigned int version);

template <class T>
concept HasFunction = requires(ByteWriter& archive, T& value,
                               const boost::serialization::version_type version) {
  serialize(archive, value, version);
};

/// A second member of that name: a class that has one of its own, also a private one, makes it ambiguous.
struct SecondMember {
  int serialize;
};
template <class T>
struct WithSecondMember : T, SecondMember {};
template <class T>
concept HasMember = std::is_final_v<T> || !requires {
  &WithSecondMember<T>::serialize;
};

}  // namespace serialize_search

namespace detail {

/// A class that Boost.Serialization can save and load. Classes that nobody can derive from are believed to be.
template <class T>
concept Serializable = std::is_class_v<T> &&
    (serialize_search::HasFunction<T> || serialize_search::HasMember<T>);

/// Whether values of an `ElementValue` can be encoded: classes need a `serialize`, or a codec of their own.
template <class T>
inline constexpr bool kHasCodec =
    FixedValue<T> || std::is_same_v<T, std::string> || Serializable<T> || !requires {
  typename ObjectCodec<T>::NeedsSerialize;
};
template <ArrayLike T>
inline constexpr bool kHasCodec<T> = kHasCodec<typename ArrayItem<T>::type>;

template <class T>
consteval bool check_serializable() {
  static_assert(Serializable<T>,
                "mpipe: a value, or a member of one, has a type without a serialize function: write one "
                "(template <class Archive> void serialize(Archive& archive, unsigned version) with archive & "
                "member for each member), or include the header of Boost.Serialization for it, such as "
                "<boost/serialization/map.hpp>");
  return Serializable<T>;
}

/// A value that Boost.Serialization takes as its bytes: numbers, enumerators, and its own counts and versions.
template <class T>
concept PrimitiveMember = std::is_arithmetic_v<T> || std::is_enum_v<T> ||
    (std::is_class_v<T>&& boost::serialization::implementation_level<T>::value ==
     boost::serialization::primitive_type);

/// A member that is encoded as an element would be, with its length in front; all others bring a `serialize`.
template <class T>
inline constexpr bool kIsElementMember = std::is_same_v<T, std::string> || FixedValue<T>;
template <ArrayLike T>
inline constexpr bool kIsElementMember<T> = kIsElementMember<typename ArrayItem<T>::type>;

template <class T>
consteval void refuse_pointers() {
  static_assert(!std::is_pointer_v<T>,
                "mpipe: an object that has pointers needs MPIPE_BOOST_ARCHIVE(Type), from "
                "<mpipe/data/boost_archive.hpp>, at namespace scope");
}

/// The version of a class that Boost.Serialization keeps with its objects (BOOST_CLASS_VERSION, below 256).
template <class T>
inline constexpr bool kHasVersion =
    boost::serialization::implementation_level<T>::value >= boost::serialization::object_class_info;

/// The archive that objects are written to: for every class its version (u8) and what its `serialize` (or
/// `save`) writes. An archive in the sense of Boost.Serialization, but for pointers; it is here instead of
/// Boost's own as those cost every program that includes this header a second of its compile time.
class ObjectWriter {
 public:
  using is_saving = std::true_type;
  using is_loading = std::false_type;
  explicit ObjectWriter(Bytes& out) : out_(out) {}

  template <class T>
  ObjectWriter& operator<<(const T& value) {
    refuse_pointers<T>();
    if constexpr (kIsElementMember<T> && !FixedValue<T>) {
      Bytes encoded;
      encode(value, encoded);
      out_.put_bytes(encoded);
    } else if constexpr (FixedValue<T> || PrimitiveMember<T>) {
      save_binary(&value, sizeof value);
    } else if constexpr (std::is_array_v<T>) {
      for (const auto& item : value) *this << item;
    } else if constexpr (check_serializable<T>()) {
      constexpr auto kVersion = static_cast<std::uint8_t>(boost::serialization::version<T>::value);
      if constexpr (kHasVersion<T>) out_.put(kVersion);
      // Boost's functions take what they save without `const`, and do not change it.
      boost::serialization::serialize_adl(*this, const_cast<T&>(value), kVersion);
    }
    return *this;
  }
  template <class T>
  ObjectWriter& operator&(const T& value) {
    return *this << value;
  }
  void save_binary(const void* data, std::size_t size) {
    out_.append({static_cast<const std::byte*>(data), size});
  }
  static unsigned get_library_version() { return kLibraryVersion; }
  /// The version of Boost's format of containers that is written and read.
  static constexpr unsigned kLibraryVersion = 19;

 private:
  ByteWriter out_;
};

/// The archive that objects are read from.
class ObjectReader {
 public:
  using is_saving = std::false_type;
  using is_loading = std::true_type;
  explicit ObjectReader(ByteReader& bytes) : bytes_(bytes) {}

  template <class Reference>
  ObjectReader& operator>>(Reference&& reference) {
    using T = std::remove_cvref_t<Reference>;
    refuse_pointers<T>();
    auto& value = const_cast<T&>(reference);  // wrappers, as of names, are constant themselves
    if constexpr (kIsElementMember<T> && !FixedValue<T>) {
      value = decode<T>(bytes_.get_bytes());
    } else if constexpr (FixedValue<T>) {
      value = decode<T>(bytes_.take(sizeof value));
    } else if constexpr (PrimitiveMember<T>) {
      load_binary(&value, sizeof value);
    } else if constexpr (std::is_array_v<T>) {
      for (auto& item : value) *this >> item;
    } else if constexpr (check_serializable<T>()) {
      unsigned version = 0;
      if constexpr (kHasVersion<T>) version = bytes_.get<std::uint8_t>();
      boost::serialization::serialize_adl(*this, value, version);
    }
    return *this;
  }
  template <class Reference>
  ObjectReader& operator&(Reference&& reference) {
    return *this >> reference;
  }
  void load_binary(void* data, std::size_t size) {
    const auto bytes = bytes_.take(size);
    if (size != 0) std::memcpy(data, bytes.data(), size);
  }
  static unsigned get_library_version() { return ObjectWriter::kLibraryVersion; }
  /// Boost tells this to archives that follow pointers.
  static void reset_object_address(const void*, const void*) {}

 private:
  ByteReader& bytes_;
};

}  // namespace detail

template <class T>
void ObjectCodec<T>::write(const T& value, Bytes& out) {
  detail::ObjectWriter(out) << value;
}
template <class T>
void ObjectCodec<T>::read(T& value, ByteReader& reader) {
  detail::ObjectReader(reader) >> value;
}

}  // namespace mpipe
