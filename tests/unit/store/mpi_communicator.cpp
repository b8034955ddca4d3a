// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/comm/native_comm.hpp>

#include "unit/store/store_fixture.hpp"

namespace mpipe::test {

const Communicator& test_communicator() {
  static const Communicator comm = communicator_from(MPI_COMM_WORLD);
  return comm;
}

}  // namespace mpipe::test
