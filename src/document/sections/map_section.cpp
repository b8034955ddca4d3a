// SPDX-License-Identifier: BSD-3-Clause
// Reads the `map:` section by the table of options: what is a key there, and what its value has to be.
#include "document/sections/map_section.hpp"

#include "core/api/suggest.hpp"
#include "document/sections/keys.hpp"
#include "document/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe::detail {
namespace {

/// The value as the text that a flag would have. A number must be one of YAML, not a text in quotes. Its digits
/// are taken as they stand, because a seed may exceed the integers of YAML.
std::string option_text(const OptionRow& row, const Yaml& value) {
  const bool is_number = row.type == OptionType::number || (row.type == OptionType::block_size &&
                                                            !(value.is_scalar() && value.text() == "auto"));
  if (!is_number) return read_text(value, row.expected());
  if (value.is_plain() && value.text().find_first_not_of("0123456789") == std::string::npos &&
      !value.text().empty())
    return value.text();
  return std::to_string(read_integer(value, static_cast<std::int64_t>(row.least), row.expected()));
}

void read_option(const OptionRow& row, const Yaml& spec, const std::vector<std::string>& outputs,
                 OptionValues& values) {
  const auto say = [&](const std::string& output, const Yaml& value) {
    values.say(row, output, {option_text(row, value), value.place().to_string()});
  };
  if (row.type == OptionType::list) {
    const auto add = [&](const Yaml& value) {
      values.add(row, {option_text(row, value), value.place().to_string()});
    };
    if (!spec.is_sequence()) return add(spec);
    for (std::size_t k = 0; k < spec.size(); ++k) add(spec.item(k));
    return;
  }
  if (!row.per_output || !spec.is_map()) return say("", spec);
  for (std::size_t k = 0; k < spec.size(); ++k) {
    const std::string& output = spec.key(k).text();
    // The empty name is allowed: it stands for all outputs that are not named.
    if (!output.empty() && std::find(outputs.begin(), outputs.end(), output) == outputs.end())
      spec.key(k).refuse(
          fmt::format("no function has the output '{}'.{}", printable(output), suggestion(output, outputs)),
          Category::unknown_output);
    say(output, spec.value(k));
  }
}

}  // namespace

OptionValues read_map_section(const Yaml& spec, const std::vector<std::string>& outputs) {
  // Unknown keys are refused first, with a suggestion: to `option_row` an unknown name is a bug of the
  // program.
  check_keys(spec, kMapKeys);
  OptionValues values;
  for (std::size_t k = 0; k < spec.size(); ++k)
    read_option(option_row(spec.key(k).text()), spec.value(k), outputs, values);
  return values;
}

}  // namespace mpipe::detail
