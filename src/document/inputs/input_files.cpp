// SPDX-License-Identifier: BSD-3-Clause
// Opens files of inputs, and refuses what is no file or is too large; reads json.
#include "document/inputs/input_files.hpp"

#include "document/text.hpp"
#include "document/value_builder.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace mpipe::detail {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::uintmax_t kMostJsonBytes = 256 * 1024 * 1024;  // it takes several times as much in memory
constexpr int kDeepestJson = 32;

// JSON has no words for these numbers, but Python and others write them. For the parser they become texts of the same
// length that begin with a character that no file has there, so that its complaints name the right place.
struct NotFinite {
  std::string_view word;
  std::string_view text;
  double number;
};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::array kNotFinite{NotFinite{"NaN", "\x7F", std::numeric_limits<double>::quiet_NaN()},
                                NotFinite{"Infinity", "\x7F     ", kInfinity},
                                NotFinite{"-Infinity", "\x7F      ", -kInfinity}};

std::optional<double> not_finite(const std::string& text) {
  for (const NotFinite& each : kNotFinite)
    if (text == each.text) return each.number;
  return {};
}

void replace_not_finite(std::string& text) {
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') quoted = !quoted;
    if (quoted && text[at] == '\\') ++at;
    if (quoted || (text[at] != 'N' && text[at] != 'I' && text[at] != '-')) continue;
    for (const NotFinite& each : kNotFinite)
      if (text.compare(at, each.word.size(), each.word) == 0) {
        text.replace(at, each.word.size(), fmt::format("\"{}\"", each.text));
        at += each.word.size() - 1;
        break;
      }
  }
}

/// Reads nested lists into one array. The first items of all levels tell its shape, to which everything else
/// is held; `index_` is the place that messages name, such as `[0, 3]`.
class JsonList {
 public:
  JsonList(const fs::path& file, const Json& root) : file_(file) {
    const Json* level = &root;
    for (; level->is_array(); level = &level->front()) {
      // The limit also bounds how often `walk` calls itself, which is once per level of the shape.
      if (shape_.size() == kDeepestJson)
        refuse_file(file_, fmt::format("has lists nested more than {} deep.", kDeepestJson));
      shape_.push_back(static_cast<Index>(level->size()));
      if (level->empty()) break;
    }
    walk(root);
  }
  Value value() && { return std::move(builder_).finish(std::move(shape_)); }

 private:
  void walk(const Json& at) {
    if (index_.size() == shape_.size()) return leaf(at);
    const Index extent = shape_[index_.size()];
    if (!at.is_array() || static_cast<Index>(at.size()) != extent)
      refuse(fmt::format(
          "a list of {} items is expected, as in the first one of its level (an array is not ragged).",
          extent));
    index_.push_back(0);
    for (const Json& item : at) {
      walk(item);
      ++index_.back();
    }
    index_.pop_back();
  }

  void leaf(const Json& at) {
    // What `scalar` refuses has its place; the builder knows of none.
    Scalar item = scalar(at);
    try {
      builder_.add(std::move(item));
    } catch (const Error& error) {
      refuse(error.what());
    }
  }

