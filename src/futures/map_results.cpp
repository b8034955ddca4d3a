// SPDX-License-Identifier: BSD-3-Clause
// The chunks of a map: what is submitted when, and which one is given next.
#include <mpipe/futures/map_results.hpp>

#include <limits>

namespace mpipe::detail {

ChunkQueue::ChunkQueue(const MPIPoolMapOptions& options, std::unique_ptr<ChunkSubmitter> submitter)
    : submitter_(std::move(submitter)),
      deadline_(options.timeout.deadline()),
      most_(static_cast<std::size_t>(options.buffersize.value_or(std::numeric_limits<Index>::max()))),
      unordered_(options.unordered) {}

void ChunkQueue::fill() {
  while (submitter_ && ordered_.size() + completions_.size() < most_) {
    std::shared_ptr<FutureState> chunk = submitter_->submit();
    if (!chunk) {
      submitter_.reset();
    } else if (unordered_) {
      completions_.add(std::move(chunk));
    } else {
      ordered_.push_back(std::move(chunk));
    }
  }
}

std::shared_ptr<FutureState> ChunkQueue::take() {
  fill();
  std::shared_ptr<FutureState> chunk;
  if (unordered_) {
    chunk = completions_.next(deadline_);
  } else if (!ordered_.empty()) {
    ordered_.front()->wait_until(deadline_);
    chunk = ordered_.front();
    // One that is not done in time stays, so that it is cancelled with the others.
    if (chunk->done()) ordered_.pop_front();
  }
  if (chunk) chunk->wait_for_value(deadline_);
  return chunk;
}

void ChunkQueue::end() {
  submitter_.reset();
  for (const auto& chunk : std::exchange(ordered_, {})) chunk->cancel();
  for (const auto& chunk : completions_.take_all()) chunk->cancel();
}

}  // namespace mpipe::detail
