// SPDX-License-Identifier: BSD-3-Clause
// Gives runs to subgroups of ranks from rank 0, and hears of them.
#include "launch/launch_director.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

namespace mpipe {
namespace {

std::vector<std::uint32_t> sizes_of(const std::vector<std::vector<WorkerId>>& subgroups) {
  std::vector<std::uint32_t> sizes;
  for (const auto& subgroup : subgroups) sizes.push_back(static_cast<std::uint32_t>(subgroup.size()));
  return sizes;
}

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

LaunchDirector::LaunchDirector(RootTransport& transport, std::uint32_t runs,
                               std::vector<std::vector<WorkerId>> subgroups, RunEvents& events)
    : transport_(transport),
      queue_(runs, sizes_of(subgroups)),
      subgroups_(std::move(subgroups)),
      leader_of_(runs),
      assemblers_(transport.worker_count()),
      events_(events) {}

/// Returns whether any message came in, which tells a waiter that the ranks are alive.
bool LaunchDirector::turn() {
  // What follows from one message is done before the next is read: the queue must know who is free by then.
  act();
  bool any = false;
  while (const Frame* frame = transport_.poll()) {
    any = true;
    const WorkerId from = frame->worker;
    if (auto message = assemblers_.at(from.value).take(*frame)) take(from, std::move(*message));
    act();
  }
  return any;
}

void LaunchDirector::act() {
  while (const auto action = queue_.next_action())
    std::visit(Overloaded{[&](const BeginRun& run) { begin(run); },
                          [&](const CancelRun& run) {
                            send(leader_of_[run.run.value], {LaunchKind::cancel, run.run, 0, {}});
                          },
                          [&](const OfferSubgroup& subgroup) { offer(subgroup); }},
               *action);
}

/// The leader is noted before anything is sent: its answers are checked against it. The request goes to the
/// leader only, which broadcasts it within its subgroup, so rank 0 sends it once.
void LaunchDirector::begin(const BeginRun& begin) {
  const std::vector<WorkerId>& subgroup = subgroups_[begin.subgroup.value];
  leader_of_[begin.run.value] = subgroup.front();
  for (const WorkerId worker : subgroup)
    send(worker, {LaunchKind::begin, begin.run, begin.subgroup.value,
                  worker == subgroup.front() ? events_.request(begin.run) : Bytes{}});
}

/// The subgroup hears of the offer first, so that it waits already when the leader answers. The leader
/// answers once, to the subgroup as well.
void LaunchDirector::offer(const OfferSubgroup& offer) {
  const WorkerId leader = leader_of_[offer.run.value];
  for (const WorkerId worker : subgroups_[offer.subgroup.value])
    send(worker, {LaunchKind::join, offer.run, leader.value + 1, {}});
  send(leader, {LaunchKind::offer, offer.run, offer.subgroup.value, {}});
}

void LaunchDirector::take(WorkerId from, LaunchMessage message) {
  // This one is taken from any rank at any time: a rank that broke down may lead no run at all.
  if (message.kind == LaunchKind::broken) throw Error(Category::rank_lost, to_text(message.payload));
  // An answer to an offer may come after the end of its run, all else only while the run goes on.
  const bool begun =
      message.run.value < queue_.run_count() && queue_.state(message.run) != RunQueue::State::waiting;
  const bool answers = message.kind == LaunchKind::joined || message.kind == LaunchKind::declined;
  const bool runs = begun && queue_.state(message.run) == RunQueue::State::running;
  if (message.kind < LaunchKind::started || !(runs || (begun && answers)) ||
      leader_of_[message.run.value] != from)
    throw Bug(fmt::format("worker {} sent a message of kind {} about run {}, which it does not lead",
                          from.value, static_cast<int>(message.kind), message.run.value));
  if (message.kind == LaunchKind::joined) return queue_.on_joined(message.run, {message.detail});
  if (message.kind == LaunchKind::declined) return queue_.on_declined(message.run, {message.detail});
  const bool over = message.kind == LaunchKind::over;
  const MapId run = message.run;
  events_.on_message(std::move(message));
  // Only now may the subgroup get another run: whoever asked for this one has been told of its end.
  if (over) queue_.on_over(run);
}

void LaunchDirector::cancel(MapId run) {
  // Asked before the queue changes its mind. A run that waited has no leader to report its end, so the
  // director reports it.
  const bool waited = queue_.state(run) == RunQueue::State::waiting;
  queue_.cancel(run);
  if (waited) events_.on_dropped(run);
  act();
}

void LaunchDirector::send(WorkerId to, LaunchMessage message) {
  send_in_pieces(std::move(message), [&](FrameKind kind, std::span<const std::byte> body, Bytes payload) {
    transport_.send(to, kind, body, std::move(payload));
  });
}

/// Nothing may be sent to a worker after this: it leaves its service when it reads the end.
void LaunchDirector::send_end(const Bytes& summary) {
  for (std::uint32_t worker = 0; worker < transport_.worker_count(); ++worker)
    send({worker}, {LaunchKind::end, {}, 0, summary});
}

}  // namespace mpipe
