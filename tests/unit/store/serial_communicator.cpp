// SPDX-License-Identifier: BSD-3-Clause
#include "unit/store/store_fixture.hpp"

namespace mpipe::test {

const Communicator& test_communicator() {
  static const Communicator comm;
  return comm;
}

}  // namespace mpipe::test
