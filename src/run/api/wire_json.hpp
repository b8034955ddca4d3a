// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Parts of what ranks tell each other about a run, as JSON. Decoders throw `Json::exception` or `Bug` for
/// what encoders do not make.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/core/failure.hpp>
#include <mpipe/core/index.hpp>
#include <mpipe/plan/plan.hpp>

#include "base/api/json_integer.hpp"

#include <nlohmann/json.hpp>

#include <vector>

namespace mpipe {

using Json = nlohmann::json;

template <std::integral Integer>
Integer whole_number(const Json& json) {
  try {
    return detail::json_integer<Integer>(json);
  } catch (const std::invalid_argument& error) {
    throw Bug(std::string("a message of a rank is malformed: ") + error.what());
  }
}
/// Indices, shapes: none is negative.
std::vector<Index> decode_indices(const Json& json);

}  // namespace mpipe
