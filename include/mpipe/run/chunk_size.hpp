// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How many elements of a function make a block.
#pragma once

#include <mpipe/core/index.hpp>

#include <concepts>
#include <functional>
#include <optional>
#include <utility>

namespace mpipe {

/// A number of elements, a function of how many there are to compute, or automatic.
class ChunkSize {
 public:
  ChunkSize() = default;  ///< automatic
  template <std::integral I>
  ChunkSize(I elements) : number_(static_cast<Index>(elements)) {}  // NOLINT(google-explicit-constructor)
  /// Called on rank 0 with the number of elements that are to be computed, when their stage begins; not when
  /// there are none.
  template <class F>
  requires std::is_invocable_r_v<Index, F, Index> ChunkSize(F size_of)  // NOLINT(google-explicit-constructor)
      : size_of_(std::move(size_of)) {}

  /// The number, when it is one.
  std::optional<Index> number() const { return number_; }
  bool is_function() const { return size_of_ != nullptr; }
  /// For `todo` elements; empty: automatic.
  std::optional<Index> of(Index todo) const {
    return is_function() ? std::optional(size_of_(todo)) : number_;
  }

 private:
  std::optional<Index> number_;
  std::function<Index(Index)> size_of_;
};

}  // namespace mpipe
