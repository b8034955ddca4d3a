// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Starts threads where the system may refuse them.
#pragma once

#include <functional>
#include <string_view>
#include <thread>

namespace mpipe {

/// A thread that runs `body`; `purpose` goes into the message, as in "for the heartbeat of the lock". Throws `Error`
/// (rank_lost) where the system makes no more threads: that is about the job, not about an element.
std::thread start_thread(std::string_view purpose, std::function<void()> body);

}  // namespace mpipe
