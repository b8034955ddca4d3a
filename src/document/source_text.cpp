// SPDX-License-Identifier: BSD-3-Clause
// Reads the text of a document, checks that it is harmless, and finds places in it.
#include "document/source_text.hpp"

#include "document/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>

namespace mpipe {

std::string Place::to_string() const { return fmt::format("{}:{}:{}", file, line, column); }

namespace detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBytes = 16 * 1024 * 1024;
// Brackets are counted wherever they stand, in text and comments too, so this is far more than the parser of
// the tree allows; it only protects the scanner, which holds all that is open.
constexpr int kMostOpenBrackets = 1000;
constexpr std::size_t kMostStructure = 2'000'000;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr const char* kElsewhere = "Put large inputs into csv, hdf5 or npy files.";

Category refusal(Category category) { return exit_code(category) == 2 ? category : Category::bad_document; }

}  // namespace

PlacedError::PlacedError(const Place& place, Category category, const std::string& problem)
    : Error(refusal(category), place.to_string() + ": " + problem, {Subject::Kind::file, place.file}) {}

SourceText::SourceText(std::string name, std::string text, fs::path folder)
    : name_(std::move(name)), text_(std::move(text)), folder_(std::move(folder)) {
  if (text_.size() > kMostBytes)
    throw Error(Category::bad_document,
                fmt::format("{}: the document has {} bytes, and at most {} are read. {}", name_, text_.size(),
                            kMostBytes, kElsewhere));
  // The mark goes before lines are counted, so that the first column is the first character that one sees.
  if (text_.starts_with(kByteOrderMark)) text_.erase(0, kByteOrderMark.size());
  lines_.push_back(0);
  for (std::size_t k = 0; k < text_.size(); ++k)
    if (text_[k] == '\n') lines_.push_back(k + 1);
  // The checks come last: they refuse with a place, for which the beginnings of the lines are needed.
  check_encoding();
  if (is_json()) join_surrogates();
  check_structure();
}

SourceText SourceText::read(const fs::path& file) {
  const auto refuse = [&](const std::string& problem) {
    throw Error(Category::bad_document, fmt::format("{}: {}", file.string(), problem));
  };
  std::error_code problem;
  const fs::file_status status = fs::status(file, problem);
  if (!fs::exists(status)) refuse("there is no such document. Correct the path.");
  if (fs::is_directory(status)) refuse("this is a directory, not a document. Name the file in it.");
  if (!fs::is_regular_file(status)) refuse("this is not a file. Name a pipeline document.");
  const std::uintmax_t size = fs::file_size(file, problem);
  if (!problem && size > kMostBytes)
    refuse(
        fmt::format("the document has {} bytes, and at most {} are read. {}", size, kMostBytes, kElsewhere));
  // The size above only makes for an early refusal, and for a text that takes no more memory than it needs. It may
  // be wrong (a file that grows, or one of /proc), so the file is read in pieces to its end, or until the limit is
  // exceeded, which the constructor refuses.
  constexpr std::size_t kPiece = 1 << 16;
  std::ifstream in(file, std::ios::binary);
  std::string text;
  if (!problem) text.reserve(static_cast<std::size_t>(size) + kPiece);
  while (in && text.size() <= kMostBytes) {
    const std::size_t before = text.size();
    text.resize(before + kPiece);
    in.read(text.data() + before, static_cast<std::streamsize>(kPiece));
    text.resize(before + static_cast<std::size_t>(in.gcount()));
  }
  if (!in.is_open() || in.bad()) refuse("the document cannot be read. See whether you may read it.");
  return {file.string(), std::move(text), file.parent_path()};
}

Place SourceText::place(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto after = std::upper_bound(lines_.begin(), lines_.end(), offset);
  const std::size_t start = *std::prev(after);
  return {name_, static_cast<int>(after - lines_.begin()),
          static_cast<int>(column_of(std::string_view(text_).substr(start), offset - start))};
}

