// SPDX-License-Identifier: BSD-3-Clause
// Lays a graph out in layers: the longest path to a box is its column; within a column boxes lie where those that they
// are joined to lie on the average, in an order that avoids crossings. Edges over several columns get a place in each of
// them, so that they go around the boxes.
#include "report/graph_layout.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace mpipe::app {
namespace {

constexpr double kColumnGap = 64;
constexpr double kRowGap = 18;
constexpr double kBend = 10;  // height of the place of an edge in a column that it crosses
constexpr double kMargin = 8;
constexpr int kSweeps = 6;

/// A box, or the place of an edge in a column that it crosses.
struct Item {
  std::size_t column = 0;
  double height = 0;
  double y = 0;                     ///< of its middle
  std::vector<std::size_t> before;  ///< items that it is joined to, in the column to the left
  std::vector<std::size_t> after;   ///< to the right
};

/// By box: the length of the longest path that leads to it.
std::vector<std::size_t> longest_paths(std::size_t boxes, const std::vector<GraphEdge>& edges) {
  std::vector<std::size_t> column(boxes, 0);
  std::vector<std::size_t> waits(boxes, 0);
  std::vector<std::vector<std::size_t>> after(boxes);
  for (const GraphEdge& edge : edges) {
    ++waits[edge.to];
    after[edge.from].push_back(edge.to);
  }
  std::vector<std::size_t> ready;
  for (std::size_t box = 0; box < boxes; ++box)
    if (waits[box] == 0) ready.push_back(box);
  // What lies on a circle is never ready, and stays in the first column.
  for (std::size_t k = 0; k < ready.size(); ++k)
    for (const std::size_t to : after[ready[k]]) {
      column[to] = std::max(column[to], column[ready[k]] + 1);
      if (--waits[to] == 0) ready.push_back(to);
    }
  return column;
}

/// A box that nothing leads to stands right before the first one that needs it.
void pull_sources(std::vector<std::size_t>& column, const std::vector<GraphEdge>& edges) {
  std::vector<bool> is_source(column.size(), true);
  for (const GraphEdge& edge : edges) is_source[edge.to] = false;
  std::vector<std::size_t> first(column.size(), SIZE_MAX);
  for (const GraphEdge& edge : edges) first[edge.from] = std::min(first[edge.from], column[edge.to]);
  for (std::size_t box = 0; box < column.size(); ++box)
    if (is_source[box] && first[box] != SIZE_MAX && first[box] > 0) column[box] = first[box] - 1;
}

class Columns {
 public:
  Columns(const std::vector<GraphBox>& boxes, const std::vector<GraphEdge>& edges) : boxes_(boxes) {
    std::vector<std::size_t> column = longest_paths(boxes.size(), edges);
    pull_sources(column, edges);
    for (std::size_t box = 0; box < boxes.size(); ++box) add({column[box], boxes[box].height, 0, {}, {}});
    for (const GraphEdge& edge : edges) routes_.push_back(route(edge));
  }

  GraphLayout lay_out() {
    for (int sweep = 0; sweep < kSweeps; ++sweep) sort_columns(sweep % 2 == 0);
    for (auto& column : columns_) stack(column);
    for (int sweep = 0; sweep < 2 * kSweeps; ++sweep) straighten(sweep % 2 == 0);
    return result();
  }

 private:
  using Neighbours = std::vector<std::size_t> Item::*;

  std::size_t add(Item item) {
    const std::size_t number = items_.size();
    if (columns_.size() <= item.column) columns_.resize(item.column + 1);
    columns_[item.column].push_back(number);
    items_.push_back(std::move(item));
    return number;
  }

  /// The items that an edge goes through, with new ones in the columns between.
  std::vector<std::size_t> route(const GraphEdge& edge) {
    std::vector<std::size_t> items{edge.from};
    const std::size_t last = items_[edge.to].column;
    if (last <= items_[edge.from].column) return {};
    for (std::size_t column = items_[edge.from].column + 1; column < last; ++column)
      items.push_back(add({column, kBend, 0, {}, {}}));
    items.push_back(edge.to);
    for (std::size_t k = 1; k < items.size(); ++k) {
      items_[items[k - 1]].after.push_back(items[k]);
      items_[items[k]].before.push_back(items[k - 1]);
    }
    return items;
  }

  /// The mean of `y` over the neighbours on one side; its own where it has none.
  double wish(const Item& item, Neighbours side) const {
    const std::vector<std::size_t>& neighbours = item.*side;
    if (neighbours.empty()) return item.y;
    double sum = 0;
    for (const std::size_t each : neighbours) sum += items_[each].y;
    return sum / static_cast<double>(neighbours.size());
  }

  /// Until items are placed, `y` is the position in their column.
  void number(const std::vector<std::size_t>& column) {
    for (std::size_t k = 0; k < column.size(); ++k) items_[column[k]].y = static_cast<double>(k);
  }

