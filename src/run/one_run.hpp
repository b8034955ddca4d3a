// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One run of a request that was checked, on all ranks of a communicator.
#pragma once

#include <mpipe/run/status.hpp>

#include "run/map_run.hpp"
#include "run/request.hpp"

#include <functional>

namespace mpipe {

/// Hears, on rank 0 of a run, who writes its status.json: when it begins, and null when it is over.
using StatusHook = std::function<void(std::shared_ptr<StatusWriter>)>;

/// What of the pipeline is to run. Names that it does not have are left to the plan to refuse.
Pipeline wanted_part(const Pipeline& pipeline, const Inputs& inputs, const MapOptions& options);

/// Collective. `request` is the same everywhere, but for the observer, `control` and `hook`, which count on
/// rank 0. Throws as `map` does, and `RunStopped`.
Results run_request(const Communicator& comm, const Pipeline& pipeline, const Request& request,
                    RunControl* control = nullptr, const StatusHook& hook = {});

}  // namespace mpipe
