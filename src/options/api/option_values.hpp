// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What somebody says about options: the flags of a command, the environment, or a document.
#pragma once

#include "options/api/option_table.hpp"

#include <map>
#include <string>
#include <vector>

namespace mpipe {

/// A value as it was written, and where: `--seed`, `MPIPE_SEED`, `wing.yaml:12:5`.
struct SaidValue {
  std::string text;
  std::string by;
};

/// The options that somebody gives, with their values as text. Every value is checked when it comes in, so that
/// who reads them meets valid ones only.
class OptionValues {
 public:
  /// By output; "" stands for all others, and is the only one of options that are not per output.
  using ByOutput = std::map<std::string, SaidValue>;

  /// Notes a value, over one that is there. Throws `Error` (`<by>: <problem>`, with the option as its subject).
  void say(const OptionRow& row, const std::string& output, SaidValue value);
  /// The same from `[OUTPUT=]VALUE` entries, several by commas, of an option that is per output.
  void say_entries(const OptionRow& row, const std::string& entries, const std::string& by);
  /// One more value of an option that may be repeated.
  void add(const OptionRow& row, SaidValue value);
  /// Notes what the MPIPE_* variable of an option says; an empty or missing one (null) says nothing.
  void say_variable(const OptionRow& row, const char* text);
  /// Takes what `other` says over what is there, output by output.
  void take_over(const OptionValues& other);

  /// Empty for options that nobody gave.
  const ByOutput& by_output(std::string_view name) const;
  const std::vector<SaidValue>& said(std::string_view name) const;  ///< of an option that may be repeated
  std::vector<std::string> list(std::string_view name) const;       ///< the texts of `said`
  bool has(std::string_view name) const { return !by_output(name).empty() || !said(name).empty(); }
  /// The value that was given, else the one of the table.
  std::string text(std::string_view name) const;
  std::uint64_t number(std::string_view name) const { return option_number(option_row(name), text(name)); }

 private:
  std::map<std::string_view, ByOutput> values_;  ///< by the name in the table
  std::map<std::string_view, std::vector<SaidValue>> lists_;
};

}  // namespace mpipe
