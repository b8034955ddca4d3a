// SPDX-License-Identifier: BSD-3-Clause
// What the executors of a communicator share on its root, and the thread that serves one rank alone.
#include "futures/task_scope.hpp"

#include <mpipe/futures/mpi_pool_executor.hpp>

#include "futures/task_server.hpp"

#include <cstdio>

namespace mpipe::detail {

namespace {

/// Executors have a communicator of their own, so one number serves all of them.
constexpr RunId run_of_tasks = 0x7461736b;

/// For two threads that may have one core between them.
WaitOptions thread_options(const Communicator& comm) {
  WaitOptions options = comm.wait_options();
  options.yields = true;
  return options;
}

thread_local const Communicator* workers_here = nullptr;

/// While it lives, these are the workers of this thread.
class ServingAmong {
 public:
  explicit ServingAmong(const Communicator& workers) : before_(std::exchange(workers_here, &workers)) {}
  ~ServingAmong() { workers_here = before_; }
  ServingAmong(const ServingAmong&) = delete;
  ServingAmong& operator=(const ServingAmong&) = delete;

 private:
  const Communicator* before_;
};

void serve_on_thread(WorkerTransport& transport, const CodeMap& code, const ProcessPlace& place,
                     WaitOptions wait) {
  wait.limit = Duration::zero();  // the other thread is alive for as long as this one
  const Communicator alone;
  const ServingAmong serving(alone);
  TaskServer server(transport, code, place);
  try {
    serve_tasks(server, wait, place);
  } catch (const Bug&) {  // the root was told
  }
}

}  // namespace

std::shared_ptr<TaskScope> TaskScope::on_a_thread(const Communicator& comm) {
  if (!comm.threads_allowed()) {
    throw Error(
        Category::bad_option,
        "An executor of one rank runs tasks on a thread, but MPI was initialised for programs without any "
        "(MPI_THREAD_SINGLE). Ask MPI_Init_thread for MPI_THREAD_FUNNELED.");
  }
  std::shared_ptr<TaskScope> scope(new TaskScope(comm, CodeMap()));
  scope->network_ = std::make_unique<LoopbackNetwork>(1, run_of_tasks);
  const ProcessPlace place{comm.rank(), host_name()};
  scope->hub_ = std::make_unique<TaskHub>(scope->network_->root(), scope->code_,
                                          std::vector<ProcessPlace>{place}, thread_options(comm));
  // The thread starts last, as it uses the network and the code map from its first step on.
  scope->thread_ = std::thread(serve_on_thread, std::ref(scope->network_->worker({0})),
                               std::cref(scope->code_), place, thread_options(comm));
  return scope;
}

std::shared_ptr<TaskScope> TaskScope::on_ranks(const Communicator& group, std::vector<ProcessPlace> places) {
  // These are the steps of `serve_root` in the same order, as making a code map is collective.
  std::shared_ptr<TaskScope> scope(new TaskScope(group, CodeMap(group)));
  scope->transport_ = make_root_transport(group, run_of_tasks);
  scope->hub_ =
      std::make_unique<TaskHub>(*scope->transport_, scope->code_, std::move(places), group.wait_options());
  // The workers serve, and would never come to their own MPI_Finalize, for which this rank waits in its own.
  scope->at_finalize_ = std::make_unique<FinalizeHook>(group, [scope = scope.get()] {
    if (scope->finished()) return;
    std::fputs(
        "mpipe: MPI_Finalize was called while an MPICommExecutor lives (its tasks that wait are cancelled, "
        "and "
        "its workers let go). Destroy it before.\n",
        stderr);
    scope->finish(true);
  });
  return scope;
}

/// The thread ends when `finish` tells it to: without that call this would wait for ever.
TaskScope::~TaskScope() {
  if (thread_.joinable()) thread_.join();
}

void TaskScope::finish(bool cancel) {
  // Callbacks that run while the hub finishes must not submit more tasks.
  finished_ = true;
  hub_->finish(cancel);
  if (thread_.joinable()) thread_.join();
  // Executors that were not destroyed yet may keep this object for longer than MPI lasts, so the transport
  // does not wait for the destructor.
  transport_.reset();
}

void serve_root(const Communicator& group, const Communicator& workers, const ProcessPlace& place) {
  const ServingAmong serving(workers);
  const CodeMap code(group);
  const auto transport = make_worker_transport(group, run_of_tasks);
  TaskServer server(*transport, code, place);
  serve_tasks(server, group.wait_options(), place);
}

}  // namespace mpipe::detail

namespace mpipe {

const Communicator& get_comm_workers() {
  if (detail::workers_here != nullptr && detail::place_of_task() != nullptr) return *detail::workers_here;
  throw Error(Category::not_supported,
              "The communicator of workers was asked for outside of a submitted function (only workers have "
              "it). Ask for it in a function that is submitted, or in an initializer.");
}

}  // namespace mpipe
