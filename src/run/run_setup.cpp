// SPDX-License-Identifier: BSD-3-Clause
// Plans a request and checks its options against the plan and the nodes.
#include "run/run_setup.hpp"

#include "run/api/execute_request.hpp"
#include "run/team_timeout.hpp"

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
}

std::vector<OutputId> outputs_of_wave(const Plan& plan, std::size_t wave) {
  std::vector<OutputId> outputs;
  for (const StageId stage : plan.stages_of_wave(wave))
    for (const FunctionId id : plan.stages()[stage.value].functions)
      outputs.insert(outputs.end(), plan.function(id)->outputs.begin(), plan.function(id)->outputs.end());
  return outputs;
}

bool is_sized(const Plan& plan, OutputId output) {
  return is_known(plan.external_shape(plan.output(output).stage));
}

}  // namespace mpipe
