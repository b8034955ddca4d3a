// SPDX-License-Identifier: BSD-3-Clause
// Places of boxes: each to the right of what it needs, none over another, all within the drawing.
#include "report/graph_layout.hpp"

#include "report/graph_picture.hpp"

#include <gtest/gtest.h>

#include <random>

namespace mpipe::app {
namespace {

bool overlap(const GraphPoint& a, const GraphBox& one, const GraphPoint& b, const GraphBox& other) {
  return a.x < b.x + other.width && b.x < a.x + one.width && a.y < b.y + other.height &&
         b.y < a.y + one.height;
}

void expect_well_placed(const std::vector<GraphBox>& boxes, const std::vector<GraphEdge>& edges) {
  const GraphLayout layout = lay_out(boxes, edges);
  ASSERT_EQ(layout.corners.size(), boxes.size());
  ASSERT_EQ(layout.edges.size(), edges.size());
  for (std::size_t a = 0; a < boxes.size(); ++a) {
    EXPECT_GE(layout.corners[a].x, 0);
    EXPECT_GE(layout.corners[a].y, 0);
    EXPECT_LE(layout.corners[a].x + boxes[a].width, layout.width);
    EXPECT_LE(layout.corners[a].y + boxes[a].height, layout.height);
    for (std::size_t b = 0; b < a; ++b)
      EXPECT_FALSE(overlap(layout.corners[a], boxes[a], layout.corners[b], boxes[b])) << a << " " << b;
  }
  for (std::size_t k = 0; k < edges.size(); ++k) {
    const auto& points = layout.edges[k];
    if (points.empty()) continue;
    EXPECT_EQ(points.front().x, layout.corners[edges[k].from].x + boxes[edges[k].from].width);
    EXPECT_EQ(points.back().x, layout.corners[edges[k].to].x);
    for (std::size_t at = 1; at < points.size(); ++at) EXPECT_LE(points[at - 1].x, points[at].x);
  }
}

TEST(GraphLayout, a_chain_is_a_row_and_edges_over_it_go_around_its_boxes) {
  const std::vector<GraphBox> boxes(3, {100, 40});
  const std::vector<GraphEdge> edges{{0, 1}, {1, 2}, {0, 2}};
  expect_well_placed(boxes, edges);
  const GraphLayout layout = lay_out(boxes, edges);
  EXPECT_LT(layout.corners[0].x + 100, layout.corners[1].x);
  EXPECT_LT(layout.corners[1].x + 100, layout.corners[2].x);
  const auto& around = layout.edges[2];
  ASSERT_EQ(around.size(), 4u);
  EXPECT_TRUE(around[1].y < layout.corners[1].y || around[1].y > layout.corners[1].y + 40);
}

TEST(GraphLayout, random_graphs_are_placed_without_overlaps) {
  std::mt19937 random(7);
  int drawn = 0;
  for (int round = 0; round < 60; ++round) {
    const std::size_t count = 1 + random() % 25;
    std::vector<GraphBox> boxes;
    for (std::size_t k = 0; k < count; ++k)
      boxes.push_back(
          {20.0 + static_cast<double>(random() % 200), 20.0 + static_cast<double>(random() % 30)});
    std::vector<GraphEdge> edges;
    for (std::size_t to = 1; to < count; ++to)
      for (std::size_t from = 0; from < to; ++from)
        if (random() % 4 == 0) edges.push_back({from, to});
    expect_well_placed(boxes, edges);
    for (const auto& points : lay_out(boxes, edges).edges) drawn += points.empty() ? 0 : 1;
    for (const auto& points : lay_out(boxes, edges).edges) EXPECT_FALSE(points.empty());
  }
  EXPECT_GT(drawn, 500);
}

TEST(GraphLayout, parts_that_are_not_joined_lie_close_to_each_other) {
  // Two stars, the boxes of which pull their centres apart, and a box alone.
  std::vector<GraphBox> boxes(23, {50, 40});
  std::vector<GraphEdge> edges;
  for (std::size_t k = 0; k < 10; ++k) edges.insert(edges.end(), {{0, 3 + k}, {1, 13 + k}});
  expect_well_placed(boxes, edges);
  EXPECT_LT(lay_out(boxes, edges).height, 21 * 60.0);
}

TEST(GraphLayout, circles_and_empty_graphs_come_to_an_end) {
  expect_well_placed({}, {});
  expect_well_placed({{10, 10}}, {{0, 0}});
  expect_well_placed(std::vector<GraphBox>(4, {10, 10}), {{0, 1}, {1, 2}, {2, 0}, {2, 3}});
}

TEST(GraphPicture, escapes_names_and_draws_one_arrow_between_two_boxes) {
  const std::string svg = graph_svg({{"<a>", "&", {"a", "b"}}, {"c", "", {"c"}, {"a", "b", "unknown", "c"}}});
  EXPECT_EQ(svg.find("<a>"), std::string::npos);
  EXPECT_NE(svg.find("&lt;a&gt;"), std::string::npos);
  EXPECT_EQ(svg.find("class=\"edge\""), svg.rfind("class=\"edge\""));
  EXPECT_NE(svg.find("class=\"edge\""), std::string::npos);
}

}  // namespace
}  // namespace mpipe::app
