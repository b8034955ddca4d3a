// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `InternalShape`: what is declared of the axes that a function makes itself.
#pragma once

#include <mpipe/core/shape.hpp>

#include <concepts>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mpipe {

/// The length of one internal axis: a number of elements, or not known beforehand (`"?"`, `std::nullopt`).
/// Holds whatever it is given; `InternalShape::extents` says what is wrong with it.
class InternalExtent {
 public:
  template <std::integral T>
  requires(!std::same_as<T, bool>)
      InternalExtent(T length)  // NOLINT(google-explicit-constructor): reads `{"?", 3}`
      : known_(static_cast<Index>(length)), text_(std::to_string(length)) {}
  InternalExtent(std::nullopt_t) {}                             // NOLINT(google-explicit-constructor)
  InternalExtent(std::string text) : text_(std::move(text)) {}  // NOLINT(google-explicit-constructor)
  InternalExtent(const char* text) : text_(text) {}             // NOLINT(google-explicit-constructor)

  bool is_valid() const { return known_ ? *known_ >= 0 : text_ == "?"; }
  const std::optional<Index>& known() const { return known_; }
  const std::string& text() const { return text_; }

 private:
  std::optional<Index> known_;
  std::string text_ = "?";
};

/// The extents of an output's internal axes, in their order: `5` or `"?"` for one axis, `{"?", 3}` for two.
class InternalShape {
 public:
  InternalShape() = default;
  InternalShape(std::initializer_list<InternalExtent> extents) : extents_(extents) {}
  explicit InternalShape(std::vector<InternalExtent> extents) : extents_(std::move(extents)) {}
  InternalShape(const PartialShape& shape);  // NOLINT(google-explicit-constructor)
  template <class T>
  requires(std::convertible_to<const T&, InternalExtent> && !std::convertible_to<const T&, PartialShape>)
      InternalShape(const T& extent)  // NOLINT(google-explicit-constructor): `{"x", 5}` in a map
      : extents_{InternalExtent(extent)} {}

  /// Throws `Error` (internal_shape_type) that names `output` when an extent is neither a number of elements
  /// nor `"?"`.
  PartialShape extents(const std::string& output) const;

 private:
  std::vector<InternalExtent> extents_;
};

/// Internal shapes by output.
using InternalShapes = std::map<std::string, InternalShape>;

}  // namespace mpipe
