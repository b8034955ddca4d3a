// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/comm/native_comm.hpp>

#include <mpi.h>

namespace mpipe::test {

/// All ranks of the test.
inline const Communicator& world() {
  // Never freed: it would have to be before MPI is finalised, which the main function does.
  static const Communicator& all = *new Communicator(communicator_from(MPI_COMM_WORLD));
  return all;
}

}  // namespace mpipe::test
