// SPDX-License-Identifier: BSD-3-Clause
// Reads columns of csv files: numbers, texts, true and false, with the line and column of what is wrong.
#include <mpipe/core/error.hpp>

#include "document/inputs/input_files.hpp"
#include "document/text.hpp"
#include "document/value_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace mpipe::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestRecord = 1024 * 1024;

struct Cell {
  std::string text;
  bool quoted = false;
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

/// The records of a file, one by one.
class CsvReader {
 public:
  explicit CsvReader(const fs::path& file) : file_(file), in_(open_input_file(file)) {}

  /// Reads the next record that is neither empty nor a comment; false at the end.
  bool next(std::vector<Cell>& cells) {
    while (next_line()) {
      // Quotes may carry a record over several lines; messages name the first of them.
      record_line_ = line_;
      const std::string_view shown = trimmed(text_);
      const bool is_comment = shown.starts_with('#');
      if (is_comment) ++comments_;
      if (is_comment || shown.empty()) continue;
      cells.clear();
      at_ = 0;
      // A comma at the end of a record is followed by one more cell, which is empty.
      do cells.push_back(cell());
      while (at_ < text_.size() && text_[at_++] == ',');
      return true;
    }
    return false;
  }

  std::size_t comments() const { return comments_; }

  [[noreturn]] void refuse(const std::string& problem) const {
    throw Error(Category::bad_input_file, fmt::format("{}:{}: {}", file_.string(), record_line_, problem));
  }

 private:
  /// A line ends with a line feed, with a carriage return before it or not. In a file without any line feed the
  /// carriage returns end the lines, as old programs write them.
  bool next_line() {
    if (!read_line()) return false;
    if (line_++ == 0 && text_.starts_with("\xEF\xBB\xBF")) text_.erase(0, 3);
    if (!text_.empty() && text_.back() == '\r') text_.pop_back();
    check_length();
    return true;
  }

  bool read_line() {
    if (!only_returns_) {
      const bool is_line = static_cast<bool>(std::getline(in_, text_));
      if (in_.bad()) refuse_file(file_, "cannot be read to its end.");
      // The first read came to the end of the file without a line feed, but there are carriage returns: the
      // file is read again from its beginning, with those as the ends of lines.
      if (line_ > 0 || !in_.eof() || text_.find('\r') == std::string::npos) return is_line;
      only_returns_ = true;
      in_.clear();
      in_.seekg(0);
    }
    return static_cast<bool>(std::getline(in_, text_, '\r'));
  }

  void check_length() const {
    if (text_.size() > kLongestRecord || text_.find('\0') != std::string::npos)
      refuse_file(
          file_,
          fmt::format("has a zero byte or a record of more than {} bytes in line {}: it is no csv file.",
                      kLongestRecord, line_));
  }

  /// Ends at a comma or at the end of the record.
  Cell cell() {
    const std::size_t first = text_.find_first_not_of(" \t", at_);
    if (first != std::string::npos && text_[first] == '"') {
      at_ = first + 1;
      return quoted_cell();
    }
    const std::size_t end = std::min(text_.find(',', at_), text_.size());
    Cell result{std::string(trimmed(std::string_view(text_).substr(at_, end - at_))), false};
    at_ = end;
    return result;
  }

  /// Two quotes in a row are one quote of the text. Only spaces may follow the closing one, up to the comma:
  /// anything else would silently become a part of the cell or be lost.
  Cell quoted_cell() {
    Cell result{{}, true};
    while (true) {
      if (at_ == text_.size()) continue_on_next_line();
      const char c = text_[at_++];
      if (c != '"') {
        result.text += c;
      } else if (at_ < text_.size() && text_[at_] == '"') {
        result.text += '"';
        ++at_;
      } else {
        at_ = std::min(text_.find_first_not_of(" \t", at_), text_.size());
        if (at_ < text_.size() && text_[at_] != ',')
          refuse("something follows a closing quote. Write \"\" for a quote.");
        return result;
      }
    }
  }

  void continue_on_next_line() {
    const std::string begun = std::move(text_);
    if (!next_line()) refuse("a quote is not closed.");
    // The record as a whole is held to the limit: a quote that is never closed would gather the whole file.
    text_ = begun + "\n" + text_;
    check_length();
  }

