// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Room for a part of an array: which chunks hold the elements that a run selects.
#pragma once

#include "store/output/element_order.hpp"

#include <optional>

namespace mpipe {

/// The extents of chunks for values of which only the elements `selected` will be written, or nullopt when
/// the whole array is no more than twice as large as the chunks would be.
std::optional<Shape> choose_chunk(const ElementOrder& order, std::size_t value_bytes,
                                  const RangeSet& selected);

/// The numbers (C order over the grid of chunks), ascending, of the chunks that hold any value of `selected`.
/// Returns nullopt when there are more than `limit`.
std::optional<std::vector<Index>> chunks_of(const ElementOrder& order, const Shape& chunk,
                                            const RangeSet& selected, std::size_t limit);

}  // namespace mpipe
