// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Values that are in the results file need not be in memory.
#pragma once

#include "exec/api/run_arrays.hpp"
#include "run/run_progress.hpp"
#include "run/store_session.hpp"
#include "run/values/node_memory.hpp"

namespace mpipe {

/// The values of a run on one rank, and where they go when they are stored.
struct RunValues {
  const Communicator& comm;
  const RunSetup& setup;
  const NodeMemory& memory;
  RunArrays& arrays;
  StoreSession& store;
  std::uint64_t budget = 0;  ///< of memory for arrays on a node, in bytes; 0: not known
};

/// Collective, while no rank computes. Commits, then gives the memory of what the file has back to the machine:
/// whoever looks at these values again reads them from the file, which the system keeps in memory as it likes.
/// Values that are results of the run stay in memory, and so they do on several nodes, as what one of them has
/// written may be seen late on another.
void commit_values(const RunValues& values);

/// Whether values that an earlier start has stored are looked at in this one: by a function that has elements to
/// compute, by the caller, or because they show a shape that is not known otherwise. The same on all ranks.
bool is_looked_at(const RunSetup& setup, const RunProgress& progress, OutputId output);

/// When a wave has ended on all ranks: gives up what nobody will look at again, as the file has it, or as it was for
/// its readers alone.
void drop_read(const RunValues& values, std::size_t wave);

/// Rank 0, now and then: whether arrays take so much memory that a commit should make room. `until`: what they may
/// take before the next one, in bytes; at first 0.
bool wants_room(const RunValues& values, std::uint64_t& until);

/// Collective. The elements of an output that an earlier start has stored are in `array` afterwards, which each
/// rank of a node fills in part: they are looked at in the file as above, or loaded.
void load_values(const RunValues& values, OutputId output, const RangeSet& stored);

}  // namespace mpipe
