// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Steps that succeed on all ranks or fail on all ranks: nobody is left waiting in a collective call.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/failure.hpp>

#include <exception>
#include <functional>
#include <optional>
#include <utility>

namespace mpipe {

/// Local steps of a collective call, of which all ranks learn the outcome together. A rank whose step threw,
/// whatever it threw, walks on through the collective calls with the others, and at the next `agree` its
/// error becomes that of all. Calls of the communicator itself do not belong into `attempt`: when they fail,
/// nobody can be told.
class CollectiveSteps {
 public:
  /// `comm` must outlive this.
  explicit CollectiveSteps(const Communicator& comm) : comm_(comm) {}

  /// Runs `step` unless an earlier one failed on this rank.
  template <class Step>
  void attempt(Step&& step) {
    if (failed()) return;
    try {
      std::forward<Step>(step)();
    } catch (...) {
      note_current_exception();
    }
  }
  /// Whether a step failed on this rank.
  bool failed() const { return failure_.has_value(); }
  /// Takes over the failure of other steps of this rank, unless these failed already.
  void take(const CollectiveSteps& other) {
    if (failed()) return;
    failure_ = other.failure_;
    alone_ = other.alone_;
  }
  /// Collective. Throws an `Error` on all ranks when a step failed on any: that of the lowest such rank,
  /// whose rank and host it carries. Where several ranks take part, the text names them for what happened at
  /// a machine (storage, memory, a bug), and for what happened on any rank but 0.
  void agree();

 private:
  void note_current_exception();

  const Communicator& comm_;
  std::optional<Failure> failure_;
  std::exception_ptr alone_;  ///< of a group of one rank: the `Error` itself, with all that its type knows
};

/// Collective. Runs `step` on every rank; throws as `CollectiveSteps::agree` does.
void together(const Communicator& comm, const std::function<void()>& step);

/// Collective. Runs `step` on rank 0 and returns its bytes everywhere; what it throws there is thrown on
/// every rank, as above.
Bytes on_root(const Communicator& comm, const std::function<Bytes()>& step);

}  // namespace mpipe
