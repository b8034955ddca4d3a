// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a child of a zygote does: it calls bodies.
#pragma once

#include "isolation/api/channel.hpp"

namespace mpipe {

/// Answers calls that come over `channel` until its other end is closed. A `Zygote::Entry`.
void serve_calls(Channel channel);

}  // namespace mpipe
