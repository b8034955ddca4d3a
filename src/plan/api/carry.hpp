// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Elements of one array that share positions with elements of another.
#pragma once

#include <mpipe/core/index.hpp>
#include <mpipe/core/shape.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace mpipe {

/// Pairs of an axis of one array and the axis of another that has the same positions.
using Ties = std::vector<std::pair<std::size_t, std::size_t>>;

/// Takes elements numbered over `from` to those numbered over `to` that share the positions of the axes which
/// `ties` joins (pairs of an axis of `from` and one of `to`); an axis of `to` without a tie is taken whole.
RangeSet carry(const RangeSet& elements, const Shape& from, const Shape& to, const Ties& ties);

}  // namespace mpipe
