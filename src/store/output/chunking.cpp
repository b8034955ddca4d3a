// SPDX-License-Identifier: BSD-3-Clause
// Chooses chunks for arrays of which a run computes only a part.
#include "store/output/chunking.hpp"

#include <algorithm>

namespace mpipe {
namespace {

constexpr Index kChunkBytes = Index{1} << 20;
/// HDF5 1.10 finds the k-th chunk by counting.
constexpr std::size_t kMaxChunks = 8192;
/// Below this, an array is not worth thinking about.
constexpr Index kSmallBytes = Index{1} << 20;
/// Steps that finding the chunks of a selection may take.
constexpr Index kMaxSteps = 50'000'000;

/// Per file axis: the mean length of runs of indices that are used.
Shape typical_runs(const ElementOrder& order, const RangeSet& selected) {
  std::vector<RangeSet> used(order.shape().size());
  for (const IndexRange& range : selected.ranges())
    order.for_each_box(order.values_of(range), [&](const OrderedBox& box) {
      for (std::size_t axis = 0; axis < used.size(); ++axis)
        used[axis].insert({box.begin[axis], box.begin[axis] + box.extent[axis]});
    });
  Shape runs;
  for (const RangeSet& set : used)
    runs.push_back(set.empty() ? 1
                               : std::max<Index>(1, set.count() / static_cast<Index>(set.ranges().size())));
  return runs;
}

/// Doubles the extent of the axis along which there are the most chunks; false when there is one chunk only.
bool grow(Shape& chunk, const Shape& shape) {
  std::size_t longest = 0;
  Index most = 1;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const Index count = (shape[axis] - 1) / chunk[axis] + 1;
    if (count > most) {
      most = count;
      longest = axis;
    }
  }
  if (most == 1) return false;
  chunk[longest] = std::min(chunk[longest] * 2, shape[longest]);
  return true;
}

}  // namespace

std::optional<Shape> choose_chunk(const ElementOrder& order, std::size_t value_bytes,
                                  const RangeSet& selected) {
  const auto bytes = static_cast<Index>(value_bytes);
  const Index total = order.values();
  // Chunks save room where less than half of the array is computed. Otherwise one stretch serves as well,
  // and small arrays are not worth the search.
  if (total <= kSmallBytes / bytes || selected.count() > order.elements() / 2) return std::nullopt;
  const Shape& shape = order.shape();
  const Shape runs = typical_runs(order, selected);
  Shape chunk(shape.size());
  Index budget = kChunkBytes / bytes;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    chunk[axis] = std::clamp<Index>(std::min(runs[axis], budget), 1, shape[axis]);
    budget /= chunk[axis];
  }
  while (true) {
    const auto needed = chunks_of(order, chunk, selected, kMaxChunks);
    const Index in_chunk = element_count(chunk);
    // Chunks grow until there are few enough of them. When those that are needed take more than half of the
    // array by then, they no longer pay.
    if (in_chunk > total / 2) return std::nullopt;
    if (needed) {
      if (static_cast<Index>(needed->size()) > total / 2 / in_chunk) return std::nullopt;
      return chunk;
    }
    if (!grow(chunk, shape)) return std::nullopt;
  }
}

std::optional<std::vector<Index>> chunks_of(const ElementOrder& order, const Shape& chunk,
                                            const RangeSet& selected, std::size_t limit) {
  const std::size_t rank = chunk.size();
  Shape grid(rank);
  for (std::size_t axis = 0; axis < rank; ++axis) grid[axis] = (order.shape()[axis] - 1) / chunk[axis] + 1;
  std::vector<Index> numbers;
  Index steps = 0;
  bool too_many = false;
  const auto add_box = [&](const OrderedBox& box) {
    if (too_many) return;
    MultiIndex first(rank);
    Shape count(rank);
    for (std::size_t axis = 0; axis < rank; ++axis) {
      first[axis] = box.begin[axis] / chunk[axis];
      count[axis] = (box.begin[axis] + box.extent[axis] - 1) / chunk[axis] - first[axis] + 1;
    }
    const Index inside = element_count(count);
    steps += inside;
    // Given up early: a selection may have far more boxes than there may be chunks.
    if (inside > static_cast<Index>(limit) || steps > kMaxSteps) {
      too_many = true;
      return;
    }
    for (Index k = 0; k < inside; ++k) {
      MultiIndex at = multi_index(k, count);
      for (std::size_t axis = 0; axis < rank; ++axis) at[axis] += first[axis];
      numbers.push_back(linear_index(at, grid));
    }
    // Neighbours often lie in the same chunk.
    if (numbers.size() > 4 * limit + static_cast<std::size_t>(inside)) {
      std::sort(numbers.begin(), numbers.end());
      numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
      too_many = numbers.size() > limit;
    }
  };
  for (const IndexRange& range : selected.ranges()) {
    order.for_each_box(order.values_of(range), add_box);
    if (too_many) return std::nullopt;
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  if (numbers.size() > limit) return std::nullopt;
  return numbers;
}

}  // namespace mpipe
