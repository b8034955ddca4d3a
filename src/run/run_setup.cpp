// SPDX-License-Identifier: BSD-3-Clause
// Plans a request and checks its options against the plan and the nodes.
#include "run/run_setup.hpp"

#include <mpipe/core/error.hpp>

#include "base/api/file.hpp"
#include "run/api/execute_request.hpp"
#include "run/team_timeout.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {

RunSetup::RunSetup(const Pipeline& whole, const Request& request, int ranks)
    : pipeline(wanted_part(whole, request.inputs, request.options)),
      inputs(request.inputs),
      options(request.options),
      plan(pipeline, {inputs, options.outputs, options.fixed, options.internal_shapes,
                      executor_names(pipeline, options, ranks), options.shard}),
      planned_shapes(plan.shapes()),
      settings(make_settings(plan, options, ranks)) {
  team_grace(options);  // throws where the time is none
  // Here, and not where a file is made: it is the same for all ranks and storages, and nothing has begun.
  for (const PlannedOutput& output : plan.outputs()) output.layout.check_limits(output.name);
}

void RunSetup::check(const NodeInventory& inventory) const {
  check_resources(plan, settings, inventory, options.rank0);
  check_memory(memory_budget(options, inventory));
}

/// Of shapes that are known. What is selected counts, as memory that nobody writes to costs nothing.
void RunSetup::check_memory(std::uint64_t budget) const {
  if (budget == 0) return;
  constexpr double kMostTold = 1e19;  // what a number of 64 bits holds
  for (std::uint32_t k = 0; k < plan.outputs().size(); ++k) {
    const PlannedOutput& output = plan.output({k});
    const bool in_memory =
        options.return_results || options.run_folder.empty() || settings.storage[k] == StorageKind::memory;
    if (!in_memory || !output.layout.shape_known() || !output.layout.type->fixed_size() ||
        !is_sized(plan, {k}))
      continue;
    const auto elements = static_cast<double>(plan.selected(output.stage).count());
    const double bytes = elements *
                         static_cast<double>(element_count(known_shape(output.layout.internal_shape()))) *
                         static_cast<double>(output.layout.type->size);
    if (bytes <= static_cast<double>(budget)) continue;
    throw Error(
        Category::too_large,
        fmt::format(
            "the values of '{}' take {}, and must be in memory, of which a node may use {} for arrays. "
            "Keep them in the results file (a run folder and the storage hdf5, values not returned), "
            "compute a part (--fixed), or allow more memory (--memory).",
            output.name, readable_size(static_cast<std::uint64_t>(std::min(bytes, kMostTold))),
            readable_size(budget)),
        {Subject::Kind::output, output.name});
  }
}

std::uint64_t memory_budget(const MapOptions& options, const NodeInventory& inventory) {
  if (options.memory && options.memory->bytes > 0) return options.memory->bytes;
  std::uint64_t least = 0;
  for (const NodeResources& node : inventory.nodes)
    if (node.memory > 0 && (least == 0 || node.memory < least)) least = node.memory;
  constexpr double kUsualPart = 0.5;
  return static_cast<std::uint64_t>(static_cast<double>(least) *
                                    (options.memory ? options.memory->part : kUsualPart));
}

std::vector<OutputId> outputs_of_wave(const Plan& plan, std::size_t wave) {
  std::vector<OutputId> outputs;
  for (const StageId stage : plan.stages_of_wave(wave))
    for (const FunctionId id : plan.stages()[stage.value].functions)
      outputs.insert(outputs.end(), plan.function(id)->outputs.begin(), plan.function(id)->outputs.end());
  return outputs;
}

std::size_t last_reading_wave(const Plan& plan, OutputId output) {
  const auto wave_of = [&](StageId stage) { return plan.stages()[stage.value].wave; };
  std::size_t last = wave_of(plan.output(output).stage);
  for (const FunctionId reader : plan.output(output).readers)
    last = std::max(last, wave_of(plan.function(reader)->stage));
  return last;
}

bool is_sized(const Plan& plan, OutputId output) {
  return is_known(plan.external_shape(plan.output(output).stage));
}

}  // namespace mpipe
