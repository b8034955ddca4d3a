// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a shell can offer for the value of an option or for an argument, as its help says what stands there.
#pragma once

#include "command_tree.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace mpipe::app {

enum class ValueKind : std::uint8_t {
  anything,   ///< nothing can be offered
  words,      ///< one of a few
  files,      ///< any file
  folders,    ///< any folder
  documents,  ///< a file in YAML or JSON
  outputs,    ///< of the document or run that the command is given
  inputs,     ///< of that document, with `=` behind them
  axes,       ///< likewise
};

struct OfferedValue {
  ValueKind kind = ValueKind::anything;
  std::vector<std::string> words;  ///< of `words`
  bool per_output = false;         ///< a value may also be OUTPUT=VALUE
};

OfferedValue offered_value(const OptionText& option);

/// `folders`, `words raise continue`, `of-outputs memory hdf5 file`: as the completion of bash reads it.
std::string to_string(const OfferedValue& value);

}  // namespace mpipe::app
