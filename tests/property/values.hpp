// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Values of every type, each made from a number: whoever knows the number (*code*) knows the value, bit by
/// bit. So that a plain interpreter of pipelines needs to keep numbers only.
#pragma once

#include <mpipe/data/value.hpp>

#include "unit/data/particle.hpp"

#include <bit>
#include <complex>
#include <cstring>
#include <string>

namespace mpipe::property {

using Code = std::uint64_t;

/// A good mixing of two numbers into one (the finaliser of SplitMix64).
inline Code mix(Code a, Code b) {
  Code z = a * 0x9E3779B97F4A7C15ULL + b + 0x632BE59BD9B4E019ULL;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

/// The value with that code. Floating point values have any bits: infinities and not-a-numbers with payloads
/// as well.
template <class T>
T make(Code code) {
  if constexpr (std::is_same_v<T, bool>) {
    return (code & 1U) != 0;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(code);
  } else if constexpr (std::is_same_v<T, float>) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(code));
  } else if constexpr (std::is_same_v<T, double>) {
    if (code % 8 == 0) code |= 0x7FF8000000000000ULL;
    return std::bit_cast<double>(code);
  } else if constexpr (std::is_same_v<T, std::complex<double>>) {
    return {make<double>(mix(code, 1)), make<double>(mix(code, 2))};
  } else if constexpr (std::is_same_v<T, std::string>) {
    static const char* const kPieces[] = {"a", "bc", "ä", "語", "😀", " ", "\n"};
    const Code length = code % 50 == 0 ? 3000 : code % 5;
    std::string text;
    for (Code k = 0; k < length; ++k) text += kPieces[mix(code, k) % std::size(kPieces)];
    if (code % 61 == 1) text += '\0';
    return text;
  } else {
    test::Particle particle;
    particle.name = make<std::string>(mix(code, 1));
    for (Code k = 0; k < code % 3; ++k) particle.position.push_back(make<double>(mix(code, 2 + k)));
    particle.charge = make<int>(mix(code, 9));
    return particle;
  }
}

/// A number that (nearly) only this value has.
template <class T>
Code digest(const T& value) {
  if constexpr (std::is_same_v<T, std::complex<double>>) {
    return mix(digest(value.real()), digest(value.imag()));
  } else if constexpr (FixedValue<T>) {
    Code bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    return mix(7, bits);
  } else if constexpr (std::is_same_v<T, std::string>) {
    Code code = value.size();
    for (const char c : value) code = mix(code, static_cast<unsigned char>(c));
    return code;
  } else if constexpr (ArrayLike<T>) {
    Code code = 11;
    for (const Index extent : detail::shape_of(value)) code = mix(code, static_cast<Code>(extent));
    for (const auto& item : value) code = mix(code, digest(item));
    return code;
  } else {
    Code code = mix(digest(value.name), value.position.size());
    for (const double x : value.position) code = mix(code, digest(x));
    return mix(code, digest(value.charge));
  }
}

/// Which arrays a function returns: all of one shape, or of a shape that follows from the code of each.
struct ArrayRule {
  Shape shape;
  bool ragged = false;
  bool any_rank = false;  ///< of ragged ones: from 0 to 4 axes each

  Shape of(Code code) const {
    if (!ragged) return shape;
    Shape own(any_rank ? code % 5 : shape.size());
    for (std::size_t axis = 0; axis < own.size(); ++axis) own[axis] = static_cast<Index>(mix(code, axis) % 4);
    return own;
  }
};

inline Code code_of_item(Code array, Index k) { return mix(array, 1000 + static_cast<Code>(k)); }

template <class T>
Array<T> make_array(const ArrayRule& rule, Code code) {
  Array<T> array(rule.of(code));
  for (Index k = 0; k < array.size(); ++k) array[k] = make<T>(code_of_item(code, k));
  return array;
}

}  // namespace mpipe::property
