// SPDX-License-Identifier: BSD-3-Clause
// Builds the pipeline that a golden case describes.
#include "golden/case_pipeline.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/document/expression.hpp>
#include <mpipe/pipeline/pipeline.hpp>

namespace golden {
namespace {

std::vector<std::string> one_or_more(const Json& json) {
  if (json.is_string()) return {json.get<std::string>()};
  return json.get<std::vector<std::string>>();
}

void flatten(const Json& data, std::vector<double>& values) {
  if (!data.is_array()) return values.push_back(data.get<double>());
  for (const Json& item : data) flatten(item, values);
}

mpipe::InternalExtent read_extent(const Json& json) {
  if (json.is_number_integer()) return json.get<mpipe::Index>();
  return json.is_string() ? json.get<std::string>() : json.dump();
}

mpipe::Function make_function(const Json& json, Counters& counters) {
  const auto name = json["name"].get<std::string>();
  auto body = mpipe::make_expression_body(one_or_more(json["expr"]),
                                          json["parameters"].get<std::vector<std::string>>());
  const auto counter = counters.emplace(name, make_counter()).first->second;
  mpipe::Function function(one_or_more(json["output_name"]), counted(std::move(body), counter));
  function.parameters(json["parameters"].get<std::vector<std::string>>());
  function.renames(json["renames"].get<std::map<std::string, std::string>>());
  function.defaults(read_inputs(json["defaults"]));
  function.bound(read_inputs(json["bound"]));
  if (!json["mapspec"].is_null()) function.mapspec(json["mapspec"].get<std::string>());
  if (!json["internal_shape"].is_null()) {
    function.internal_shape(read_internal_shape(json["internal_shape"]));
  }
  if (!json["scope"].is_null()) function.scope(json["scope"].get<std::string>());
  return function;
}

/// `"*" | [..] | null | (absent)` of an operation.
std::vector<std::string> read_names(const Json& op, const char* key) {
  if (!op.contains(key) || op[key].is_null()) return {};
  return one_or_more(op[key]);
}

std::optional<std::vector<std::string>> read_optional_names(const Json& op, const char* key) {
  if (!op.contains(key) || op[key].is_null()) return std::nullopt;
  return one_or_more(op[key]);
}

mpipe::Pipeline edited(const mpipe::Pipeline& pipeline, const Json& op) {
  using Renames = std::map<std::string, std::string>;
  const auto kind = op["op"].get<std::string>();
  if (kind == "add_mapspec_axis")
    return pipeline.add_mapspec_axis(one_or_more(op["parameters"]), op["axis"].get<std::string>());
  if (kind == "update_scope") {
    const std::string scope = op["scope"].is_null() ? "" : op["scope"].get<std::string>();
    return pipeline.update_scope(scope, read_names(op, "inputs"), read_names(op, "outputs"),
                                 read_names(op, "exclude"));
  }
  if (kind == "update_renames") return pipeline.update_renames(op["renames"].get<Renames>());
  if (kind == "update_defaults") return pipeline.update_defaults(read_inputs(op["defaults"]));
  if (kind == "update_bound")
    return pipeline.update_bound(one_or_more(op["output_name"]).front(), read_inputs(op["bound"]));
  if (kind == "update_mapspec_axes") return pipeline.update_mapspec_axes(op["renames"].get<Renames>());
  if (kind == "nest_funcs")
    return pipeline.nest(one_or_more(op["output_names"]), read_names(op, "new_output_name"));
  if (kind == "subpipeline")
    return pipeline.subpipeline(read_optional_names(op, "inputs"), read_names(op, "output_names"));
  if (kind == "drop") return pipeline.drop({one_or_more(op["output_name"]).front()});
  throw std::runtime_error("there is no operation " + kind);
}

}  // namespace

mpipe::Value read_value(const Json& json) {
  const auto kind = json["kind"].get<std::string>();
  if (kind == "scalar") return mpipe::Value(json["data"].get<double>());
  if (kind != "array") throw std::runtime_error("there is no value of kind " + kind);
  std::vector<double> values;
  flatten(json["data"], values);
  return mpipe::Value(values).reshaped(json["shape"].get<mpipe::Shape>());
}

mpipe::InternalShape read_internal_shape(const Json& json) {
  if (!json.is_array()) return read_extent(json);
  std::vector<mpipe::InternalExtent> extents;
  for (const Json& extent : json) extents.push_back(read_extent(extent));
  return mpipe::InternalShape(std::move(extents));
}

mpipe::Inputs read_inputs(const Json& json) {
  mpipe::NestedInputs inputs;
  for (const auto& [name, value] : json.items()) {
    if (value["kind"] == "nested")
      inputs.emplace(name, read_inputs(value["data"]));
    else
      inputs.emplace(name, read_value(value));
  }
  return flatten(inputs);
}

mpipe::Pipeline make_pipeline(const Json& json, Counters& counters) {
  std::vector<mpipe::Function> functions;
  for (const Json& function : json["functions"]) functions.push_back(make_function(function, counters));
  mpipe::Pipeline pipeline(std::move(functions),
                           json["scope"].is_null() ? "" : json["scope"].get<std::string>());
  for (const Json& op : json["ops"]) pipeline = edited(pipeline, op);
  return pipeline;
}

}  // namespace golden
