// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The options of `map`, one row each. Made from this table: the flags of the command line and their help, the
/// MPIPE_* variables, the keys of a document's `map:` section with their suggestions and messages, that part of
/// docs/pipeline.schema.json, and the tables of docs/reference.md and docs/document.md. An option of the
/// library is also a member of `MapOptions` with a line in `visit_options`, which binds it to this table.
#pragma once

#include <mpipe/core/index.hpp>

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe {

/// How the values of an option are written.
enum class OptionType : std::uint8_t {
  presence,    ///< a flag without a value
  text,        ///< any text that is not empty
  list,        ///< a text; the flag may be repeated
  names,       ///< several texts after one flag
  number,      ///< a whole number
  moment,      ///< see `parse_moment`
  memory,      ///< see `parse_memory`
  part,        ///< see `parse_part`
  word,        ///< one of a few words
  executor,    ///< see `ExecutorChoice`
  block_size,  ///< a number of elements, or `auto`
};

/// Who may set an option, beside a flag.
enum class OptionReach : std::uint8_t { flag, variable, document };

struct OptionRow {
  /// The key in a document: `max_failures`, which is also `--max-failures` and `MPIPE_MAX_FAILURES`.
  std::string_view name;
  OptionType type = OptionType::text;
  OptionReach reach = OptionReach::flag;
  /// One value for all outputs, or values by output: `--storage mean=memory`.
  bool per_output = false;
  std::string_view group = {};  ///< the heading under which help lists it
  std::string_view value = {};  ///< how help shows a value: `N`, `AXIS=I`
  /// The value where nobody gives one; in words (which no value is) where it depends.
  std::string_view fallback = {};
  std::string_view help = {};                    ///< of one line, in Markdown
  std::span<const std::string_view> words = {};  ///< of `word` and `executor`: what a value may be
  std::uint64_t least = 0;                       ///< of `number`
  std::uint64_t most = static_cast<std::uint64_t>(std::numeric_limits<Index>::max());

  bool in_documents() const { return reach == OptionReach::document; }
  std::string flag() const;       ///< `--max-failures`
  std::string variable() const;   ///< `MPIPE_MAX_FAILURES`; empty where there is none
  std::string flag_help() const;  ///< what a flag does: `help`, and how it is given several values
  /// What a value has to be, for messages: `a whole number, 0 or more`.
  std::string expected() const;
};

/// All options, in the order in which they are documented.
std::span<const OptionRow> option_table();

/// Throws `Bug` when there is no such option.
const OptionRow& option_row(std::string_view name);
/// Null when there is no such option.
const OptionRow* find_option(std::string_view name);

/// Throws `Error` (bad_option, bad_chunksize, unknown_storage) where `text` is no value of this option.
void check_option(const OptionRow& row, const std::string& text);

/// The whole text as a number from `least` to `most`. Throws `Error` (bad_option): `'x' is not <expected>.`
std::uint64_t option_number(const OptionRow& row, std::string_view text);

}  // namespace mpipe
