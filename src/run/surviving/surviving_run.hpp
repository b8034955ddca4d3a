// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A run that goes on when ranks die.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include "run/api/request.hpp"
#include "run/surviving/loss_record.hpp"

#include <functional>
#include <optional>

namespace mpipe {

/// Throws `Error` (not_supported) for what cannot be in such a run.
void check_survival(const RunSetup& setup);

/// One attempt, collective over a meeting: plans and runs `request`. `losses`: on rank 0, else null.
using Attempt =
    std::function<Results(const Communicator& meeting, const Request& request, LossRecord* losses)>;

/// Collective over a lasting group (see comm/api/survival.hpp). Those who are alive meet, and make an attempt. Where one of
/// them is lost, the others leave what they do, meet anew, and go on with what is stored, as any resume does: what the
/// lost rank had in its journal is read, the rest is computed again. Throws what the last attempt throws. `losses`: on
/// rank 0, what was lost, whatever happens.
Results run_with_survivors(const Communicator& lasting, Request request, LossRecord& losses,
                           const Attempt& attempt);

}  // namespace mpipe
