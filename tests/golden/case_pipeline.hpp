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

/// A Value object of a case; throws `mpipe::Error` (not_supported) for `nested` ones.
mpipe::Value read_value(const Json& json);
mpipe::Inputs read_inputs(const Json& json);
/// `int | text | list of them`; what is no extent is handed on as its text.
mpipe::InternalShape read_internal_shape(const Json& json);

/// The pipeline of a case, whose bodies count in `counters`. Throws `mpipe::Error`: what the library says,
/// and not_supported for what this library cannot do yet.
mpipe::Pipeline make_pipeline(const Json& pipeline, Counters& counters);

}  // namespace golden
