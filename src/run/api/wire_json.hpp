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

Json failure_to_json(const Failure& failure);
Failure failure_from_json(const Json& json);
Json encode_failures(const std::vector<Failure>& failures);
std::vector<Failure> decode_failures(const Json& json);

/// The ends of the ranges in a row.
Json encode_elements(const RangeSet& elements);
RangeSet decode_elements(const Json& json);

/// The internal shape of an output; null where it is not known.
Json encode_internal(const ArrayLayout& layout);
/// The internal shapes of a plan's outputs that are known.
Json encode_shapes(const Plan& plan);
/// Tells `plan` those that it does not know yet.
void apply_shapes(const Json& shapes, Plan& plan);

}  // namespace mpipe
