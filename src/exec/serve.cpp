// SPDX-License-Identifier: BSD-3-Clause
// The loop of a worker: it looks at frames from rank 0, then computes a slice, or takes a turn in a team.
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

  void take_turn(TimePoint now) {
    events.on_turn(now);
    const std::optional<Failure> trouble = events.take_trouble();
    if (!trouble) return;
    EncodedMessage message = encode(ToRoot(TroubleMessage{*trouble}));
    transport.send(message.kind, message.body(), message.take_payload());
  }

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
      // Rank 0 takes a report for all that it counts to the block. It must therefore hear first that the
      // rest was given back, or elements that nobody has computed would count as done. A block that is not
      // here any more needs no answer: its report is on the way.
      give_back({message.block, current.give_back()});
      if (current.report().completed > 0) send_report();
    } else if (const auto retracted = queue.retract(message.block)) {
      give_back(*retracted);
    }
  }
  void operator()(const BarrierMessage& message) { events.on_barrier(message.wave); }
  void operator()(const CommitMessage& message) { events.on_commit(message.number); }
  /// The blocks that wait are dropped, and one that is half done stays so: rank 0 waits for none of them.
  void operator()(const StopMessage&) {
    queue.clear();
    stopped = true;
    events.on_stop();
  }

  /// Rank 0 puts only idle workers in a team, as a member that comes late keeps all others waiting.
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
      // The report goes first: if rank 0 got the waiting blocks back before it knew of the failure, it
      // would hand them out again.
      send_report();
      // The run ends: nobody needs what waits here.
      if (current.report().failure || current.report().stopped)
        for (const RetractedBlock& block : queue.give_back()) give_back(block);
    }
    take_turn(current.last_end());
  }

  Turn compute_in_team() {
    if (!member.turn()) return Turn::idle;
    take_turn(clock.now());
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

void WorkerLoop::look_around() { impl_->take_turn(impl_->clock.now()); }

WorkerLoop::Turn WorkerLoop::turn() {
  // A frame per slice is enough while there is work: not more than that arrives, and every poll costs.
  bool worked = false;
  // Behind the message for a team no frame is looked at until the element is over: the next one may release
  // that team, or stop this worker, while others wait for it in the function.
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
    // The limit is one of silence: a turn that worked starts the wait anew, however long the block took.
    switch (loop.turn()) {
      case WorkerLoop::Turn::stopped:
        return;
      case WorkerLoop::Turn::worked:
        waiter.reset();
        continue;
      case WorkerLoop::Turn::idle:
        break;
    }
    if (waiter.idle()) loop.look_around();
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
