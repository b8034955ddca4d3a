// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `Value`: one scalar or N-D array of any supported type, with its type known at run time.
#pragma once

#include <mpipe/core/index.hpp>
#include <mpipe/data/codec.hpp>
#include <mpipe/data/element_type.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>

namespace mpipe {

/// The elements of an array of fixed-size values that are somewhere else, e.g. compressed in a file. A
/// `Value` of it (`Value::from_source`) reads what somebody looks at.
///
/// Thread rule: any thread, also several at once.
class ArraySource {
 public:
  ArraySource() = default;
  ArraySource(const ArraySource&) = delete;
  ArraySource& operator=(const ArraySource&) = delete;
  virtual ~ArraySource() = default;

  /// Elements that are read together; at least 1. Ranges begin at a multiple of it, and end at one or with
  /// the array.
  virtual Index piece() const = 0;
  /// Puts the elements of a range, numbered in C order, at `to`, dense. Throws `Error` when they cannot be
  /// read.
  virtual void read(IndexRange elements, std::byte* to) const = 0;
  /// Throws `Error` when the elements are no longer those that were there at the beginning: a file has
  /// changed.
  virtual void check_same() const {}
};

/// Where some bytes are in a file, and which file it was. Value type.
struct FileStretch {
  std::string path;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  // As they were when the stretch was made:
  std::uint64_t file_bytes = 0;
  std::int64_t modified_ns = 0;

  /// Of the file as it is now. Throws `Error` (bad_input_file) when it is not there, or is too short.
  static FileStretch of(const std::string& path, std::uint64_t offset, std::uint64_t size);

  /// Throws `Error` (bad_input_file) when the file cannot be opened here, or has changed.
  void check_same() const;

  friend bool operator==(const FileStretch&, const FileStretch&) = default;
};

class LazyArray;
class Value;

/// What a `Value` can be made of. (A value itself is not: whether it can be copied would depend on the
/// answer.)
template <class T>
concept ValueSource = !std::is_same_v<T, Value> && ElementValue<T>;

/// A scalar (shape `{}`) or a dense C-order array of elements of one type. Immutable and cheap to copy:
/// arrays share their bytes, scalars of fixed size live inside. Values of types that vary in size are bytes
/// with offsets.
///
/// An `Array<T>` becomes an N-D value of `T`s; it is an *element* of type `array<T>` only inside of another
/// array.
class Value {
 public:
  /// No value at all: `!has_value()`.
  Value() = default;
  Value(const Value&) = default;
  /// What was moved from has no value.
  Value(Value&& other) noexcept { swap(other); }
  Value& operator=(Value other) noexcept {
    swap(other);
    return *this;
  }
  ~Value() = default;

