// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Puts together what a run brings back.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include "exec/api/run_arrays.hpp"
#include "run/run_progress.hpp"
#include "run/run_setup.hpp"
#include "run/values/node_memory.hpp"

namespace mpipe {

/// Collective. All of the results but times. Values are brought to rank 0 where the options say so.
Results collect_results(const Communicator& comm, const RunSetup& setup, const RunProgress& progress,
                        const NodeMemory& memory, RunArrays& arrays);

}  // namespace mpipe
