// SPDX-License-Identifier: BSD-3-Clause
#include "exec/api/serve.hpp"

#include <mpipe/core/error.hpp>

#include "comm/api/waiter.hpp"
#include "exec/api/messages.hpp"
#include "exec/api/pools.hpp"
#include "exec/pools/block_queue.hpp"
#include "exec/teams/team_member.hpp"

#include <fmt/format.h>

#include <utility>

namespace mpipe {

struct WorkerLoop::Impl {
  WorkerTransport& transport;
  WorkerEvents& events;
  const Clock& clock;
  SlicedBlock current;
  TeamMember member;
  BlockQueue queue = {};
  EncodedMessage report = {};  ///< its memory is used again for each report
  bool stopped = false;

  bool has_work() const { return current.active() || !queue.empty(); }

  void send_report() {
    encode_into(report, current.report());
    transport.send(report.kind, report.body(), report.take_payload());
  }
  void give_back(const RetractedBlock& block) {
    const EncodedMessage message = encode(ToRoot(RetractedMessage{block}));
    transport.send(message.kind, message.body());
  }

  // One overload per message, for std::visit
  void operator()(const ComputeMessage& message) { queue.push(message.block); }
  void operator()(const RetractMessage& message) {
    if (current.active() && current.id() == message.block) {
      give_back({message.block, current.give_back()});
      if (current.report().completed > 0) send_report();
    } else if (const auto retracted = queue.retract(message.block)) {
      give_back(*retracted);
    }
  }
  void operator()(const BarrierMessage& message) { events.on_barrier(message.wave); }
  void operator()(const CommitMessage& message) { events.on_commit(message.number); }
  void operator()(const StopMessage&) {
    queue.clear();
    stopped = true;
    events.on_stop();
  }

  void operator()(const TeamMessage& message) {
    if (has_work()) throw Bug(fmt::format("block {} is for a team, and one of it is busy", message.block.id));
    member.begin(message);
  }
  void operator()(const ReleaseTeamMessage& message) { member.release(message.team); }

  /// Returns whether a frame was there.
  bool receive() {
    const Frame* frame = transport.poll();
    if (frame == nullptr) return false;
    std::visit(*this, decode_to_worker(*frame));
    return true;
  }

  void compute() {
    if (!current.active()) current.begin(queue.pop());
    if (current.step()) {
      send_report();
      // The run ends: nobody needs what waits here.
      if (current.report().failure)
        for (const RetractedBlock& block : queue.give_back()) give_back(block);
    }
    events.on_turn(current.last_end());
  }

  Turn compute_in_team() {
    if (!member.turn()) return Turn::idle;
    events.on_turn(clock.now());
    return Turn::worked;
  }
};

WorkerLoop::WorkerLoop(WorkerTransport& transport, BlockHandler& handler, WorkerEvents& events,
                       const Clock& clock, ProcessPlace place, Teams teams)
    : impl_(new Impl{transport, events, clock, SlicedBlock(handler, clock, place, kDefaultSlice),
                     TeamMember(transport, clock, place)}) {
  if (teams.handler != nullptr) impl_->member.use(*teams.handler, *teams.maker);
}

WorkerLoop::~WorkerLoop() = default;

WorkerLoop::Turn WorkerLoop::turn() {
  // A frame per slice is enough while there is work: not more than that arrives, and every poll costs.
  bool worked = false;
  while (!impl_->stopped && !impl_->member.active() && impl_->receive()) {
    worked = true;
    if (impl_->has_work()) break;
  }
  if (impl_->member.active()) return impl_->compute_in_team();
  if (impl_->stopped) return Turn::stopped;
  if (impl_->has_work()) {
    impl_->compute();
    worked = true;
  }
  return worked ? Turn::worked : Turn::idle;
}

void serve(WorkerTransport& transport, BlockHandler& handler, WorkerEvents& events, const Clock& clock,
           const ProcessPlace& place, const WaitOptions& wait, WorkerLoop::Teams teams) {
  WorkerLoop loop(transport, handler, events, clock, place, teams);
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
