// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Brings the elements of an output to where they are needed.
#pragma once

#include "run/values/node_memory.hpp"

#include <vector>

namespace mpipe {

/// Who has which elements of an array.
struct Holdings {
  std::vector<RangeSet> by_holder;  ///< in the order of `NodeMemory::holders`; all ranks know of all
  RangeSet all;
};

/// Collective. The same answer everywhere.
Holdings find_holdings(const Communicator& comm, const NodeMemory& memory, const PartialArray& array);

/// Collective. Afterwards every rank has all elements that any rank had: they are in the memory of its node. Values that
/// vary in size are joined there. `holdings`: of this array, and true. Precondition: internal shape known.
void share_with_all(const Communicator& comm, const NodeMemory& memory, const Holdings& holdings,
                    PartialArray& array);

/// Collective. Afterwards rank 0 has all elements that any rank had.
void gather_at_root(const Communicator& comm, const NodeMemory& memory, PartialArray& array);

}  // namespace mpipe
