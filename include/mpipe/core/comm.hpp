// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `Comm`: the ranks that work on one call of a function, as a value without a word of MPI.
#pragma once

#include <mpipe/core/version.hpp>

#include <concepts>
#include <memory>

namespace mpipe {

/// Ranks that can talk to each other; what they talk through is known to who made it.
class RankGroup {
 public:
  virtual ~RankGroup() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
};

/// How a `Comm` becomes a communicator of type `Native`. Specialised, with `exists = true` and
/// `static Native of(const Comm&)`, by those who know such types: comm/native_comm.hpp.
template <class Native>
struct NativeComm {
  static constexpr bool exists = false;
};

/// The ranks that make one call of a function together: a parameter of this type has no name and is filled
/// in. It converts to `MPI_Comm` and `boost::mpi::communicator` where <mpipe/comm/native_comm.hpp> is
/// included; the conversion throws `Error` (bad_option) where the program runs without MPI.
///
/// The communicator belongs to the run and is used again for other calls: functions may do with it what they
/// like except to free it, and should leave no message behind. Copies stand for the same ranks. Valid during
/// the call. One thread uses it: the one that was called.
class Comm {
 public:
  /// One rank, and no MPI.
  Comm() = default;
  explicit Comm(std::shared_ptr<const RankGroup> group) : group_(std::move(group)) {}

  /// 0 .. size() - 1; the value that rank 0 returns is the value of the call.
  int rank() const { return group_ ? group_->rank() : 0; }
  int size() const { return group_ ? group_->size() : 1; }

  template <class Native>
  requires(NativeComm<Native>::exists) operator Native() const {  // NOLINT(google-explicit-constructor)
    return NativeComm<Native>::of(*this);
  }

  /// nullptr: one rank, and no MPI.
  const RankGroup* group() const { return group_.get(); }

 private:
  std::shared_ptr<const RankGroup> group_;
};

}  // namespace mpipe
