// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The way from and to MPI: the only public header with its types.
#pragma once

#include <mpipe/comm/communicator.hpp>

// The C++ bindings of MPI, which MPI itself has given up, would want a library that nobody needs otherwise: a
// plugin that was not linked with it could not be loaded.
#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX
#endif
#include <mpi.h>

namespace boost::mpi {
class communicator;
}

namespace mpipe {

/// Collective over `comm`: where a rank does not call it, the others wait, until MPIPE_WAIT_LIMIT if that is
/// set (`Error`, rank_lost). A group with a duplicate of `comm`, which stays the caller's; the duplicate returns
/// errors instead of aborting. Throws `Error` (bad_option) for MPI_COMM_NULL and intercommunicators, before
/// MPI_Init and after MPI_Finalize, and where the calling thread may not call MPI.
Communicator communicator_from(MPI_Comm comm, WaitOptions options = wait_options_from_environment());
Communicator communicator_from(const boost::mpi::communicator& comm,
                               WaitOptions options = wait_options_from_environment());

/// The communicator of a group, which stays the group's: do not free it, and do not send on it while the
/// group is in use. `MPI_COMM_NULL` for a serial group.
MPI_Comm native_comm(const Communicator& comm);

/// The way from a function's `Comm` to MPI. Throws `Error` (bad_option) where the program runs without MPI.
template <>
struct NativeComm<MPI_Comm> {
  static constexpr bool exists = true;
  static MPI_Comm of(const Comm& comm);
};
template <>
struct NativeComm<boost::mpi::communicator> {
  static constexpr bool exists = true;
  static boost::mpi::communicator of(const Comm& comm);
};

/// Throws `Error` (rank_lost) with MPI's own text when `code` is not `MPI_SUCCESS`.
void check_mpi(int code, const char* operation);

}  // namespace mpipe
