// SPDX-License-Identifier: BSD-3-Clause
// Counts what a run that has ended has stored.
#include "folder/api/stored_counts.hpp"

#include <mpipe/core/error.hpp>

namespace mpipe {
namespace {

bool has_ended_early(const RunStatus& status) {
  return status.state != RunState::pending && status.state != RunState::running &&
         status.state != RunState::completed;
}

}  // namespace

void count_stored(RunStatus& status, const RunReader& stored) {
  if (!has_ended_early(status)) return;
  for (OutputStatus& output : status.outputs) {
    const auto found = stored.find(output.name);
    if (!found || !output.elements || stored.element_total(*found) != output.elements) continue;
    const ElementStates& progress = stored.progress(*found);
    output.done = progress.done().count();
    output.failed = progress.failed().count();
    output.blocked = progress.blocked().count();
  }
}

RunStatus read_stored_status(const std::string& run_folder) {
  RunStatus status = read_status(run_folder);
  if (!has_ended_early(status)) return status;
  try {
    count_stored(status, RunReader(run_folder));
  } catch (const Error&) {
    // There is no run yet, or it is damaged: what was told is all that is known.
  }
  return status;
}

}  // namespace mpipe
