// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// By which messages of MPI frames travel.
#pragma once

#include <mpipe/comm/native_comm.hpp>

#include "comm/api/transport.hpp"
#include "comm/comm_state.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

namespace mpipe {

/// Messages of two tags on a communicator, which carries nothing else of these tags.
struct FramePath {
  std::shared_ptr<const CommState> group;  ///< of the two ends, whose messages these are
  MPI_Comm comm = MPI_COMM_NULL;           ///< belongs to `group`
  int frame_tag = 1;
  int payload_tag = 2;
  std::vector<int> ranks = {};  ///< by rank of `group`: that of `comm`; empty: the same
  /// Throws where nothing is to be expected any more; empty: never. Called at each poll.
  std::function<void()> look = {};

  int native(int rank) const { return ranks.empty() ? rank : ranks[static_cast<std::size_t>(rank)]; }
  int rank_of(int native) const {
    if (ranks.empty()) return native;
    return static_cast<int>(std::find(ranks.begin(), ranks.end(), native) - ranks.begin());
  }
  bool broken() const { return *group->facts().broken; }
  void set_broken() const { *group->facts().broken = true; }
  void check(int code, const char* operation) const {
    if (code == MPI_SUCCESS) [[likely]]
      return;
    set_broken();
    check_mpi(code, operation);
  }
};

std::unique_ptr<RootTransport> make_root_end(FramePath path, RunId run);
std::unique_ptr<WorkerTransport> make_worker_end(FramePath path, RunId run);

}  // namespace mpipe
