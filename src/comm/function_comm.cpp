// SPDX-License-Identifier: BSD-3-Clause
// Communicators for functions, and what they see of MPI.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/core/error.hpp>

#include "comm/mpi_state.hpp"

#include <fmt/format.h>

namespace mpipe {

namespace {

/// A group whose errors of MPI go back to the function, as codes that it may overlook: they are noted here.
class FunctionGroup final : public RankGroup {
 public:
  explicit FunctionGroup(const Communicator& group) : group_(group) {
    if (const MpiState* const state = mpi_state(group_)) watch(*state);
  }

  int rank() const override { return group_.rank(); }
  int size() const override { return group_.size(); }
  const Communicator& group() const { return group_; }
  int take_error() const { return std::exchange(error_, MPI_SUCCESS); }

 private:
  /// By which the handler finds where to note an error.
  static int key() {
    static const int value = [] {
      int made = MPI_KEYVAL_INVALID;
      check_mpi(MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &made, nullptr),
                "MPI_Comm_create_keyval");
      return made;
    }();
    return value;
  }

  // MPI calls this from C code, so nothing may be thrown here. Only the first error is noted, since later
  // ones mostly follow from it.
  static void note(MPI_Comm* comm, int* code, ...) {
    void* error = nullptr;
    int found = 0;
    MPI_Comm_get_attr(*comm, key(), &error, &found);
    if (found && *static_cast<int*>(error) == MPI_SUCCESS) *static_cast<int*>(error) = *code;
  }

  void watch(const MpiState& state) {
    const MPI_Comm raw = state.raw();
    state.check(MPI_Comm_set_attr(raw, key(), &error_), "MPI_Comm_set_attr");
    MPI_Errhandler handler = MPI_ERRHANDLER_NULL;
    state.check(MPI_Comm_create_errhandler(&FunctionGroup::note, &handler), "MPI_Comm_create_errhandler");
    const int code = MPI_Comm_set_errhandler(raw, handler);
    MPI_Errhandler_free(&handler);  // the communicator keeps it
    state.check(code, "MPI_Comm_set_errhandler");
  }

  Communicator group_;
  mutable int error_ = MPI_SUCCESS;
};

}  // namespace

Comm function_comm(const Communicator& group) { return Comm(std::make_shared<const FunctionGroup>(group)); }

/// Asking takes the error away, so that the next call on the same group begins without one.
std::optional<std::string> overlooked_error(const Comm& comm) {
  const auto* group = dynamic_cast<const FunctionGroup*>(comm.group());
  const int code = group != nullptr ? group->take_error() : MPI_SUCCESS;
  if (code == MPI_SUCCESS) return std::nullopt;
  char text[MPI_MAX_ERROR_STRING] = "unknown error";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return text;
}

MPI_Comm NativeComm<MPI_Comm>::of(const Comm& comm) {
  const auto* group = dynamic_cast<const FunctionGroup*>(comm.group());
  if (group == nullptr || !group->group().uses_mpi())
    throw Error(
        Category::bad_option,
        "the function wants an MPI communicator, and there is none: this program runs without MPI, on "
        "one rank. Start it with mpirun (-n 1 is enough for functions that need one rank).");
  return native_comm(group->group());
}

boost::mpi::communicator NativeComm<boost::mpi::communicator>::of(const Comm& comm) {
  return {NativeComm<MPI_Comm>::of(comm), boost::mpi::comm_attach};
}

}  // namespace mpipe
