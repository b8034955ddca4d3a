// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a document says of the outputs of a function that does not say it itself: a program, or a function in
/// another language.
#pragma once

#include "document/yaml_tree.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe::detail {

/// numpy's names of the types of outputs, by output, from the key `dtype` of a function: one name for all of
/// them, or a mapping. Those that it leaves out are not there; without the key none is. `allowed`: the names
/// that there are. Throws `PlacedError` (bad_document, unknown_name).
std::map<std::string, std::string> read_dtypes(const Yaml& function, const std::vector<std::string>& outputs,
                                               std::span<const std::string_view> allowed);

/// The axes that the function makes itself, as its mapspec or its internal shape name them. Empty: it has
/// neither, and what it gives may have any rank.
std::optional<std::size_t> read_item_rank(const Yaml& function);

}  // namespace mpipe::detail
