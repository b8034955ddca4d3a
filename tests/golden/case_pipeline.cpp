// SPDX-License-Identifier: BSD-3-Clause
#include "golden/case_pipeline.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/document/expression.hpp>

namespace golden {
namespace {

using mpipe::Category;
using mpipe::Error;

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
  const auto counter = counters.emplace(name, std::make_shared<Counter>(0)).first->second;
  mpipe::Function function(one_or_more(json["output_name"]), counted(std::move(body), counter));
  function.parameters(json["parameters"].get<std::vector<std::string>>());
  function.renames(json["renames"].get<std::map<std::string, std::string>>());
  function.defaults(read_inputs(json["defaults"]));
  function.bound(read_inputs(json["bound"]));
  if (!json["mapspec"].is_null()) function.mapspec(json["mapspec"].get<std::string>());
  if (!json["internal_shape"].is_null()) {
    function.internal_shape(read_internal_shape(json["internal_shape"]));
  }
  if (!json["scope"].is_null()) throw Error(Category::not_supported, "a function with a scope");
  return function;
}

}  // namespace

mpipe::Value read_value(const Json& json) {
  const auto kind = json["kind"].get<std::string>();
  if (kind == "scalar") return mpipe::Value(json["data"].get<double>());
  if (kind != "array") throw Error(Category::not_supported, "a value of kind '" + kind + "'");
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
  mpipe::Inputs inputs;
  for (const auto& [name, value] : json.items()) inputs.emplace(name, read_value(value));
  return inputs;
}

mpipe::Pipeline make_pipeline(const Json& pipeline, Counters& counters) {
  if (!pipeline["scope"].is_null()) throw Error(Category::not_supported, "a pipeline with a scope");
  if (!pipeline["ops"].empty())
    throw Error(Category::not_supported, "the operation " + pipeline["ops"][0]["op"].get<std::string>());
  std::vector<mpipe::Function> functions;
  for (const Json& json : pipeline["functions"]) functions.push_back(make_function(json, counters));
  return mpipe::Pipeline(std::move(functions));
}

}  // namespace golden
