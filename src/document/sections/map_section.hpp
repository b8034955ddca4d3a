// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The `map:` section of a document.
#pragma once

#include "document/yaml_tree.hpp"

namespace mpipe::detail {

/// `outputs`: the names that storage, executor and chunksizes may be given for. Throws `PlacedError`.
MapSection read_map_section(const Yaml& spec, const std::vector<std::string>& outputs);

}  // namespace mpipe::detail
