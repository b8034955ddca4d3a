// SPDX-License-Identifier: BSD-3-Clause
// Sets of ranges, in pieces of bounded length. Operations of two sets skip what lies between the ranges of the
// smaller one.
#include <mpipe/core/index.hpp>

#include <algorithm>

namespace mpipe {
namespace {

/// Ranges of a piece: few enough that moving half of them costs little more than finding the place.
constexpr std::size_t kMostInPiece = 256;
/// A set with so many times fewer ranges than another one is applied range by range: each of them costs a
/// search, while a merge passes over all ranges of both.
constexpr std::size_t kMuchSmaller = 16;

bool ends_before(const IndexRange& range, Index end) { return range.end < end; }

}  // namespace

RangeList::Iterator::Iterator(const RangeList& list, std::size_t piece, std::size_t at)
    : list_(&list),
      piece_(piece),
      at_(list.piece(piece).data() + at),
      piece_end_(list.piece(piece).data() + list.piece(piece).size()) {}

void RangeList::Iterator::enter_next_piece() {
  if (piece_ < list_->pieces_.size()) *this = Iterator(*list_, piece_ + 1, 0);
}

std::size_t RangeList::size() const {
  std::size_t sum = last_.size();
  for (const Piece& piece : pieces_) sum += piece.size();
  return sum;
}

bool operator==(const RangeList& a, const RangeList& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

RangeList::Place RangeList::place_of(const Iterator& range) const {
  return {range.piece_, static_cast<std::size_t>(range.at_ - piece(range.piece_).data())};
}

/// The first range from `from` on whose end is `end` or behind it. Mostly that is `from`, the next one, or one
/// in the same piece; otherwise pieces are searched by their ends.
RangeList::Iterator RangeList::first_ending_from(Index end, const Iterator& from) const {
  Iterator at = from;
  for (int step = 0; step < 2; ++step, ++at)
    if (at == this->end() || at->end >= end) return at;
  if (at == this->end()) return at;
  if (at.piece_end_[-1].end < end) {
    const auto piece_end =
        std::lower_bound(ends_.begin() + static_cast<std::ptrdiff_t>(at.piece_), ends_.end(), end);
    at = Iterator(*this, static_cast<std::size_t>(piece_end - ends_.begin()), 0);
  }
  at.at_ = std::lower_bound(at.at_, at.piece_end_, end, ends_before);
  return at;
}

/// Behind all others, which it does not touch.
void RangeList::push_back(IndexRange range) {
  if (last_.size() == kMostInPiece) {
    ends_.push_back(last_.back().end);
    pieces_.push_back(std::exchange(last_, {}));
  }
  last_.push_back(range);
}

/// Puts at most two ranges in the place of [first, last).
void RangeList::replace(Place first, Place last, std::span<const IndexRange> with) {
  if (first.piece != last.piece) {
    // What goes is the end of one piece, all pieces between, and the begin of another, which is next then.
    const auto from = static_cast<std::ptrdiff_t>(first.piece) + 1;
    const auto to = static_cast<std::ptrdiff_t>(last.piece);
    pieces_.erase(pieces_.begin() + from, pieces_.begin() + to);
    ends_.erase(ends_.begin() + from, ends_.begin() + to);
    Piece& next = piece(first.piece + 1);
    next.erase(next.begin(), next.begin() + static_cast<std::ptrdiff_t>(last.at));
    changed(first.piece + 1);
    last = {first.piece, piece(first.piece).size()};
  }
  Piece& at = piece(first.piece);
  const auto from = at.begin() + static_cast<std::ptrdiff_t>(first.at);
  const std::size_t same = std::min(with.size(), last.at - first.at);
  std::copy_n(with.begin(), same, from);
  const auto behind = from + static_cast<std::ptrdiff_t>(same);
  if (same == with.size())
    at.erase(behind, at.begin() + static_cast<std::ptrdiff_t>(last.at));
  else
    at.insert(behind, with.begin() + static_cast<std::ptrdiff_t>(same), with.end());
  if (at.size() > kMostInPiece) {
    const auto half = at.begin() + static_cast<std::ptrdiff_t>(at.size() / 2);
    Piece front(at.begin(), half);
    at.erase(at.begin(), half);
    ends_.insert(ends_.begin() + static_cast<std::ptrdiff_t>(first.piece), front.back().end);
    pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(first.piece), std::move(front));
    ++first.piece;
  }
  changed(first.piece);
}

/// Follows the end of a piece, and takes the piece out when it has become empty.
void RangeList::changed(std::size_t number) {
  const bool is_last = number == pieces_.size();
  if (!piece(number).empty()) {
    if (!is_last) ends_[number] = piece(number).back().end;
  } else if (!is_last) {
    pieces_.erase(pieces_.begin() + static_cast<std::ptrdiff_t>(number));
    ends_.erase(ends_.begin() + static_cast<std::ptrdiff_t>(number));
  } else if (!pieces_.empty()) {
    last_ = std::move(pieces_.back());
    pieces_.pop_back();
    ends_.pop_back();
  }
}

RangeSet::RangeSet(std::initializer_list<IndexRange> ranges) {
  for (const IndexRange& range : ranges) insert(range);
}

RangeSet RangeSet::of(std::vector<IndexRange> ranges) {
  if (!std::is_sorted(ranges.begin(), ranges.end())) std::sort(ranges.begin(), ranges.end());
  RangeSet set;
  // In order, so that each is at the end of the set, where inserting costs nothing.
  for (const IndexRange& range : ranges) set.insert(range);
  return set;
}

/// Equal sets have equal ranges, since these neither overlap nor touch, and every search here may be a binary
/// one.
void RangeSet::insert(IndexRange range) {
  if (range.empty()) return;
  if (ranges_.empty() || ranges_.back().end < range.begin) return ranges_.push_back(range);
  if (ranges_.back().begin <= range.begin) {
    ranges_.last_.back().end = std::max(ranges_.back().end, range.end);
    return;
  }
  // First range that touches or follows `range`; everything that touches is merged into it.
  const auto first = ranges_.first_ending_from(range.begin, ranges_.begin());
  auto last = first;
  for (; last != ranges_.end() && last->begin <= range.end; ++last) {
    range.begin = std::min(range.begin, last->begin);
    range.end = std::max(range.end, last->end);
  }
  ranges_.replace(ranges_.place_of(first), ranges_.place_of(last), {&range, 1});
}

void RangeSet::erase(IndexRange range) {
  if (range.empty()) return;
  const auto first = ranges_.first_ending_from(range.begin + 1, ranges_.begin());
  auto last = first;
  IndexRange rest[2];  // of what is cut: before `range`, and behind it
  std::size_t rests = 0;
  for (; last != ranges_.end() && last->begin < range.end; ++last) {
    if (last->begin < range.begin) rest[rests++] = {last->begin, range.begin};
    if (last->end > range.end) rest[rests++] = {range.end, last->end};
  }
  if (first != last)
    ranges_.replace(ranges_.place_of(first), ranges_.place_of(last), std::span(rest).first(rests));
}

void RangeSet::insert(const RangeSet& other) {
  if (other.ranges_.size() * kMuchSmaller > ranges_.size()) {
    *this = united(other);
    return;
  }
  for (const IndexRange& range : other.ranges_) insert(range);
}

void RangeSet::erase(const RangeSet& other) {
  if (other.ranges_.size() * kMuchSmaller > ranges_.size()) {
    *this = difference(other);
    return;
  }
  for (const IndexRange& range : other.ranges_) erase(range);
}

Index RangeSet::count() const {
  Index sum = 0;
  for (const IndexRange& range : ranges_) sum += range.size();
  return sum;
}

bool RangeSet::contains(Index index) const { return contains(IndexRange{index, index + 1}); }

bool RangeSet::contains(IndexRange range) const {
  if (range.empty()) return true;
  const auto at = ranges_.first_ending_from(range.begin + 1, ranges_.begin());
  return at != ranges_.end() && at->begin <= range.begin && range.end <= at->end;
}

RangeSet RangeSet::intersection(IndexRange with) const {
  RangeSet result;
  auto at = ranges_.first_ending_from(with.begin + 1, ranges_.begin());
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
      a = ranges_.first_ending_from(b->begin + 1, a);
    } else if (b->end <= a->begin) {
      b = with.ranges_.first_ending_from(a->begin + 1, b);
    } else {
      result.insert({std::max(a->begin, b->begin), std::min(a->end, b->end)});
      // Only the range that ends first is used up; the other one may meet the next range as well.
      ++(a->end < b->end ? a : b);
    }
  }
  return result;
}

RangeSet RangeSet::united(const RangeSet& with) const {
  const bool here_is_more = ranges_.size() >= with.ranges_.size();
  const RangeSet& few = here_is_more ? with : *this;
  const RangeSet& many = here_is_more ? *this : with;
  if (few.ranges_.size() * kMuchSmaller > many.ranges_.size()) return merged(with);
  RangeSet result = many;
  for (const IndexRange& range : few.ranges_) result.insert(range);
  return result;
}

RangeSet RangeSet::merged(const RangeSet& with) const {
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
    cut = without.ranges_.first_ending_from(rest.begin + 1, cut);
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
