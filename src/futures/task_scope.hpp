// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Everything that the executors of one communicator share on its root.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include "comm/api/finalize_hook.hpp"
#include "comm/api/loopback.hpp"
#include "futures/task_hub.hpp"

#include <thread>

namespace mpipe::detail {

/// The root of several ranks, or of one rank with a thread. One thread uses it.
class TaskScope {
 public:
  /// Of one rank: a thread of this process is the worker, over a network that is a data structure.
  static std::shared_ptr<TaskScope> on_a_thread(const Communicator& comm);
  /// Collective with `serve_root`. `group`: the root is its rank 0.
  static std::shared_ptr<TaskScope> on_ranks(const Communicator& group, std::vector<ProcessPlace> places);

  ~TaskScope();
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;

  /// Lets the workers go, as `TaskHub::finish`. Nothing can be submitted after it.
  void finish(bool cancel);
  bool finished() const { return finished_; }
  TaskHub& hub() { return *hub_; }
  const Communicator& group() const { return group_; }

 private:
  TaskScope(const Communicator& group, CodeMap code) : group_(group), code_(std::move(code)) {}

  Communicator group_;
  CodeMap code_;
  std::unique_ptr<RootTransport> transport_;  ///< of several ranks
  std::unique_ptr<LoopbackNetwork> network_;  ///< of one
  std::thread thread_;
  std::unique_ptr<FinalizeHook> at_finalize_;
  std::unique_ptr<TaskHub> hub_;
  bool finished_ = false;
};

/// Collective with `TaskScope::on_ranks`: what the other ranks do, until the root lets them go. `workers`: what
/// `get_comm_workers` gives.
void serve_root(const Communicator& group, const Communicator& workers, const ProcessPlace& place);

}  // namespace mpipe::detail
