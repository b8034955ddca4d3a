// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What those who started a run have to say while it goes on.
#pragma once

#include <mpipe/comm/communicator.hpp>

namespace mpipe {

/// Belongs to one rank of a run.
class RunControl {
 public:
  virtual ~RunControl() = default;
  /// Rank 0, about ten times a second; must be quick. The run is to stop: what is being computed is the last.
  virtual bool cancelled() { return false; }
  /// Rank 0: there will be no `regroup` any more.
  virtual void on_last_wave() {}
  /// Whether other ranks may join the run while it goes on. The same on all of its ranks.
  virtual bool may_grow() const { return false; }
  /// Collective over `comm`, between two waves, where the run may grow. The communicator on which the run goes on, when ranks join
  /// it: those of `comm` are its first ones, in their order. Those that join call `join_request`.
  virtual std::optional<Communicator> regroup(const Communicator& /*comm*/) { return std::nullopt; }
};

}  // namespace mpipe
