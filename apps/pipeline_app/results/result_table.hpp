// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Stored results as rows: one per position on the axes, a column per axis, per input on one, and per output.
#pragma once

#include <mpipe/store/run_reader.hpp>

#include <functional>
#include <string>
#include <vector>

namespace mpipe::app {

/// Outputs on the same axes, with the coordinates of these (1-D inputs on an axis). Values are read box by box while
/// rows are visited: what a table takes does not grow with its length.
class ResultTable {
 public:
  /// How the k-th of some values is written.
  using CellText = std::string (*)(const Value& values, Index k);
  using VisitRow = std::function<void(const std::vector<std::string>& cells)>;

  /// `outputs`, at least one: of the same axes and extents, which are known. `with_states`: a column behind each
  /// output says whether its elements are done. `reader` must outlive this.
  ResultTable(RunReader& reader, std::vector<std::size_t> outputs, bool with_states = false);

  Index row_count() const { return rows_; }
  /// Names of the columns, each another one: axes (and the inputs on each; one of the name of the axis takes its
  /// place), then outputs.
  std::vector<std::string> header() const;
  /// Visits the first rows, at most `most`, in C order of the axes; what is not done is `missing`. Throws `Error` as
  /// `RunReader::read_box`.
  void for_each_row(Index most, const std::string& missing, CellText cell_text, const VisitRow& visit) const;

 private:
  struct Coordinate {
    std::size_t axis = 0;
    std::string name;
    Value value;
  };
  struct Column {
    Value values;
    std::vector<ElementStatus> states;
  };
  bool shows_positions(std::size_t axis) const;
  const OutputLayout& layout(std::size_t column) const { return reader_.outputs()[outputs_[column]]; }
  Index rows_at_once() const;
  std::vector<Column> read(const IndexBox& box) const;

  RunReader& reader_;
  std::vector<std::size_t> outputs_;
  bool with_states_;
  Shape shape_;
  std::vector<Coordinate> coordinates_;
  Index rows_ = 1;
};

/// Text for people, at most `most_rows` rows.
std::string table_text(const ResultTable& table, Index most_rows);

/// Comma-separated values (RFC 4180, but with line feeds), header first, piece by piece. What is not done is
/// empty. Throws `Error` (bad_option) for texts that no reader of such files would read back the same.
void write_csv(const ResultTable& table, const std::function<void(const std::string&)>& write);

}  // namespace mpipe::app
