// SPDX-License-Identifier: BSD-3-Clause
// Values: making, converting, reshaping, comparing and describing them, and their form between ranks.
#include <mpipe/data/value.hpp>

#include "core/api/hash.hpp"
#include "data/api/input_file.hpp"
#include "data/lazy_array.hpp"

#include <fmt/format.h>

#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <mutex>

namespace mpipe {
namespace {

/// Calls `visit` with a null pointer of the C++ type of a numeric kind.
template <class Visitor>
auto visit_numeric(Kind kind, Visitor&& visit) {
  switch (kind) {
    case Kind::boolean:
      return visit(static_cast<bool*>(nullptr));
    case Kind::int8:
      return visit(static_cast<std::int8_t*>(nullptr));
    case Kind::int16:
      return visit(static_cast<std::int16_t*>(nullptr));
    case Kind::int32:
      return visit(static_cast<std::int32_t*>(nullptr));
    case Kind::int64:
      return visit(static_cast<std::int64_t*>(nullptr));
    case Kind::uint8:
      return visit(static_cast<std::uint8_t*>(nullptr));
    case Kind::uint16:
      return visit(static_cast<std::uint16_t*>(nullptr));
    case Kind::uint32:
      return visit(static_cast<std::uint32_t*>(nullptr));
    case Kind::uint64:
      return visit(static_cast<std::uint64_t*>(nullptr));
    case Kind::float32:
      return visit(static_cast<float*>(nullptr));
    case Kind::float64:
      return visit(static_cast<double*>(nullptr));
    case Kind::complex64:
      return visit(static_cast<std::complex<float>*>(nullptr));
    case Kind::complex128:
      return visit(static_cast<std::complex<double>*>(nullptr));
    default:
      throw Bug("visit_numeric on a type that is not numeric");
  }
}

template <class T>
constexpr bool is_complex_v =
    std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>;

/// Converts one number, and says whether this may be done: a number has to come out exactly as it went in,
/// and a fraction never goes into a narrower type or an integer, even where this one happens to fit.
template <class To, class From>
bool convert_one(From from, To& to) {
  if constexpr (is_complex_v<To> && is_complex_v<From>) {
    typename To::value_type real{};
    typename To::value_type imaginary{};
    const bool exact = convert_one(from.real(), real);
    const bool both_exact = convert_one(from.imag(), imaginary) && exact;
    to = To(real, imaginary);
    return both_exact;
  } else if constexpr (is_complex_v<From>) {
    return false;
  } else if constexpr (is_complex_v<To>) {
    typename To::value_type real{};
    const bool exact = convert_one(from, real);
    to = To(real);
    return exact;
  } else if constexpr (std::is_floating_point_v<From>) {
    // `same_family` lets no fraction get as far as an integer type.
    to = static_cast<To>(from);
    return static_cast<From>(to) == from || std::isnan(from);
  } else if constexpr (std::is_floating_point_v<To>) {
    to = static_cast<To>(from);
    // 2^63 and 2^64 round up to values that the integer type cannot hold again.
    return to < static_cast<To>(std::numeric_limits<From>::max()) ? static_cast<From>(to) == from
                                                                  : sizeof(From) < sizeof(To);
  } else {
    to = static_cast<To>(from);
    return static_cast<From>(to) == from && ((to < To{}) == (from < From{}));
  }
}

template <class From, class To>
Value convert_all(const Value& value, const ElementType& type) {
  const auto count = static_cast<std::size_t>(value.count());
  auto bytes = std::make_shared_for_overwrite<std::byte[]>(count * sizeof(To));
  for (std::size_t k = 0; k < count; ++k) {
    From from;
    std::memcpy(&from, value.data() + k * sizeof(From), sizeof(From));
    To to{};
    if (!convert_one(from, to))
      throw Error(
          Category::type_mismatch,
          fmt::format(
              "the value {} (number {} of {}) cannot be held exactly by the type {} that is wanted here. "
              "Give a value of that type.",
              describe_element(value.type(), value.element(static_cast<Index>(k))), k, describe(value),
              type.name));
    std::memcpy(bytes.get() + k * sizeof(To), &to, sizeof(To));
  }
  return Value::from_bytes(type, value.shape(), std::move(bytes));
}

bool same_family(const ElementType& from, const ElementType& to) {
  // A fraction never becomes an integer, a complex number never a real one, and booleans are not numbers to
  // be made.
  if (from.kind == Kind::float32 || from.kind == Kind::float64)
    return !to.is_integer() && to.kind != Kind::boolean;
  if (to.kind == Kind::boolean) return from.kind == Kind::boolean;
  return true;
}

}  // namespace

Value::Value(const ElementType& type, Shape shape)
    : type_(&type), shape_(std::move(shape)), count_(element_count(shape_)) {}

void Value::swap(Value& other) noexcept {
  std::swap(type_, other.type_);
  std::swap(shape_, other.shape_);
  std::swap(count_, other.count_);
  std::swap(byte_size_, other.byte_size_);
  std::swap(inline_, other.inline_);
  std::swap(bytes_, other.bytes_);
  std::swap(offsets_, other.offsets_);
  std::swap(lazy_, other.lazy_);
}

/// The bytes are those of one element of type array<T>: its shape, for items of varying size their lengths,
/// and the items. They may come from a file, so that every number in them is checked against what is there.
Value Value::open_array(const ElementType& type, std::span<const std::byte> bytes) {
  if (type.kind != Kind::array) throw Bug("Value::open_array of an element that is no array");
  const ElementType& item = *type.item;
  ByteReader reader = detail::element_reader(bytes, type);
  Shape shape = detail::read_shape(reader, item.fixed_size() ? item.size : sizeof(std::uint64_t));
  const auto count = static_cast<std::size_t>(element_count(shape));
  std::vector<std::uint64_t> offsets;
  if (!item.fixed_size()) {
    ByteReader lengths = detail::element_reader(reader.take(count * sizeof(std::uint64_t)), type);
    offsets.push_back(0);
    while (!lengths.at_end()) offsets.push_back(offsets.back() + lengths.get<std::uint64_t>());
    // Lengths whose sum wraps around would make the offsets fall, and so give an item a length below zero.
    const bool grows = std::is_sorted(offsets.begin(), offsets.end());
    if (!grows || offsets.back() != reader.remaining())
      detail::throw_bad_encoding(type, "its lengths are wrong");
  } else if (reader.remaining() != count * item.size) {
    detail::throw_bad_encoding(type, "its length is wrong");
  }
  const auto items = reader.take(reader.remaining());
  if (item.kind == Kind::boolean) detail::check_booleans(items, type);
  return copy_of(item, std::move(shape), items, offsets);
}

std::byte* Value::allocate(std::size_t size) {
  byte_size_ = size;
  if (size <= kInlineBytes) return inline_;
  auto bytes = std::make_shared_for_overwrite<std::byte[]>(size);
  std::byte* out = bytes.get();
  bytes_ = std::move(bytes);
  return out;
}

Value Value::from_bytes(const ElementType& type, Shape shape, std::shared_ptr<const std::byte[]> bytes) {
  if (!type.fixed_size()) throw Bug("Value::from_bytes needs a type of fixed size");
  Value value(type, std::move(shape));
  value.byte_size_ = static_cast<std::size_t>(value.count_) * type.size;
  value.bytes_ = std::move(bytes);
  return value;
}

Value Value::from_source(const ElementType& type, Shape shape, std::shared_ptr<const ArraySource> source) {
  if (!type.fixed_size()) throw Bug("Value::from_source needs a type of fixed size");
  const Index count = element_count(shape);
  auto lazy = std::make_shared<LazyArray>(std::move(source), count, type.size);
  Value value = from_bytes(type, std::move(shape), lazy->memory());
  value.lazy_ = std::move(lazy);
  return value;
}

void Value::fetch(IndexRange elements) const {
  if (lazy_) lazy_->fetch(elements);
}

const ArraySource* Value::source() const { return lazy_ ? &lazy_->source() : nullptr; }

Value Value::copy_of(const ElementType& type, Shape shape, std::span<const std::byte> bytes,
                     std::span<const std::uint64_t> offsets) {
  Value value(type, std::move(shape));
  const auto count = static_cast<std::size_t>(value.count_);
  if (type.fixed_size() ? bytes.size() != count * type.size : offsets.size() != count + 1)
    throw Bug("Value::copy_of: the bytes do not fit the shape " + mpipe::to_string(value.shape_));
  std::byte* out = value.allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  if (!type.fixed_size())
    value.offsets_ = std::make_shared<const std::vector<std::uint64_t>>(offsets.begin(), offsets.end());
  return value;
}

std::span<const std::byte> Value::element(Index k) const {
  const auto at = static_cast<std::size_t>(k);
  // The element has to be read before anybody looks at its address: until then its pages hold zeros.
  fetch({k, k + 1});
  if (!offsets_) return {address() + at * type_->size, type_->size};
  return {address() + (*offsets_)[at], static_cast<std::size_t>((*offsets_)[at + 1] - (*offsets_)[at])};
}

namespace {

/// Whether no value of `from` can be refused by `to`: 64-bit integers as floating point are widened, but
/// checked.
bool always_fits(const ElementType& from, const ElementType& to) {
  return widens(from, to) && (to.is_integer() || !from.is_integer() || from.size < sizeof(std::int64_t));
}

/// The values of another array, which has a source, as another type.
class ConvertedSource final : public ArraySource {
 public:
  ConvertedSource(Value value, const ElementType& type) : value_(std::move(value)), type_(type) {}
  Index piece() const override { return value_.source()->piece(); }
  void read(IndexRange elements, std::byte* to) const override {
    // What is read only to be converted is not kept.
    Bytes read(static_cast<std::size_t>(elements.size()) * value_.type().size);
    value_.source()->read(elements, read.data());
    const Value piece = Value::copy_of(value_.type(), {elements.size()}, read).converted(type_);
    std::memcpy(to, piece.data(), piece.byte_size());
  }
  void check_same() const override { value_.source()->check_same(); }

