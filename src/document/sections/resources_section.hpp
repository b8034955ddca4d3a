// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The `resources` of a function.
#pragma once

#include <mpipe/pipeline/function.hpp>

#include "document/yaml_tree.hpp"

namespace mpipe::detail {

/// What `spec` says goes over what the function says of its own. `ranks` is a number, or an expression of
/// parameters of the function, by the names of `function`, which are still those of its callable. Throws
/// `PlacedError` (bad_document, too_large, and what expressions do).
void read_resources(const Yaml& spec, Function& function);

}  // namespace mpipe::detail
