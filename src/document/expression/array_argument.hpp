// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One argument of an expression with arrays, as a double or an array of doubles.
#pragma once

#include <mpipe/pipeline/function_body.hpp>

#include "document/expression/argument_reader.hpp"

#include <memory>
#include <optional>

namespace mpipe::detail {

/// Doubles that are overwritten again and again.
class Buffer {
 public:
  /// Room for `count` doubles; what was in it is gone.
  double* room(Index count) {
    if (count > capacity_) {
      values_.reset();
      values_ = std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(count));
      capacity_ = count;
    }
    return values_.get();
  }
  Index capacity() const { return capacity_; }
  void swap(Buffer& other) {
    values_.swap(other.values_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  std::unique_ptr<double[]> values_;
  Index capacity_ = 0;
};

/// A scalar, or an array that somebody else owns.
struct Quantity {
  bool is_scalar = true;
  double number = 0;
  const double* data = nullptr;
  const Shape* shape = nullptr;
  Index size = 1;
};

class ArrayArgument {
 public:
  explicit ArrayArgument(const ArgumentView& view);

  /// The value that is `at` values into the data. Valid until the next call; dense doubles are not copied,
  /// and what was read last is not read again.
  Quantity at(Index at);
  /// Whether it differs between the elements of a block.
  bool varies() const { return varies_; }

 private:
  Quantity array() const;
  void gather(Index at);
  void decode(std::span<const std::byte> bytes);

  const ArgumentView& view_;
  ReadRun read_;
  bool varies_;
  bool in_place_ = false;
  std::optional<Index> copied_;
  const double* data_ = nullptr;
  Shape shape_;
  Index size_ = 1;
  Buffer buffer_;
};

}  // namespace mpipe::detail
