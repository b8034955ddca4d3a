// SPDX-License-Identifier: BSD-3-Clause
/// `describe DOC`: what a pipeline is, without running it.
#include <mpipe/document/document.hpp>
#include <mpipe/pipeline/pipeline.hpp>
#include <mpipe/plan/plan.hpp>

#include "command.hpp"
#include "json_text.hpp"
#include "launch.hpp"
#include "output.hpp"
#include "plan_text.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace mpipe::app {
namespace {

using nlohmann::json;

struct DescribeFlags {
  std::string document;
  bool json = false;
  bool dot = false;
  bool mermaid = false;
};

/// The plan of a map with the inputs of the document, or why there is none.
struct PlanOrReason {
  std::optional<Plan> plan;
  std::string reason;
};

PlanOrReason try_to_plan(const Document& document, const Pipeline& pipeline) {
  try {
    return {Plan(pipeline, {document.inputs_for_map(pipeline, {}), {}, {}}), {}};
  } catch (const Error& error) {  // a document need not have all of its inputs to be described
    return {std::nullopt, document.located(error).what()};
  }
}

/// Axes of the mapspecs, in the order of their first appearance, and their lengths as far as known.
std::vector<std::pair<std::string, std::optional<Index>>> axes_of(const Pipeline& pipeline,
                                                                  const std::optional<Plan>& plan) {
  std::vector<std::pair<std::string, std::optional<Index>>> axes;
  const auto add = [&](const std::string& axis, std::optional<Index> length) {
    const auto known =
        std::find_if(axes.begin(), axes.end(), [&](const auto& each) { return each.first == axis; });
    if (known == axes.end())
      axes.emplace_back(axis, length);
    else if (!known->second)
      known->second = length;
  };
  if (plan)
    // The plan comes first, as it knows lengths; the mapspecs add the axes where there is no plan.
    for (const PlannedOutput& output : plan->outputs())
      for (std::size_t k = 0; k < output.layout.axes.size(); ++k)
        add(output.layout.axes[k], output.layout.shape[k]);
  for (const FunctionId id : pipeline.topological_order())
    if (const auto& mapspec = pipeline.function(id).mapspec)
      for (const ArraySpec& output : mapspec->outputs())
        for (const auto& axis : output.axes)
          if (axis) add(*axis, std::nullopt);
  return axes;
}

/// numpy's name of the type of an output; nothing where the plan is not known, or does not have it.
std::optional<std::string> type_of(const std::optional<Plan>& plan, const std::string& output) {
  if (!plan) return std::nullopt;
  for (const PlannedOutput& planned : plan->outputs())
    if (planned.name == output) return std::string(planned.layout.type->dtype());
  return std::nullopt;
}

json functions_json(const Pipeline& pipeline, const std::optional<Plan>& plan) {
  json functions = json::array();
  for (const FunctionId id : pipeline.topological_order()) {
    const FunctionNode& node = pipeline.function(id);
    json parameters = json::array();
    for (const ParameterNode& parameter : node.parameters) parameters.push_back(parameter.name);
    json types = json::object();
    for (const std::string& output : node.outputs) {
      const auto type = type_of(plan, output);
      types[output] = type ? json(*type) : json();
    }
    functions.push_back({{"name", node.name()},
                         {"outputs", node.outputs},
                         {"dtype", types},
                         {"parameters", parameters},
                         {"mapspec", node.mapspec ? json(node.mapspec->to_string()) : json()},
                         {"mapspec_generated", node.generated},
                         {"resources", resources_json(node.function)}});
  }
  return functions;
}

json generations_json(const Pipeline& pipeline) {
  json generations = json::array();
  for (const auto& generation : pipeline.generations()) {
    json names = json::array();
    for (const FunctionId id : generation) names.push_back(pipeline.function(id).name());
    generations.push_back(names);
  }
  return generations;
}

/// The stages of each run, which differ where inputs and axes do.
/// A run whose inputs are not complete is described as well: why its stages are not known stands in their
/// place.
json runs_json(const Document& document) {
  json runs = json::array();
  for (std::size_t k = 0; k < document.runs().size(); ++k) {
    const Document run = document.of_run(k);
    const Pipeline pipeline = run.pipeline();
    const PlanOrReason planned = try_to_plan(run, pipeline);
    runs.push_back({{"name", run.name()},
                    {"stages", planned.plan ? stages_json(*planned.plan) : json()},
                    {"stages_unknown_because", planned.plan ? json() : json(planned.reason)}});
  }
  return runs;
}

std::string runs_text(const Document& document) {
  std::string text;
  for (std::size_t k = 0; k < document.runs().size(); ++k) {
    const Document run = document.of_run(k);
    const Pipeline pipeline = run.pipeline();
    const PlanOrReason planned = try_to_plan(run, pipeline);
    text += fmt::format(
        "\nstages of the run {}\n{}", run.name(),
        planned.plan ? stages_text(*planned.plan) : fmt::format("  not known: {}\n", planned.reason));
  }
  return text;
}

std::string description_json(const Document& document, const Pipeline& pipeline,
                             const PlanOrReason& planned) {
  JsonObject defaults;
  for (const std::string& name : pipeline.defaulted_args())
    defaults.add_text(name, json_text(*pipeline.default_of(name)));
  JsonObject inputs;
  inputs.add("required", pipeline.info().required_inputs);
  inputs.add_text("optional", defaults.take());
  inputs.add("given", document.input_names());
  json axes = json::object();
  for (const auto& [axis, length] : axes_of(pipeline, planned.plan))
    axes[axis] = length ? json(*length) : json();
  JsonObject root;
  root.add("name", document.name());
  root.add("functions", functions_json(pipeline, planned.plan));
  root.add_text("inputs", inputs.take());
  root.add("axes", axes);
  root.add("mapspecs", pipeline.mapspecs());
  root.add("leaf_outputs", pipeline.leaf_outputs());
  root.add("generations", generations_json(pipeline));
  // Both keys are always there, one of them null, so that a program need not ask whether they are.
  root.add("stages", planned.plan ? stages_json(*planned.plan) : json());
  root.add("stages_unknown_because", planned.plan ? json() : json(planned.reason));
  if (!document.runs().empty()) root.add("runs", runs_json(document));
  return root.take() + "\n";
}

std::string functions_text(const Pipeline& pipeline, const std::optional<Plan>& plan) {
  Table table({"outputs", "type", "parameters", "mapspec"});
  for (const FunctionId id : pipeline.topological_order()) {
    const FunctionNode& node = pipeline.function(id);
    std::vector<std::string> parameters;
    for (const ParameterNode& parameter : node.parameters) parameters.push_back(parameter.name);
    std::string mapspec = node.mapspec ? node.mapspec->to_string() : "-";
    if (node.generated) mapspec += "  (generated)";
    std::vector<std::string> types;
    for (const std::string& output : node.outputs) types.push_back(type_of(plan, output).value_or("?"));
    table.add({fmt::format("{}", fmt::join(node.outputs, ", ")), fmt::format("{}", fmt::join(types, ", ")),
               parameters.empty() ? "-" : fmt::format("{}", fmt::join(parameters, ", ")), mapspec});
  }
  return table.text("  ");
}

std::string inputs_text(const Document& document, const Pipeline& pipeline) {
  const std::vector<std::string> given = document.input_names();
  const auto where = [&](const std::string& name) {
    return std::find(given.begin(), given.end(), name) != given.end() ? "in the document" : "-";
  };
  Table table({"input", "needed", "given"});
  for (const std::string& name : pipeline.info().required_inputs) table.add({name, "required", where(name)});
  for (const std::string& name : pipeline.defaulted_args())
    table.add({name, "optional, default " + describe(*pipeline.default_of(name)), where(name)});
  return table.text("  ");
}

std::string description_text(const Document& document, const Pipeline& pipeline,
                             const PlanOrReason& planned) {
  std::string text = fmt::format("pipeline {}\n\nfunctions\n{}\ninputs\n{}", document.name(),
                                 functions_text(pipeline, planned.plan), inputs_text(document, pipeline));
  text += "\naxes\n";
  for (const auto& [axis, length] : axes_of(pipeline, planned.plan))
    text += fmt::format("  {} = {}\n", axis, length ? fmt::format("{}", *length) : "?");
  text += "\ngenerations\n";
  for (const auto& generation : pipeline.generations()) {
    std::vector<std::string> names;
    for (const FunctionId id : generation) names.push_back(pipeline.function(id).name());
    text += fmt::format("  {}\n", fmt::join(names, ", "));
  }
  if (const std::string resources = resources_text(pipeline); !resources.empty())
    text += "\nresources of a call\n" + resources;
  if (!document.runs().empty()) return text + runs_text(document);
  return text + "\nstages\n" +
         (planned.plan ? stages_text(*planned.plan) : fmt::format("  not known: {}\n", planned.reason));
}

int run_describe(const DescribeFlags& flags) {
  // Under a launcher every rank comes here: one of them is enough.
  if (launched_rank() != 0) return 0;
  const Document document = Document::load(flags.document);
  const Pipeline pipeline = document.pipeline();
  if (flags.dot || flags.mermaid) {
    print_result(flags.dot ? to_dot(pipeline, document.name()) : to_mermaid(pipeline));
    return 0;
  }
  const PlanOrReason planned = try_to_plan(document, pipeline);
  if (flags.json)
    print_result(description_json(document, pipeline, planned));
  else
    print_text(description_text(document, pipeline, planned));
  return 0;
}

}  // namespace

void add_describe_command(CLI::App& app, Program& program) {
  // The parser keeps pointers into the flags, and the action reads them after this function has returned: the
  // callback owns them.
  const auto flags = std::make_shared<DescribeFlags>();
  CLI::App* command = add_command(
      app, {CommandGroup::look, "describe", "Shows functions, inputs, axes and stages of a document",
            "pipeline_app describe sweep.yaml"});
  command->add_option("DOC", flags->document, "The pipeline document (YAML or JSON)")
      ->required()
      ->type_name("");
  CLI::Option* json = command->add_flag("--json", flags->json, "Print one JSON object");
  CLI::Option* dot = command->add_flag("--dot", flags->dot, "Print a drawing for Graphviz (dot -Tsvg)");
  command->add_flag("--mermaid", flags->mermaid, "Print a drawing for Mermaid")
      ->excludes(dot)
      ->excludes(json);
  dot->excludes(json);
  command->callback([flags, &program] { program.action = [flags] { return run_describe(*flags); }; });
}

}  // namespace mpipe::app
