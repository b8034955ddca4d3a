// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the functions of a pipeline are, for ranks that must have built the same one.
#pragma once

#include <mpipe/pipeline/pipeline.hpp>

#include <string>
#include <vector>

namespace mpipe {

/// By function: names, mapspec, values, types, body, and where its code lies. Equal in all processes that built
/// the same function from the same code. What a callable holds is in it where it can be copied as bytes, but
/// for what its pointers lead to.
std::vector<std::string> function_texts(const Pipeline& pipeline);

}  // namespace mpipe
