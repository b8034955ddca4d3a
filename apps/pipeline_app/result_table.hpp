// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Stored results as rows: one per position on the axes, a column per axis and per output.
#pragma once

#include <mpipe/store/run_reader.hpp>

#include <functional>
#include <string>
#include <vector>

namespace mpipe::app {

/// An output that was read.
struct ShownOutput {
  std::string name;
  std::vector<std::string> dims;
  Value value;             ///< all elements, in mapspec order
  std::vector<bool> mask;  ///< which of its values are done; empty: all
};

/// Reads it. Its shape must be known. Throws `Error` (storage_failed, too_large).
ShownOutput read_output(RunReader& reader, std::size_t output);

/// Outputs on the same axes, with the coordinates of these (1-D inputs on an axis).
class ResultTable {
 public:
  /// All `outputs` have the same dims and shape.
  ResultTable(std::vector<ShownOutput> outputs, const std::vector<InputLayout>& inputs);

  Index row_count() const { return rows_; }
  /// Names of the columns: axes (and the inputs on each; one of the name of the axis takes its place), then
  /// outputs.
  std::vector<std::string> header() const;
  /// How the k-th of some values is written.
  using CellText = std::string (*)(const Value& values, Index k);
  /// The texts of a row; what is not done is `missing`.
  std::vector<std::string> row(Index k, const std::string& missing, CellText cell_text) const;

 private:
  struct Coordinate {
    std::size_t axis = 0;
    std::string name;
    Value value;
  };
  bool shows_positions(std::size_t axis) const;

  std::vector<ShownOutput> outputs_;
  std::vector<std::string> dims_;
  Shape shape_;
  std::vector<Coordinate> coordinates_;
  Index rows_ = 1;
};

/// The tables of these outputs, each of those with equal axes, in the order of the first of them.
std::vector<ResultTable> tables_of(std::vector<ShownOutput> outputs, const std::vector<InputLayout>& inputs);

/// Text for people, at most `most_rows` rows.
std::string table_text(const ResultTable& table, Index most_rows);

/// Comma-separated values (RFC 4180, but with line feeds), header first, piece by piece. What is not done is
/// empty.
void write_csv(const ResultTable& table, const std::function<void(const std::string&)>& write);

}  // namespace mpipe::app
