// SPDX-License-Identifier: BSD-3-Clause
// Divides tables into records and cells, and refuses what is no such text.
#include "document/inputs/csv_reader.hpp"

#include <mpipe/core/error.hpp>

#include "document/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace mpipe::detail {
namespace {

constexpr std::size_t kLongestRecord = std::size_t{64} << 20;
constexpr std::size_t kMostCells = std::size_t{1} << 20;
constexpr std::size_t kBlock = std::size_t{64} << 10;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

CsvReader::CsvReader(const std::filesystem::path& file) : file_(file), in_(open_input_file(file)) {
  check_encoding();
  if (!next_record()) refuse_file(file_, "is empty: its first line must have the names of the columns.");
  for (CsvCell& cell : cells_) names_.push_back(std::move(cell.text));
  // Comments above the names are common; only those below may be rows that were lost.
  comments_ = 0;
}

void CsvReader::check_encoding() {
  std::array<char, 4> begin{};
  in_.read(begin.data(), begin.size());
  const std::string_view text(begin.data(), static_cast<std::size_t>(in_.gcount()));
  const bool is_utf32 =
      text == std::string_view("\xFF\xFE\0\0", 4) || text == std::string_view("\0\0\xFE\xFF", 4);
  const bool is_utf16 = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
  if (is_utf32 || is_utf16)
    refuse_file(file_,
                fmt::format("is in UTF-{0}, and tables are read in UTF-8. Save it as UTF-8 (iconv -f UTF-{0} "
                            "-t UTF-8).",
                            is_utf32 ? 32 : 16));
  in_.clear();
  in_.seekg(0);
}

void CsvReader::refuse(const std::string& problem) const {
  throw Error(Category::bad_input_file, fmt::format("{}:{}: {}", file_.string(), record_line_, problem));
}

std::string CsvReader::described(const CsvPlace& cell) const {
  const std::string where = cell.row == 0 ? std::string() : fmt::format(", row {}", cell.row);
  const std::string name = cell.column < names_.size()
                               ? fmt::format("column '{}'", printable(names_[cell.column]))
                               : fmt::format("column number {}", cell.column + 1);
  return fmt::format("{}:{}: {}{}", file_.string(), cell.line, name, where);
}

void CsvReader::refuse(const CsvPlace& cell, const std::string& problem) const {
  throw Error(Category::bad_input_file, fmt::format("{}: {}", described(cell), problem));
}

/// A row whose first cell is an error of a spreadsheet looks like a comment, and would be lost in silence.
void CsvReader::check_comment(std::string_view line) const {
  if (names_.empty()) return;
  const std::string_view first = trimmed(line.substr(0, line.find(',')));
  for (const std::string_view error :
       {"#N/A", "#NA", "#DIV/0!", "#REF!", "#NAME?", "#NUM!", "#VALUE!", "#NULL!"})
    if (first == error)
      refuse(fmt::format(
          "the line begins with {}, which a spreadsheet has for a value that it could not compute, and "
          "would be skipped as a comment. Write nan for a number that is missing, or put the cell in "
          "quotes.",
          error));
}

bool CsvReader::next() {
  if (!next_record()) return false;
  ++row_;
  check_cells();
  if (cells_.size() != names_.size())
    refuse(fmt::format(
        "the line has {} cells, but the first one names {} columns.{}", cells_.size(), names_.size(),
        cells_.size() > names_.size()
            ? " Name each column (in R: write.table(.., col.names = NA)), and put cells with commas in "
              "quotes; decimals stand behind a point, and no comma at the end of a line."
            : ""));
  return true;
}

bool CsvReader::next_record() {
  while (next_line()) {
    // Quotes may carry a record over several lines; messages name the first of them.
    record_line_ = line_;
    const std::string_view shown = trimmed(text_);
    const bool is_comment = shown.starts_with('#');
    if (is_comment) check_comment(shown);
    if (is_comment) ++comments_;
    if (is_comment || shown.empty()) continue;
    cells_.clear();
    at_ = 0;
    // A comma at the end of a record is followed by one more cell, which is empty.
    do take_cell();
    while (at_ < text_.size() && text_[at_++] == ',');
    if (names_.empty()) check_cells();
    return true;
  }
  return false;
}

bool CsvReader::next_line() {
  text_.clear();
  if (!append_line()) return false;
  if (line_ == 1 && text_.starts_with("\xEF\xBB\xBF")) text_.erase(0, 3);
  return true;
}

/// Reads the next block of the file; false at its end.
bool CsvReader::fill_block() {
  block_.resize(kBlock);
  in_.read(block_.data(), static_cast<std::streamsize>(block_.size()));
  if (in_.bad()) refuse_file(file_, "cannot be read to its end.");
  block_.resize(static_cast<std::size_t>(in_.gcount()));
  in_block_ = 0;
  return !block_.empty();
}

/// Appends a line to the record, by blocks, so that a file without line ends is not read as a whole. A line ends
/// with a line feed, a carriage return, or both: programs that write to one file need not agree.
bool CsvReader::append_line() {
  line_end_.clear();
  if (in_block_ == block_.size() && !fill_block()) return false;
  ++line_;
  while (true) {
    const auto begin = block_.begin() + static_cast<std::ptrdiff_t>(in_block_);
    const auto end = std::find_if(begin, block_.end(), [](char c) { return c == '\n' || c == '\r'; });
    text_.append(begin, end);
    in_block_ = static_cast<std::size_t>(end - block_.begin());
    if (text_.size() > kLongestRecord)
      refuse_file(
          file_,
          fmt::format("has a record of more than {} bytes in line {}, which is more than is read. Write "
                      "shorter lines (a quote that is not closed makes one of many), or use npy or hdf5.",
                      kLongestRecord, line_));
    if (in_block_ < block_.size()) break;
    if (!fill_block()) return true;
  }
  const char ended = block_[in_block_++];
  line_end_ = ended;
  if (ended == '\r' && (in_block_ < block_.size() || fill_block()) && block_[in_block_] == '\n')
    line_end_ += block_[in_block_++];
  return true;
}

/// Ends at a comma or at the end of the record.
void CsvReader::take_cell() {
  if (cells_.size() == kMostCells)
    refuse(fmt::format("there are more than {} cells. Use npy or hdf5.", kMostCells));
  CsvCell& cell = cells_.emplace_back();
  const std::size_t first = text_.find_first_not_of(" \t", at_);
  if (first != std::string::npos && text_[first] == '"') {
    at_ = first + 1;
    return take_quoted_cell(cell);
  }
  const std::size_t end = std::min(text_.find(',', at_), text_.size());
  cell.text = trimmed(std::string_view(text_).substr(at_, end - at_));
  at_ = end;
}

/// Two quotes in a row are one quote of the text. Only spaces may follow the closing one, up to the comma:
/// anything else would silently become a part of the cell or be lost.
void CsvReader::take_quoted_cell(CsvCell& cell) {
  cell.quoted = true;
  while (true) {
    if (at_ == text_.size()) continue_on_next_line();
    const char c = text_[at_++];
    if (c != '"') {
      cell.text += c;
    } else if (at_ < text_.size() && text_[at_] == '"') {
      cell.text += '"';
      ++at_;
    } else {
      at_ = std::min(text_.find_first_not_of(" \t", at_), text_.size());
      if (at_ < text_.size() && text_[at_] != ',')
        refuse("something follows a closing quote. Write \"\" for a quote.");
      return;
    }
  }
}

/// The end of the line belongs to the text. The record as a whole is held to the limit: a quote that is never
/// closed would gather the whole file.
void CsvReader::continue_on_next_line() {
  text_ += line_end_;
  if (!append_line()) refuse("a quote is not closed.");
}

void CsvReader::check_cells() const {
  for (std::size_t k = 0; k < cells_.size(); ++k) {
    const std::string& text = cells_[k].text;
    if (text.find('\0') != std::string::npos)
      refuse(place(k), "there is a zero byte: this is no text, or one in UTF-16. Save it as UTF-8.");
    if (is_utf8(text)) continue;
    std::size_t at = 0;
    while (character_length(text, at) != 0) at += character_length(text, at);
    refuse(place(k),
           fmt::format(
               "the byte 0x{:02x} is no character in UTF-8: the table is in another encoding. Save it as "
               "UTF-8 (iconv -f LATIN1 -t UTF-8).",
               static_cast<unsigned char>(text[at])));
  }
}

}  // namespace mpipe::detail
