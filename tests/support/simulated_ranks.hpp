// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Ranks as threads of one process, of which one runs at a time: which one is decided by a seed, so that a
/// run on several ranks is the same each time it is made from that seed.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/clock.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mpipe::test {

/// What happened in a simulation: one line per message and collective call, in the order of the events.
using EventLog = std::vector<std::string>;

/// Runs `program` on so many ranks, as threads which pass a token on at each message, collective call, clock
/// call and pause. Their time is simulated: it stands still while they compute, and leaps to the next pause
/// that ends when all of them wait. Returns when all ranks have ended.
///
/// So many ranks at a time share memory: the first ones, the next ones, and so on.
///
/// Throws what the lowest rank threw. Throws `Bug` when all ranks wait for each other, or when they have only
/// waited for a minute of simulated time: the text says what each of them waits for. A collective call that
/// is not the one of the other ranks is a `Bug`, too.
EventLog simulate_ranks(int ranks, std::uint64_t seed,
                        const std::function<void(const Communicator&)>& program, int ranks_per_node = 1000);

}  // namespace mpipe::test
