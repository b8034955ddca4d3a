// SPDX-License-Identifier: BSD-3-Clause
// Executors as users see them: who submits, who serves, and how both come to an end.
#include <mpipe/core/error.hpp>
#include <mpipe/futures/mpi_pool_executor.hpp>

#include "futures/task_scope.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <limits>

namespace mpipe {

namespace detail {

/// What copies of an executor's state share with what it makes: maps may submit after it was moved.
class PoolHandle {
 public:
  PoolHandle(std::shared_ptr<TaskScope> scope, TaskChannel& channel)
      : scope_(std::move(scope)), channel_(&channel) {}

  bool open() const { return !shut_down_ && !scope_->finished(); }
  TaskHub& hub() const { return scope_->hub(); }
  TaskChannel& channel() const { return *channel_; }
  void shut_down() { shut_down_ = true; }
  /// The scope ended, or the executor: the channel is gone.
  bool released() const { return channel_ == nullptr || scope_->finished(); }
  void release() {
    // A hub that has finished sends nothing more, and need not know which channels are gone.
    if (!released()) hub().close(*channel_);
    channel_ = nullptr;
  }

 private:
  std::shared_ptr<TaskScope> scope_;
  TaskChannel* channel_;
  bool shut_down_ = false;
};

void check_map_options(const MPIPoolMapOptions& options) {
  constexpr Index most = std::numeric_limits<std::uint32_t>::max();
  if (options.chunksize < 1 || options.chunksize > most) {
    throw Error(
        Category::bad_chunksize,
        fmt::format(
            "chunksize is {} (it is the number of elements that a task computes). Use a number from 1 "
            "to {}.",
            options.chunksize, most));
  }
  if (options.buffersize && *options.buffersize < 1) {
    throw Error(Category::bad_option,
                fmt::format("buffersize is {} (it is the number of tasks that may wait for "
                            "their results to be taken). Use a number from 1, or leave it out.",
                            *options.buffersize));
  }
}

namespace {

int rank_in_group(int rank, int root, int size) { return (rank - root + size) % size; }
int rank_from_group(int rank, int root, int size) { return (rank + root) % size; }

/// Collective. All ranks name the same root, or all throw.
void check_root(const Communicator& comm, int root) {
  if (!comm.all_agree(static_cast<std::uint64_t>(root))) {
    throw Error(Category::bad_option,
                "The ranks of a communicator name different roots for its executors (one rank submits, and "
                "all others "
                "serve it). Name the same root on all.");
  }
  if (root < 0 || root >= comm.size()) {
    throw Error(
        Category::bad_option,
        fmt::format("The root of executors is rank {}, and the communicator has the ranks 0 to {}. Name one "
                    "of these.",
                    root, comm.size() - 1));
  }
}

/// Collective. Rank, in the caller's communicator, and host of each worker; on the root.
std::vector<ProcessPlace> places_of_workers(const Communicator& group, int root) {
  const std::string host = host_name();
  const auto hosts = group.gather(std::as_bytes(std::span(host)));
  std::vector<ProcessPlace> places;
  for (std::size_t rank = 1; rank < hosts.size(); ++rank) {
    places.push_back({rank_from_group(static_cast<int>(rank), root, group.size()),
                      std::string(reinterpret_cast<const char*>(hosts[rank].data()), hosts[rank].size())});
  }
  return places;
}

}  // namespace
}  // namespace detail

// ---- the ranks --------------------------------------------------------------------------------------------

MPICommExecutor::MPICommExecutor(const Communicator& comm, int root)
    : exceptions_before_(std::uncaught_exceptions()) {
  detail::check_root(comm, root);
  if (comm.size() == 1) {
    scope_ = detail::TaskScope::on_a_thread(comm);
    return;
  }
  // Rank 0 of the group is the root, as transports want it.
  const Communicator group = *comm.split(0, detail::rank_in_group(comm.rank(), root, comm.size()));
  // Gathering is collective, so it comes before any rank begins to serve.
  std::vector<ProcessPlace> places = detail::places_of_workers(group, root);
  const auto workers = group.split(group.is_root() ? std::nullopt : std::optional(0), comm.rank());
  if (group.is_root()) {
    scope_ = detail::TaskScope::on_ranks(group, std::move(places));
  } else {
    detail::serve_root(group, *workers, {comm.rank(), host_name()});
  }
}

MPICommExecutor::~MPICommExecutor() {
  if (!scope_) return;
  try {
    // If an exception is passing, nobody will ask for the results of tasks that wait: they are cancelled.
    scope_->finish(std::uncaught_exceptions() > exceptions_before_);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mpipe: the workers of executors cannot be told to end: %s\n", error.what());
    // Workers that were not told to end would wait for ever, and the whole program with them.
    scope_->group().abort(exit_code(Category::rank_lost));
  }
}

bool MPICommExecutor::is_root() const { return scope_ != nullptr; }

// ---- an executor ------------------------------------------------------------------------------------------

MPIPoolExecutor::MPIPoolExecutor(MPICommExecutor& ranks, MPIPoolOptions options)
    : exceptions_before_(std::uncaught_exceptions()) {
  if (!ranks.is_root()) {
    throw Error(
        Category::not_supported,
        "An executor was made on a rank that serves (only the root of the MPICommExecutor submits). Make it "
        "where `is_root()` is true.");
  }
  if (options.max_workers && *options.max_workers < 1) {
    throw Error(Category::bad_option,
                fmt::format("max_workers is {} (an executor needs a worker). Use a number from "
                            "1, or leave it out to use all.",
                            *options.max_workers));
  }
  const auto most = static_cast<std::uint32_t>(options.max_workers.value_or(std::numeric_limits<int>::max()));
  detail::TaskChannel& channel = ranks.scope_->hub().open(most, std::move(options.initializer));
  handle_ = std::make_shared<detail::PoolHandle>(ranks.scope_, channel);
}

MPIPoolExecutor::~MPIPoolExecutor() {
  if (!handle_) return;
  try {
    if (handle_->open()) shutdown(true, std::uncaught_exceptions() > exceptions_before_);
    handle_->release();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mpipe: an executor ends with an error: %s\n", error.what());
  }
}

detail::TaskChannel* MPIPoolExecutor::channel(const std::shared_ptr<detail::PoolHandle>& handle) {
  if (!handle) {
    throw Error(Category::bad_option,
                "An executor was used that was moved to another (which has its workers now). Use that one.");
  }
  if (handle->open()) return &handle->channel();
  throw Error(Category::bad_option,
              "An executor was used after its shutdown, or after the end of its MPICommExecutor (no worker "
              "listens to it any more). Make another, or shut it down later.");
}

void MPIPoolExecutor::submit_task(detail::PoolHandle& handle, Task task,
                                  std::shared_ptr<detail::FutureState> state) {
  handle.channel().submit(std::move(task), std::move(state));
}

void MPIPoolExecutor::bootup(bool wait) {
  detail::TaskChannel& tasks = *channel(handle_);
  handle_->hub().check_thread();
  tasks.initialize();
  if (!wait) return;
  handle_->hub().home().drive_until([&] {
    tasks.initialize();  // workers that were busy with tasks of others
    return tasks.initialized() || tasks.broken() != nullptr;
  });
  if (tasks.broken()) std::rethrow_exception(tasks.broken());
}

void MPIPoolExecutor::shutdown(bool wait, bool cancel_futures) {
  if (!handle_) return;
  // This comes first, so that callbacks that run in the wait below cannot submit more tasks.
  handle_->shut_down();
  if (handle_->released()) return;
  handle_->hub().check_thread();
  if (cancel_futures) handle_->channel().cancel_pending();
  if (wait) handle_->hub().home().drive_until([&] { return handle_->channel().idle(); });
}

int MPIPoolExecutor::num_workers() const {
  const bool works = handle_ && handle_->open() && handle_->channel().broken() == nullptr;
  return works ? static_cast<int>(handle_->channel().workers().size()) : 0;
}

}  // namespace mpipe
