// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a worker of executors does: it calls what it is told to, one task after the other.
#pragma once

#include "comm/api/transport.hpp"
#include "futures/task_messages.hpp"

namespace mpipe::detail {

/// Where the calling thread runs a submitted function; null when it runs none.
const ProcessPlace* place_of_task();

/// One thread. Everything given must outlive it.
class TaskServer {
 public:
  enum class Turn { worked, idle, stopped };

  TaskServer(WorkerTransport& transport, const CodeMap& code, ProcessPlace place)
      : transport_(transport), code_(code), place_(std::move(place)) {}

  /// Deals with one message, if there is one; whatever a function throws is sent. Never waits. Throws `Bug`
  /// for a message that the root does not send, after telling it so.
  Turn turn();
  /// Data is under way, which flows while this takes turns.
  bool transferring() const { return transport_.transferring(); }

 private:
  void run(const CallMessage& message);
  void send(EncodedMessage message);

  WorkerTransport& transport_;
  const CodeMap& code_;
  ProcessPlace place_;
  EncodedMessage result_;  ///< its memory is used again for each small result
};

/// Serves until the root says stop. Throws as `turn`, and `Error` (rank_lost) when the root
/// says nothing for longer than the limit of `wait`.
void serve_tasks(TaskServer& server, const WaitOptions& wait, const ProcessPlace& place);

}  // namespace mpipe::detail
