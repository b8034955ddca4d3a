// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Local steps of a collective call, of which all ranks learn the outcome together.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/error.hpp>

#include <exception>

namespace mpipe {

/// Collects the first error of this rank, so that it walks on through the collective steps with the others,
/// and makes it the error of all at the next `settle`. Calls of the communicator itself do not belong into
/// `attempt`: when they fail, nobody can be told.
class Agreement {
 public:
  explicit Agreement(const Communicator& comm) : comm_(comm) {}

  /// Runs `step` unless an earlier one failed.
  template <class Step>
  void attempt(Step&& step) {
    if (failed()) return;
    try {
      step();
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  bool failed() const { return error_ != nullptr; }
  /// The error of another agreement of this rank, unless there is one already.
  void take(const Agreement& other) {
    if (!failed()) error_ = other.error_;
  }
  /// Collective. Throws on all ranks when a step failed on any: the error of the lowest such rank.
  void settle();

 private:
  const Communicator& comm_;
  std::exception_ptr error_;
};

}  // namespace mpipe
