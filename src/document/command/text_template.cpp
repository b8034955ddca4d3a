// SPDX-License-Identifier: BSD-3-Clause
// Parses texts with places for arguments, and writes scalars as words.
#include "document/command/text_template.hpp"

#include <mpipe/core/error.hpp>

#include "document/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace mpipe::detail {
namespace {

constexpr std::string_view kFilePrefix = "file:";
// A width of a billion in a format would make a text of a gigabyte for each element.
constexpr std::size_t kLongestFormat = 12;
constexpr std::size_t kMostDigits = 3;

[[noreturn]] void refuse(std::string_view text, std::size_t at, const std::string& problem) {
  throw Error(Category::bad_document, problem + "\n" + with_caret(text, at));
}

bool is_name(std::string_view name) {
  const auto is_letter = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name.front())) == 0 &&
         std::all_of(name.begin(), name.end(), is_letter);
}

/// Tells by trying whether any scalar can be written in this format.
bool is_format(const std::string& format) {
  if (format.size() > kLongestFormat || format.find_first_of("{}") != std::string::npos) return false;
  std::size_t digits = 0;
  for (const char c : format) {
    digits = std::isdigit(static_cast<unsigned char>(c)) != 0 ? digits + 1 : 0;
    if (digits > kMostDigits) return false;
  }
  const auto takes = [&](const auto& value) {
    try {
      static_cast<void>(fmt::format(fmt::runtime("{:" + format + "}"), value));
      return true;
    } catch (const fmt::format_error&) {
      return false;
    }
  };
  return takes(1.5) || takes(std::int64_t{1}) || takes(std::string("a"));
}

Placeholder read_placeholder(std::string_view text, std::size_t begin, std::string_view inside) {
  Placeholder place;
  place.as_file = inside.starts_with(kFilePrefix);
  if (place.as_file) inside.remove_prefix(kFilePrefix.size());
  const std::size_t colon = inside.find(':');
  place.name = inside.substr(0, colon);
  if (colon != std::string_view::npos) place.format = inside.substr(colon + 1);
  if (!is_name(place.name))
    refuse(
        text, begin,
        "a brace begins the name of a parameter, as in {alpha}. Write {{ for a brace that is meant as such.");
  static constexpr std::string_view kFileKinds[] = {"", "npy", "json", "txt"};
  if (place.as_file) {
    if (std::find(std::begin(kFileKinds), std::end(kFileKinds), place.format) == std::end(kFileKinds))
      refuse(text, begin,
             fmt::format("'{}' is no kind of file that a value can be written to. Take npy, json or txt.",
                         printable(place.format)));
  } else if (!is_format(place.format)) {
    refuse(text, begin,
           fmt::format("'{}' is no format of a number or text. Write one such as .3f, 05d or >10.",
                       printable(place.format)));
  }
  return place;
}

template <class T>
std::string write(const T& value, const std::string& format) {
  try {
    return fmt::format(fmt::runtime("{:" + format + "}"), value);
  } catch (const fmt::format_error& error) {
    throw Error(
        Category::type_mismatch,
        fmt::format("the format '{}' does not fit {}: {}. Write one that does, such as .3f for numbers "
                    "and 05d for whole ones.",
                    printable(format), std::is_same_v<T, std::string> ? "a text" : "this number",
                    error.what()));
  }
}

}  // namespace

TextTemplate::TextTemplate(std::string_view text) : text_(text), literals_(1) {
  for (std::size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    const bool doubled = (c == '{' || c == '}') && k + 1 < text.size() && text[k + 1] == c;
    if (doubled) {
      literals_.back() += c;
      ++k;
    } else if (c == '}') {
      refuse(text, k, "there is no { before this }. Write }} for a brace that is meant as such.");
    } else if (c != '{') {
      literals_.back() += c;
    } else {
      const std::size_t end = text.find('}', k);
      if (end == std::string_view::npos)
        refuse(text, k, "this { has no }. Write {{ for a brace that is meant as such.");
      placeholders_.push_back(read_placeholder(text, k, text.substr(k + 1, end - k - 1)));
      literals_.emplace_back();
      k = end;
    }
  }
}

std::string TextTemplate::expand(const std::function<std::string(const Placeholder&)>& text_of) const {
  std::string text = literals_.front();
  for (std::size_t k = 0; k < placeholders_.size(); ++k) text += text_of(placeholders_[k]) + literals_[k + 1];
  return text;
}

std::string word_of(const Value& value, const std::string& format) {
  const ElementType& type = value.type();
  if (!value.is_scalar() || !(type.is_real() || type.kind == Kind::string))
    throw Error(
        Category::type_mismatch,
        fmt::format("{} is no single number or text, and cannot be a word of a command. Give it as a file "
                    "({{file:NAME}}) or by standard input.",
                    describe(value)));
  if (type.kind == Kind::string) return write(value.as<std::string>(), format);
  if (type.kind == Kind::boolean && format.empty()) return value.as<bool>() ? "true" : "false";
  if (type.kind == Kind::float64) return write(value.as<double>(), format);
  if (type.kind == Kind::float32) return write(value.as<float>(), format);
  if (type.kind == Kind::uint64) return write(value.as<std::uint64_t>(), format);
  return write(value.converted(element_type(Kind::int64)).as<std::int64_t>(), format);
}

void check_word(const ElementType& type, const std::string& format) {
  if (type.kind == Kind::string) {
    static_cast<void>(write(std::string(), format));
  } else if (type.is_real()) {
    const std::byte zero[16] = {};
    static_cast<void>(word_of(Value::copy_of(type, {}, {zero, type.size}), format));
  } else {
    throw Error(
        Category::type_mismatch,
        fmt::format("values of type {} cannot be words of a command. Give them as a file ({{file:NAME}}) or "
                    "by standard input.",
                    type.name));
  }
}

}  // namespace mpipe::detail
