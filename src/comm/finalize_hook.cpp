// SPDX-License-Identifier: BSD-3-Clause
// Has MPI_Finalize call back: it deletes the attributes of MPI_COMM_SELF before anything else.
#include "comm/api/finalize_hook.hpp"

#include <mpipe/comm/native_comm.hpp>

#include <cstdio>
#include <exception>

namespace mpipe {

namespace {

std::list<std::function<void()>>& actions() {
  static std::list<std::function<void()>> list;
  return list;
}

// MPI calls this from C code, so nothing may be thrown here.
int at_finalize(MPI_Comm, int, void*, void*) {
  for (const auto& action : actions()) {
    try {
      action();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "mpipe: at the end of MPI: %s\n", error.what());
    }
  }
  return MPI_SUCCESS;
}

void watch_finalize() {
  static const bool watched = [] {
    int key = MPI_KEYVAL_INVALID;
    check_mpi(MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, at_finalize, &key, nullptr),
              "MPI_Comm_create_keyval");
    check_mpi(MPI_Comm_set_attr(MPI_COMM_SELF, key, nullptr), "MPI_Comm_set_attr");
    check_mpi(MPI_Comm_free_keyval(&key), "MPI_Comm_free_keyval");  // the attribute keeps it
    return true;
  }();
  static_cast<void>(watched);
}

}  // namespace

FinalizeHook::FinalizeHook(const Communicator& comm, std::function<void()> action) : place_(actions().end()) {
  if (!comm.uses_mpi()) return;
  watch_finalize();
  place_ = actions().insert(actions().end(), std::move(action));
}

FinalizeHook::~FinalizeHook() {
  if (place_ != actions().end()) actions().erase(place_);
}

}  // namespace mpipe
