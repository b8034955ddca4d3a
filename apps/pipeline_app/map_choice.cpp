// SPDX-License-Identifier: BSD-3-Clause
#include "map_choice.hpp"

#include <mpipe/plan/plan.hpp>
#include <mpipe/store/run_reader.hpp>

#include "output.hpp"
#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe::app {
namespace {

bool may_be_printed(const PartialShape& shape, Index max_print) {
  return !is_known(shape) || element_count(known_shape(shape)) <= max_print;
}

/// Values are wanted at rank 0 to be printed only. Where they are many they are not brought there, but those
/// to be printed are read from the run folder afterwards.
void choose_results(const MapFlags& flags, const Pipeline& pipeline, Index max_print, MapChoice& choice) {
  MapOptions& options = choice.options;
  options.return_results = false;
  if (!flags.json || max_print == 0 || flags.dry_run) return;
  const Plan plan(pipeline, {choice.inputs, options.outputs, options.fixed, options.internal_shapes});
  const bool some = std::any_of(
      plan.outputs().begin(), plan.outputs().end(),
      [&](const PlannedOutput& output) { return may_be_printed(output.layout.shape, max_print); });
  if (!some) return;
  constexpr std::uint64_t kMostBytes = std::uint64_t{256} << 20;
  options.return_results = plan.known_bytes() <= kMostBytes;
  choice.reads_back = !options.return_results && !options.run_folder.empty();
  if (!options.return_results && !choice.reads_back)
    print_note(
        fmt::format("data are left out, as the results take {} and there is no run folder (--run-folder) to "
                    "read them from",
                    bytes_text(plan.known_bytes())));
}

}  // namespace

MapChoice choose_map(const MapFlags& flags, const Environ& environment, const Document& document,
                     const Pipeline& pipeline, const std::string& command_line, int ranks) {
  MapChoice choice;
  MapOptions& options = choice.options;
  options = map_options(flags, environment, document);
  for (const auto& [output, unused] : options.storage)
    if (!output.empty()) pipeline.producer_of(output);
  for (const auto& [output, unused] : options.chunksizes)
    if (!output.empty()) pipeline.producer_of(output);
  // Who names the executor of one output leaves that of the others as it would be.
  if (!options.executor.empty()) options.executor.try_emplace("", ranks > 1 ? "mpi" : "sequential");
  for (const std::string& output : options.outputs) pipeline.producer_of(output);
  choice.inputs = document.inputs_for_map(pipeline, options.outputs);
  options.document = document.text();
  options.command_line = command_line;
  choose_results(flags, pipeline, max_print(flags.max_print, environment), choice);
  return choice;
}

void read_back(Results& results, const MapChoice& choice, Index max_print) {
  if (!choice.reads_back) return;
  RunReader reader(choice.options.run_folder);
  for (auto& [name, result] : results.outputs) {
    const auto found = reader.find(name);
    if (found && reader.outputs()[*found].shape_known() && may_be_printed(result.layout.shape, max_print))
      result.value = reader.read_all(*found);
  }
}

}  // namespace mpipe::app
