// SPDX-License-Identifier: BSD-3-Clause
// Plans a request on all ranks of a communicator, and runs it.
#include "run/api/execute_request.hpp"

#include "base/api/file.hpp"
#include "comm/api/collective.hpp"
#include "folder/api/failure_log.hpp"
#include "run/api/check_resources.hpp"
#include "run/map_run.hpp"
#include "run/run_setup.hpp"

namespace mpipe {
namespace {

/// What rank 0 notes of its run while that goes on: status.json, and elements that failed.
class KeptStatus {
 public:
  KeptStatus(MapOptions& options, const StatusHook& hook) : hook_(hook) {
    if (options.run_folder.empty() || !options.keep_status) return;
    writer_ = std::make_shared<StatusWriter>(options.run_folder);
    failures_ = std::make_shared<FailureLog>(resolve_path(options.run_folder), options.seed);
    const auto all = std::make_shared<ObserverList>();
    all->add(writer_);
    all->add(failures_);
    if (options.observer) all->add(options.observer);
    options.observer = observer_ = all;
    if (hook_) hook_(writer_);
  }
  /// The hook forgets the writer before it goes: whoever got it could otherwise write to a folder that the
  /// run has left already.
  ~KeptStatus() {
    if (writer_ && hook_) hook_(nullptr);
  }
  KeptStatus(const KeptStatus&) = delete;
  KeptStatus& operator=(const KeptStatus&) = delete;

  void finish(const Results& results) {
    if (!writer_) return;
    tell_problem();
    const bool failed = results.failed_elements > 0;
    keep_times(results);
    writer_->finish(RunState::completed, failed ? exit_code(Category::function_raised) : 0,
                    failed ? failures_text(results) : "");
  }
  void finish(const Error& error) {
    if (!writer_) return;
    tell_problem();
    // What was computed before a run ended early took time as well.
    if (const auto* failed = dynamic_cast<const FunctionError*>(&error)) keep_times(failed->partial());
    if (const auto* stopped = dynamic_cast<const RunStopped*>(&error); stopped && stopped->partial())
      keep_times(*stopped->partial());
    writer_->finish(end_state(error.category()), exit_code(error.category()), error.what());
  }

 private:
  void tell_problem() {
    if (!failures_->problem().empty())
      observer_->on_note("not all failures are noted in the run folder: " + failures_->problem());
  }

  void keep_times(const Results& results) {
    std::vector<FunctionTimes> functions;
    for (const auto& [name, times] : results.functions)
      functions.push_back({name, times.calls, times.seconds, times.mean_seconds, times.max_seconds});
    writer_->set_times(std::move(functions));
  }

  const StatusHook& hook_;
  std::shared_ptr<StatusWriter> writer_;
  std::shared_ptr<FailureLog> failures_;
  std::shared_ptr<RunObserver> observer_;
};

}  // namespace

Pipeline wanted_part(const Pipeline& pipeline, const Inputs& inputs, const MapOptions& options) {
  if (!options.auto_subpipeline) return pipeline;
  std::vector<std::string> given;
  for (const auto& [name, unused] : inputs)
    if (pipeline.has_name(name)) given.push_back(name);
  return pipeline.subpipeline(given, options.outputs);
}

void check_request(const Pipeline& pipeline, const Request& request, int ranks,
                   std::span<const NodeInventory> inventories) {
  const RunSetup setup(pipeline, request, ranks);
  for (const NodeInventory& inventory : inventories) setup.check(inventory);
  setup.check_teams(ranks);
}

std::string warn_of_request(const Pipeline& pipeline, const Request& request, int ranks) {
  return warn_of_size(RunSetup(pipeline, request, ranks));
}

std::vector<ReusedOutput> find_reused(const Pipeline& pipeline, const Request& request, int ranks) {
  return find_reused(RunSetup(pipeline, request, ranks));
}

namespace {

/// Collective. The plan of the request. Rank 0 checks everything first, so that nobody else fails in its own
/// way at what only counts there.
std::unique_ptr<RunSetup> plan_request(const Communicator& comm, const Pipeline& pipeline,
                                       const Request& request, const NodeInventory& inventory) {
  std::unique_ptr<RunSetup> setup;
  on_root(comm, [&] {
    setup = std::make_unique<RunSetup>(pipeline, request, comm.size());
    setup->check(inventory);
    setup->check_teams(comm.size());
    return Bytes{};
  });
  together(comm, [&] {
    if (!setup) setup = std::make_unique<RunSetup>(pipeline, request, comm.size());
  });
  return setup;
}

}  // namespace

Results execute_request(const Communicator& comm, const Pipeline& pipeline,
                        const std::function<Request()>& take, const NodeInventory& inventory,
                        RunControl* control, const StatusHook& hook) {
  const SteadyClock clock;
  Request request;
  // The bytes may be unreadable on one rank only, for instance where an input file is missing there. All
  // ranks then fail alike, before any of them waits in a later call.
  together(comm, [&] { request = take(); });
  std::unique_ptr<RunSetup> setup = plan_request(comm, pipeline, request, inventory);
  std::optional<KeptStatus> status;  // rank 0
  together(comm, [&] {
    if (comm.is_root()) status.emplace(setup->options, hook);
  });
  if (!status) return MapRun(comm, std::move(setup), inventory, control, clock).run();
  // Only rank 0 gets here. Its status is the last thing that changes: it says how the run ended, so the run
  // must have ended.
  try {
    Results results = MapRun(comm, std::move(setup), inventory, control, clock).run();
    status->finish(results);
    return results;
  } catch (const Error& error) {
    status->finish(error);
    throw;
  }
}

Results join_request(const Communicator& comm, const Pipeline& pipeline, std::span<const std::byte> bytes,
                     RunControl* control) {
  const SteadyClock clock;
  std::unique_ptr<RunSetup> setup;
  // The ranks that compute the run already make the same agreement when they let others join: where one of
  // the new ranks fails here, the others go on without them.
  together(comm, [&] { setup = std::make_unique<RunSetup>(pipeline, decode_request(bytes), comm.size()); });
  return MapRun(comm, std::move(setup), control, clock).run();
}

}  // namespace mpipe