 private:
  Value value_;
  const ElementType& type_;
};

}  // namespace

Value Value::converted(const ElementType& type) const {
  if (*type_ == type) return *this;
  if (!type_->is_numeric() || !type.is_numeric() || !same_family(*type_, type))
    throw Error(Category::type_mismatch,
                fmt::format("{} was given where {} is wanted. Give a value of that type.", describe(*this),
                            type.name));
  // An array that is not in memory stays out of it when it is converted, but only if no value can be refused:
  // else the error would come up in the middle of a run, far from the input that is wrong.
  if (count_ > 0 && lazy_ && always_fits(*type_, type))
    return from_source(type, shape_, std::make_shared<ConvertedSource>(*this, type));
  return visit_numeric(type_->kind, [&](auto* from) {
    return visit_numeric(type.kind, [&](auto* to) {
      return convert_all<std::remove_pointer_t<decltype(from)>, std::remove_pointer_t<decltype(to)>>(*this,
                                                                                                     type);
    });
  });
}

Value Value::reshaped(Shape shape) const {
  if (element_count(shape) != count_) throw Bug("Value::reshaped to another number of elements");
  Value value = *this;
  value.shape_ = std::move(shape);
  return value;
}

/// All that stands before the values.
Bytes Value::wire_header() const {
  Bytes out;
  const std::uint64_t name_length = type_->name.size();
  detail::append(out, &name_length, sizeof(name_length));
  detail::append(out, type_->name.data(), name_length);
  detail::append(out, &type_->kind, sizeof(type_->kind));
  detail::write_shape(shape_, out);
  if (offsets_) detail::append(out, offsets_->data(), offsets_->size() * sizeof(std::uint64_t));
  return out;
}

Bytes Value::to_wire() const {
  Bytes out = wire_header();
  detail::append(out, data(), byte_size_);
  return out;
}

std::uint64_t Value::digest() const {
  std::uint64_t digest = fnv1a(std::span<const std::byte>(wire_header()));
  if (!lazy_) return fnv1a({data(), byte_size_}, digest);
  // The pieces are read past the array's own memory, so that asking for the digest of a file does not fill
  // the memory with it. The hash goes on from piece to piece and is that of the values in one piece.
  const Index piece = std::min(lazy_->source().piece(), count_);
  Bytes bytes(static_cast<std::size_t>(piece) * type_->size);
  for (IndexRange range{0, piece}; !range.empty(); range = {range.end, std::min(range.end + piece, count_)}) {
    lazy_->source().read(range, bytes.data());
    digest = fnv1a(std::span(bytes).first(static_cast<std::size_t>(range.size()) * type_->size), digest);
  }
  return digest;
}

namespace {

/// The description of a type that came over the wire. Objects get a description of their own: equal by name.
const ElementType& wire_type(Kind kind, const std::string& name, const ElementType& error_type,
                             int depth = 0) {
  constexpr int kMaxNesting = 16;  // arrays of arrays of ..; the bytes must not decide how deep this goes
  if (kind == Kind::object) {
    static std::mutex mutex;
    static std::map<std::string, ElementType> objects;
    const std::lock_guard lock(mutex);
    return objects.try_emplace(name, ElementType{Kind::object, name, 0, nullptr}).first->second;
  }
  if (kind == Kind::array) {
    constexpr std::string_view prefix = "array<";
    if (depth == kMaxNesting || name.size() <= prefix.size() + 1 || !name.starts_with(prefix) ||
        !name.ends_with('>'))
      detail::throw_bad_encoding(error_type, "unknown type");
    const std::string item = name.substr(prefix.size(), name.size() - prefix.size() - 1);
    if (const ElementType* basic = find_element_type(item)) return array_type(*basic);
    const Kind item_kind = item.starts_with(prefix) ? Kind::array : Kind::object;
    return array_type(wire_type(item_kind, item, error_type, depth + 1));
  }
  const ElementType* type = find_element_type(name);
  if (type == nullptr || type->kind != kind) detail::throw_bad_encoding(error_type, "unknown type");
  return *type;
}

}  // namespace

Value Value::from_wire(std::span<const std::byte> bytes) {
  static const ElementType unknown{Kind::object, "value", 0, nullptr};
  ByteReader reader = detail::element_reader(bytes, unknown);
  // The wire is not trusted: each length is taken from the reader, which fails when there are fewer bytes,
  // and the type is looked up before it decides how the rest is read.
  const auto name_bytes = reader.take(reader.get<std::uint64_t>());
  const std::string name(reinterpret_cast<const char*>(name_bytes.data()), name_bytes.size());
  const auto kind = static_cast<Kind>(reader.take(1)[0]);
  const ElementType& type = wire_type(kind, name, unknown);
  const Shape shape = detail::read_shape(reader, type.fixed_size() ? type.size : sizeof(std::uint64_t));
  const auto count = static_cast<std::size_t>(element_count(shape));
  if (type.fixed_size()) {
    const auto values = reader.take(count * type.size);
    if (kind == Kind::boolean) detail::check_booleans(values, type);
    reader.expect_end();
    return copy_of(type, shape, values);
  }
  ByteReader numbers = detail::element_reader(reader.take((count + 1) * sizeof(std::uint64_t)), type);
  std::vector<std::uint64_t> offsets;
  offsets.reserve(count + 1);
  while (!numbers.at_end()) offsets.push_back(numbers.get<std::uint64_t>());
  const auto values = reader.take(reader.remaining());
  // Offsets that fall or point behind the end would let elements reach into foreign memory.
  if (offsets.front() != 0 || offsets.back() != values.size() ||
      !std::is_sorted(offsets.begin(), offsets.end()))
    detail::throw_bad_encoding(type, "its offsets are wrong");
  return copy_of(type, shape, values, offsets);
}

/// Compares bytes, as digests do: a NaN equals itself, and 0.0 and -0.0 differ.
bool operator==(const Value& a, const Value& b) {
  if (!a.has_value() || !b.has_value()) return a.has_value() == b.has_value();
  return a.type() == b.type() && a.shape_ == b.shape_ && a.byte_size_ == b.byte_size_ &&
         (a.byte_size_ == 0 || std::memcmp(a.data(), b.data(), a.byte_size_) == 0) &&
         (!a.offsets_ || *a.offsets_ == *b.offsets_);
}

Value linspace(double first, double last, Index count) {
  if (count < 0) throw Error(Category::too_large, "linspace cannot have a negative number of points.");
  Array<double> points(Shape{count});
  for (Index k = 0; k < count; ++k)
    // The last point is `last` itself, and not what rounding made of it.
    points[k] = k == count - 1 && k > 0 ? last
                                        : first + static_cast<double>(k) * (last - first) /
                                                      static_cast<double>(std::max<Index>(count - 1, 1));
  return points;
}

namespace {

void refuse_endless(bool endless) {
  if (!endless) return;
  throw Error(Category::bad_option,
              "The step of arange is 0 or no number (it would never end). Use another step.");
}

/// `count` values, the k-th of which is `point(k)`. Throws `Error` (too_large) when the memory cannot hold them.
template <FixedValue T, class Point>
Value filled(Index count, Point point) {
  detail::check_fits({count}, sizeof(T));
  std::shared_ptr<std::byte[]> bytes(new std::byte[static_cast<std::size_t>(count) * sizeof(T)]);
  T* const values = reinterpret_cast<T*>(bytes.get());
  for (Index k = 0; k < count; ++k) values[k] = point(k);
  return Value::from_bytes(element_type<T>(), {count}, std::move(bytes));
}

// More than fits into an `Index`, and more than any memory.
constexpr std::uint64_t kMostPoints = std::uint64_t{1} << 62U;

}  // namespace

Value detail::integer_range(std::int64_t first, std::int64_t last, std::int64_t step) {
  refuse_endless(step == 0);
  // Unsigned arithmetic: the distance of two int64 always fits, and wraps right.
  const auto start = static_cast<std::uint64_t>(first);
  const auto stop = static_cast<std::uint64_t>(last);
  const auto stride = static_cast<std::uint64_t>(step);
  std::uint64_t count = 0;
  if (step > 0 && first < last) count = (stop - start - 1) / stride + 1;
  if (step < 0 && first > last) count = (start - stop - 1) / (0 - stride) + 1;
  return filled<std::int64_t>(static_cast<Index>(std::min(count, kMostPoints)), [&](Index k) {
    return static_cast<std::int64_t>(start + static_cast<std::uint64_t>(k) * stride);
  });
}

Value detail::number_range(double start, double stop, double step) {
  const double steps = std::ceil((stop - start) / step);
  refuse_endless(step == 0 || std::isnan(steps));
  const double count = std::min(std::max(0.0, steps), static_cast<double>(kMostPoints));
  // Each point is computed from the start: steps that are added up would also add up their rounding errors.
  return filled<double>(static_cast<Index>(count),
                        [&](Index k) { return start + static_cast<double>(k) * step; });
}

std::string describe_element(const ElementType& type, std::span<const std::byte> bytes) {
  constexpr std::size_t kMaxText = 200;
  if (type.kind == Kind::string) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                                std::min(bytes.size(), kMaxText));
    return fmt::format("\"{}{}\"", text, bytes.size() > kMaxText ? ".." : "");
  }
  if (!type.is_numeric()) return "<" + type.name + ">";
  return visit_numeric(type.kind, [&](auto* pointer) -> std::string {
    using T = std::remove_pointer_t<decltype(pointer)>;
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    if constexpr (is_complex_v<T>)
      return fmt::format("({}, {})", value.real(), value.imag());
    else
      return fmt::format("{}", value);
  });
}

std::string describe(const Value& value) {
  if (!value.has_value()) return "nothing";
  if (value.is_scalar()) return describe_element(value.type(), value.element(0));
  return fmt::format("array of {}, shape {}", value.type().name, to_string(value.shape()));
}

void detail::throw_not_as(const Value& value, const ElementType& wanted, const char* form) {
  throw Error(Category::rank_mismatch,
              fmt::format("{} was given where {} of {} is wanted.", describe(value), form, wanted.name));
}

}  // namespace mpipe