  void sort_column(std::vector<std::size_t>& column, Neighbours side) {
    std::vector<std::pair<double, std::size_t>> wishes;
    for (const std::size_t item : column) wishes.emplace_back(wish(items_[item], side), item);
    std::stable_sort(wishes.begin(), wishes.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t k = 0; k < column.size(); ++k) column[k] = wishes[k].second;
    number(column);
  }

  void sort_columns(bool rightwards) {
    for (const auto& column : columns_) number(column);
    for (std::size_t k = 0; k < columns_.size(); ++k) {
      const std::size_t at = rightwards ? k : columns_.size() - 1 - k;
      sort_column(columns_[at], rightwards ? &Item::before : &Item::after);
    }
  }

  void stack(const std::vector<std::size_t>& column) {
    double y = 0;
    for (const std::size_t item : column) {
      items_[item].y = y + items_[item].height / 2;
      y += items_[item].height + kRowGap;
    }
  }

  /// Moves the items of a column to where they wish to be, as far as their order and heights allow.
  void place(const std::vector<std::size_t>& column, Neighbours side) {
    double free_from = -1e9;
    double too_low = 0;
    std::vector<double> placed;
    for (const std::size_t k : column) {
      const Item& item = items_[k];
      const double wished = wish(item, side);
      const double y = std::max(wished, free_from + item.height / 2);
      free_from = y + item.height / 2 + kRowGap;
      too_low += y - wished;
      placed.push_back(y);
    }
    // Each gave way downwards only: all move up together by what that is on the average.
    const double up = column.empty() ? 0 : too_low / static_cast<double>(column.size());
    for (std::size_t k = 0; k < column.size(); ++k) items_[column[k]].y = placed[k] - up;
  }

  void straighten(bool rightwards) {
    for (std::size_t k = 0; k < columns_.size(); ++k) {
      const std::size_t at = rightwards ? k : columns_.size() - 1 - k;
      place(columns_[at], rightwards ? &Item::before : &Item::after);
    }
  }

  /// Parts that are not joined may have moved away from each other: what lies below an empty stripe moves up, and all
  /// of it to the upper margin. Returns the height of the whole.
  double close_gaps() {
    std::vector<std::size_t> order(items_.size());
    std::iota(order.begin(), order.end(), 0);
    const auto top = [&](std::size_t k) { return items_[k].y - items_[k].height / 2; };
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return top(a) < top(b); });
    double up = order.empty() ? 0 : top(order.front()) - kMargin;
    double bottom = kMargin;  // of what has its place
    for (const std::size_t k : order) {
      up += std::max(0.0, top(k) - up - bottom - 2 * kRowGap);
      items_[k].y -= up;
      bottom = std::max(bottom, items_[k].y + items_[k].height / 2);
    }
    return bottom + kMargin;
  }

  GraphLayout result() {
    GraphLayout layout;
    layout.height = close_gaps();
    std::vector<double> left;
    std::vector<double> width(columns_.size(), 0);
    for (std::size_t box = 0; box < boxes_.size(); ++box)
      width[items_[box].column] = std::max(width[items_[box].column], boxes_[box].width);
    double x = kMargin;
    for (const double each : width) {
      left.push_back(x);
      x += each + kColumnGap;
    }
    layout.width = columns_.empty() ? 0 : x - kColumnGap + kMargin;
    for (std::size_t box = 0; box < boxes_.size(); ++box) {
      const Item& item = items_[box];
      const double free = width[item.column] - boxes_[box].width;
      layout.corners.push_back({left[item.column] + free / 2, item.y - item.height / 2});
    }
    for (const auto& items : routes_) layout.edges.push_back(points_of(items, layout, left, width));
    return layout;
  }

  std::vector<GraphPoint> points_of(const std::vector<std::size_t>& items, const GraphLayout& layout,
                                    const std::vector<double>& left, const std::vector<double>& width) const {
    std::vector<GraphPoint> points;
    for (std::size_t k = 0; k < items.size(); ++k) {
      const Item& item = items_[items[k]];
      if (k == 0)
        points.push_back({layout.corners[items[k]].x + boxes_[items[k]].width, item.y});
      else if (k + 1 == items.size())
        points.push_back({layout.corners[items[k]].x, item.y});
      else
        points.insert(points.end(),
                      {{left[item.column], item.y}, {left[item.column] + width[item.column], item.y}});
    }
    return points;
  }

  const std::vector<GraphBox>& boxes_;
  std::vector<Item> items_;  ///< boxes first
  std::vector<std::vector<std::size_t>> columns_;
  std::vector<std::vector<std::size_t>> routes_;  ///< by edge: items
};

}  // namespace

GraphLayout lay_out(const std::vector<GraphBox>& boxes, const std::vector<GraphEdge>& edges) {
  return Columns(boxes, edges).lay_out();
}

}  // namespace mpipe::app
