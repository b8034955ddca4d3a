// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The types that values may have, as compile-time traits and as run-time descriptions.
#pragma once

#include <mpipe/core/failure.hpp>
#include <mpipe/data/array.hpp>

#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <vector>

namespace mpipe {

enum class Kind : std::uint8_t {
  boolean,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float32,
  float64,
  complex64,
  complex128,
  string,
  array,   ///< an array (of its own shape) as one element
  object,  ///< a user type, as a Boost archive
};

/// Run-time description of the type of an element. One per type and program; compare with `==`, which also
/// holds across shared libraries.
struct ElementType {
  Kind kind = Kind::float64;
  std::string name;                   ///< `float64`, `string`, `array<float64>`, or the user type's C++ name
  std::size_t size = 0;               ///< bytes of one value in a buffer; 0 when values vary in size
  const ElementType* item = nullptr;  ///< of an array: the type of its items

  bool fixed_size() const { return size != 0; }
  bool is_integer() const { return Kind::int8 <= kind && kind <= Kind::uint64; }
  bool is_real() const { return kind <= Kind::float64; }  ///< booleans, integers and floating point
  bool is_numeric() const { return kind <= Kind::complex128; }
  /// numpy's name of the type, as shown to users: `float64`, `bool`, `str`, `object`.
  std::string_view dtype() const;

  friend bool operator==(const ElementType& a, const ElementType& b) {
    return a.kind == b.kind && a.name == b.name;
  }
};

/// The description of a numeric or string kind. Throws `Bug` for array and object.
const ElementType& element_type(Kind kind);
/// The numeric or string type with that dtype name (`float64`, `str`, ..), or nullptr.
const ElementType* find_element_type(std::string_view dtype);
/// The type of arrays of `item`s as elements.
const ElementType& array_type(const ElementType& item);

/// True when every value of `from` is a value of `to` up to floating point rounding of 64-bit integers: the
/// conversions that happen by themselves on an edge (integer to wider integer, integer or float to double,
/// ..).
bool widens(const ElementType& from, const ElementType& to);

// ---------------------------------------------------------------------------------------------------------------
// Compile-time side

/// `std::complex` of float or double, or what is laid out like it. It is known by its members, as `<complex>`
/// brings along much that programs without complex numbers would have to compile.
template <class T>
concept ComplexValue = std::is_trivially_copyable_v<T> && requires(const T& number) {
  { number.real() } -> std::same_as<typename T::value_type>;
  { number.imag() } -> std::same_as<typename T::value_type>;
  requires std::is_same_v<typename T::value_type, float> || std::is_same_v<typename T::value_type, double>;
  requires sizeof(T) == 2 * sizeof(typename T::value_type);
};

/// Values whose bytes are stored and sent as they are.
template <class T>
concept FixedValue = std::is_same_v<T, bool> ||(std::is_integral_v<T> && !std::is_same_v<T, char>) ||
                     std::is_same_v<T, float> || std::is_same_v<T, double> || ComplexValue<T>;

template <class T>
struct ArrayItem {
  using type = void;
};
template <class T>
struct ArrayItem<Array<T>> {
  using type = T;
};
template <class T, class A>
struct ArrayItem<std::vector<T, A>> {
  using type = T;
};
template <class T, std::size_t N>
struct ArrayItem<std::array<T, N>> {
  using type = T;
};
template <class T>
struct ArrayItem<ArrayView<T>> {
  using type = std::remove_const_t<T>;
};

/// `Array<T>`, `std::vector<T>`, `std::array<T, N>` or `ArrayView<const T>`.
template <class T>
concept ArrayLike = !std::is_void_v<typename ArrayItem<T>::type>;

/// A type that can be an element: a number, a string, an array of such, or a class with Boost.Serialization
/// support.
template <class T>
concept ElementValue = FixedValue<T> || std::is_same_v<T, std::string> || ArrayLike<T> ||
    (std::is_class_v<T>&& std::is_default_constructible_v<T>&& std::is_copy_constructible_v<T>);

template <class T>
consteval Kind fixed_kind() {
  static_assert(FixedValue<T>);
  if constexpr (std::is_same_v<T, bool>) return Kind::boolean;
  if constexpr (std::is_same_v<T, float>) return Kind::float32;
  if constexpr (std::is_same_v<T, double>) return Kind::float64;
  if constexpr (ComplexValue<T>) return sizeof(T) == 8 ? Kind::complex64 : Kind::complex128;
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    constexpr int log_size = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    const int first = static_cast<int>(std::is_signed_v<T> ? Kind::int8 : Kind::uint8);
    return static_cast<Kind>(first + log_size);
  }
}

template <ElementValue T>
const ElementType& element_type() {
  if constexpr (FixedValue<T>) {
    return element_type(fixed_kind<T>());
  } else if constexpr (std::is_same_v<T, std::string>) {
    return element_type(Kind::string);
  } else if constexpr (ArrayLike<T>) {
    return array_type(element_type<typename ArrayItem<T>::type>());
  } else {
    static const ElementType type{Kind::object, type_name(typeid(T)), 0, nullptr};
    return type;
  }
}

}  // namespace mpipe
