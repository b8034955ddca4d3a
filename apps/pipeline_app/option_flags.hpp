// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The flags of a command that the table of options describes, and what was typed for them.
#pragma once

#include "options/api/option_values.hpp"

#include <CLI/App.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe::app {

class OptionFlags {
 public:
  /// Adds the flag of one option to the command; this must outlive it. `help` goes before that of the table.
  CLI::Option* add_to(CLI::App& command, std::string_view option, const std::string& help = {});
  /// The flags of all options of the table, each in its group.
  void add_all_to(CLI::App& command);

  /// What the flags say, over what the MPIPE_* variables of the same options say. Throws `Error` (bad_option,
  /// unknown_storage), which names the flag or the variable.
  OptionValues values() const;

 private:
  void say(const OptionRow& row, OptionValues& values) const;

  // By option; CLI11 writes into the values.
  std::map<std::string_view, bool> given_;
  std::map<std::string_view, std::optional<std::string>> single_;
  std::map<std::string_view, std::vector<std::string>> several_;
};

}  // namespace mpipe::app
