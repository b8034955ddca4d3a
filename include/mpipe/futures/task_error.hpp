// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a future can throw besides what its caller did wrong.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/core/failure.hpp>

#include <string>

namespace mpipe {

/// The submitted function threw, or a value could not be read or written where it ran.
class TaskError final : public Error {
 public:
  explicit TaskError(Failure failure);
  /// What was thrown, as the process saw it that ran the function. Its rank is that in the communicator that
  /// the executor was made of.
  const Failure& failure() const { return failure_; }

 private:
  Failure failure_;
};

/// The value was not there in time. The task goes on, and the future can be asked again.
class FutureTimeout final : public Error {
 public:
  explicit FutureTimeout(const std::string& message) : Error(Category::cancelled, message) {}
};

/// The value will never be there, as somebody cancelled the future before its task began.
class FutureCancelled final : public Error {
 public:
  FutureCancelled();
};

/// The workers cannot be used any more: an initializer failed on one (category function_raised), or one was
/// lost or sent what cannot be understood (rank_lost). All that was not done by then fails in this way.
class BrokenPool final : public Error {
 public:
  using Error::Error;
};

}  // namespace mpipe
