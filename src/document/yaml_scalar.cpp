// SPDX-License-Identifier: BSD-3-Clause
// The core schema of YAML 1.2 (section 10.3.2): what a scalar without quotes is.
#include "document/text.hpp"
#include "document/yaml_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace mpipe::detail {
namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::size_t digits(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && '0' <= text[end] && text[end] <= '9') ++end;
  return end - at;
}

bool has_sign(std::string_view text) { return text.starts_with('+') || text.starts_with('-'); }

/// [-+]? [0-9]+
bool is_integer(std::string_view text) {
  const std::size_t sign = has_sign(text) ? 1 : 0;
  return text.size() > sign && digits(text, sign) == text.size() - sign;
}

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view text) {
  std::size_t at = has_sign(text) ? 1 : 0;
  const std::size_t whole = digits(text, at);
  at += whole;
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction = digits(text, at + 1);
    if (whole + fraction == 0) return false;
    at += 1 + fraction;
  } else if (whole == 0) {
    return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const std::size_t exponent = digits(text, at);
    if (exponent == 0) return false;
    at += exponent;
  }
  return at == text.size();
}

/// The whole text as a number; empty when it has another form or does not fit.
template <class T, class... Base>
std::optional<T> parsed(std::string_view text, Base... base) {
  // YAML allows the plus sign, std::from_chars does not.
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, base...);
  if (problem != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

bool is_based(std::string_view text, std::string_view prefix, std::string_view allowed) {
  return text.starts_with(prefix) && text.size() > prefix.size() &&
         text.find_first_not_of(allowed, prefix.size()) == std::string_view::npos;
}

}  // namespace

Scalar Yaml::scalar() const {
  const YamlNode& self = node();
  if (self.kind == YamlNode::Kind::null) return {};
  const std::string_view text = self.text;
  // Quotes make a text of what would otherwise be a number or a word of YAML.
  if (!self.plain) return self.text;
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return {};
  if (is_one_of(text, {"true", "True", "TRUE"})) return true;
  if (is_one_of(text, {"false", "False", "FALSE"})) return false;
  const auto fitting = [&](const auto& number, const char* of_what) {
    if (!number)
      refuse(fmt::format("the number {} does not fit into {}.", printable(text), of_what),
             Category::too_large);
    return *number;
  };
  constexpr const char* kInteger =
      "an integer of 64 bits: write it with a decimal point to make it a floating point number";
  // Integers come before floating point numbers, since each of them has the form of such a number as well.
  // What has the form of a number but does not fit is refused; as a text it would be found much later.
  if (is_integer(text)) return fitting(parsed<std::int64_t>(text), kInteger);
  if (is_based(text, "0o", "01234567")) return fitting(parsed<std::int64_t>(text.substr(2), 8), kInteger);
  if (is_based(text, "0x", "0123456789abcdefABCDEF"))
    return fitting(parsed<std::int64_t>(text.substr(2), 16), kInteger);
  if (is_float(text)) {
    // YAML allows the plus sign, numbers of C++ do not have it.
    const Decimal decimal = read_decimal(text.starts_with('+') ? text.substr(1) : text);
    const bool fits = decimal.form == Decimal::Form::number;
    return fitting(fits ? std::optional(decimal.number) : std::nullopt, "a double");
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (is_one_of(text, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"})) return kInfinity;
  if (is_one_of(text, {"-.inf", "-.Inf", "-.INF"})) return -kInfinity;
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return std::numeric_limits<double>::quiet_NaN();
  // In JSON they are no texts, which have quotes there.
  if (text == "Infinity" && source().is_json()) return kInfinity;
  if (text == "-Infinity" && source().is_json()) return -kInfinity;
  if (text == "NaN" && source().is_json()) return std::numeric_limits<double>::quiet_NaN();
  return self.text;
}

}  // namespace mpipe::detail
