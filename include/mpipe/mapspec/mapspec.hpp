// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Mapspecs: `x[i], y[j] -> z[i, j]` says which axes of its inputs a function is mapped over.
#pragma once

#include <mpipe/core/shape.hpp>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe {

/// One array of a mapspec: a name and one entry per axis, an axis name or nothing for `:` (the whole axis).
struct ArraySpec {
  std::string name;                              ///< an identifier, or `scope.identifier`
  std::vector<std::optional<std::string>> axes;  ///< never empty

  std::size_t rank() const { return axes.size(); }
  /// Position of `axis` in this array, if it has it.
  std::optional<std::size_t> position(std::string_view axis) const;
  std::string to_string() const;  ///< `x[i, :]`
  friend bool operator==(const ArraySpec&, const ArraySpec&) = default;
};

/// A checked mapspec. Invariants: at least one output; all outputs have the same named axes, without `:` and
/// without repetition; every axis named in an input appears in the outputs; no axis twice in one input; no
/// array twice on one side nor on both.
///
/// The axes of the outputs that occur in an input are *external* (one call per element of their product); the
/// others are *internal* (each call returns an array with these axes).
class MapSpec {
 public:
  /// Parses and checks. Strict: everything that is not part of the grammar is refused. Throws `Error` whose
  /// text says the column and shows it by a caret: mapspec_output_axes (an output with `:`, with a repeated
  /// axis, or with other axes than the first), mapspec_unused_index (an axis of an input that no output has),
  /// else mapspec_syntax.
  static MapSpec parse(std::string_view text);
  /// Checks the invariants; the same errors as `parse`, with columns of the canonical text.
  MapSpec(std::vector<ArraySpec> inputs, std::vector<ArraySpec> outputs);

  const std::vector<ArraySpec>& inputs() const { return inputs_; }  ///< empty for a generator `... -> x[i]`
  const std::vector<ArraySpec>& outputs() const { return outputs_; }
  bool is_generator() const { return inputs_.empty(); }

  const ArraySpec* find_input(std::string_view name) const;  ///< nullptr when there is none
  const ArraySpec* find_output(std::string_view name) const;

  /// The axes of the outputs, in order.
  const std::vector<std::string>& output_axes() const { return output_axes_; }
  /// Per output axis: true when external. All false for a generator.
  const std::vector<bool>& external_mask() const { return external_; }
  /// The external axes in the order of the outputs: the axes that elements are numbered over.
  std::vector<std::string> external_axes() const;
  std::vector<std::string> internal_axes() const;

  /// Canonical text: `A[i, :], B[:, k] -> C[i, k]`, `... -> x[i]`.
  std::string to_string() const;
  /// With arrays renamed (`names`: old -> new, all at once, so that two may swap; others stay). Throws
  /// `Error` (mapspec_syntax) when a new name is none or meets another array.
  MapSpec renamed(const std::map<std::string, std::string>& names) const;

  friend bool operator==(const MapSpec&, const MapSpec&) = default;

 private:
  std::vector<ArraySpec> inputs_;
  std::vector<ArraySpec> outputs_;
  std::vector<std::string> output_axes_;
  std::vector<bool> external_;
};

/// True for `name` and `scope.name` where both are C identifiers.
bool is_identifier(std::string_view name);

/// Sizes of the external axes, in `external_axes()` order, from the shapes of the mapspec's input arrays (by
/// name; every input must be there). Unknown extents stay unknown and are compared as soon as they are known.
/// Throws `Error`: rank_mismatch (an array of another rank), dimension_mismatch (zipped axes of different
/// lengths).
PartialShape external_shape(const MapSpec& spec, const std::map<std::string, PartialShape>& input_shapes);

/// The full shape of the outputs: external extents and internal ones (in `internal_axes()` order) woven
/// together in `output_axes()` order. For a generator `external` is `{}`. Precondition: the lengths fit.
PartialShape output_shape(const MapSpec& spec, const PartialShape& external, const PartialShape& internal);

/// Checks over a pipeline that every array has the same rank and the same axis name at the same position
/// wherever it occurs (`:` fits all), and that no name has two positions in one array (`x[i, :]` here and
/// `x[:, i]` there). Throws `Error` (axes_inconsistent) that shows both places. Repeated `MapSpec`s are fine.
void check_consistent_axes(std::span<const MapSpec> specs);

/// The axis names of every array that occurs in `specs`; an axis that nobody names is empty (`:`). Sorted by
/// name. Checks like `check_consistent_axes`.
std::map<std::string, std::vector<std::optional<std::string>>> axes_of_arrays(std::span<const MapSpec> specs);

/// Mapspec for a function that has none but whose outputs are indexed by others: `... -> x[i], w[i]`. Axes
/// that nobody names become `unnamed_0`, .. , past names that any array in `axes` has. `outputs`: the
/// function's outputs in order; `axes`: of all arrays. Empty when no output occurs in `axes`. Throws `Error`
/// (axes_inconsistent) when the outputs are indexed with different axes.
std::optional<MapSpec> generated_mapspec(
    std::span<const std::string> outputs,
    const std::map<std::string, std::vector<std::optional<std::string>>>& axes);

}  // namespace mpipe
