// SPDX-License-Identifier: BSD-3-Clause
// Writes values as JSON text.
#include "document/api/json_text.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <complex>
#include <functional>

namespace mpipe {
namespace {

using nlohmann::json;

template <class T>
T read(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

/// The shortest text that reads back as the same double, always with a sign that it is no integer.
std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  std::string text = fmt::format("{}", value);
  // Without the point, a reader would make an integer of 2.0.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

template <class T>
std::string complex_number(std::span<const std::byte> bytes) {
  const auto value = read<std::complex<T>>(bytes);
  return fmt::format("[{}, {}]", number(value.real()), number(value.imag()));
}

/// Nested lists of `shape`; `leaf(k)` is the text of the k-th value in C order.
void append_nested(std::string& out, std::span<const Index> shape, Index& k,
                   const std::function<std::string(Index)>& leaf) {
  if (shape.empty()) {
    out += leaf(k++);
    return;
  }
  out += '[';
  for (Index position = 0; position < shape.front(); ++position) {
    if (position > 0) out += ", ";
    append_nested(out, shape.subspan(1), k, leaf);
  }
  out += ']';
}

std::string nested(std::span<const Index> shape, const std::function<std::string(Index)>& leaf) {
  std::string out;
  Index k = 0;
  append_nested(out, shape, k, leaf);
  return out;
}

/// An array that is one element: see data/codec.hpp.
std::string array_text(const ElementType& type, std::span<const std::byte> bytes) {
  const ElementType& item = *type.item;
  ByteReader reader = detail::element_reader(bytes, type);
  const Shape shape = detail::read_shape(reader, item.fixed_size() ? item.size : sizeof(std::uint64_t));
  const auto count = static_cast<std::uint64_t>(element_count(shape));
  if (item.fixed_size()) return nested(shape, [&](Index) { return json_text(item, reader.take(item.size)); });
  // All lengths stand before the items, so two readers go through the bytes side by side.
  ByteReader lengths = detail::element_reader(reader.take(count * sizeof(std::uint64_t)), type);
  return nested(shape, [&](Index) { return json_text(item, reader.take(lengths.get<std::uint64_t>())); });
}

}  // namespace

std::string json_string(const std::string& text) {
  // Bytes that are no UTF-8 are replaced: otherwise one bad text would cost the whole output.
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string json_text(const ElementType& type, std::span<const std::byte> bytes) {
  switch (type.kind) {
    case Kind::boolean:
      return read<std::uint8_t>(bytes) != 0 ? "true" : "false";
    case Kind::int8:
      return fmt::format("{}", static_cast<int>(read<std::int8_t>(bytes)));
    case Kind::int16:
      return fmt::format("{}", read<std::int16_t>(bytes));
    case Kind::int32:
      return fmt::format("{}", read<std::int32_t>(bytes));
    case Kind::int64:
      return fmt::format("{}", read<std::int64_t>(bytes));
    case Kind::uint8:
      return fmt::format("{}", static_cast<unsigned>(read<std::uint8_t>(bytes)));
    case Kind::uint16:
      return fmt::format("{}", read<std::uint16_t>(bytes));
    case Kind::uint32:
      return fmt::format("{}", read<std::uint32_t>(bytes));
    case Kind::uint64:
      return fmt::format("{}", read<std::uint64_t>(bytes));
    case Kind::float32:
      return number(static_cast<double>(read<float>(bytes)));
    case Kind::float64:
      return number(read<double>(bytes));
    case Kind::complex64:
      return complex_number<float>(bytes);
    case Kind::complex128:
      return complex_number<double>(bytes);
    case Kind::string:
      return json_string({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    case Kind::array:
      return array_text(type, bytes);
    case Kind::object:
      return "null";
  }
  throw Bug("a value of an unknown kind");
}

std::string json_text(const Value& value, const std::vector<bool>& mask) {
  if (!value.has_value()) return "null";
  return nested(value.shape(), [&](Index k) {
    // An element that was not computed has bytes, too, which mean nothing.
    if (!mask.empty() && !mask[static_cast<std::size_t>(k)]) return std::string("null");
    return json_text(value.type(), value.element(k));
  });
}

}  // namespace mpipe