void SourceText::check_encoding() const {
  for (std::size_t at = 0; at < text_.size();) {
    if (text_[at] == '\0')
      refuse(at, "there is a zero byte: this is not a text. A document is a text in UTF-8.");
    const std::size_t length = character_length(text_, at);
    if (length == 0)
      refuse(
          at,
          fmt::format(
              "the byte 0x{:02x} is no character in UTF-8: this is not a text, or one in another encoding. "
              "Save it as UTF-8.",
              static_cast<unsigned char>(text_[at])));
    at += length;
  }
}

bool SourceText::is_json() const {
  const std::size_t first = text_.find_first_not_of(" \t\r\n");
  return first != std::string::npos && std::string_view("{[\"").find(text_[first]) != std::string_view::npos;
}

/// JSON writes a character beyond U+FFFF as two escapes of four digits each. The parser, which is one of YAML, knows
/// one of eight digits instead. It is two characters shorter; spaces behind the text make up for them, so that
/// everything else stays in its place.
void SourceText::join_surrogates() {
  std::string joined;
  joined.reserve(text_.size());
  bool quoted = false;
  std::size_t gap = 0;
  for (std::size_t at = 0; at < text_.size();) {
    std::size_t length = quoted && text_[at] == '\\' ? 2 : 1;
    const std::uint32_t character = length == 2 ? surrogate_pair(at) : 0;
    if (character != 0) {
      length = 12;
      joined += fmt::format("\\U{:08x}", character);
      gap += 2;
    } else {
      joined.append(text_, at, length);
    }
    if (text_[at] == '"') {
      quoted = !quoted;
      joined.append(gap, ' ');
      gap = 0;
    }
    at += length;
  }
  text_ = std::move(joined);
}

/// The character of the two escapes at `at`; 0 when there is another escape. Refuses one without the other.
std::uint32_t SourceText::surrogate_pair(std::size_t at) const {
  constexpr std::uint32_t kFirst = 0xD800;   // of those that come first in a pair
  constexpr std::uint32_t kSecond = 0xDC00;  // of those that come second
  constexpr std::uint32_t kEnd = 0xE000;
  const auto code = [&](std::size_t escape) -> std::uint32_t {
    const std::string_view text = std::string_view(text_).substr(std::min(escape, text_.size()), 6);
    std::uint32_t number = 0;
    const char* const end = text.data() + text.size();
    const bool is_escape = text.size() == 6 && text.starts_with("\\u");
    return is_escape && std::from_chars(text.data() + 2, end, number, 16).ptr == end ? number : 0;
  };
  const std::uint32_t first = code(at);
  const std::uint32_t second = code(at + 6);
  if (first < kFirst || first >= kEnd) return 0;
  if (first >= kSecond || second < kSecond || second >= kEnd)
    refuse(at, fmt::format(
                   "the escape {} is half of a character (a surrogate), and the other half is missing. Write "
                   "both, or the character itself.",
                   text_.substr(at, 6)));
  return 0x10000 + ((first - kFirst) << 10U) + (second - kSecond);
}

void SourceText::check_structure() const {
  int open = 0;
  std::size_t structure = 0;
  for (std::size_t at = 0; at < text_.size(); ++at) {
    const char c = text_[at];
    if (c == '[' || c == '{') ++open;
    // Brackets in texts and comments need not match: one that closes too many must not make room for others.
    if (c == ']' || c == '}') open = std::max(0, open - 1);
    if (open > kMostOpenBrackets)
      refuse(at, "brackets are nested too deeply. A document has at most 64 levels.");
    if (std::string_view("[]{},:?\"").find(c) != std::string_view::npos && ++structure > kMostStructure)
      refuse(at, fmt::format("there are more than {} brackets, commas, colons and quotes. {}", kMostStructure,
                             kElsewhere));
  }
}

void SourceText::refuse(std::size_t offset, const std::string& problem) const {
  throw PlacedError(place(offset), Category::bad_document, problem);
}

}  // namespace detail
}  // namespace mpipe
