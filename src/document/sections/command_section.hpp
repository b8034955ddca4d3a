// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The keys of a function that is a program.
#pragma once

#include "document/command/command_body.hpp"
#include "document/yaml_tree.hpp"

#include <string>
#include <vector>

namespace mpipe::detail {

/// The command that `spec`, one entry of `functions:`, describes: its program is there, its templates are
/// right, and its outputs have types. `outputs` and `parameters` as the entry names them (empty: the names in
/// the templates). Throws `PlacedError`.
CommandSpec read_command(const Yaml& spec, const std::vector<std::string>& outputs,
                         const std::vector<std::string>& parameters);

}  // namespace mpipe::detail
