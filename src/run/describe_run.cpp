// SPDX-License-Identifier: BSD-3-Clause
// Describes a run: its outputs, and all that their values follow from.
#include "run/describe_run.hpp"

#include <mpipe/core/version.hpp>

#include "base/api/code_modules.hpp"
#include "pipeline/api/described_body.hpp"
#include "store/api/function_meaning.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <errno.h>

#include <ctime>

namespace mpipe {
namespace {

std::string hexadecimal(std::uint64_t digest) { return fmt::format("{:016x}", digest); }

std::string attribute(const Function& function, const std::string& output, const std::string& key) {
  const auto of_output = function.attributes().find(output);
  if (of_output == function.attributes().end()) return {};
  const auto text = of_output->second.find(key);
  return text == of_output->second.end() ? std::string() : text->second;
}

std::string now_in_utc() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

OutputLayout describe_output(const RunSetup& setup, std::size_t k) {
  const PlannedOutput& planned = setup.plan.outputs()[k];
  const FunctionNode& node = setup.pipeline.function(planned.function);
  OutputLayout output;
  static_cast<ArrayLayout&>(output) = planned.layout;
  output.name = planned.name;
  output.mapspec = node.mapspec ? node.mapspec->to_string() : "";
  output.storage = setup.settings.storage[k];
  output.units = attribute(node.function, planned.name, "units");
  output.long_name = attribute(node.function, planned.name, "long_name");
  if (setup.plan.is_selection() && is_known(setup.plan.external_shape(planned.stage)))
    output.selected = setup.plan.selected(planned.stage);
  return output;
}

/// Numbers and arrays with a named axis are kept as variables of the results.
std::vector<InputLayout> describe_variables(const RunSetup& setup) {
  std::vector<InputLayout> variables;
  std::vector<MapSpec> specs;
  for (const FunctionNode& node : setup.pipeline.functions())
    if (node.mapspec) specs.push_back(*node.mapspec);
  const auto axes = axes_of_arrays(specs);
  for (const auto& [name, value] : setup.inputs) {
    const auto named = axes.find(name);
    if (value.rank() > 1 || (value.rank() == 1 && (named == axes.end() || !named->second.front()))) continue;
    InputLayout input;
    input.name = name;
    if (!value.is_scalar()) input.dims = {*named->second.front()};
    input.value = value;
    variables.push_back(std::move(input));
  }
  return variables;
}

/// The first values, unless they would have to be read from somewhere.
std::string preview(const Value& value) {
  constexpr Index kMostShown = 20;
  constexpr std::size_t kLongest = 1000;
  if (value.is_scalar() || value.file() != nullptr || value.source() != nullptr)
    return describe(value).substr(0, kLongest);
  std::vector<std::string> items;
  for (Index k = 0; k < std::min(value.count(), kMostShown); ++k)
    items.push_back(describe_element(value.type(), value.element(k)));
  if (value.count() > kMostShown) items.emplace_back("..");
  return fmt::format("[{}]", fmt::join(items, ", ")).substr(0, kLongest);
}

/// What a compiled function takes and gives, whatever it is.
std::string types_of(const Function& function) {
  const auto joined = [](const std::vector<ValueType>& types) {
    std::vector<std::string> texts;
    for (const ValueType& type : types) texts.push_back(type.to_string());
    return fmt::format("{}", fmt::join(texts, ", "));
  };
  const std::vector<ValueType>& parameters = function.body().parameters();
  return fmt::format("({}) -> ({})", joined(parameters), joined(function.body().outputs(parameters)));
}

/// Compiled code is known by the module that has it: the name of a file, and its build id. Code that is text
/// is known by its digest.
std::map<std::string, std::string> describe_code(const BodyCode& code,
                                                 const std::vector<detail::CodeModule>& modules) {
  std::map<std::string, std::string> described;
  for (const void* place : code.places) {
    const detail::CodeModule* module = detail::module_of(modules, place);
    if (module == nullptr) continue;
    const std::string name = module->name.substr(module->name.rfind('/') + 1);
    described.emplace(name.empty() ? program_invocation_short_name : name, module->identity);
  }
  for (const BodyCode::Source& source : code.sources) described.emplace(source.name, source.digest);
  return described;
}

/// Which function of its code it is. A formula says all, but for what it calls code.
std::string describe_body(const FunctionBody& body, const std::vector<std::string>& names,
                          const std::vector<detail::CodeModule>& modules) {
  const std::string formula = body.formula(names);
  const BodyCode code = body.code();
  if (!formula.empty() && code.places.empty() && code.sources.empty()) return {};
  std::string text = body.identity();
  for (const void* place : code.places) text += "; " + detail::place_of_code(modules, place);
  if (!code.captures.empty()) text += "; captures " + detail::portable_bytes(modules, code.captures);
  return text;
}

/// What says which body it is where a formula does not. See `is_key_of_all_versions`.
void add_keys(const Function& function, const BodyCode& code, const std::vector<detail::CodeModule>& modules,
              std::map<std::string, std::string>& meaning) {
  std::map<std::string, std::string> keys = keys_of(function.body());
  std::vector<std::string> places;
  for (const void* place : code.places) places.push_back(detail::place_of_code(modules, place));
  if (!places.empty()) keys[kPlaceKey] = fmt::format("{}", fmt::join(places, ", "));
  // Programs are told how many threads they have, and may add numbers up in another order.
  const int threads = function.resources().threads;
  if (threads > 0 && keys.contains("command")) keys["threads"] = std::to_string(threads);
  meaning.merge(keys);
}

RunDescription::Function describe_function(const FunctionNode& node,
                                           const std::vector<detail::CodeModule>& modules) {
  RunDescription::Function described;
  described.name = node.name();
  described.outputs = node.outputs;
  const std::vector<std::string> names = node.function.parameter_names();
  for (const ParameterNode& parameter : node.parameters)
    if (parameter.source != Source::bound) described.parameters.push_back(parameter.name);
  if (node.mapspec) described.meaning["mapspec"] = node.mapspec->to_string();
  for (const auto& [name, value] : node.function.bound_values())
    described.meaning["bound " + name] =
        fmt::format("{} (digest {})", preview(value), hexadecimal(value.digest()));
  const FunctionBody& body = node.function.body();
  if (std::string formula = body.formula(names); !formula.empty()) {
    described.meaning["expr"] = std::move(formula);
  } else {
    described.meaning["types"] = types_of(node.function);
    described.meaning["parameters"] = fmt::format("{}", fmt::join(names, ", "));
  }
  const BodyCode code = body.code();
  described.code = describe_code(code, modules);
  add_keys(node.function, code, modules, described.meaning);
  described.body = describe_body(body, names, modules);
  described.draws_random_numbers = body.draws_random_numbers();
  return described;
}

/// What is declared of the axes inside of each element, which the function's results are held to.
void add_declared_shape(const ArrayLayout& planned, RunDescription::Function& function) {
  const PartialShape internal = planned.internal_shape();
  if (!internal.empty()) function.meaning["internal_shape"] = to_string(internal);
}

}  // namespace

/// Only functions of the plan count, and only inputs that they take: others have nothing to do with the
/// values.
RunDescription describe_run(const RunSetup& setup) {
  RunDescription run;
  run.run_id = new_run_id();
  run.document = setup.options.document;
  run.document_file = setup.options.document_file;
  run.seed = setup.options.seed;
  if (const auto& shard = setup.options.shard) run.shard = fmt::format("{}/{}", shard->number, shard->of);
  run.command_line = setup.options.command_line;
  run.created = now_in_utc();
  run.versions["mpipe"] = std::string(version());
  for (std::size_t k = 0; k < setup.plan.outputs().size(); ++k)
    run.outputs.push_back(describe_output(setup, k));
  run.inputs = describe_variables(setup);
  const std::vector<detail::CodeModule> modules = detail::loaded_modules();
  Inputs given;
  for (std::uint32_t id = 0; id < setup.pipeline.functions().size(); ++id) {
    if (!setup.plan.function({id})) continue;
    const FunctionNode& node = setup.pipeline.function({id});
    run.functions.push_back(describe_function(node, modules));
    const OutputId first = setup.plan.function({id})->outputs.front();
    add_declared_shape(setup.plan.output(first).layout, run.functions.back());
    for (const ParameterNode& parameter : node.parameters) {
      if (parameter.source != Source::root) continue;
      // A default that is given explicitly is the same value.
      const auto input = setup.inputs.find(parameter.name);
      const Value* value =
          input != setup.inputs.end() ? &input->second : setup.pipeline.default_of(parameter.name);
      if (value != nullptr) given.emplace(parameter.name, *value);
    }
  }
  std::map<std::string, std::string> digests;
  for (const auto& [name, value] : given) {
    digests[name] = hexadecimal(value.digest());
    run.given.push_back(
        {name, std::string(value.type().dtype()), value.shape(), preview(value), digests[name]});
  }
  for (InputLayout& input : run.inputs) input.digest = digests[input.name];
  return run;
}

}  // namespace mpipe
