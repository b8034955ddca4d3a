// SPDX-License-Identifier: BSD-3-Clause
// Makes the block runner of a rank and the pools of rank 0.
#include "run/local_workers.hpp"

#include <mpipe/core/error.hpp>

#include "comm/api/collective.hpp"
#include "folder/api/crash_note.hpp"
#include "run/api/rank0_work.hpp"
#include "run/surviving/loss_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace mpipe {
namespace {

MachineInfo describe_machine(const RunSetup& setup, const NodeInventory& inventory, int ranks) {
  MachineInfo machine;
  machine.ranks = ranks;
  for (const ExecutorChoice& executor : setup.settings.executors)
    machine.executor += (machine.executor.empty() ? "" : ", ") + executor.to_string();
  machine.cores = 0;
  for (const NodeResources& node : inventory.nodes) {
    machine.hosts.push_back(node.host);
    machine.cores += node.cores;
    machine.oversubscribed = machine.oversubscribed || static_cast<int>(node.ranks.size()) > node.cores;
  }
  machine.bound = inventory.bound;
  return machine;
}

/// A pool of the caller's. Whatever its factory throws is an `Error` that all ranks are told.
std::unique_ptr<Pool> user_pool(const std::string& name, const UserExecutor& executor, BlockHandler& handler,
                                const Clock& clock, const ProcessPlace& place) {
  std::string why = "it has no make_pool";
  if (executor.make_pool) {
    std::unique_ptr<Pool> pool = guard_user_code(fmt::format("the make_pool of the executor '{}'", name),
                                                 [&] { return executor.make_pool(handler, clock, place); });
    if (pool && pool->worker_count() > 0) return pool;
    why = pool ? "it has no workers" : "make_pool returned a null pointer";
  }
  throw Error(Category::bad_option, fmt::format("the executor '{}' made no pool: {}. Mend its make_pool in "
                                                "user_executors.",
                                                name, why));
}

}  // namespace

LocalWorkers::LocalWorkers(const Communicator& comm, const RunSetup& setup, const NodeInventory& inventory,
                           RunArrays& arrays, BlockSink* sink, const Clock& clock)
    : comm_(comm),
      setup_(setup),
      clock_(clock),
      place_{comm.job_rank(), host_name()},
      crash_report_(place_, setup.options.run_folder.empty() ? std::string()
                                                             : setup.options.run_folder + "/" + kCrashName),
      machine_(describe_machine(setup, inventory, comm.size())) {
  DeviceShares devices = share_devices(setup.plan, setup.settings, inventory, setup.options.rank0);
  choose_rank0(devices.rank0_computes);
  const bool has_threads = comm.is_root() && (setup.settings.uses_threads() || rank0_has_thread_);
  appends_late_ = sink != nullptr && has_threads;
  // The zygote is asked by each rank for itself, so one that fails must not go on alone.
  std::vector<CalledBody> bodies;
  together(comm, [&] { bodies = isolate_functions(); });
  // The runner comes last: it takes the shares of devices, the communicator and the isolated bodies that were
  // made above. Where other threads compute, it gets no sink, as only this thread may use the store.
  runner_ = std::make_unique<BlockRunner>(
      setup.plan, arrays, appends_late_ ? nullptr : sink,
      BlockRunnerOptions{.seed = setup.options.seed,
                         .place = {setup.options.run_folder, place_.rank, setup.options.scratch},
                         .host = place_.host,
                         .single_thread = !has_threads,
                         .keep_going = setup.goes_on(),
                         .retries = static_cast<int>(setup.options.retries),
                         .devices = std::move(devices.of_rank[static_cast<std::size_t>(comm.rank())]),
                         .alone = form_teams(inventory),
                         .bodies = std::move(bodies)});
}

/// Rank 0 works beside its scheduling where it has nobody to schedule, or where the options and the devices
/// allow it. It does so in a thread of its own if both the functions and MPI permit one.
void LocalWorkers::choose_rank0(bool computes) {
  const bool with_others = setup_.settings.uses(ExecutorKind::mpi) && comm_.size() > 1;
  rank0_computes_ = !with_others || (setup_.options.rank0 != Rank0::schedule && computes);
  rank0_has_thread_ =
      with_others && rank0_computes_ && may_have_thread(setup_.plan) && comm_.threads_allowed();
  machine_.rank0 = rank0_computes_ ? (with_others ? "schedules and works" : "works") : "schedules";
}

/// Collective. Gets ready for functions that take communicators. Returns the one of this rank alone.
Comm LocalWorkers::form_teams(const NodeInventory& inventory) {
  if (wants_teams(setup_.plan) && comm_.size() > 1) {
    // Teams are made on a communicator of their own: their messages cannot be taken for those of the
    // scheduler, which are under way at the same time.
    team_maker_ = make_team_maker(comm_.duplicate());
    node_of_rank_.resize(static_cast<std::size_t>(comm_.size()));
    for (std::uint32_t node = 0; node < inventory.nodes.size(); ++node)
      for (const int rank : inventory.nodes[node].ranks) node_of_rank_[static_cast<std::size_t>(rank)] = node;
  }
  if (!takes_communicators(setup_.plan) || !comm_.uses_mpi()) return {};
  // A function that takes a communicator also gets one where it is called by a single rank; it holds that
  // rank alone, so nothing it does there can disturb the messages of the run.
  const int self = comm_.rank();
  return function_comm(comm_.subgroup(std::span(&self, 1)));
}

