// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Writes a tree of a document as a text again.
#pragma once

#include "document/yaml_tree.hpp"

namespace mpipe::detail {

/// Appends `node` to `out` in the flow style of YAML, on one line. What is read from it is the same; comments and
/// layout are gone, and aliases are written out. Returns false, with a part of it in `out`, where `out` would get
/// longer than `most` bytes.
bool append_flow_text(const Yaml& node, std::size_t most, std::string& out);

}  // namespace mpipe::detail
