// SPDX-License-Identifier: BSD-3-Clause
// The version, as the build gives it.
#include <mpipe/core/version.hpp>

namespace mpipe {

std::string_view version() { return MPIPE_VERSION; }

}  // namespace mpipe
