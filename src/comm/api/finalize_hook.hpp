// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A last word before MPI ends.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include <functional>
#include <list>

namespace mpipe {

/// While it lives, `MPI_Finalize` calls `action` first, on this rank, when messages can still be sent. For a
/// group without MPI it does nothing. What `action` throws is printed. One thread, that of MPI.
class FinalizeHook {
 public:
  FinalizeHook(const Communicator& comm, std::function<void()> action);
  ~FinalizeHook();
  FinalizeHook(const FinalizeHook&) = delete;
  FinalizeHook& operator=(const FinalizeHook&) = delete;

 private:
  std::list<std::function<void()>>::iterator place_;
};

}  // namespace mpipe
