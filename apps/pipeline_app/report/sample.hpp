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

/// How much is read for one picture.
struct SampleLimits {
  Index values = Index{1} << 25;
  Index bytes = Index{1} << 30;  ///< of elements, which are read as a whole
};

/// Reads a slice into at most `most_rows` times `most_columns` cells. Where there is more than the limits allow, each n-th along
/// the axes is read. Precondition: the output can be drawn, and the slice is one of it. Throws `Error` (storage_failed) as
/// `RunReader::read`.
Sample sample(RunReader& reader, std::size_t output, const Slice& slice, NumberPart part, Index most_rows,
              Index most_columns, const SampleLimits& limits = {});

/// A number from the bytes of one. Precondition: the type is numeric.
double number_of(const ElementType& type, const std::byte* bytes, NumberPart part = NumberPart::real);

}  // namespace mpipe::app
