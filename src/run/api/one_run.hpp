// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One run of a request that was checked, on all ranks of a communicator.
#pragma once

#include <mpipe/folder/status.hpp>

#include "run/api/request.hpp"
#include "run/api/run_control.hpp"
#include "run/api/supply.hpp"

#include <functional>

namespace mpipe {

/// A run that ended early, for another reason than an element.
class RunStopped final : public Error {
 public:
  RunStopped(Category category, const std::string& message, std::shared_ptr<const Results> partial)
      : Error(category, message), partial_(std::move(partial)) {}
  const std::shared_ptr<const Results>& partial() const { return partial_; }

 private:
  std::shared_ptr<const Results> partial_;
};

/// Hears, on rank 0 of a run, who writes its status.json: when it begins, and null when it is over.
using StatusHook = std::function<void(std::shared_ptr<StatusWriter>)>;

/// What of the pipeline is to run. Names that it does not have are left to the plan to refuse.
Pipeline wanted_part(const Pipeline& pipeline, const Inputs& inputs, const MapOptions& options);

/// Throws what `map` would throw before it begins, on so many ranks: whichever of `supplies` they have.
/// Local.
void check_request(const Pipeline& pipeline, const Request& request, int ranks,
                   std::span<const Supply> supplies);

/// Collective. `request` is the same everywhere, but for the observer, `control` and `hook`, which count on
/// rank 0. Throws as `map` does, and `RunStopped`. Precondition: `check_request`.
Results run_request(const Communicator& comm, const Pipeline& pipeline, const Request& request,
                    const Supply& supply, RunControl* control = nullptr, const StatusHook& hook = {});

/// Collective. Takes the request on every rank, checks it for these ranks, and runs it. What `take` throws on
/// any, all throw. `supply`: of these ranks.
Results take_and_run(const Communicator& comm, const Pipeline& pipeline, const std::function<Request()>& take,
                     const Supply& supply, RunControl* control = nullptr, const StatusHook& hook = {});

/// Collective with those who compute the run (see `MapRun::join`).
Results join_request(const Communicator& comm, const Pipeline& pipeline, std::span<const std::byte> bytes,
                     RunControl* control);

}  // namespace mpipe