  template <ValueSource T>
  Value(const T& value);  // NOLINT(google-explicit-constructor): inputs read `{"reynolds", 1e5}`
  Value(const char* text) : Value(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  Value(std::nullptr_t) = delete;
  template <class T>
  Value(std::initializer_list<T> values) : Value(std::vector<T>(values)) {}
  Value(std::initializer_list<const char*> values)
      : Value(std::vector<std::string>(values.begin(), values.end())) {}

  /// An array whose bytes are `bytes`: of a fixed-size type `element_count(shape) * type.size` bytes, shared,
  /// not copied.
  static Value from_bytes(const ElementType& type, Shape shape, std::shared_ptr<const std::byte[]> bytes);
  /// An array that lies in a file as it would in memory: read where somebody looks at it. Of a fixed-size
  /// type, `stretch.size` bytes. Throws `Error` (bad_input_file) as `FileStretch::check_same`, now and when
  /// it is read.
  static Value from_file(const ElementType& type, Shape shape, FileStretch stretch);
  /// An array of a fixed-size type that is read from `source`, piece by piece, where somebody looks at it.
  /// Throws `Error` (too_large) when a process cannot address so much.
  static Value from_source(const ElementType& type, Shape shape, std::shared_ptr<const ArraySource> source);
  /// Of any type, copying; `offsets` (elements + 1 of them, ascending from 0) for types that vary in size,
  /// else empty.
  static Value copy_of(const ElementType& type, Shape shape, std::span<const std::byte> bytes,
                       std::span<const std::uint64_t> offsets = {});

  bool has_value() const { return type_ != nullptr; }
  const ElementType& type() const { return *type_; }
  const Shape& shape() const { return shape_; }
  std::size_t rank() const { return shape_.size(); }
  bool is_scalar() const { return shape_.empty(); }
  Index count() const { return count_; }

  /// All bytes, in C order. Reads what is not here of a value from a source: throws what that throws.
  const std::byte* data() const {
    if (lazy_) fetch({0, count_});
    return address();
  }
  /// Where `data()` are, without reading them: only elements that were fetched may be looked at.
  const std::byte* address() const { return bytes_ ? bytes_.get() : inline_; }
  /// Reads those of the elements, numbered in C order, that are not here; nothing to do but for values from a
  /// source. From any thread. Throws what the source throws.
  void fetch(IndexRange elements) const;
  /// Where the values are read from, or nullptr.
  const ArraySource* source() const;
  std::size_t byte_size() const { return byte_size_; }
  /// The array that is the k-th element of a value of type `array<T>`: a value of `T`s, also of rank 0.
  /// Throws `Error` (storage_failed) when its bytes are damaged.
  Value opened(Index k) const { return open_array(*type_, element(k)); }
  /// The same of the bytes of such an element.
  static Value open_array(const ElementType& type, std::span<const std::byte> bytes);
  /// Where the bytes are, of a value from a file; else nullptr.
  const FileStretch* file() const;
  /// `count() + 1` offsets into `data()`, or nullptr for a fixed-size type.
  const std::uint64_t* offsets() const { return offsets_ ? offsets_->data() : nullptr; }
  /// The bytes of the k-th element in C order.
  std::span<const std::byte> element(Index k) const;

  /// As `T`: a scalar as a number, string or object, an array as `Array<U>`, `std::vector<U>`, `std::array<U,
  /// N>`. Throws `Error` (type_mismatch, rank_mismatch) when this is something else; integers convert to
  /// double.
  template <ElementValue T>
  T as() const;

  /// The same values as `type`. Checked value by value: throws `Error` (type_mismatch) that names the first
  /// value which `type` cannot hold exactly (a 64-bit integer beyond 2^53 as double, a negative one as
  /// unsigned, a fraction as integer is refused altogether). Where no value can be such a one, large arrays
  /// in files and from sources are converted where somebody looks at them.
  Value converted(const ElementType& type) const;
  /// The same elements under another shape of as many elements.
  Value reshaped(Shape shape) const;

  /// Bytes that `from_wire` reads: type, shape, offsets, values. Object types are looked up by the reader's
  /// `expected`.
  Bytes to_wire() const;
  /// Throws `Error` (storage_failed) on malformed bytes.
  static Value from_wire(std::span<const std::byte> bytes);

  /// Tells whether two values are the same, nothing more. Reads all of a value that is in a file or from a
  /// source, but keeps none of it.
  std::uint64_t digest() const;

  /// Equal type, shape and bytes.
  friend bool operator==(const Value& a, const Value& b);

 private:
  static constexpr std::size_t kInlineBytes = 16;

  Value(const ElementType& type, Shape shape);
  void swap(Value& other) noexcept;
  Bytes wire_header() const;
  /// Writable bytes of a value under construction.
  std::byte* allocate(std::size_t size);

  const ElementType* type_ = nullptr;
  Shape shape_;
  Index count_ = 0;
  std::size_t byte_size_ = 0;
  alignas(16) std::byte inline_[kInlineBytes] = {};
  std::shared_ptr<const std::byte[]> bytes_;
  std::shared_ptr<const std::vector<std::uint64_t>> offsets_;
  std::shared_ptr<LazyArray> lazy_;  ///< reads into `bytes_`
};

/// Named values: the inputs of a run, defaults, bound values.
using Inputs = std::map<std::string, Value>;

/// `count` points from `first` to `last`, both included (one point: `first`).
Value linspace(double first, double last, Index count);
namespace detail {
Value integer_range(std::int64_t start, std::int64_t stop, std::int64_t step);
Value number_range(double start, double stop, double step);
}  // namespace detail

/// As `{arange: [start, stop, step]}` of documents: from `start` in steps, without `stop`; integers where all are.
/// Throws `Error` (bad_option) for a step of 0, and (too_large) for more values than there can be.
template <class Start, class Stop, class Step = int>
Value arange(Start start, Stop stop, Step step = 1) {
  static_assert(std::is_arithmetic_v<Start> && std::is_arithmetic_v<Stop> && std::is_arithmetic_v<Step>,
                "mpipe: arange takes numbers");
  if constexpr (std::is_integral_v<Start> && std::is_integral_v<Stop> && std::is_integral_v<Step>) {
    return detail::integer_range(static_cast<std::int64_t>(start), static_cast<std::int64_t>(stop),
                                 static_cast<std::int64_t>(step));
  } else {
    return detail::number_range(static_cast<double>(start), static_cast<double>(stop),
                                static_cast<double>(step));
  }
}
/// From 0.
template <class Stop>
Value arange(Stop stop) {
  return arange(Stop{0}, stop);
}

/// Readable text of a value for messages: `1.5`, `"abc"`, `array of float64, shape (3, 4)`.
std::string describe(const Value& value);
/// Readable text of one element: numbers with all digits, strings quoted, anything else by its type.
std::string describe_element(const ElementType& type, std::span<const std::byte> bytes);

// ---------------------------------------------------------------------------------------------------------------

template <ValueSource T>
Value::Value(const T& value) {
  if constexpr (ArrayLike<T>) {
    using Item = typename ArrayItem<T>::type;
    *this = Value(element_type<Item>(), detail::shape_of(value));
    if constexpr (FixedValue<Item> && requires { value.data(); }) {
      std::byte* out = allocate(static_cast<std::size_t>(count_) * sizeof(Item));
      if (count_ != 0) std::memcpy(out, value.data(), byte_size_);
    } else {
      Bytes bytes;
      std::vector<std::uint64_t> offsets{0};
      for (const Item& item : value) {
        encode(item, bytes);
        offsets.push_back(bytes.size());
      }
      *this = copy_of(*type_, shape_, bytes, FixedValue<Item> ? std::span<const std::uint64_t>{} : offsets);
    }
  } else {
    *this = Value(element_type<T>(), Shape{});
    if constexpr (FixedValue<T>) {
      std::memcpy(allocate(sizeof(T)), &value, sizeof(T));
    } else {
      Bytes bytes;
      encode(value, bytes);
      const std::uint64_t offsets[] = {0, bytes.size()};
      *this = copy_of(*type_, {}, bytes, offsets);
    }
  }
}

namespace detail {
[[noreturn]] void throw_not_as(const Value& value, const ElementType& wanted, const char* form);
}

template <ElementValue T>
T Value::as() const {
  if (!has_value()) throw Bug("a value was asked of an empty mpipe::Value");
  using Item = typename ArrayItem<T>::type;
  if constexpr (ArrayLike<T>) {
    const ElementType& wanted = element_type<Item>();
    if (is_scalar()) detail::throw_not_as(*this, wanted, "an array");
    if constexpr (!requires(T a) { a.rank(); }) {
      if (rank() != 1) detail::throw_not_as(*this, wanted, "an array of rank 1");
      if constexpr (!requires(T a) { a.resize(1); })
        if (count() != static_cast<Index>(T{}.size()))
          detail::throw_not_as(*this, wanted, ("an array of length " + std::to_string(T{}.size())).c_str());
    }
    if (type() != wanted) return converted(wanted).as<T>();
    T array = detail::make_array<T>(shape_, array_type(wanted));
    fetch({0, count_});
    Index k = 0;
    for (auto&& item : array) item = decode<Item>(element(k++));
    return array;
  } else {
    const ElementType& wanted = element_type<T>();
    if (!is_scalar()) detail::throw_not_as(*this, wanted, "a scalar");
    if (type() != wanted) return converted(wanted).as<T>();
    return decode<T>(element(0));
  }
}

}  // namespace mpipe
