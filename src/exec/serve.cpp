// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/core/error.hpp>
#include <mpipe/exec/messages.hpp>
#include <mpipe/exec/pools.hpp>
#include <mpipe/exec/serve.hpp>

#include "exec/block_queue.hpp"

#include <fmt/format.h>

#include <utility>

namespace mpipe {

struct WorkerLoop::Impl {
  WorkerTransport& transport;
  WorkerEvents& events;
  SlicedBlock current;
  BlockQueue queue = {};
  bool stopped = false;

  bool has_work() const { return current.active() || !queue.empty(); }

  void send(const EncodedMessage& message) { transport.send(message.kind, message.body(), message.payload); }
  void send_report() { send(encode(current.report())); }

  // One overload per message, for std::visit
  void operator()(const ComputeMessage& message) { queue.push(message.block); }
  void operator()(const RetractMessage& message) {
    if (current.active() && current.id() == message.block) {
      send(encode(ToRoot(RetractedMessage{{message.block, current.give_back()}})));
      if (current.report().completed > 0) send_report();
    } else if (const auto retracted = queue.retract(message.block)) {
      send(encode(ToRoot(RetractedMessage{*retracted})));
    }
  }
  void operator()(const BarrierMessage& message) { events.on_barrier(message.wave); }
  void operator()(const CommitMessage& message) { events.on_commit(message.number); }
  void operator()(const StopMessage&) {
    queue.clear();
    stopped = true;
    events.on_stop();
  }

  /// Returns whether a frame was there.
  bool receive() {
    const Frame* frame = transport.poll();
    if (frame == nullptr) return false;
    std::visit(*this, decode_to_worker(*frame));
    return true;
  }

  void compute() {
    if (!current.active()) current.begin(queue.pop());
    if (current.step()) send_report();
    events.on_turn(current.last_end());
  }
};

WorkerLoop::WorkerLoop(WorkerTransport& transport, BlockHandler& handler, WorkerEvents& events,
                       const Clock& clock, ProcessPlace place)
    : impl_(new Impl{transport, events, SlicedBlock(handler, clock, std::move(place), default_slice)}) {}

WorkerLoop::~WorkerLoop() = default;

WorkerLoop::Turn WorkerLoop::turn() {
  // A frame per slice is enough while there is work: not more than that arrives, and every poll costs.
  bool worked = false;
  while (!impl_->stopped && impl_->receive()) {
    worked = true;
    if (impl_->has_work()) break;
  }
  if (impl_->stopped) return Turn::stopped;
  if (impl_->has_work()) {
    impl_->compute();
    worked = true;
  }
  return worked ? Turn::worked : Turn::idle;
}

void serve(WorkerTransport& transport, BlockHandler& handler, WorkerEvents& events, const Clock& clock,
           const ProcessPlace& place, const WaitOptions& wait) {
  WorkerLoop loop(transport, handler, events, clock, place);
  Waiter waiter(wait);
  for (;;) {
    switch (loop.turn()) {
      case WorkerLoop::Turn::stopped:
        return;
      case WorkerLoop::Turn::worked:
        waiter.reset();
        continue;
      case WorkerLoop::Turn::idle:
        break;
    }
    if (waiter.idle()) events.on_turn(clock.now());
    if (waiter.expired()) {
      throw Error(
          Category::rank_lost,
          fmt::format(
              "Rank {} on {} heard nothing from rank 0 for {:.1f} s and gave up (rank 0 is lost, or busy "
              "for longer than the limit). Look at the log of rank 0; the limit is MPIPE_WAIT_LIMIT.",
              place.rank, place.host, seconds(waiter.waited())));
    }
  }
}

}  // namespace mpipe
