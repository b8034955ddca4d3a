// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Says which elements take far longer than those of their function that have ended.
#pragma once

#include <mpipe/exec/observer.hpp>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace mpipe::app {

/// Knows what each worker is at, and speaks of an element once: when it has taken longer than ten seconds, and than ten
/// times the longest one of its stage so far; before any has ended, ten minutes. Of a block, rank 0 knows the end and
/// no more: its elements before the slow one count as if each took as long as the longest so far.
///
/// On rank 0. Heard by the thread of the run, and asked by another one, as the first may be in a function itself.
class StallWatch final : public RunObserver {
 public:
  /// `run` is the name of one of several runs, or empty. `say` gets sentences for the user, from within `look`.
  StallWatch(std::string run, std::function<void(const std::string&)> say);

  void on_start(const Plan& plan, const MachineInfo& machine, const std::vector<ElementCounts>&) override;
  void on_resolved(const Plan& plan) override;
  void on_block_assigned(const BlockWorker& worker, const Block& block, TimePoint now) override;
  void on_block_done(const BlockWorker& worker, const Block& block, Index completed, Duration busy,
                     TimePoint now) override;

  /// Speaks of what has become slow. Returns all that is slow now, in words. Any thread.
  std::vector<std::string> look(TimePoint now);

 private:
  struct Stage {
    std::vector<std::string> functions;
    std::optional<Shape> external;
    Duration longest = {};  ///< of an element that has ended; 0: none has
  };
  struct Outstanding {
    Block block;
    TimePoint assigned;
    bool told = false;
  };
  /// A worker computes its blocks in the order in which they were handed out.
  struct Worker {
    int rank = 0;
    std::map<BlockId, Outstanding> blocks;
    TimePoint last_end;
  };
  void read(const Plan& plan);
  std::string element_text(const Worker& worker, const Outstanding& first) const;
  std::string place_text(int rank) const;

  const std::string run_;
  const std::function<void(const std::string&)> say_;
  std::mutex mutex_;  ///< of what follows
  std::vector<Stage> stages_;
  std::vector<std::string> hosts_;
  std::map<std::pair<std::string, std::uint32_t>, Worker> workers_;
};

}  // namespace mpipe::app
