// SPDX-License-Identifier: BSD-3-Clause
// Notes what is said about options, and checks it at once.
#include "options/api/option_values.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/text.hpp"

#include <fmt/format.h>

namespace mpipe {
namespace {

/// What the variable of a flag without a value says. Scripts turn such a flag off as well as on.
bool is_on(const OptionRow& row, std::string_view text) {
  for (const std::string_view on : {"1", "true", "yes", "on"})
    if (text == on) return true;
  for (const std::string_view off : {"0", "false", "no", "off"})
    if (text == off) return false;
  throw Error(Category::bad_option,
              fmt::format("{}: '{}' is neither 1 nor 0. Set it to 1, as {} would, or to 0.", row.variable(),
                          printable(text), row.flag()),
              {Subject::Kind::option, std::string(row.name)});
}

}  // namespace

void OptionValues::say(const OptionRow& row, const std::string& output, SaidValue value) {
  try {
    // The value is checked before it is noted, while it is known who gave it: a message can then name the
    // flag, the variable or the line of the document.
    check_option(row, value.text);
  } catch (const Error& error) {
    throw Error(error.category(), fmt::format("{}: {}", value.by, error.what()),
                {Subject::Kind::option, std::string(row.name)});
  }
  values_[row.name][output] = std::move(value);
}

void OptionValues::say_entries(const OptionRow& row, const std::string& entries, const std::string& by) {
  // The loop also visits the end of the text, so that a comma there is refused as an empty entry.
  for (std::size_t begin = 0; begin <= entries.size();) {
    const std::size_t end = std::min(entries.find(',', begin), entries.size());
    const std::string entry = entries.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t equals = entry.find('=');
    if (equals == 0 || entry.empty() || equals + 1 == entry.size())
      throw Error(
          Category::bad_option,
          fmt::format("{}: '{}' is not [OUTPUT=]VALUE. Write, say, {} mean=VALUE.", by, printable(entry), by),
          {Subject::Kind::option, std::string(row.name)});
    const bool named = equals != std::string::npos;
    say(row, named ? entry.substr(0, equals) : "", {named ? entry.substr(equals + 1) : entry, by});
  }
}

void OptionValues::add(const OptionRow& row, SaidValue value) {
  lists_[row.name].push_back(std::move(value));
}

void OptionValues::say_variable(const OptionRow& row, const char* text) {
  // An empty variable says as little as a missing one: scripts clear variables in this way.
  if (text == nullptr || *text == '\0') return;
  if (row.per_output) return say_entries(row, text, row.variable());
  if (row.type == OptionType::presence) {
    if (is_on(row, text)) say(row, "", {"true", row.variable()});
    return;
  }
  if (row.type != OptionType::list) return say(row, "", {text, row.variable()});
  const std::string entries = text;
  for (std::size_t begin = 0; begin <= entries.size();) {
    const std::size_t end = std::min(entries.find(',', begin), entries.size());
    add(row, {entries.substr(begin, end - begin), row.variable()});
    begin = end + 1;
  }
}

void OptionValues::take_over(const OptionValues& other) {
  for (const auto& [name, values] : other.values_)
    for (const auto& [output, value] : values) values_[name][output] = value;
  // A list is replaced as a whole: entries of two sources have no order among each other.
  for (const auto& [name, list] : other.lists_) lists_[name] = list;
}

const OptionValues::ByOutput& OptionValues::by_output(std::string_view name) const {
  static const ByOutput none;
  const auto found = values_.find(name);
  return found == values_.end() ? none : found->second;
}

const std::vector<SaidValue>& OptionValues::said(std::string_view name) const {
  static const std::vector<SaidValue> none;
  const auto found = lists_.find(name);
  return found == lists_.end() ? none : found->second;
}

std::vector<std::string> OptionValues::list(std::string_view name) const {
  std::vector<std::string> texts;
  for (const SaidValue& value : said(name)) texts.push_back(value.text);
  return texts;
}

std::string OptionValues::text(std::string_view name) const {
  const ByOutput& values = by_output(name);
  return values.empty() ? std::string(option_row(name).fallback) : values.begin()->second.text;
}

}  // namespace mpipe
