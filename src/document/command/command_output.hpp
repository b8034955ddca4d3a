// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a program gave, as values of outputs.
#pragma once

#include <mpipe/data/value.hpp>

#include "base/api/file.hpp"
#include "document/command/command_body.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace mpipe::detail {

/// A program ended well, but what it gave is not what was expected.
struct BadOutput : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The values of all outputs, of their types: from standard output, or from files in the folder where the program
/// ran. `file_of` gives the name of an output's file. Throws `BadOutput`.
std::vector<Value> read_outputs(const CommandSpec& spec, const std::string& standard_output,
                                const std::vector<fs::path>& files);

/// The kind of file by the end of its name is one that `read_outputs` reads.
bool is_readable_kind(const std::string& name);

}  // namespace mpipe::detail
