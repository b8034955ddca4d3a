// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The records of a table as text: cells between commas, quotes as in RFC 4180.
#pragma once

#include "data/api/input_file.hpp"

#include <string>
#include <vector>

namespace mpipe::detail {

struct CsvCell {
  std::string text;
  bool quoted = false;
};

/// Where a cell stands, for messages that are written when the reader is elsewhere already.
struct CsvPlace {
  std::size_t line = 0;
  std::size_t row = 0;  ///< counted from 1, below the names
  std::size_t column = 0;
};

/// Reads a file record by record; what it keeps of it is bounded. Throws `Error` (bad_input_file) with file, line
/// and, of cells, row and column.
class CsvReader {
 public:
  /// Reads the first record, which has the names of the columns.
  explicit CsvReader(const std::filesystem::path& file);

  const std::vector<std::string>& names() const { return names_; }
  /// Reads the next record that is neither empty nor a comment; false at the end. It has a cell for each name.
  bool next();
  const std::vector<CsvCell>& cells() const { return cells_; }
  CsvPlace place(std::size_t column) const { return {record_line_, row_, column}; }
  /// Comments below the names.
  std::size_t comments() const { return comments_; }

  /// `t.csv:2: column 'a', row 1`.
  std::string described(const CsvPlace& cell) const;
  [[noreturn]] void refuse(const std::string& problem) const;
  [[noreturn]] void refuse(const CsvPlace& cell, const std::string& problem) const;

 private:
  void check_encoding();
  void check_comment(std::string_view line) const;
  bool next_record();
  bool next_line();
  bool fill_block();
  bool append_line();
  void take_cell();
  void take_quoted_cell(CsvCell& cell);
  void continue_on_next_line();
  void check_cells() const;

  const std::filesystem::path& file_;
  std::ifstream in_;
  std::string line_end_;     ///< of the line that was read last
  std::vector<char> block_;  ///< what was read of the file and not looked at yet, from `in_block_` on
  std::size_t in_block_ = 0;
  std::string text_;  ///< the record
  std::size_t at_ = 0;
  std::size_t line_ = 0;
  std::size_t record_line_ = 0;
  std::size_t row_ = 0;
  std::size_t comments_ = 0;
  std::vector<std::string> names_;
  std::vector<CsvCell> cells_;
};

}  // namespace mpipe::detail
