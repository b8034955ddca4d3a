// SPDX-License-Identifier: BSD-3-Clause
// Keeps the elements that nobody works on: fresh ones in ascending order, returned ones on a stack.
#include "schedule/api/element_pool.hpp"

#include <algorithm>
#include <utility>

namespace mpipe {

void ElementPool::add(const RangeSet& elements) {
  if (elements.empty()) return;
  if (count_ == 0) {
    fresh_.clear();
    position_ = 0;
  }
  if (position_ == fresh_.size() || fresh_.back().end <= elements.ranges().front().begin)
    fresh_.insert(fresh_.end(), elements.ranges().begin(), elements.ranges().end());
  else
    returned_.insert(returned_.end(), elements.ranges().begin(), elements.ranges().end());
  count_ += elements.count();
}

IndexRange ElementPool::take(Index at_most) {
  // What came back goes first, which keeps the stack short.
  const bool from_returned = !returned_.empty();
  IndexRange& source = from_returned ? returned_.back() : fresh_[position_];
  const IndexRange taken{source.begin, source.begin + std::min(at_most, source.size())};
  source.begin = taken.end;
  if (source.empty()) {
    if (from_returned)
      returned_.pop_back();
    else
      ++position_;
  }
  count_ -= taken.size();
  return taken;
}

void ElementPool::give_back(IndexRange range) {
  if (range.empty()) return;
  returned_.push_back(range);
  count_ += range.size();
}

RangeSet ElementPool::elements() const {
  std::vector<IndexRange> all(fresh_.begin() + static_cast<std::ptrdiff_t>(position_), fresh_.end());
  all.insert(all.end(), returned_.begin(), returned_.end());
  return RangeSet::of(std::move(all));
}

}  // namespace mpipe
