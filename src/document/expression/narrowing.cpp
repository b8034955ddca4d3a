// SPDX-License-Identifier: BSD-3-Clause
// Converts doubles to other types, each value exactly or not at all; only floats are rounded.
#include "document/expression/narrowing.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace mpipe::detail {
namespace {

/// The bounds are powers of two, which doubles hold; the largest integer itself is none. A NaN fails all
/// comparisons.
template <class T>
bool holds(double value) {
  constexpr double kFirst = static_cast<double>(std::numeric_limits<T>::min());
  const double behind_last = std::ldexp(1.0, std::numeric_limits<T>::digits);
  return value >= kFirst && value < behind_last && value == std::trunc(value);
}

template <class T>
Index narrow_to(const double* values, Index n, std::byte* out) {
  for (Index k = 0; k < n; ++k) {
    if constexpr (std::is_integral_v<T>)
      if (!holds<T>(values[k])) return k;
    const T narrow = static_cast<T>(values[k]);
    std::memcpy(out + static_cast<std::size_t>(k) * sizeof(T), &narrow, sizeof(T));
  }
  return n;
}

Index widen_to_complex(const double* values, Index n, std::byte* out) {
  for (Index k = 0; k < n; ++k) {
    const double pair[2] = {values[k], 0.0};
    std::memcpy(out + static_cast<std::size_t>(k) * sizeof(pair), pair, sizeof(pair));
  }
  return n;
}

/// What values of a type are, for somebody whose value is none.
std::string what_it_holds(const ElementType& type) {
  if (type.kind == Kind::boolean) return "0 or 1";
  const bool has_sign = Kind::int8 <= type.kind && type.kind <= Kind::int64;
  const auto bits = 8 * type.size;
  return has_sign ? fmt::format("a whole number from -2^{0} to 2^{0} - 1", bits - 1)
                  : fmt::format("a whole number from 0 to 2^{} - 1", bits);
}

}  // namespace

bool is_expression_type(const ElementType& type) { return type.is_real() || type.kind == Kind::complex128; }

Index narrow(const double* values, Index n, const ElementType& type, std::byte* out) {
  switch (type.kind) {
    case Kind::boolean:
      return narrow_to<bool>(values, n, out);
    case Kind::int8:
      return narrow_to<std::int8_t>(values, n, out);
    case Kind::int16:
      return narrow_to<std::int16_t>(values, n, out);
    case Kind::int32:
      return narrow_to<std::int32_t>(values, n, out);
    case Kind::int64:
      return narrow_to<std::int64_t>(values, n, out);
    case Kind::uint8:
      return narrow_to<std::uint8_t>(values, n, out);
    case Kind::uint16:
      return narrow_to<std::uint16_t>(values, n, out);
    case Kind::uint32:
      return narrow_to<std::uint32_t>(values, n, out);
    case Kind::uint64:
      return narrow_to<std::uint64_t>(values, n, out);
    case Kind::float32:
      return narrow_to<float>(values, n, out);
    case Kind::complex128:
      return widen_to_complex(values, n, out);
    default:
      return narrow_to<double>(values, n, out);
  }
}

void refuse_value(const ExpressionTrees& trees, NodeId root, double value, const ElementType& type) {
  const std::string& text = trees.texts[trees.nodes[root].expression];
  throw Error(
      Category::function_raised,
      fmt::format("the expression '{}' gave {}, which is no {} (its dtype: {}). Round it, or give the "
                  "output another dtype.",
                  text.size() > 200 ? text.substr(0, 200) + ".." : text, value, type.name,
                  what_it_holds(type)));
}

}  // namespace mpipe::detail
