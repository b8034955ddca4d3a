// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `LossRecord`: which ranks a run has lost, and what they computed then.
#pragma once

#include <mpipe/core/failure.hpp>
#include <mpipe/core/index.hpp>

#include "comm/api/survival.hpp"
#include "run/run_setup.hpp"

#include <map>
#include <span>
#include <string>
#include <vector>

namespace mpipe {

/// On rank 0, over all meetings of a run (see `run_with_survivors`).
///
/// Which element a rank died of is not known, only what it had been given. So these elements are *suspects*: they are
/// given to others one by one. When a rank dies that had one suspect and nothing else, the element is to blame: two ranks
/// died of it, and no third one gets it.
class LossRecord {
 public:
  /// An element that nobody computes any more. It is told by the first function of its stage.
  struct Blamed {
    FunctionId function;
    Index element = 0;
    std::string message;
    std::string host;  ///< of the last rank that died of it
    int rank = 0;
  };

  /// The rank is noted already.
  bool knows(int job_rank) const;
  /// A rank was lost, which had these blocks.
  void on_lost(const LostRank& lost, std::span<const Block> had, const RunSetup& setup);
  /// Those that were lost while nobody computed.
  void on_lost(std::span<const LostRank> lost, const std::string& when);
  std::size_t count() const { return ranks_.size(); }

  /// Elements of the stage that begins with this function, which are to be computed one by one.
  RangeSet suspects(FunctionId first) const;
  bool has_suspects() const { return !suspects_.empty(); }
  const std::vector<Blamed>& blamed() const { return blamed_; }

  /// Elements that failed in a meeting that was given up: their states are in the store, these are not.
  void keep(std::vector<Failure> details);
  /// Puts them before those that the last meeting has seen.
  void give_back(Results& results) const;

  /// A sentence for each rank that was lost; empty where none was.
  std::string text() const;

 private:
  void note(const LostRank& lost, const std::string& when);

  std::vector<int> ranks_;
  std::vector<std::string> sentences_;
  std::map<std::uint32_t, RangeSet> suspects_;  ///< by FunctionId
  std::vector<Blamed> blamed_;
  std::vector<Failure> details_;
};

}  // namespace mpipe
