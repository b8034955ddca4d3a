// SPDX-License-Identifier: BSD-3-Clause
// Shows a plan as tables or as JSON.
#include "plan_text.hpp"

#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace mpipe::app {
namespace {

using nlohmann::json;

json shape_json(const PartialShape& shape) {
  json list = json::array();
  for (const auto& extent : shape) list.push_back(extent ? json(*extent) : json());
  return list;
}

std::vector<std::string> function_names(const Plan& plan, const Stage& stage) {
  std::vector<std::string> names;
  for (const FunctionId id : stage.functions) names.push_back(plan.pipeline().function(id).name());
  return names;
}

std::optional<Index> elements(const Plan& plan, const Stage& stage) {
  // The selection of a stage can only be counted once its shape is known.
  if (!is_known(plan.external_shape(stage.id))) return std::nullopt;
  return plan.selected(stage.id).count();
}

std::optional<std::uint64_t> bytes(const PlannedOutput& output) {
  // Without a rank the shape is empty, which would otherwise count as one value.
  if (!output.layout.rank_known || !is_known(output.layout.shape) || !output.layout.type->fixed_size())
    return std::nullopt;
  return static_cast<std::uint64_t>(element_count(known_shape(output.layout.shape))) *
         output.layout.type->size;
}

std::string or_unknown(const std::optional<Index>& number) {
  return number ? fmt::format("{}", *number) : "?";
}

std::string axes_text(const std::vector<std::string>& axes, const PartialShape& shape) {
  std::vector<std::string> parts;
  for (std::size_t axis = 0; axis < axes.size(); ++axis)
    parts.push_back(fmt::format("{}={}", axes[axis], axis < shape.size() ? or_unknown(shape[axis]) : "?"));
  return parts.empty() ? "-" : fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

json stages_json(const Plan& plan) {
  json stages = json::array();
  for (const Stage& stage : plan.stages()) {
    const auto count = elements(plan, stage);
    stages.push_back({{"stage", stage.id.value},
                      {"wave", stage.wave},
                      {"axes", stage.axes},
                      {"shape", shape_json(plan.external_shape(stage.id))},
                      {"elements", count ? json(*count) : json()},
                      {"functions", function_names(plan, stage)}});
  }
  return stages;
}

std::string stages_text(const Plan& plan) {
  Table table({"stage", "wave", "axes", "elements", "functions"});
  for (const Stage& stage : plan.stages())
    table.add({fmt::format("{}", stage.id.value), fmt::format("{}", stage.wave),
               axes_text(stage.axes, plan.external_shape(stage.id)), or_unknown(elements(plan, stage)),
               fmt::format("{}", fmt::join(function_names(plan, stage), ", "))});
  return table.text("  ");
}

json resources_json(const Function& function) {
  const Resources& needs = function.resources();
  const auto& rule = function.rank_rule();
  return {{"ranks", rule ? json(fmt::format("by {}", fmt::join(rule->parameters, ", "))) : json(needs.ranks)},
          {"threads", needs.threads},
          {"gpus", needs.gpus},
          {"memory", needs.memory},
          {"time", seconds(needs.time)},
          {"isolation", function.isolation() == Isolation::process ? "process" : "none"}};
}

std::string resources_text(const Pipeline& pipeline) {
  Table table({"function", "resources"});
  for (const FunctionId id : pipeline.topological_order()) {
    const FunctionNode& node = pipeline.function(id);
    std::string needs = to_string(node.function.resources());
    if (const auto& rule = node.function.rank_rule())
      needs =
          fmt::format("ranks by {}{}{}", fmt::join(rule->parameters, ", "), needs.empty() ? "" : ", ", needs);
    if (node.function.isolation() == Isolation::process) needs += needs.empty() ? "isolated" : ", isolated";
    if (!needs.empty()) table.add({node.name(), std::move(needs)});
  }
  return table.empty() ? std::string() : table.text("  ");
}

std::string plan_text(const Plan& plan) {
  const std::string resources = resources_text(plan.pipeline());
  Table outputs({"output", "axes", "type", "bytes"});
  for (const PlannedOutput& output : plan.outputs()) {
    const auto size = bytes(output);
    outputs.add({output.name,
                 output.layout.rank_known ? axes_text(output.layout.axes, output.layout.shape) : "?",
                 std::string(output.layout.type->dtype()), size ? bytes_text(*size) : "?"});
  }
  return fmt::format("plan: {} in {}, {} of results as far as known; nothing was run\n{}\n{}{}{}",
                     count_text(static_cast<Index>(plan.stages().size()), "stage"),
                     count_text(static_cast<Index>(plan.wave_count()), "wave"),
                     bytes_text(plan.known_bytes()), stages_text(plan), outputs.text("  "),
                     resources.empty() ? "" : "\n", resources);
}

std::string reused_text(const std::vector<ReusedOutput>& reused) {
  std::string text;
  for (const ReusedOutput& output : reused) text += to_sentence(output) + "\n";
  return text.empty() ? text : "\n" + text;
}

namespace {

json reused_json(const std::vector<ReusedOutput>& reused) {
  json outputs = json::object();
  for (const ReusedOutput& output : reused) {
    json sources = json::array();
    for (const ReuseSource& source : output.sources)
      sources.push_back({{"folder", source.folder.string()},
                         {"elements", source.elements},
                         {"why_not", source.why_not.empty() ? json() : json(source.why_not)}});
    outputs[output.name] = {{"elements", output.selected ? json(*output.selected) : json()},
                            {"taken", output.elements()},
                            {"from", sources}};
  }
  return outputs;
}

}  // namespace

std::string plan_json(const Plan& plan, const std::vector<ReusedOutput>& reused, const PilotReport* pilot,
                      const std::string& name) {
  json outputs = json::object();
  for (const PlannedOutput& output : plan.outputs()) {
    const auto size = bytes(output);
    outputs[output.name] = {{"shape", output.layout.rank_known ? shape_json(output.layout.shape) : json()},
                            {"dims", output.layout.axes},
                            {"dtype", output.layout.type->dtype()},
                            {"stage", output.stage.value},
                            {"bytes", size ? json(*size) : json()}};
  }
  json resources = json::object();
  for (const Stage& stage : plan.stages())
    for (const FunctionId id : stage.functions) {
      const FunctionNode& node = plan.pipeline().function(id);
      resources[node.name()] = resources_json(node.function);
    }
  json root = {{"stages", stages_json(plan)},
               {"resources", resources},
               {"outputs", outputs},
               {"waves", plan.wave_count()},
               {"known_bytes", plan.known_bytes()}};
  if (!name.empty()) root["name"] = name;
  if (!reused.empty()) root["reuse"] = reused_json(reused);
  if (pilot != nullptr) root["pilot"] = pilot_json(*pilot);
  return root.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace mpipe::app