/// What is called in place of the functions: those that are isolated by themselves, or by their executor.
std::vector<CalledBody> LocalWorkers::isolate_functions() {
  std::vector<CalledBody> bodies(setup_.pipeline.functions().size());
  for (std::uint32_t id = 0; id < bodies.size(); ++id) {
    const auto& planned = setup_.plan.function({id});
    if (!planned) continue;
    const Function& function = setup_.pipeline.function({id}).function;
    const bool alone = function.isolation() == Isolation::process;
    const bool by_executor = setup_.settings.executor_of(planned->stage).kind == ExecutorKind::processes;
    // The executor `processes` works on rank 0 only, so other ranks need no children for it.
    if (!alone && (!by_executor || !comm_.is_root())) continue;
    if (!isolated_) isolated_ = std::make_unique<IsolatedBodies>(comm_.zygote());
    bodies[id] = {isolated_->isolate(function, alone ? ChildLife::one_call : ChildLife::many), alone};
  }
  if (!isolated_) bodies.clear();
  return bodies;
}

WorkerLoop::Teams LocalWorkers::teams() {
  return team_maker_ ? WorkerLoop::Teams{runner_.get(), team_maker_.get()} : WorkerLoop::Teams{};
}

WorkerGroups LocalWorkers::make_groups(RemotePool* others) {
  WorkerGroups groups;
  for (const ExecutorChoice& executor : setup_.settings.executors)
    groups.push_back(make_group(executor, executor.kind == ExecutorKind::mpi ? others : nullptr));
  return groups;
}

std::unique_ptr<Pool> LocalWorkers::threads(std::size_t count) {
  if (comm_.uses_mpi() && !comm_.threads_allowed()) {
    std::fputs(
        "mpipe: functions run on threads, but MPI was initialised for programs without any "
        "(MPI_THREAD_SINGLE: "
        "some MPIs are not safe then, even where threads do not call them). Ask MPI_Init_thread for "
        "MPI_THREAD_FUNNELED, or choose another executor.\n",
        stderr);
  }
  return std::make_unique<ThreadPool>(std::vector<BlockHandler*>(count, runner_.get()), clock_, place_);
}

/// The pool of an executor that works in this process only.
std::unique_ptr<Pool> LocalWorkers::local_pool(const ExecutorChoice& executor) {
  switch (executor.kind) {
    case ExecutorKind::user:
      return user_pool(executor.user, setup_.options.user_executors.at(executor.user), *runner_, clock_,
                       place_);
    case ExecutorKind::threads:
    case ExecutorKind::processes:  // each of which is driven by a thread
      return threads(executor.count);
    case ExecutorKind::sequential:
    case ExecutorKind::mpi:
      break;
  }
  return std::make_unique<InlinePool>(*runner_, clock_, place_);
}

/// Workers are numbered as traits are: the other ranks come first, and the worker of rank 0, if there is one,
/// is the last. `WorkerGroup` and the pools rely on that order.
std::unique_ptr<WorkerGroup> LocalWorkers::make_group(const ExecutorChoice& executor, RemotePool* others) {
  std::unique_ptr<Pool> local;
  std::vector<WorkerTraits> traits;
  SchedulerOptions scheduling;
  if (others == nullptr) {
    local = local_pool(executor);
    traits.resize(local->worker_count());
  } else {
    traits.resize(others->worker_count());
    for (std::size_t rank = 1; rank < node_of_rank_.size(); ++rank)
      traits[rank - 1].node = node_of_rank_[rank];
    if (rank0_has_thread_) {
      local = threads(1);
      traits.emplace_back();
    } else if (rank0_computes_) {
      local = std::make_unique<InlinePool>(*runner_, clock_, place_);
      // Where rank 0 takes elements of any length, the others get their next block before they need it.
      const bool any_length = setup_.options.rank0 == Rank0::work;
      traits.push_back({any_length ? std::nullopt : std::optional(kRank0Slice), false});
      if (any_length) scheduling.prefetch_below = Duration::max();
    }
  }
  // A worker that dies had one element then.
  if (setup_.losses != nullptr && setup_.losses->has_suspects()) scheduling.prefetch_below = Duration::zero();
  auto group = std::make_unique<WorkerGroup>(executor.to_string(), comm_, others, std::move(local),
                                             std::move(traits), scheduling);
  group->threads_of_user = executor.kind == ExecutorKind::user && executor.calls_from_threads;
  return group;
}

}  // namespace mpipe
