// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The `map:` section of a document.
#pragma once

#include "document/yaml_tree.hpp"
#include "options/api/option_values.hpp"

namespace mpipe::detail {

/// Reads the options of the section, each with its place. `outputs`: the names that options per output may be
/// given for. Throws `PlacedError`, and `Error` that says the place likewise.
OptionValues read_map_section(const Yaml& spec, const std::vector<std::string>& outputs);

}  // namespace mpipe::detail
