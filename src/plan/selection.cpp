// SPDX-License-Identifier: BSD-3-Clause
// Turns positions along axes into sets of elements, and ranges of elements back into positions.
#include "plan/selection.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace mpipe {
namespace {

/// Adds the elements with the given positions along axes `axis`.. , whose earlier axes give `prefix`.
void insert_selected(const Box& axes, const Shape& shape, std::size_t axis, std::size_t last_fixed,
                     Index prefix, Index tail, RangeSet& selected) {
  if (axis == last_fixed) {
    const Positions& along = axes[axis];
    const Index base = prefix * shape[axis];
    if (along.step == 1) {
      selected.insert({(base + along.first) * tail, (base + along.first + along.count) * tail});
    } else {
      for (Index k = 0; k < along.count; ++k) {
        const Index at = base + along.first + k * along.step;
        selected.insert({at * tail, (at + 1) * tail});
      }
    }
    return;
  }
  for (Index k = 0; k < axes[axis].count; ++k)
    insert_selected(axes, shape, axis + 1, last_fixed,
                    prefix * shape[axis] + axes[axis].first + k * axes[axis].step, tail, selected);
}

Shape behind(const Shape& shape, std::size_t axis) {
  return {shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end()};
}

/// Cuts `range` of the part of an array that is behind the first `axis` axes, whose positions are in `box` already.
void cut(IndexRange range, const Shape& shape, std::size_t axis, Box& box,
         const std::function<void(const Box&)>& take) {
  if (range.empty()) return;
  if (axis == shape.size()) return take(box);
  const Index tail = element_count(behind(shape, axis));
  const auto cut_behind = [&](IndexRange positions, IndexRange rest) {
    box[axis] = {positions.begin, 1, positions.size()};
    cut(rest, shape, axis + 1, box, take);
  };
  // A position that the range enters or leaves in the middle is cut further; those between are whole.
  Index first = range.begin / tail;
  const Index last = range.end / tail;
  if (range.begin % tail != 0) {
    cut_behind({first, first + 1}, {range.begin - first * tail, std::min(range.end - first * tail, tail)});
    ++first;
  }
  if (first < last) cut_behind({first, last}, {0, tail});
  if (first <= last) cut_behind({last, last + 1}, {0, range.end - last * tail});
}

}  // namespace

Positions all_of(Index extent) { return {0, 1, extent}; }

Positions positions_of(const std::variant<Index, Slice>& fixed, const std::string& axis, Index extent) {
  if (const Index* index = std::get_if<Index>(&fixed)) {
    const Index position = *index < 0 ? *index + extent : *index;
    if (position < 0 || position >= extent)
      throw Error(
          Category::index_out_of_bounds,
          fmt::format("the position {} along '{}' is out of bounds: the axis has {}.", *index, axis, extent));
    return {position, 1, 1};
  }
  const Slice& slice = std::get<Slice>(fixed);
  const Index step = slice.step.value_or(1);
  // As in Python, a slice that goes backwards may end before position 0, and so its bounds lie one lower than
  // those of a slice that goes forwards.
  const Index lowest = step > 0 ? 0 : -1;
  const Index highest = step > 0 ? extent : extent - 1;
  const auto clamp = [&](Index at) { return std::clamp(at < 0 ? at + extent : at, lowest, highest); };
  const Index first = slice.start ? clamp(*slice.start) : (step > 0 ? lowest : highest);
  const Index last = slice.stop ? clamp(*slice.stop) : (step > 0 ? highest : lowest);
  const Index distance = step > 0 ? last - first : first - last;
  const Index stride = step > 0 ? step : -step;
  if (distance <= 0) return {0, 1, 0};
  const Index count = (distance + stride - 1) / stride;
  // Ascending: the elements are a set.
  return step > 0 ? Positions{first, stride, count} : Positions{first - (count - 1) * stride, stride, count};
}

void insert_box(const Box& box, const Shape& shape, RangeSet& elements) {
  std::optional<std::size_t> last_fixed;
  for (std::size_t axis = 0; axis < box.size(); ++axis)
    if (box[axis].count != shape[axis]) last_fixed = axis;
  // Behind the last axis of which not all positions are selected, they form one range for each selected position
  // before it; without such an axis that is one range for all.
  if (!last_fixed) return elements.insert({0, element_count(shape)});
  insert_selected(box, shape, 0, *last_fixed, 0, element_count(behind(shape, *last_fixed)), elements);
}

void for_each_box(IndexRange range, const Shape& shape, const std::function<void(const Box&)>& take) {
  Box box(shape.size());
  cut(range, shape, 0, box, take);
}

RangeSet part_of(const RangeSet& elements, const Shard& shard) {
  const Index total = elements.count();
  const auto begin_of = [&](Index number) {
    return total / shard.of * number + std::min(number, total % shard.of);
  };
  const IndexRange wanted{begin_of(shard.number - 1), begin_of(shard.number)};
  RangeSet part;
  Index at = 0;  // of the range, when the elements are counted
  for (const IndexRange& range : elements.ranges()) {
    const Index begin = std::max(wanted.begin, at);
    const Index end = std::min(wanted.end, at + range.size());
    if (begin < end) part.insert({range.begin + begin - at, range.begin + end - at});
    at += range.size();
  }
  return part;
}

}  // namespace mpipe
