// SPDX-License-Identifier: BSD-3-Clause
#include "run/api/one_run.hpp"

#include "comm/api/collective.hpp"
#include "run/api/needs.hpp"
#include "run/map_run.hpp"
#include "run/teams.hpp"

namespace mpipe {
namespace {

/// The state of rank 0's run in status.json.
class KeptStatus {
 public:
  KeptStatus(MapOptions& options, const StatusHook& hook) : hook_(hook) {
    if (options.run_folder.empty() || !options.keep_status) return;
    writer_ = std::make_shared<StatusWriter>(options.run_folder);
    const auto all = std::make_shared<ObserverList>();
    all->add(writer_);
    if (options.observer) all->add(options.observer);
    options.observer = all;
    if (hook_) hook_(writer_);
  }
  ~KeptStatus() {
    if (writer_ && hook_) hook_(nullptr);
  }
  KeptStatus(const KeptStatus&) = delete;
  KeptStatus& operator=(const KeptStatus&) = delete;

  void finish(const Results& results) {
    if (!writer_) return;
    const bool failed = results.failed_elements > 0;
    writer_->finish(RunState::completed, failed ? exit_code(Category::function_raised) : 0,
                    failed ? failures_text(results) : "");
  }
  void finish(const Error& error) {
    if (!writer_) return;
    const bool cancelled = error.category() == Category::cancelled;
    writer_->finish(cancelled ? RunState::cancelled : RunState::failed, exit_code(error.category()),
                    error.what());
  }

 private:
  const StatusHook& hook_;
  std::shared_ptr<StatusWriter> writer_;
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
                   std::span<const Supply> supplies) {
  const MapOptions& options = request.options;
  const Pipeline part = wanted_part(pipeline, request.inputs, options);
  const Plan plan(part, {request.inputs, options.outputs, options.fixed, options.internal_shapes,
                         executor_names(part, options, ranks)});
  const Settings settings = make_settings(plan, options, ranks);
  for (const Supply& supply : supplies) check_needs(plan, settings, supply, options.rank0);
  check_teams(plan, settings, ranks);
  team_grace(options);
}

Results run_request(const Communicator& comm, const Pipeline& pipeline, const Request& request,
                    const Supply& supply, RunControl* control, const StatusHook& hook) {
  const Pipeline part = wanted_part(pipeline, request.inputs, request.options);
  MapOptions options = request.options;
  std::optional<KeptStatus> status;  // rank 0
  together(comm, [&] {
    if (comm.is_root()) status.emplace(options, hook);
  });
  if (!status) return MapRun(comm, part, request.inputs, std::move(options), supply, control).run();
  try {
    Results results = MapRun(comm, part, request.inputs, std::move(options), supply, control).run();
    status->finish(results);
    return results;
  } catch (const Error& error) {
    status->finish(error);
    throw;
  }
}

Results take_and_run(const Communicator& comm, const Pipeline& pipeline, const std::function<Request()>& take,
                     const Supply& supply, RunControl* control, const StatusHook& hook) {
  Request request;
  together(comm, [&] { request = take(); });
  on_root(comm, [&] {
    check_request(pipeline, request, comm.size(), {&supply, 1});
    return Bytes{};
  });
  return run_request(comm, pipeline, request, supply, control, hook);
}

Results join_request(const Communicator& comm, const Pipeline& pipeline, std::span<const std::byte> bytes,
                     RunControl* control) {
  Request request;
  together(comm, [&] { request = decode_request(bytes); });
  const Pipeline part = wanted_part(pipeline, request.inputs, request.options);
  return MapRun::join(comm, part, request.inputs, request.options, control);
}

}  // namespace mpipe
