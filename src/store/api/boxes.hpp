// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Arrays in parts of bounded size, for those who read all of one.
#pragma once

#include <mpipe/core/shape.hpp>

#include <vector>

namespace mpipe {

/// Boxes that make up the values `values`, numbered in C order, of an array: in that order, each of at most `limit`
/// values (at least 1) that are behind one another. Of 2^40 values in boxes of 2^20 there are about 2^20.
std::vector<IndexBox> boxes_of(const Shape& shape, IndexRange values, Index limit);

}  // namespace mpipe
