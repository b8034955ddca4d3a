// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Functions of plugins as documents have them.
#pragma once

#include <mpipe/document/plugin.hpp>

#include <map>
#include <string>
#include <vector>

namespace mpipe::detail {

/// As `renamed_function`, of a function that these keys of a document choose among those of a library or a file (key ->
/// text). By them a run that goes on knows it, see `DescribedBody`.
Function plugin_function(std::map<std::string, std::string> keys, const Function& function,
                         std::vector<std::string> outputs, std::vector<std::string> parameters);

}  // namespace mpipe::detail
