// SPDX-License-Identifier: BSD-3-Clause
// Reads the headers of NumPy's format piece by piece, so that nobody reads another array than NumPy does.
#include "document/inputs/npy_header.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace mpipe::detail {
namespace {

/// Takes the text from its beginning to its end; `at_` is the byte that comes next.
class NpyHeaderReader {
 public:
  explicit NpyHeaderReader(std::string_view text) : text_(text) {}

  NpyKeys read() {
    expect('{');
    while (!take('}')) {
      read_entry();
      if (take(',')) continue;
      expect('}');
      break;
    }
    skip_space();
    if (at_ != text_.size()) refuse("only spaces may follow the dictionary");
    if (!has_type_ || !has_order_ || !has_shape_)
      refuse(fmt::format("the key '{}' is missing", !has_type_    ? "descr"
                                                    : !has_order_ ? "fortran_order"
                                                                  : "shape"));
    return std::move(keys_);
  }

 private:
  void read_entry() {
    skip_space();
    const std::size_t begin = at_;
    const std::string_view key = read_text();
    bool* const seen = key == "descr"           ? &has_type_
                       : key == "fortran_order" ? &has_order_
                       : key == "shape"         ? &has_shape_
                                                : nullptr;
    if (seen == nullptr || *seen) {
      at_ = begin;
      refuse(seen == nullptr ? "a key is expected that is descr, fortran_order or shape"
                             : "a key is there for the second time");
    }
    *seen = true;
    expect(':');
    skip_space();
    if (seen == &has_type_)
      read_type();
    else if (seen == &has_order_)
      read_order();
    else
      read_shape();
  }

  /// Lists and tuples are records and arrays in arrays. What is in them is left alone, as they are refused anyway.
  void read_type() {
    keys_.has_fields = next() == '[' || next() == '(';
    if (!keys_.has_fields)
      keys_.description = read_text();
    else
      skip_brackets();
  }

  void read_order() {
    for (const std::string_view word : {"True", "False"}) {
      if (!text_.substr(at_).starts_with(word)) continue;
      keys_.fortran = word == "True";
      at_ += word.size();
      skip_space();
      if (next() != ',' && next() != '}') refuse("a comma or } is expected");
      return;
    }
    refuse("True or False is expected");
  }

  /// `()`, `(3,)`, `(3, 4)`: a number in parentheses without a comma is no tuple, for Python.
  void read_shape() {
    expect('(');
    bool has_comma = false;
    while (!take(')')) {
      keys_.shape.push_back(read_extent());
      if (take(',')) {
        has_comma = true;
        continue;
      }
      if (keys_.shape.size() == 1 && !has_comma) refuse("a comma is expected, as in (3,)");
      expect(')');
      break;
    }
  }

  Index read_extent() {
    skip_space();
    const char* const begin = text_.data() + at_;
    const char* const end = text_.data() + text_.size();
    const bool is_number = at_ < text_.size() && *begin >= '0' && *begin <= '9';
    const bool has_zeros =
        is_number && *begin == '0' && begin + 1 < end && begin[1] >= '0' && begin[1] <= '9';
    Index extent = 0;
    const auto parsed = std::from_chars(begin, end, extent);
    if (!is_number || has_zeros || parsed.ec != std::errc{})
      refuse("an extent is expected, in decimal digits");
    at_ += static_cast<std::size_t>(parsed.ptr - begin);
    if (next() == 'L') ++at_;  // of Python 2: (3L,)
    return extent;
  }

  /// A text in quotes of either kind. None that NumPy writes has escapes, or goes on in a second text.
  std::string_view read_text() {
    skip_space();
    if (next() == 'u') ++at_;  // of Python 2
    const char quote = next();
    if (quote != '\'' && quote != '"') refuse("a text in quotes is expected");
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && next() != quote && next() != '\\' && next() != '\n') ++at_;
    if (next() != quote) refuse("the end of a text is expected, which has no escapes");
    return text_.substr(begin, at_++ - begin);
  }

  void skip_brackets() {
    int depth = 0;
    do {
      const char c = next();
      if (c == '\0') refuse("the end of a list is expected");
      if (c == '\'' || c == '"') {
        read_text();
        continue;
      }
      depth += c == '[' || c == '(' ? 1 : c == ']' || c == ')' ? -1 : 0;
      ++at_;
    } while (depth > 0);
  }

  void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char wanted) {
    skip_space();
    if (next() != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) refuse(fmt::format("{} is expected", wanted));
  }
  [[noreturn]] void refuse(const std::string& problem) const {
    throw Error(Category::bad_input_file, fmt::format("byte {} of its header, where {}", at_, problem));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  NpyKeys keys_;
  bool has_type_ = false;
  bool has_order_ = false;
  bool has_shape_ = false;
};

}  // namespace

NpyKeys parse_npy_header(std::string_view text) { return NpyHeaderReader(text).read(); }

}  // namespace mpipe::detail
