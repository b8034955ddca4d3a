// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Says which elements have been computed for very long when nothing else happens in a run.
#pragma once

#include <mpipe/exec/observer.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace mpipe::app {

/// Speaks up when no block has ended for ten times as long as the longest one took so far, and at least for a minute;
/// before any has ended, after ten minutes. Then again each time that the wait has doubled. Rank 0, one thread.
class StallWatch final : public RunObserver {
 public:
  /// `run` is the name of one of several runs, or empty. `say` gets sentences for the user.
  StallWatch(std::string run, std::function<void(const std::string&)> say);

  void on_start(const Plan& plan, const MachineInfo&, const std::vector<ElementCounts>&) override {
    read(plan);
  }
  void on_resolved(const Plan& plan) override { read(plan); }
  void on_block_assigned(const BlockWorker& worker, const Block& block, TimePoint now) override;
  void on_block_done(const BlockWorker& worker, const Block& block, Index completed, Duration busy,
                     TimePoint now) override;
  void on_tick(TimePoint now) override;

 private:
  struct Stage {
    std::string functions;
    std::string first_function;
    std::optional<Shape> external;
  };
  struct Outstanding {
    BlockWorker worker;
    Block block;
    TimePoint since;
  };
  void read(const Plan& plan);
  std::string text(TimePoint now) const;
  std::string text_of(const Outstanding& outstanding, TimePoint now) const;

  std::string run_;
  std::function<void(const std::string&)> say_;
  std::vector<Stage> stages_;
  std::map<BlockId, Outstanding>
      outstanding_;        ///< at workers; the lower its number, the earlier it was handed out
  TimePoint quiet_since_;  ///< when a block ended, or the first of the outstanding ones was handed out
  Duration longest_ = {};  ///< of the blocks that have ended; 0: none has
  Duration next_ = {};     ///< of silence, after which to speak; 0: as at first
};

}  // namespace mpipe::app
