// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <mpipe/pipeline/pipeline.hpp>

#include "golden/counted_body.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <string>

namespace golden {

using Json = nlohmann::json;

/// By the name of the function in the case.
using Counters = std::map<std::string, std::shared_ptr<Counter>>;

/// A Value object of a case that is not nested.
mpipe::Value read_value(const Json& json);
/// Values by name; nested ones by their full names. Throws `mpipe::Error` (scope_conflict).
mpipe::Inputs read_inputs(const Json& json);
/// `int | text | list of them`; what is no extent is handed on as its text.
mpipe::InternalShape read_internal_shape(const Json& json);

/// The pipeline of a case, whose bodies count in `counters`. Throws `mpipe::Error`: what the library says.
mpipe::Pipeline make_pipeline(const Json& pipeline, Counters& counters);

}  // namespace golden
