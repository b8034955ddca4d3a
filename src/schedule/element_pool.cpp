// SPDX-License-Identifier: BSD-3-Clause
// Keeps the elements that nobody works on: fresh ones in ascending order, returned ones on a stack.
#include "schedule/api/element_pool.hpp"

#include <algorithm>

namespace mpipe {

void ElementPool::add(const RangeSet& elements) {
  if (count_ == 0)
    fresh_ = elements.ranges();
  else
    fresh_ = this->elements().united(elements).ranges();
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
  RangeSet all;
  for (std::size_t i = position_; i < fresh_.size(); ++i) all.insert(fresh_[i]);
  for (const IndexRange& range : returned_) all.insert(range);
  return all;
}

}  // namespace mpipe
