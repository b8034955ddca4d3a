// SPDX-License-Identifier: BSD-3-Clause
// A group over MPI does what every group does.
#include "support/world.hpp"
#include "unit/comm/conformance.hpp"

namespace mpipe::test {
namespace {

TEST(Conformance, OfMpi) { check_group(world()); }

}  // namespace
}  // namespace mpipe::test
