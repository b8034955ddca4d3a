// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Values of stored outputs, as few as a picture can show: memory goes with the picture, not with the output.
#pragma once

#include <mpipe/store/run_reader.hpp>

#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace mpipe::app {

/// A plane through an output: one or two axes that are drawn, and a fixed index on each of the others.
struct Slice {
  MultiIndex at;  ///< per axis; those that are drawn do not count
  std::optional<std::size_t> row_axis;
  std::size_t column_axis = 0;  ///< behind the other one in the order of the mapspec
};

/// What of a complex number is drawn; real numbers are themselves.
enum class NumberPart { real, imaginary, modulus };

/// The values that fall into one cell of a picture.
struct Cell {
  double sum = 0;
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  Index count = 0;  ///< values that are finite

  bool empty() const { return count == 0; }
  /// Precondition: not empty.
  double mean() const { return sum / static_cast<double>(count); }
};

struct Sample {
  Index rows = 1;      ///< cells; 1 without a row axis
  Index columns = 1;   ///< cells
  Index row_step = 1;  ///< positions of the axis that a cell stands for (the last one: perhaps fewer)
  Index column_step = 1;
  bool thinned = false;     ///< only the first position of each cell was read: there are too many values
  std::vector<Cell> cells;  ///< row by row
  Index missing = 0;        ///< values that are not done, among those that were read
  Index not_finite = 0;

  const Cell& cell(Index row, Index column) const {
    return cells[static_cast<std::size_t>(row * columns + column)];
  }
};

/// Why an output cannot be drawn, as a sentence; empty when it can.
std::string undrawable_because(const RunReader& reader, std::size_t output);

/// Reads a slice into at most `most_rows` times `most_columns` cells. At most 2^25 values are read, or about 1 GB of elements that
/// have more; where there are more, each n-th along the axes. Precondition: the output can be drawn, and the slice is one of
/// it. Throws `Error` (storage_failed) as `RunReader::read`.
Sample sample(RunReader& reader, std::size_t output, const Slice& slice, NumberPart part, Index most_rows,
              Index most_columns);

/// A number from the bytes of one. Precondition: the type is numeric.
double number_of(const ElementType& type, const std::byte* bytes, NumberPart part = NumberPart::real);

}  // namespace mpipe::app
