// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/core/version.hpp>

namespace mpipe {

std::string_view version() { return MPIPE_VERSION; }

}  // namespace mpipe
