// SPDX-License-Identifier: BSD-3-Clause
// Keeps the elements that nobody works on: fresh ones in ascending order, returned ones on a stack.
#include "schedule/api/element_pool.hpp"

#include <algorithm>
#include <utility>

namespace mpipe {

void ElementPool::add(const RangeSet& elements) {
  const RangeSet all = count_ == 0 ? elements : this->elements().united(elements);
  fresh_.assign(all.ranges().begin(), all.ranges().end());
  // All that was in the pool is in `fresh_` by now, so the bookkeeping starts anew.
  position_ = 0;
  returned_.clear();
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
