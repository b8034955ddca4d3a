// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Several processes of this program that speak with one voice.
#pragma once

namespace mpipe::app {

/// The number of this process among those that a launcher started, without asking MPI; 0 where there is no
/// launcher.
int launched_rank();

}  // namespace mpipe::app