  Scalar scalar(const Json& at) const {
    switch (at.type()) {
      case Json::value_t::boolean:
        return at.get<bool>();
      case Json::value_t::number_integer:
        return at.get<std::int64_t>();
      case Json::value_t::number_float:
        return at.get<double>();
      case Json::value_t::string:
        if (const auto number = not_finite(at.get_ref<const std::string&>())) return *number;
        return at.get<std::string>();
      case Json::value_t::number_unsigned:
        // The parser calls every integer that has no sign unsigned; those of int64 are taken, larger ones
        // would wrap.
        if (at.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
          refuse("this integer does not fit into 64 bits.");
        return at.get<std::int64_t>();
      case Json::value_t::null:
        return {};
      default:
        refuse(fmt::format("an {} cannot be a value here. Give numbers, texts, or lists of them.",
                           at.type_name()));
    }
  }

  [[noreturn]] void refuse(const std::string& problem) const {
    refuse_file(file_,
                fmt::format("at {}: {}", index_.empty() ? "its top" : index_to_string(index_), problem));
  }

  const fs::path& file_;
  Shape shape_;
  MultiIndex index_;
  ValueBuilder builder_;
};

/// `line 3, column 5`, of the byte at `offset`.
std::string place_in(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t begin = before.rfind('\n') + 1;  // 0 in the first line
  return fmt::format("line {}, column {}", 1 + std::count(before.begin(), before.end(), '\n'),
                     column_of(text.substr(begin), before.size() - begin));
}

void check_encoding(const fs::path& file, std::string_view text) {
  const bool has_mark = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
  const std::size_t zero = text.find('\0');
  if (has_mark || zero < 4)
    refuse_file(
        file,
        "is in UTF-16 or UTF-32, and JSON is read in UTF-8. Save it as UTF-8 (iconv -f UTF-16 -t UTF-8).");
  if (is_utf8(text)) return;
  std::size_t at = 0;
  while (character_length(text, at) != 0) at += character_length(text, at);
  refuse_file(
      file,
      fmt::format("has the byte 0x{:02x} at {}, which is no character in UTF-8. Save it as UTF-8 (iconv "
                  "-f LATIN1 -t UTF-8).",
                  static_cast<unsigned char>(text[at]), place_in(text, at)));
}

/// What the parser says without its own names and places: `while parsing array: unexpected ..; expected ..`. It ends
/// with the text that was read last, which the place tells better, and which may be long or no text at all.
std::string reason_of(const std::string& complaint) {
  const std::size_t column = complaint.find("column ");
  const std::size_t begin = column == std::string::npos ? complaint.find("] ") : complaint.find(": ", column);
  std::string reason = begin == std::string::npos ? complaint : complaint.substr(begin + 2);
  const std::size_t read = reason.find("; last read: ");
  if (read != std::string::npos) reason.erase(read, reason.find("; expected", read) - read);
  constexpr std::string_view kStart = "syntax error ";
  if (reason.starts_with(kStart)) reason.erase(0, kStart.size());
  if (const std::size_t dash = reason.find(" - "); dash != std::string::npos) reason.replace(dash, 3, ": ");
  return printable(reason, 200);
}

Json parse_json(const fs::path& file, const std::string& text) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    refuse_file(
        file, fmt::format("is no valid JSON at {}: {}.",
                          place_in(text, std::max<std::size_t>(1, error.byte) - 1), reason_of(error.what())));
  } catch (const Json::out_of_range& error) {
    // The parser quotes the number, and does not say where it stands.
    const std::string complaint = error.what();
    const std::size_t begin = complaint.find('\'') + 1;
    const std::string number = complaint.substr(begin, complaint.rfind('\'') - begin);
    refuse_file(file,
                fmt::format("has the number {} at {}, which does not fit into a double. Correct it, or write "
                            "Infinity.",
                            printable(number), place_in(text, text.find(number))));
  }
}

}  // namespace

Value json_value(const Json& root, const fs::path& from) { return JsonList(from, root).value(); }

Value read_json(const fs::path& file) {
  std::ifstream in = open_input_file(file);
  // The size is compared before the file is parsed, since the parser keeps all of it in memory.
  const std::uintmax_t size = fs::file_size(file);
  if (size > kMostJsonBytes)
    throw Error(Category::too_large,
                fmt::format("the file '{}' has {} bytes, and JSON of at most {} is read. Use hdf5 or npy.",
                            file.string(), size, kMostJsonBytes));
  std::string text(size, '\0');
  in.read(text.data(), static_cast<std::streamsize>(size));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (in.bad()) refuse_file(file, "cannot be read to its end.");
  check_encoding(file, text);
  if (text.find('\x7F') == std::string::npos) replace_not_finite(text);
  return JsonList(file, parse_json(file, text)).value();
}

}  // namespace mpipe::detail
