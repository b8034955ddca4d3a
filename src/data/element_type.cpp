// SPDX-License-Identifier: BSD-3-Clause
// The table of number and string types, and which of them convert to which without loss.
#include <mpipe/core/error.hpp>
#include <mpipe/data/element_type.hpp>

#include <map>
#include <mutex>

namespace mpipe {
namespace {

/// The table has the order of `Kind`, by which `element_type` looks into it.
const std::array<ElementType, 14>& basic_types() {
  static const std::array<ElementType, 14> types{{
      {Kind::boolean, "bool", 1, nullptr},
      {Kind::int8, "int8", 1, nullptr},
      {Kind::int16, "int16", 2, nullptr},
      {Kind::int32, "int32", 4, nullptr},
      {Kind::int64, "int64", 8, nullptr},
      {Kind::uint8, "uint8", 1, nullptr},
      {Kind::uint16, "uint16", 2, nullptr},
      {Kind::uint32, "uint32", 4, nullptr},
      {Kind::uint64, "uint64", 8, nullptr},
      {Kind::float32, "float32", 4, nullptr},
      {Kind::float64, "float64", 8, nullptr},
      {Kind::complex64, "complex64", 8, nullptr},
      {Kind::complex128, "complex128", 16, nullptr},
      {Kind::string, "str", 0, nullptr},
  }};
  return types;
}

/// Bits of the significand, or of an integer without its sign.
int precision_bits(Kind kind) {
  switch (kind) {
    case Kind::boolean:
      return 1;
    case Kind::int8:
      return 7;
    case Kind::int16:
      return 15;
    case Kind::int32:
      return 31;
    case Kind::int64:
      return 63;
    case Kind::uint8:
      return 8;
    case Kind::uint16:
      return 16;
    case Kind::uint32:
      return 32;
    case Kind::uint64:
      return 64;
    case Kind::float32:
    case Kind::complex64:
      return 24;
    default:
      return 53;
  }
}

bool is_unsigned(Kind kind) { return kind == Kind::boolean || (Kind::uint8 <= kind && kind <= Kind::uint64); }
bool is_complex(Kind kind) { return kind == Kind::complex64 || kind == Kind::complex128; }

}  // namespace

std::string_view ElementType::dtype() const {
  return kind == Kind::array || kind == Kind::object ? std::string_view("object") : std::string_view(name);
}

const ElementType& element_type(Kind kind) {
  const auto index = static_cast<std::size_t>(kind);
  if (index >= basic_types().size()) throw Bug("array and object types have no single description");
  return basic_types()[index];
}

const ElementType* find_element_type(std::string_view dtype) {
  for (const ElementType& type : basic_types())
    if (type.name == dtype) return &type;
  return nullptr;
}

/// Types are told apart by their names and handed out by reference for as long as the process lives: the
/// nodes of a map never move, and nobody removes one.
const ElementType& array_type(const ElementType& item) {
  static std::mutex mutex;
  static std::map<std::string, ElementType> types;
  const std::lock_guard lock(mutex);
  // The item is copied into the map as well: a description must outlive the plugin that asked for it.
  const auto [owned_item, unused] = types.try_emplace(item.name, item);
  const std::string name = "array<" + item.name + ">";
  return types.try_emplace(name, ElementType{Kind::array, name, 0, &owned_item->second}).first->second;
}

bool widens(const ElementType& from, const ElementType& to) {
  if (from == to) return true;
  if (!from.is_numeric() || !to.is_numeric() || to.kind == Kind::boolean) return false;
  // The questions stand in this order because each one settles a family: complex numbers first, then what
  // every number fits into, then fractions. What remains behind them are integers and booleans, which fit
  // where no bit is lost and no sign.
  if (is_complex(from.kind)) return to.kind == Kind::complex128;
  if (to.kind == Kind::float64 || to.kind == Kind::complex128) return true;
  if (!from.is_real() || from.kind == Kind::float32 || from.kind == Kind::float64)
    return from.kind == Kind::float32 && is_complex(to.kind);
  if (is_unsigned(to.kind) && !is_unsigned(from.kind)) return false;
  return precision_bits(from.kind) <= precision_bits(to.kind);
}

}  // namespace mpipe
