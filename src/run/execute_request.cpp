// SPDX-License-Identifier: BSD-3-Clause
// Plans a request on all ranks of a communicator, and runs it.
#include "run/api/execute_request.hpp"

#include "comm/api/collective.hpp"
#include "run/api/check_resources.hpp"
#include "run/kept_status.hpp"
#include "run/map_run.hpp"
#include "run/run_setup.hpp"
#include "run/surviving/surviving_run.hpp"

namespace mpipe {
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
    if (survives(comm)) check_survival(*setup);
    return Bytes{};
  });
  together(comm, [&] {
    if (!setup) setup = std::make_unique<RunSetup>(pipeline, request, comm.size());
  });
  return setup;
}

/// Collective over a lasting group.
Results execute_with_survivors(const Communicator& lasting, const Pipeline& pipeline, const Request& request,
                               RunControl* control, LossRecord& losses) {
  const SteadyClock clock;
  const auto attempt = [&](const Communicator& meeting, const Request& ours, LossRecord* noted) {
    const NodeInventory inventory = find_inventory(meeting, needs_devices(pipeline));
    std::unique_ptr<RunSetup> setup = plan_request(meeting, pipeline, ours, inventory);
    setup->losses = noted;
    Results results = MapRun(meeting, std::move(setup), inventory, control, clock).run();
    if (noted != nullptr) noted->give_back(results);
    return results;
  };
  return run_with_survivors(lasting, request, losses, attempt);
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
    if (comm.is_root()) status.emplace(request.options, hook);
  });
  setup->options.observer = request.options.observer;
  LossRecord losses;
  const auto run = [&] {
    if (survives(comm)) return execute_with_survivors(comm, pipeline, request, control, losses);
    return MapRun(comm, std::move(setup), inventory, control, clock).run();
  };
  if (!status) return run();
  // Only rank 0 gets here. Its status is the last thing that changes: it says how the run ended, so the run
  // must have ended.
  try {
    Results results = run();
    status->finish(results, losses.text());
    return results;
  } catch (const Error& error) {
    status->finish(error, losses.text());
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
