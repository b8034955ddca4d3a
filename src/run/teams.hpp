// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Functions of which several ranks make a call together: what a run can give them.
#pragma once

#include "run/api/settings.hpp"

namespace mpipe {

/// Some function of the run wants several ranks for one call.
bool wants_teams(const Plan& plan);
/// Some function of the run takes a communicator.
bool takes_communicators(const Plan& plan);

/// The most ranks that one call of a function in this stage can have, in a run on `ranks` ranks.
int most_ranks(const Settings& settings, StageId stage, int ranks);

/// Throws `Error` (bad_option) where a call wants more ranks than it can ever have, as far as that is known
/// before the run: rules are asked where all that they take is given.
void check_teams(const Plan& plan, const Settings& settings, int ranks);

/// How long rank 0 waits for members of a team that do not come back when another one threw: of the options,
/// else `MPIPE_TEAM_GRACE` (seconds), else 30 s. Throws `Error` (bad_option).
Duration team_grace(const MapOptions& options);

}  // namespace mpipe
