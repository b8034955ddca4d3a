// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Parts of what ranks tell each other about a run, as JSON.
#pragma once

#include <mpipe/core/index.hpp>
#include <mpipe/exec/failure.hpp>

#include <nlohmann/json.hpp>

#include <vector>

namespace mpipe {

using Json = nlohmann::json;

Json failure_to_json(const Failure& failure);
Failure failure_from_json(const Json& json);
Json encode_failures(const std::vector<Failure>& failures);
std::vector<Failure> decode_failures(const Json& json);

/// The ends of the ranges in a row.
Json encode_elements(const RangeSet& elements);
RangeSet decode_elements(const Json& json);

}  // namespace mpipe
