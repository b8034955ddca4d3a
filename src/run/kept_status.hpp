// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `KeptStatus`: what rank 0 notes of its run while that goes on.
#pragma once

#include "folder/api/failure_log.hpp"
#include "run/api/execute_request.hpp"

#include <memory>
#include <string>

namespace mpipe {

/// status.json, and the elements that failed. From its making to the end of the run.
class KeptStatus {
 public:
  /// Adds itself to the observer of `options`. `hook` must outlive this.
  KeptStatus(MapOptions& options, const StatusHook& hook);
  ~KeptStatus();
  KeptStatus(const KeptStatus&) = delete;
  KeptStatus& operator=(const KeptStatus&) = delete;

  /// The run has ended. `note`: what else there is to say of it.
  void finish(const Results& results, const std::string& note = {});
  void finish(const Error& error, const std::string& note = {});

 private:
  void tell_problem();
  void keep_times(const Results& results);

  const StatusHook& hook_;
  std::shared_ptr<StatusWriter> writer_;
  std::shared_ptr<FailureLog> failures_;
  std::shared_ptr<RunObserver> observer_;
};

}  // namespace mpipe
