// SPDX-License-Identifier: BSD-3-Clause
// Puts messages together again that came in several frames.
#include "launch/launch_messages.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace mpipe {
namespace {

constexpr LaunchKind kKinds[] = {
    LaunchKind::part,  LaunchKind::begin,   LaunchKind::cancel,   LaunchKind::end,      LaunchKind::offer,
    LaunchKind::join,  LaunchKind::started, LaunchKind::progress, LaunchKind::resolved, LaunchKind::failure,
    LaunchKind::value, LaunchKind::over,    LaunchKind::broken,   LaunchKind::joined,   LaunchKind::declined,
    LaunchKind::note,  LaunchKind::blocks};

}  // namespace

/// Parts carry no numbers of their own. That is enough, as the frames of one sender arrive in the order in
/// which they were sent, and a sender ends one message before it begins the next; so each sender needs an
/// assembler of its own.
std::optional<LaunchMessage> MessageAssembler::take(const Frame& frame) {
  const auto kind = static_cast<LaunchKind>(frame.kind);
  if (std::find(std::begin(kKinds), std::end(kKinds), kind) == std::end(kKinds))
    throw Bug(fmt::format("frame of the unknown kind {} between the ranks of a launch", frame.kind));
  if (kind == LaunchKind::part) {
    if (!frame.body.empty()) throw Bug("a part of a message between the ranks of a launch with numbers");
    pending_.insert(pending_.end(), frame.payload.begin(), frame.payload.end());
    return std::nullopt;
  }
  std::uint32_t numbers[2];
  if (frame.body.size() != sizeof numbers)
    throw Bug(fmt::format("frame of kind {} with a body of {} bytes between the ranks of a launch",
                          frame.kind, frame.body.size()));
  std::memcpy(numbers, frame.body.data(), sizeof numbers);
  LaunchMessage message{kind, {numbers[0]}, numbers[1], std::exchange(pending_, {})};
  message.payload.insert(message.payload.end(), frame.payload.begin(), frame.payload.end());
  return message;
}

}  // namespace mpipe
