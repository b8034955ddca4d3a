// SPDX-License-Identifier: BSD-3-Clause
// Carries messages between rank 0 of a launch and a rank that computes.
#include "launch/subgroup_link.hpp"

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/error.hpp>

#include "comm/api/waiter.hpp"

#include <fmt/format.h>

namespace mpipe {

void SubgroupLink::send(LaunchMessage message) {
  send_in_pieces(std::move(message), [&](FrameKind kind, std::span<const std::byte> body, Bytes payload) {
    transport_.send(kind, body, std::move(payload));
  });
}

std::optional<LaunchMessage> SubgroupLink::poll() {
  while (const Frame* frame = transport_.poll())
    if (auto message = assembler_.take(*frame)) return message;
  return std::nullopt;
}

/// Reads everything that has arrived, because nobody else takes messages of rank 0 while a run goes on.
/// Offers are put aside for the next `regroup`; a request to cancel an earlier run may still come in and is
/// passed over.
bool LeaderControl::cancelled() {
  while (const auto message = link_.poll()) {
    if (message->kind == LaunchKind::offer && message->run == run_)
      offers_.push_back({message->detail});
    else if (message->kind == LaunchKind::cancel)
      cancelled_ = cancelled_ || message->run == run_;
    else
      throw Bug(
          fmt::format("a message of kind {} for a rank that leads a run", static_cast<int>(message->kind)));
  }
  return cancelled_;
}

std::vector<SubgroupId> LeaderControl::take_offers() {
  // An offer that arrived since the last question counts as well. The call is qualified, since the override
  // of a derived class may decline offers and come back here.
  LeaderControl::cancelled();
  return std::exchange(offers_, {});
}

namespace {

LaunchMessage next_message(SubgroupLink& link, const WaitOptions& wait) {
  Waiter waiter(wait);
  for (;;) {
    if (auto message = link.poll()) return std::move(*message);
    waiter.idle();
    if (waiter.expired())
      throw Error(
          Category::rank_lost,
          fmt::format("rank 0 gave no sign for {:.1f} s while runs were launched (it is lost, or busy "
                      "for longer than the limit). Look at its log; the limit is MPIPE_WAIT_LIMIT.",
                      seconds(waiter.waited())));
  }
}

}  // namespace

Bytes serve_subgroup(SubgroupLink& link, SubgroupWork& work, const WaitOptions& wait) {
  try {
    for (;;) {
      LaunchMessage message = next_message(link, wait);
      switch (message.kind) {
        case LaunchKind::begin:
          work.compute(message.run, {message.detail}, std::move(message.payload), link);
          break;
        case LaunchKind::cancel:  // crossed the end of the run
          break;
        case LaunchKind::offer:
          work.decline(message.run, {message.detail}, link);
          break;
        case LaunchKind::join:
          work.join(message.run, static_cast<int>(message.detail), link);
          break;
        case LaunchKind::end:
          return std::move(message.payload);
        default:
          throw Bug(fmt::format("a message of kind {} for a rank that waits for a run",
                                static_cast<int>(message.kind)));
      }
    }
  } catch (const std::exception& error) {
    // Rank 0 would otherwise wait for a rank that has left its service. It is told before the exception goes
    // on, and gives up the launch.
    link.send({LaunchKind::broken, {}, 0, to_bytes(fmt::format("{} (on {})", error.what(), host_name()))});
    throw;
  }
}

}  // namespace mpipe
