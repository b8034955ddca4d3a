// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The zygote's own side: what it is asked, and what it does.
#pragma once

#include "isolation/api/zygote.hpp"

namespace mpipe::detail {

/// What a zygote is asked. All are answered but `kill`.
enum class ZygoteRequest : std::uint16_t {
  spawn = 1,  ///< `SpawnRequest`, the child's end of the channel, and where its status is written
  run = 2,    ///< the task's address, then its argument
  kill = 3    ///< `KillRequest`
};
enum class ZygoteAnswer : std::uint16_t {
  done = 65,   ///< the child's process id as i64; or what the task returned
  failed = 66  ///< an error, as in failure_bytes.hpp
};

struct SpawnRequest {
  std::uint64_t serial = 0;
  std::uint64_t entry = 0;  ///< address of a `Zygote::Entry`
};
struct KillRequest {
  std::uint64_t serial = 0;
  std::int64_t pid = 0;
};

/// In the new process: serves until the owner has ended. `owner`: its process id.
[[noreturn]] void run_zygote(Channel control, pid_t owner, Zygote::Moment moment);

}  // namespace mpipe::detail
