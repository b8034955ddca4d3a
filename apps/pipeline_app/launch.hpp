// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Several processes of this program that speak with one voice.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/error.hpp>

#include <functional>

namespace mpipe::app {

/// The number of this process among those that a launcher started, without asking MPI; 0 where there is no
/// launcher.
int launched_rank();

/// Collective. Runs `step` on every rank. When it throws on any, every rank throws an `Error` of the category
/// and text of the lowest rank that failed; where rank 0 did not, the text says which rank on which host.
void together(const Communicator& comm, const std::function<void()>& step);

}  // namespace mpipe::app
