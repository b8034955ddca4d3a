// SPDX-License-Identifier: BSD-3-Clause
// The pool of the workers at other ranks: blocks leave as frames, and frames that arrive become events.
#include <mpipe/core/failure.hpp>

#include "exec/api/pools.hpp"

#include <utility>

namespace mpipe {

void RemotePool::start(WorkerId worker, const Block& block) {
  encode_into(message_, block);
  transport_.send(worker, message_.kind, message_.body());
}

void RemotePool::start_team(std::span<const WorkerId> members, const Block& block) {
  const TeamDirectory::Entry entry = teams_.find({members.begin(), members.end()});
  // Members hear of the release before they hear of the new team, so that no rank is in more teams than the
  // directory counts.
  if (entry.released) {
    const EncodedMessage release = encode(ToWorker(ReleaseTeamMessage{entry.released->team}));
    for (const WorkerId member : entry.released->members)
      transport_.send(member, release.kind, release.body());
  }
  const EncodedMessage message =
      encode(ToWorker(TeamMessage{block, entry.team, entry.is_new, {members.begin(), members.end()}}));
  for (const WorkerId member : members) {
    // The transport takes the payload over, so every member gets a copy of its own.
    EncodedMessage copy = message;
    transport_.send(member, copy.kind, copy.body(), copy.take_payload());
  }
}

void RemotePool::retract(WorkerId worker, BlockId block) {
  const EncodedMessage message = encode(ToWorker(RetractMessage{block}));
  transport_.send(worker, message.kind, message.body());
}

std::optional<PoolEvent> RemotePool::poll() {
  const Frame* frame = transport_.poll();
  if (frame == nullptr) return std::nullopt;
  ToRoot message = decode_to_root(*frame);
  if (auto* done = std::get_if<DoneMessage>(&message))
    return PoolEvent{frame->worker, std::move(done->report)};
  if (auto* news = std::get_if<TeamNewsMessage>(&message))
    return PoolEvent{frame->worker, std::move(news->news)};
  // It is no matter of one block: what is computed now could not be kept, so that handing out ends with it.
  if (const auto* trouble = std::get_if<TroubleMessage>(&message)) throw error_of(trouble->failure);
  return PoolEvent{frame->worker, std::get<RetractedMessage>(message).retracted};
}

void RemotePool::broadcast(const ToWorker& message) {
  const EncodedMessage encoded = encode(message);
  for (std::uint32_t worker = 0; worker < worker_count(); ++worker) {
    transport_.send({worker}, encoded.kind, encoded.body());
  }
}

}  // namespace mpipe
