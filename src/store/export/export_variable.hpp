// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One variable of a copy of results, whatever the format: what it is, and what reads it in parts.
#pragma once

#include <mpipe/data/element_states.hpp>
#include <mpipe/data/value.hpp>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace mpipe {

/// Reads a box of a variable.
using ReadBox = std::function<Value(const IndexBox&)>;

struct ExportVariable {
  using Attribute = std::variant<std::string, std::vector<std::int8_t>>;

  std::string name;
  std::vector<std::string> axes;  ///< as many as extents
  Shape shape;
  const ElementType* type = nullptr;  ///< of numbers or text
  bool is_coordinate = false;         ///< of its one axis, which gets its name
  std::vector<std::pair<std::string, Attribute>> attributes = {};
  /// The value of elements that are not done; of numbers of which some are missing.
  std::optional<Bytes> fill = {};
  ReadBox values = {};
  /// The states of the elements of a box, a value each; not set where all are done.
  std::function<std::vector<ElementStatus>(const IndexBox&)> states = {};

  /// A box as it is to be written, with the fill value where something is missing. Throws `Error` as `RunReader`, and
  /// (bad_option) for texts that are not UTF-8.
  Value read(const IndexBox& box) const;
};

/// Boxes of a few MB that make up a variable, in C order.
std::vector<IndexBox> boxes_of(const ExportVariable& variable);
/// All of a shape.
IndexBox whole(const Shape& shape);
/// The values of a box of an array in memory.
Value slice(const Value& array, const IndexBox& box);

/// The real (0) or imaginary (1) part of a complex variable, as a variable of its own.
ExportVariable part_of(const ExportVariable& variable, int part);

/// Lets the missing values of a variable of which some are be told by a value that it has nowhere: not-a-number, or an
/// integer, for which all are read. Booleans become bytes. Texts stay as they are. Throws `Error` (bad_option) where
/// all integers of the type occur.
void choose_fill(ExportVariable& variable);

}  // namespace mpipe
