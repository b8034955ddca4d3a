// SPDX-License-Identifier: BSD-3-Clause
// Compares values of a golden case with those of a run, and says where they differ.
#include "golden/compare.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <cmath>
#include <optional>

namespace golden {
namespace {

constexpr double kRelativeTolerance = 1e-12;
constexpr double kAbsoluteTolerance = 1e-300;

void require(bool equal, const std::string& what, const Json& got, const Json& wanted) {
  if (!equal) throw Difference(fmt::format("{} is {}, expected {}", what, got.dump(), wanted.dump()));
}

void require_equal(const std::string& what, const Json& got, const Json& wanted) {
  require(got == wanted, what, got, wanted);
}

Json to_json(const mpipe::PartialShape& shape) {
  Json json = Json::array();
  for (const auto& extent : shape) json.push_back(extent ? Json(*extent) : Json("?"));
  return json;
}

/// Nested lists as a flat one: `leaf_rank` levels are taken apart.
void flatten(const Json& nested, std::size_t levels, std::vector<Json>& leaves) {
  if (levels == 0) return leaves.push_back(nested);
  for (const Json& item : nested) flatten(item, levels - 1, leaves);
}

bool close(double got, double wanted) {
  if (std::isnan(wanted)) return std::isnan(got);
  return got == wanted ||
         std::abs(got - wanted) <= kRelativeTolerance * std::abs(wanted) + kAbsoluteTolerance;
}

double number(const Json& json) { return json.is_null() ? std::nan("") : json.get<double>(); }

std::string state_name(mpipe::ValueState state) {
  switch (state) {
    case mpipe::ValueState::done:
      return "ok";
    case mpipe::ValueState::missing:
      return "missing";
    case mpipe::ValueState::failed:
      return "error";
    case mpipe::ValueState::blocked_by_value:
      return "propagated:input_is_error";
    case mpipe::ValueState::blocked_by_array:
      return "propagated:array_contains_errors";
  }
  return "unknown";
}

/// The shape of nested lists, by the first of each level.
mpipe::Shape shape_of(const Json& nested) {
  mpipe::Shape shape;
  for (const Json* level = &nested; level->is_array(); level = &level->front()) {
    shape.push_back(static_cast<mpipe::Index>(level->size()));
    if (level->empty()) break;
  }
  return shape;
}

void compare_numbers(const std::string& name, const mpipe::Value& value, const Json& wanted) {
  std::vector<Json> numbers;
  flatten(wanted, value.rank(), numbers);
  require_equal("the number of values of " + name, numbers.size(), value.count());
  const mpipe::Value doubles = value.converted(mpipe::element_type<double>());
  for (std::size_t k = 0; k < numbers.size(); ++k) {
    const auto got = mpipe::decode<double>(doubles.element(static_cast<mpipe::Index>(k)));
    require(close(got, number(numbers[k])), fmt::format("{} at {}", name, k), got, numbers[k]);
  }
}

/// An array that is one element: of the shape that all elements have, or of its own where they are ragged.
void compare_element(const std::string& name, const mpipe::Value& got, const Json& wanted,
                     const std::optional<mpipe::Shape>& shape) {
  require_equal("the shape of " + name, got.shape(), shape.value_or(shape_of(wanted)));
  compare_numbers(name, got, wanted);
}

/// `known`: the states of the values; empty: all are there.
void compare_array(const std::string& name, const mpipe::Value& value,
                   const std::vector<mpipe::ValueState>& known, const Json& wanted) {
  require_equal("the shape of " + name, value.shape(), wanted["shape"]);
  std::vector<Json> elements, states;
  flatten(wanted["data"], value.rank(), elements);
  require_equal("the number of elements of " + name, elements.size(), value.count());
  if (wanted.contains("state")) flatten(wanted["state"], value.rank(), states);
  std::optional<mpipe::Shape> element_shape;
  if (wanted.contains("element_shape") && wanted["element_shape"].is_array())
    element_shape = wanted["element_shape"].get<mpipe::Shape>();
  const bool arrays = value.type().kind == mpipe::Kind::array;
  const mpipe::Value doubles = arrays ? value : value.converted(mpipe::element_type<double>());
  for (std::size_t k = 0; k < elements.size(); ++k) {
    const std::string at = fmt::format("{} at {}", name, k);
    const std::string state = known.empty() ? "ok" : state_name(known[k]);
    require_equal("the state of " + at, state, states.empty() ? Json("ok") : states[k]);
    if (state != "ok") continue;
    const auto element = static_cast<mpipe::Index>(k);
    if (arrays) {
      compare_element(at, value.opened(element), elements[k], element_shape);
      continue;
    }
    if (elements[k].is_array())
      throw Difference(fmt::format("{} is a number, expected {}", at, elements[k].dump()));
    const auto got = mpipe::decode<double>(doubles.element(element));
    require(close(got, number(elements[k])), at, got, elements[k]);
  }
}

void compare_value(const std::string& name, const mpipe::Value& value,
                   const std::vector<mpipe::ValueState>& known, const Json& wanted) {
  const auto kind = wanted["kind"].get<std::string>();
  if (kind == "error")
    return require_equal("the state of " + name, known.size() == 1 ? state_name(known[0]) : "not one value",
                         wanted["state"]);
  if (!value.has_value()) throw Difference(name + " has no value");
  if (kind == "array") return compare_array(name, value, known, wanted);
  if (!known.empty()) require_equal("the state of " + name, state_name(known[0]), "ok");
  require_equal("the shape of " + name, value.shape(), Json::array());
  const auto got = value.as<double>();
  require(close(got, number(wanted["data"])), name, got, wanted["data"]);
}

void compare_names(const std::vector<std::string>& got, const Json& outputs) {
  std::vector<std::string> wanted;
  for (const auto& [name, unused] : outputs.items()) wanted.push_back(name);
  require_equal("the list of outputs", got, wanted);
}

Json shapes_as_json(const std::map<std::string, mpipe::PartialShape>& shapes) {
  Json json = Json::object();
  for (const auto& [name, shape] : shapes) json[name] = to_json(shape);
  return json;
}

}  // namespace

void compare_structure(const mpipe::Pipeline& pipeline, const Json& expected) {
  require_equal("root_args", pipeline.root_args(), expected["root_args"]);
  Json generations = Json::array();
  for (const auto& generation : pipeline.generations()) {
    Json names = Json::array();
    for (const mpipe::FunctionId id : generation) {
      const auto& outputs = pipeline.function(id).outputs;
      names.push_back(outputs.size() == 1 ? Json(outputs.front()) : Json(outputs));
    }
    generations.push_back(std::move(names));
  }
  require_equal("generations", generations, expected["generations"]);
  require_equal("mapspecs", pipeline.mapspecs(), expected["mapspecs"]);
  require_equal("leaf_outputs", pipeline.leaf_outputs(), expected["leaf_outputs"]);
  require_equal("defaulted_args", pipeline.defaulted_args(), expected["defaulted_args"]);
}

void compare_results(const mpipe::Results& results, const Json& expected) {
  std::vector<std::string> names;
  for (const auto& [name, unused] : results.outputs) names.push_back(name);
  compare_names(names, expected["outputs"]);
  if (expected.contains("shapes")) {
    require_equal("planned shapes", shapes_as_json(results.planned_shapes), expected["shapes"]["planned"]);
    require_equal("resolved shapes", shapes_as_json(results.resolved_shapes), expected["shapes"]["resolved"]);
    require_equal("mask", Json(results.masks), expected["shapes"]["mask"]);
  }
  for (const auto& [name, wanted] : expected["outputs"].items()) {
    const mpipe::OutputResult& result = results.at(name);
    require_equal("how " + name + " is stored", result.mapped ? "map" : "single", wanted["stored"]);
    // A single value that failed has one state, whatever shape it would have had.
    const bool is_error = wanted["kind"] == "error";
    const auto known = is_error ? std::vector{result.state(0)} : result.states();
    compare_value(name, result.value, known, wanted);
  }
}

void compare_values(const mpipe::Inputs& values, const Json& expected) {
  std::vector<std::string> names;
  for (const auto& [name, unused] : values) names.push_back(name);
  compare_names(names, expected["outputs"]);
  for (const auto& [name, value] : values) compare_value(name, value, {}, expected["outputs"][name]);
}

void compare_counts(const std::map<std::string, mpipe::Index>& counts, const Json& expected) {
  Json got = Json::object();
  for (const auto& [name, count] : counts)
    if (count != 0) got[name] = count;
  require_equal("the number of calls", got, expected);
}

void compare_error(const mpipe::Error& error, const std::map<std::string, mpipe::Index>& counts,
                   const Json& expected) {
  require(to_string(error.category()) == expected["category"].get<std::string>(),
          fmt::format("the error ({})", error.what()), std::string(to_string(error.category())),
          expected["category"]);
  if (expected["upfront"].get<bool>()) compare_counts(counts, Json::object());
}

}  // namespace golden
