// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Functions in languages that plugins bring: `python: ./model.py:drag`.
#pragma once

#include <mpipe/document/plugin.hpp>

#include "document/yaml_tree.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe::detail {

/// The function that `spec`, one entry of `functions:`, names by the key `language`. The plugin of that
/// language, `libmpipe_LANGUAGE.so`, is searched as plugins without a slash in their names are. `outputs` and
/// `parameters` as the entry names them (empty: all that the function has). Throws `PlacedError`.
Function read_language_function(const Yaml& spec, const std::string& language,
                                const std::vector<std::string>& outputs,
                                const std::vector<std::string>& parameters);

/// The key of a language that `spec` has, if it has one.
std::optional<std::string> find_language(const Yaml& spec);

}  // namespace mpipe::detail
