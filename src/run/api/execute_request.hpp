// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One run of a request that was checked, on all ranks of a communicator.
#pragma once

#include <mpipe/folder/status.hpp>

#include "run/api/node_inventory.hpp"
#include "run/api/request.hpp"
#include "run/api/run_control.hpp"
#include "store/api/reuse_runs.hpp"

#include <functional>

namespace mpipe {

/// A run that ended early, for another reason than an element.
class RunStopped final : public Error {
 public:
  RunStopped(Error why, std::shared_ptr<const Results> partial)
      : Error(std::move(why)), partial_(std::move(partial)) {}
  const std::shared_ptr<const Results>& partial() const { return partial_; }

 private:
  std::shared_ptr<const Results> partial_;
};

/// Hears, on rank 0 of a run, who writes its status.json: when it begins, and null when it is over.
using StatusHook = std::function<void(std::shared_ptr<StatusWriter>)>;

/// What of the pipeline is to run. Names that it does not have are left to the plan to refuse.
Pipeline wanted_part(const Pipeline& pipeline, const Inputs& inputs, const MapOptions& options);

/// Runs every check that `map` does before it starts, for `ranks` ranks. Where several node inventories are
/// possible, the request must be valid on each. Local.
void check_request(const Pipeline& pipeline, const Request& request, int ranks,
                   std::span<const NodeInventory> inventories);

/// What would go wrong in such a run for reasons that may be gone when it begins, a sentence; or empty. Local.
std::string warn_of_request(const Pipeline& pipeline, const Request& request, int ranks);

/// What such a run would take from earlier ones (`MapOptions::reuse`), by output; empty where it is given none. Local.
/// Throws as `ReusePlan`.
std::vector<ReusedOutput> find_reused(const Pipeline& pipeline, const Request& request, int ranks);

/// Collective. Takes the request on every rank, checks and plans it for these ranks, and runs it. What `take`
/// throws on any rank, all throw. The requests are equal, but for the observer, which counts on rank 0, as
/// `control` and `hook` do. `inventory`: of these ranks. Throws as `map` does, and `RunStopped`.
Results execute_request(const Communicator& comm, const Pipeline& pipeline,
                        const std::function<Request()>& take, const NodeInventory& inventory,
                        RunControl* control = nullptr, const StatusHook& hook = {});

/// Collective with those who compute the run, which this rank joins between two of its waves.
Results join_request(const Communicator& comm, const Pipeline& pipeline, std::span<const std::byte> bytes,
                     RunControl* control);

}  // namespace mpipe
