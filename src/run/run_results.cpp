// SPDX-License-Identifier: BSD-3-Clause
// Gathers the values and states of all outputs at the end of a run.
#include "run/run_results.hpp"

#include "plan/api/lineage.hpp"
#include "run/values/exchange.hpp"

namespace mpipe {
namespace {

/// Of the elements that this start was to compute; what else earlier ones have done is in the file.
OutputResult result_of(OutputId id, const RunSetup& setup, const RunProgress& progress) {
  const PlannedOutput& output = setup.plan.output(id);
  const ElementStates& states = progress.of(id);
  OutputResult result;
  result.name = output.name;
  result.layout = output.layout;
  result.mapped = output.mapped;
  result.selected = is_sized(setup.plan, id) ? setup.plan.selected(output.stage) : states.blocked();
  // Where all is selected, which is the rule, nothing is copied twice.
  const bool everything =
      is_sized(setup.plan, id) && is_known(output.layout.external_shape()) &&
      result.selected.contains(IndexRange{0, element_count(known_shape(output.layout.external_shape()))});
  if (everything)
    result.set_states(states);
  else
    result.set_states(states.within(result.selected));
  return result;
}

}  // namespace

Results collect_results(const Communicator& comm, const RunSetup& setup, const RunProgress& progress,
                        const NodeMemory& memory, RunArrays& arrays) {
  Results results;
  results.planned_shapes = setup.planned_shapes;
  results.resolved_shapes = setup.plan.shapes();
  results.masks = setup.plan.masks();
  results.ranks = comm.size();
  results.failures = progress.details();
  results.new_failures = progress.new_failures();
  results.lineage = std::make_shared<const Lineage>(setup.plan);
  for (std::uint32_t k = 0; k < setup.plan.outputs().size(); ++k) {
    OutputResult result = result_of({k}, setup, progress);
    PartialArray* array = arrays.find({k});
    if (setup.options.return_results && array != nullptr && result.layout.internal_known()) {
      // Collective: all ranks must come here for the same outputs in the same order. The conditions above
      // hold on all of them or on no one, as options and plans are equal everywhere. The array of a rank may know
      // more: a shape that it found in a block of which rank 0 did not hear any more.
      gather_at_root(comm, memory, *array);
      if (comm.is_root()) result.value = in_mapspec_order(*array, result.layout.external);
    }
    // A call with several outputs fails once, so it is counted with its first output only.
    if (setup.plan.outputs()[k].position == 0) results.failed_elements += result.failed.count();
    results.names.push_back(result.name);
    results.outputs.emplace(result.name, std::move(result));
  }
  return results;
}

}  // namespace mpipe
