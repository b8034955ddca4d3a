// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Places the boxes of a directed graph in columns, each to the right of those that it needs.
#pragma once

#include <cstddef>
#include <vector>

namespace mpipe::app {

/// A box, in pixels.
struct GraphBox {
  double width = 0;
  double height = 0;
};

struct GraphEdge {
  std::size_t from = 0;  ///< number of a box
  std::size_t to = 0;
};

struct GraphPoint {
  double x = 0;
  double y = 0;
};

struct GraphLayout {
  std::vector<GraphPoint> corners;  ///< of each box: the upper left one
  std::vector<std::vector<GraphPoint>>
      edges;  ///< of each: from box to box, through the columns between; empty: it
              ///< leads back, and is not drawn
  double width = 0;
  double height = 0;
};

/// Deterministic, also for graphs with circles (which no pipeline has, but a damaged description may). Takes time and memory
/// that go with the number of edges times that of columns. Precondition: edges name boxes that are there.
GraphLayout lay_out(const std::vector<GraphBox>& boxes, const std::vector<GraphEdge>& edges);

}  // namespace mpipe::app
