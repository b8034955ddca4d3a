// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `ArraySource`: where an array is read from, piece by piece.
#pragma once

#include <mpipe/core/index.hpp>

#include <cstddef>

namespace mpipe {

/// The elements of an array of fixed-size values that are somewhere else, e.g. compressed in a file. A
/// `Value` of it (`Value::from_source`) reads what somebody looks at.
///
/// Thread rule: any thread, also several at once.
class ArraySource {
 public:
  ArraySource() = default;
  ArraySource(const ArraySource&) = delete;
  ArraySource& operator=(const ArraySource&) = delete;
  virtual ~ArraySource() = default;

  /// Elements that are read together; at least 1. Ranges begin at a multiple of it, and end at one or with
  /// the array.
  virtual Index piece() const = 0;
  /// Puts the elements of a range, numbered in C order, at `to`, dense. Throws `Error` when they cannot be
  /// read.
  virtual void read(IndexRange elements, std::byte* to) const = 0;
};

}  // namespace mpipe
