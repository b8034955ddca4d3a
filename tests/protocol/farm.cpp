// SPDX-License-Identifier: BSD-3-Clause
#include "protocol/farm.hpp"

namespace mpipe::test {

Farm::Farm(FarmOptions options)
    : at_rank0(clock, options.cost),
      random_(options.seed),
      network_(options.workers, 1,
               [this, delay = options.longest_delay](const FrameInfo&) {
                 return Delivery{.copies = 1,
                                 .delay_polls = static_cast<int>(pick(static_cast<std::size_t>(delay) + 1))};
               }),
      remote_(network_.root()),
      local_(at_rank0, clock, {0, "node0"}) {
  for (std::uint32_t number = 0; number < options.workers; ++number)
    workers.emplace_back(*this, number, options.cost);
  if (options.rank0_computes) both_.emplace(remote_, local_);
}

std::optional<PoolEvent> Farm::poll() {
  for (std::size_t turns = pick(2 * workers.size() + 1); turns > 0; --turns)
    workers[pick(workers.size())].loop.turn();
  std::optional<PoolEvent> event = pool().poll();
  if (!event) return event;
  // A retraction of all of a block is all that is heard of it; one of a part is followed by a report.
  if (const auto* back = std::get_if<RetractedBlock>(&event->what)) {
    handed_out_[back->block] = back->rest;
    ++given_back;
  } else if (const auto entry = handed_out_.find(std::get<BlockReport>(event->what).block.id);
             entry != handed_out_.end()) {
    EXPECT_EQ(std::get<BlockReport>(event->what).block.range.end, entry->second.begin);
    --given_back;
    ++given_back_part;
  }
  return event;
}

std::vector<WorkerTraits> Farm::traits() const {
  std::vector<WorkerTraits> traits(workers.size());
  if (both_) traits.push_back({.max_block = std::chrono::microseconds(100), .may_prefetch = false});
  return traits;
}

void Farm::shut_down() {
  std::size_t slices = at_rank0.slices.size();
  for (const Worker& worker : workers) slices += worker.handler.slices.size();
  remote_.send_stop();
  for (Worker& worker : workers) {
    int turns = 0;
    while (worker.loop.turn() != WorkerLoop::Turn::stopped) ASSERT_LT(++turns, 1000);
    EXPECT_EQ(worker.events.stops, 1);
    EXPECT_EQ(worker.loop.turn(), WorkerLoop::Turn::stopped);
  }
  for (int polls = 0; polls < 100; ++polls) EXPECT_FALSE(pool().poll().has_value());
  network_.expect_nothing_sent();
  std::size_t slices_now = at_rank0.slices.size();
  for (const Worker& worker : workers) slices_now += worker.handler.slices.size();
  EXPECT_EQ(slices_now, slices) << "blocks were computed after the end";
}

std::map<Index, int> Farm::computed(std::uint32_t stage) const {
  std::map<Index, int> counts;
  const auto add = [&](const CountingHandler& handler) {
    for (const auto& [place, count] : handler.computed)
      if (place.first == stage) counts[place.second] += count;
  };
  add(at_rank0);
  for (const Worker& worker : workers) add(worker.handler);
  return counts;
}

}  // namespace mpipe::test
