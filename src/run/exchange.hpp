// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Brings the elements of an output to where they are needed.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include "data/api/partial_array.hpp"

namespace mpipe {

/// Collective. Afterwards every rank has all elements that any rank had.
void share_with_all(const Communicator& comm, PartialArray& array);

/// Collective. Afterwards rank 0 has all elements that any rank had.
void gather_at_root(const Communicator& comm, PartialArray& array);

/// Collective. The elements that any rank has; the same answer everywhere.
RangeSet united_elements(const Communicator& comm, const RangeSet& here);

}  // namespace mpipe
