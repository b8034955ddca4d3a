// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Values of inputs from their items, one after the other.
#pragma once

#include <mpipe/data/value.hpp>

#include "data/api/input_file.hpp"
#include "document/yaml_tree.hpp"

#include <complex>
#include <memory>

namespace mpipe::detail {

/// An array under construction whose values are written in place, in C order.
template <FixedValue T>
class ArrayMaker {
 public:
  explicit ArrayMaker(Shape shape) : shape_(std::move(shape)) {
    check_fits(shape_, sizeof(T));
    bytes_ = std::shared_ptr<std::byte[]>(
        new std::byte[static_cast<std::size_t>(element_count(shape_)) * sizeof(T)]);
  }
  T* data() { return reinterpret_cast<T*>(bytes_.get()); }
  Index size() const { return element_count(shape_); }
  Value finish() && { return Value::from_bytes(element_type<T>(), std::move(shape_), std::move(bytes_)); }

 private:
  Shape shape_;
  std::shared_ptr<std::byte[]> bytes_;
};

/// Collects scalars of one kind: integers (int64), numbers (float64; integers among them become such), complex
/// numbers (those before them become such), booleans or texts.
class ValueBuilder {
 public:
  /// Throws `Error` (bad_document): another kind than before, nothing, or an integer among floating point
  /// numbers that a double cannot hold; (too_large) more than fits into the memory.
  void add(Scalar item);
  void add_complex(std::complex<double> item);
  /// An integer as a double that is equal to it. Throws `Error` (bad_document) when there is none.
  static double exact_double(std::int64_t item);
  /// The value, whose size must fit the shape. Without items it is float64.
  Value finish(Shape shape) &&;

 private:
  enum class Kind : std::uint8_t { none, integer, number, complex, boolean, text };
  void add_integer(std::int64_t item);
  void add_number(double item);
  void become(Kind kind);
  [[noreturn]] void refuse_mixture(Kind kind) const;

  Kind kind_ = Kind::none;
  Index count_ = 0;
  std::vector<std::int64_t> integers_;
  std::vector<double> numbers_;
  std::vector<std::complex<double>> complexes_;
  std::vector<std::uint8_t> booleans_;
  std::vector<std::string> texts_;
};

}  // namespace mpipe::detail
