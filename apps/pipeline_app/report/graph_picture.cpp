// SPDX-License-Identifier: BSD-3-Clause
// Draws functions as boxes, and joins them where one takes what another gives.
#include "report/graph_picture.hpp"

#include "core/api/text.hpp"
#include "report/frame.hpp"
#include "report/graph_layout.hpp"
#include "report/markup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace mpipe::app {
namespace {

constexpr double kNameLetter = 7.9;
constexpr double kDetailLetter = 6.5;
constexpr std::size_t kMostLetters = 30;
constexpr std::size_t kMostDetailLetters = 40;
constexpr double kPadding = 12;
constexpr double kLeastWidth = 48;
constexpr double kBarHeight = 3;
/// Wider drawings could not be read when they were made as narrow as a page.
constexpr double kWidestShrinking = 1500;

double letters(const std::string& text) {
  return static_cast<double>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

struct Label {
  std::string name;
  std::string detail;
};

Label label_of(const DrawnNode& node) {
  return {shortened(node.name, kMostLetters), shortened(node.detail, kMostDetailLetters)};
}

GraphBox box_of(const DrawnNode& node) {
  const Label label = label_of(node);
  const double width = std::max(letters(label.name) * kNameLetter, letters(label.detail) * kDetailLetter);
  return {std::max(width, kLeastWidth) + 2 * kPadding, label.detail.empty() ? 30.0 : 46.0};
}

std::vector<GraphEdge> edges_of(const std::vector<DrawnNode>& nodes) {
  std::map<std::string, std::size_t> giver;
  for (std::size_t k = 0; k < nodes.size(); ++k)
    for (const std::string& name : nodes[k].gives) giver.emplace(name, k);
  std::vector<GraphEdge> edges;
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    std::vector<std::size_t> from;
    for (const std::string& name : nodes[k].takes)
      if (const auto found = giver.find(name); found != giver.end() && found->second != k)
        from.push_back(found->second);
    // Two outputs of one function that another one takes are one arrow.
    std::sort(from.begin(), from.end());
    from.erase(std::unique(from.begin(), from.end()), from.end());
    for (const std::size_t each : from) edges.push_back({each, k});
  }
  return edges;
}

std::string edge_svg(const std::vector<GraphPoint>& points) {
  if (points.empty()) return {};
  std::string path = fmt::format("M{:.1f} {:.1f}", points.front().x, points.front().y);
  for (std::size_t k = 1; k < points.size(); ++k) {
    const GraphPoint& a = points[k - 1];
    const GraphPoint& b = points[k];
    // Lines leave and arrive level.
    const double middle = (a.x + b.x) / 2;
    path += a.y == b.y
                ? fmt::format("H{:.1f}", b.x)
                : fmt::format("C{0:.1f} {1:.1f} {0:.1f} {2:.1f} {3:.1f} {2:.1f}", middle, a.y, b.y, b.x);
  }
  const GraphPoint& end = points.back();
  return fmt::format(R"(<path class="edge" d="{}"/><path class="arrow" d="M{:.1f} {:.1f}l-7 -3.5v7z"/>)",
                     path, end.x, end.y);
}

/// How much of a function is done, at the lower edge of its box.
std::string bar_svg(const DrawnNode& node, const GraphPoint& corner, const GraphBox& box) {
  const double y = corner.y + box.height - kBarHeight - 3;
  const double width = box.width - 2 * kPadding;
  const auto part = [&](const char* state, double from, double length) {
    return length <= 0
               ? std::string()
               : fmt::format(R"(<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}"/>)", state,
                             corner.x + kPadding + from * width, y, length * width, kBarHeight);
  };
  return part("pending", 0, 1) + part("done", 0, node.done) + part("failed", node.done, node.failed);
}

std::string node_svg(const DrawnNode& node, const GraphPoint& corner, const GraphBox& box) {
  const Label label = label_of(node);
  const double middle = corner.x + box.width / 2;
  std::string svg = fmt::format(
      R"(<g class="{}"><title>{}{}{}</title><rect class="box" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="{}"/>)",
      node.is_input ? "input" : "function", escaped(node.name), node.detail.empty() ? "" : "\n",
      escaped(node.detail), corner.x, corner.y, box.width, box.height, node.is_input ? box.height / 2 : 5);
  const double first_line = corner.y + (label.detail.empty() ? box.height / 2 + 4 : 18);
  svg += fmt::format(R"(<text class="name" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)", middle,
                     first_line, escaped(label.name));
  if (!label.detail.empty())
    svg += fmt::format(R"(<text class="detail" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)", middle,
                       corner.y + 33, escaped(label.detail));
  if (!node.is_input) svg += bar_svg(node, corner, box);
  return svg + "</g>";
}

}  // namespace

std::string graph_svg(const std::vector<DrawnNode>& nodes) {
  std::vector<GraphBox> boxes;
  for (const DrawnNode& node : nodes) boxes.push_back(box_of(node));
  const GraphLayout layout = lay_out(boxes, edges_of(nodes));
  std::string svg = begin_svg(layout.width, layout.height, "functions, and what each of them needs",
                              layout.width < kWidestShrinking);
  for (const auto& edge : layout.edges) svg += edge_svg(edge);
  for (std::size_t k = 0; k < nodes.size(); ++k) svg += node_svg(nodes[k], layout.corners[k], boxes[k]);
  return svg + "</svg>\n";
}

}  // namespace mpipe::app
