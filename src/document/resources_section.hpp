// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The `resources` of a function.
#pragma once

#include <mpipe/pipeline/resources.hpp>

#include "document/yaml_tree.hpp"

namespace mpipe::detail {

/// What `spec` says, over what the function needs `already`. Throws `PlacedError` (bad_document, too_large,
/// not_supported).
Resources read_resources(const Yaml& spec, Resources already);

}  // namespace mpipe::detail
