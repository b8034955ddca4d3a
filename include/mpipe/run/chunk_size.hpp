// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How many elements of a function make a block.
#pragma once

#include <mpipe/core/index.hpp>

#include <concepts>
#include <functional>
#include <optional>
#include <utility>
#include <variant>

namespace mpipe {

/// A number of elements, a function of how many there are to compute, or automatic.
class ChunkSize {
 public:
  ChunkSize() = default;  ///< automatic
  template <std::integral I>
  ChunkSize(I elements) : how_(static_cast<Index>(elements)) {}  // NOLINT(google-explicit-constructor)
  /// Called on rank 0 with the number of elements that are to be computed, when their stage begins; not when
  /// there are none.
  template <class F>
  requires std::is_invocable_r_v<Index, F, Index> ChunkSize(F size_of)  // NOLINT(google-explicit-constructor)
      : how_(std::function<Index(Index)>(std::move(size_of))) {}

  /// The number, when it is one.
  std::optional<Index> number() const {
    const Index* elements = std::get_if<Index>(&how_);
    return elements == nullptr ? std::nullopt : std::optional(*elements);
  }
  bool is_function() const { return std::holds_alternative<std::function<Index(Index)>>(how_); }
  /// For `todo` elements; empty: automatic.
  std::optional<Index> of(Index todo) const {
    const auto* size_of = std::get_if<std::function<Index(Index)>>(&how_);
    return size_of == nullptr ? number() : std::optional((*size_of)(todo));
  }

 private:
  std::variant<std::monostate, Index, std::function<Index(Index)>> how_;
};

}  // namespace mpipe
