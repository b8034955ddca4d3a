// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The closed set of messages between rank 0 of a launch, which directs, and the other ranks, which compute
/// runs in subgroups. What is long lies in the payload, in as many frames as it needs. The body of all but
/// `part` is two numbers, little-endian: run u32, detail u32.
///
///     kind  message    detail   payload
///        1  part       (none)   the beginning of the payload of the next message of this sender
///        2  begin      subgroup     to the first rank of the subgroup: the request
///        3  cancel     0        (to the rank that leads the run)
///        4  end        0        how all runs ended
///        5  offer      subgroup     (to the rank that leads the run: the subgroup may join)
///        6  join       rank     (to the ranks of that subgroup: who leads the run, and will say yes or no)
///       65  started    0        what the run found
///       66  progress   0        what became of elements since the last one
///       67  resolved   0        shapes that became known
///       68  failure    0        what is known of a failed element
///       69  value      output   a `Value`
///       70  over       0        how the run ended
///       71  broken     0        why this rank cannot go on
///       72  joined     subgroup     (the offer was taken)
///       73  declined   subgroup     (it was not, and will not be)
///       74  note       0        a line for the log
///       75  blocks     0        blocks that were handed out or are done
#pragma once

#include <mpipe/data/codec.hpp>

#include "comm/api/transport.hpp"
#include "schedule/api/run_queue.hpp"

#include <map>
#include <string>

namespace mpipe {

enum class LaunchKind : FrameKind {
  part = 1,
  begin = 2,
  cancel = 3,
  end = 4,
  offer = 5,
  join = 6,
  started = 65,
  progress = 66,
  resolved = 67,
  failure = 68,
  value = 69,
  over = 70,
  broken = 71,
  joined = 72,
  declined = 73,
  note = 74,
  blocks = 75,
};

/// A message as it is sent, and as it was received in full.
struct LaunchMessage {
  LaunchKind kind = LaunchKind::end;
  MapId run;
  std::uint32_t detail = 0;  ///< the subgroup, the rank or the output
  Bytes payload;
};

/// Payloads are cut into pieces of this size.
inline constexpr std::size_t launch_piece_bytes = std::size_t{256} << 20;

/// Sends a message; never waits. `send(kind, body, payload)` is the one of a transport.
template <class Send>
void send_in_pieces(LaunchMessage message, const Send& send, std::size_t piece_bytes = launch_piece_bytes) {
  const std::uint32_t numbers[] = {message.run.value, message.detail};
  std::span<const std::byte> rest = message.payload;
  if (rest.size() <= piece_bytes)
    return send(static_cast<FrameKind>(message.kind), std::as_bytes(std::span(numbers)),
                std::move(message.payload));
  for (; rest.size() > piece_bytes; rest = rest.subspan(piece_bytes))
    send(static_cast<FrameKind>(LaunchKind::part), {}, Bytes(rest.begin(), rest.begin() + piece_bytes));
  send(static_cast<FrameKind>(message.kind), std::as_bytes(std::span(numbers)),
       Bytes(rest.begin(), rest.end()));
}

/// Puts the messages of one sender together again.
class MessageAssembler {
 public:
  /// The message that is complete with this frame, if any. Throws `Bug` for a frame that `send_in_pieces`
  /// does not make.
  std::optional<LaunchMessage> take(const Frame& frame);

 private:
  Bytes pending_;
};

inline Bytes to_bytes(const std::string& text) {
  const auto raw = std::as_bytes(std::span(text));
  return {raw.begin(), raw.end()};
}
inline std::string to_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace mpipe
