// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A run as its folder describes it.
#pragma once

#include "run/run_setup.hpp"
#include "store/api/run_description.hpp"

namespace mpipe {

/// What this start computes, and what the values follow from; with an id of its own, as that of a new run.
/// Precondition: the plan has the shapes that it was made with.
RunDescription describe_run(const RunSetup& setup);

}  // namespace mpipe
