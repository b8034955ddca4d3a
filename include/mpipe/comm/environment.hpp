// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// MPI from the beginning to the end of a program.
#pragma once

#include <mpipe/comm/communicator.hpp>

namespace mpipe {

struct EnvironmentOptions {
  /// Fork the process from which isolated functions are forked. It costs about a millisecond, and is small;
  /// without it they are forked from the ranks themselves, which takes longer.
  bool zygote = true;
};

/// Made once, at the beginning of `main`, on every rank (collective where there are several).
///
/// - MPI is initialised already: it is joined, and left as it is. All ranks of MPI_COMM_WORLD must make one:
/// where only some do, these wait for the others (until MPIPE_WAIT_LIMIT, then `Error`, rank_lost). A part of
/// the ranks goes without: `communicator_from` (native_comm.hpp) takes a communicator of that part.
/// - A launcher started this process (mpirun, srun --mpi=pmix): MPI is initialised, and finalised by the
/// destructor.
/// - Neither: there is one rank and no MPI at all, as Open MPI's start without a launcher costs 0.4 s, and
/// fails where
///   its daemon is missing.
///
/// In the last two cases a `Zygote` is forked first, from which functions with `isolation: process` run: they
/// find global variables as they were then. Call it from the main thread, with no other threads running.
///
/// Throws `Error` (bad_option) where srun started several tasks without PMIx, as each of them would believe
/// that it is alone, and where MPI cannot be used by a program with threads.
class Environment {
 public:
  Environment(int& argc, char**& argv, const EnvironmentOptions& options = {});
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  /// All ranks, or the serial group. A group of its own, not MPI_COMM_WORLD.
  const Communicator& world() const { return world_; }
  /// This object initialised MPI.
  bool started_mpi() const { return started_; }

 private:
  bool started_ = false;
  int exceptions_before_ = 0;
  Communicator world_;
};

/// Collective; no rank may be lost yet. The ranks of `group` as a group on which maps go on when other ranks than 0 die,
/// where the launcher lets the others live (`mpirun --enable-recovery` of Open MPI); of one serial rank: a copy.
/// Until it is gone, each rank has a thread that watches the others over TCP (IPv4): a process that ends is known to be
/// lost at once, one of which nothing is heard after 30 s. When rank 0 is lost, that thread ends this process with the
/// exit code 5. After a map the group can still broadcast from rank 0, reduce, gather at rank 0 and `barrier` among those
/// that are alive; `group` cannot, where a rank was lost.
/// Throws `Error` (not_supported) where the ranks cannot connect, or cannot have another thread.
Communicator surviving(const Communicator& group);
/// Collective over those of such a group that are alive, and the last use of it: who leaves after it is not taken for lost.
/// Where a rank was lost, `Environment` does not finalise MPI, which would wait for it. Does nothing for other groups.
void part_in_order(const Communicator& group);

}  // namespace mpipe