  const fs::path& file_;
  std::ifstream in_;
  std::string text_;
  std::size_t at_ = 0;
  std::size_t line_ = 0;
  std::size_t record_line_ = 0;
  std::size_t comments_ = 0;  ///< lines that were skipped
  bool only_returns_ = false;
};

Scalar number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  std::int64_t integer = 0;
  // Integers are tried first. Read as floating point numbers, they would lose digits beyond 2^53.
  const auto whole = std::from_chars(text.data(), end, integer);
  if (whole.ptr == end && whole.ec == std::errc{}) return integer;
  if (whole.ptr == end && whole.ec == std::errc::result_out_of_range)
    throw Error(
        Category::bad_input_file,
        fmt::format("the integer {} does not fit into 64 bits (as a floating point number it would lose "
                    "digits). Put it in quotes if it is a name, or write it with a decimal point.",
                    printable(text)));
  double number = 0;
  const auto real = std::from_chars(text.data(), end, number);  // also reads nan, inf, infinity
  if (real.ptr != end || real.ec == std::errc::invalid_argument) return {};
  if (real.ec != std::errc{})
    throw Error(Category::bad_input_file, fmt::format("the number {} does not fit into a double.", text));
  return number;
}

Scalar scalar_of(const Cell& cell) {
  // Quotes are how one writes a text that looks like a number.
  if (cell.quoted) return cell.text;
  if (cell.text.empty())
    throw Error(Category::bad_input_file, "the cell is empty. Write nan for a number that is missing.");
  const Scalar number = number_of(cell.text);
  if (!std::holds_alternative<std::monostate>(number)) return number;
  if (cell.text == "true" || cell.text == "True") return true;
  if (cell.text == "false" || cell.text == "False") return false;
  return cell.text;
}

std::vector<std::size_t> find_columns(const CsvReader& reader, const std::vector<Cell>& header,
                                      const std::vector<std::string>& wanted) {
  std::vector<std::string> names;
  for (const Cell& cell : header) names.push_back(printable(cell.text));
  std::vector<std::size_t> columns;
  for (const std::string& name : wanted) {
    const auto is_it = [&](const Cell& cell) { return cell.text == name; };
    const auto found = std::find_if(header.begin(), header.end(), is_it);
    if (found == header.end())
      reader.refuse(fmt::format("there is no column '{}'.{}", printable(name), suggestion(name, names)));
    if (std::find_if(found + 1, header.end(), is_it) != header.end())
      reader.refuse(fmt::format("there are two columns '{}'. Rename one.", printable(name)));
    columns.push_back(static_cast<std::size_t>(found - header.begin()));
  }
  return columns;
}

}  // namespace

Value read_csv(const fs::path& file, const CsvColumns& columns) {
  CsvReader reader(file);
  std::vector<Cell> cells;
  if (!reader.next(cells)) refuse_file(file, "is empty: its first line must have the names of the columns.");
  const std::size_t width = cells.size();
  // Comments above the header are common; only those below it may be rows that were lost.
  const std::size_t comments = reader.comments();
  const auto positions = find_columns(reader, cells, columns.names);
  ValueBuilder builder;
  Index rows = 0;
  for (; reader.next(cells); ++rows) {
    if (cells.size() != width)
      reader.refuse(
          fmt::format("the line has {} cells, but the first one names {} columns.", cells.size(), width));
    for (std::size_t k = 0; k < positions.size(); ++k) {
      try {
        // Neither of the two knows the file: their complaints get the line and the column below.
        builder.add(scalar_of(cells[positions[k]]));
      } catch (const Error& error) {
        reader.refuse(fmt::format("column '{}': {}", printable(columns.names[k]), error.what()));
      }
    }
  }
  if (rows == 0 && reader.comments() > comments)
    refuse_file(file,
                "has no rows: all lines after the names of the columns begin with #, which makes them "
                "comments. Quote the cells that begin with # to have them read.");
  return std::move(builder).finish(columns.several ? Shape{rows, static_cast<Index>(positions.size())}
                                                   : Shape{rows});
}

}  // namespace mpipe::detail
