// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `WaveDirector`: rank 0 while the blocks of a wave are computed.
#pragma once

#include "comm/api/survival.hpp"
#include "plan/api/readiness.hpp"
#include "run/api/run_control.hpp"
#include "run/drain_watch.hpp"
#include "run/guarded_observer.hpp"
#include "run/local_workers.hpp"
#include "run/store_session.hpp"
#include "run/team_timeout.hpp"
#include "run/values/stored_values.hpp"

#include <optional>
#include <span>

namespace mpipe {

/// The parts of a run that rank 0 directs a wave with.
struct WaveParts {
  const Communicator& comm;
  const Clock& clock;
  const RunSetup& setup;
  const RunProgress& progress;
  RunValues values;
  StoreSession& store;
  LocalWorkers& workers;
  RunObserver& observer;
  RunControl* control;  ///< null: nobody has anything to say
  DrainWatch& drain_watch;
};

/// Hands out the blocks of one wave, and takes note of what comes of them.
class WaveDirector {
 public:
  /// `remote`: the other ranks, or null.
  WaveDirector(const WaveParts& parts, const WorkerGroups& groups, RemotePool* remote);

  /// `begun`: what is known of the wave before any block. Returns when nobody computes any more. Whatever goes
  /// wrong is in the outcome, which the others are told at the end of the wave, so that none of them is left
  /// waiting. Throws only when a rank is lost: nobody is there to be told.
  WaveOutcome direct(std::size_t wave, WaveOutcome begun);

  /// Once all ranks have told what they have: of a block that failed, more may be done than its report said.
  /// Observers then know what is stored, and nothing else.
  void tell_rest(std::size_t wave);

  void on_block_done(WorkerGroup& group, WorkerId worker, const Block& block, BlockReport& report,
                     TimePoint now);
  void on_block_failed(WorkerGroup& group, WorkerId worker, const Block& block, BlockReport& report,
                       TimePoint now);
  void on_block_stopped(WorkerGroup& group, WorkerId worker, const Block& block, BlockReport& report,
                        TimePoint now);
  void on_assigned(const WorkerGroup& group, WorkerId worker, const Block& block, TimePoint now) {
    parts_.observer.on_block_assigned(group.workers[worker.value], block, now);
  }
  void on_block_given_back(const WorkerGroup& group, WorkerId worker, const Block& block, TimePoint now) {
    parts_.observer.on_block_done(group.workers[worker.value], block, 0, {}, now);
  }
  void on_team_news(TeamNews& news, TimePoint now) { team_timeout_.on_news(news, now); }
  void on_turn(TimePoint now);

 private:
  void hand_out(std::size_t wave);
  void begin_stage(const Stage& stage);
  void release(const Block& done);
  Scheduler& scheduler_of(StageId stage) const;
  void note(WorkerGroup& group, WorkerId worker, const Block& block, BlockReport& report, Index handled,
            TimePoint now);
  void tell_progress(const Block& block, Index handled, const BlockReport& report, TimePoint now);
  void note_failed(BlockReport& report, TimePoint now);
  void mark_failed(FunctionId function, const RangeSet& elements);
  void note_shape(const Block& block, LateShape late, TimePoint now);
  void note_drained(std::size_t wave);
  void note_losses(TimePoint now);
  std::vector<Block> take_from_lost(const LostRank& lost, TimePoint now);
  bool may_commit() const;
  void commit();
  void drain(TimePoint now);

  const WaveParts parts_;
  const WorkerGroups& groups_;
  RemotePool* remote_;
  TeamTimeout team_timeout_;
  Readiness readiness_;         ///< of the wave at hand
  std::vector<RangeSet> todo_;  ///< by FunctionId
  std::vector<Index> told_;     ///< by FunctionId: elements that observers were told to be done
  WaveOutcome outcome_;
  Index failures_ = 0;  ///< in this wave, that the run goes on after
  bool wants_commit_ = false;
  std::size_t losses_seen_ = 0;   ///< ranks of the job that were known to be lost at the last look
  bool lost_some_ = false;        ///< of the ranks of this run
  std::uint64_t room_until_ = 0;  ///< see `wants_room`
  std::optional<TimePoint> last_look_;
  std::optional<TimePoint> last_tick_;
};

}  // namespace mpipe
