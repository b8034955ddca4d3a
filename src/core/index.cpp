// SPDX-License-Identifier: BSD-3-Clause
// Sets of ranges. Intersection and difference skip what lies between the ranges of the smaller set.
#include <mpipe/core/index.hpp>

#include <algorithm>

namespace mpipe {
namespace {

using Ranges = std::vector<IndexRange>::const_iterator;

/// The first range from `from` on that ends behind `index`. The search takes steps that double, so that it
/// costs the logarithm of how many ranges are skipped: a small set against a large one costs little more than
/// the small one.
Ranges first_behind(Ranges from, Ranges end, Index index) {
  std::ptrdiff_t step = 1;
  while (step < end - from && (from + step)->end <= index) {
    from += step;
    step *= 2;
  }
  return std::lower_bound(from, from + std::min(step + 1, end - from), index,
                          [](const IndexRange& range, Index begin) { return range.end <= begin; });
}

}  // namespace

RangeSet::RangeSet(std::initializer_list<IndexRange> ranges) {
  for (const IndexRange& range : ranges) insert(range);
}

/// The ranges of a set are sorted, not empty, and neither overlap nor touch. Equal sets therefore have equal
/// ranges, and every search here may be a binary one.
void RangeSet::insert(IndexRange range) {
  if (range.empty()) return;
  // First range that touches or follows `range`; everything that touches is merged into it.
  auto first = std::lower_bound(ranges_.begin(), ranges_.end(), range.begin,
                                [](const IndexRange& r, Index begin) { return r.end < begin; });
  auto last = first;
  while (last != ranges_.end() && last->begin <= range.end) {
    range.begin = std::min(range.begin, last->begin);
    range.end = std::max(range.end, last->end);
    ++last;
  }
  if (first == last) {
    ranges_.insert(first, range);
  } else {
    *first = range;
    ranges_.erase(first + 1, last);
  }
}

void RangeSet::erase(IndexRange range) {
  if (range.empty()) return;
  auto first = std::lower_bound(ranges_.begin(), ranges_.end(), range.begin,
                                [](const IndexRange& r, Index begin) { return r.end <= begin; });
  auto last = first;
  while (last != ranges_.end() && last->begin < range.end) ++last;
  if (first == last) return;
  const IndexRange left{first->begin, std::min(range.begin, first->end)};
  const IndexRange right{std::max(range.end, (last - 1)->begin), (last - 1)->end};
  // The right rest goes in first: `at` then points to it, and the left one is inserted before it.
  auto at = ranges_.erase(first, last);
  if (!right.empty()) at = ranges_.insert(at, right);
  if (!left.empty()) ranges_.insert(at, left);
}

Index RangeSet::count() const {
  Index sum = 0;
  for (const IndexRange& range : ranges_) sum += range.size();
  return sum;
}

bool RangeSet::contains(Index index) const { return contains(IndexRange{index, index + 1}); }

bool RangeSet::contains(IndexRange range) const {
  if (range.empty()) return true;
  auto at = std::lower_bound(ranges_.begin(), ranges_.end(), range.begin,
                             [](const IndexRange& r, Index begin) { return r.end <= begin; });
  return at != ranges_.end() && at->begin <= range.begin && range.end <= at->end;
}

RangeSet RangeSet::intersection(IndexRange with) const {
  RangeSet result;
  auto at = std::lower_bound(ranges_.begin(), ranges_.end(), with.begin,
                             [](const IndexRange& r, Index begin) { return r.end <= begin; });
  for (; at != ranges_.end() && at->begin < with.end; ++at)
    result.insert({std::max(at->begin, with.begin), std::min(at->end, with.end)});
  return result;
}

RangeSet RangeSet::intersection(const RangeSet& with) const {
  if (empty() || with.empty()) return {};
  // Sets may have millions of ranges: a copy of one costs much less than building it anew.
  const IndexRange all{ranges_.front().begin, ranges_.back().end};
  if (with.contains(all)) return *this;
  RangeSet result;
  auto a = ranges_.begin();
  auto b = with.ranges_.begin();
  while (a != ranges_.end() && b != with.ranges_.end()) {
    if (a->end <= b->begin) {
      a = first_behind(a, ranges_.end(), b->begin);
    } else if (b->end <= a->begin) {
      b = first_behind(b, with.ranges_.end(), a->begin);
    } else {
      result.insert({std::max(a->begin, b->begin), std::min(a->end, b->end)});
      // Only the range that ends first is used up; the other one may meet the next range as well.
      ++(a->end < b->end ? a : b);
    }
  }
  return result;
}

RangeSet RangeSet::united(const RangeSet& with) const {
  if (with.empty()) return *this;
  if (empty()) return with;
  RangeSet result;
  auto a = ranges_.begin();
  auto b = with.ranges_.begin();
  while (a != ranges_.end() || b != with.ranges_.end()) {
    const bool take_a = b == with.ranges_.end() || (a != ranges_.end() && a->begin <= b->begin);
    result.insert(take_a ? *a++ : *b++);  // at the end, so nothing is moved
  }
  return result;
}

RangeSet RangeSet::difference(const RangeSet& without) const {
  if (without.empty()) return *this;
  RangeSet result;
  auto cut = without.ranges_.begin();
  for (IndexRange rest : ranges_) {
    cut = first_behind(cut, without.ranges_.end(), rest.begin);
    // `cut` itself stays where it is: a range that is taken away may reach into the next range of this set.
    for (auto c = cut; c != without.ranges_.end() && c->begin < rest.end; ++c) {
      result.insert({rest.begin, c->begin});
      rest.begin = std::max(rest.begin, c->end);
    }
    result.insert(rest);
  }
  return result;
}

}  // namespace mpipe
