// SPDX-License-Identifier: BSD-3-Clause
// The elements of a run that failed, with the coordinates at which they did.
#include "report/axis_view.hpp"
#include "report/markup.hpp"
#include "report/run_view.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace mpipe::app {
namespace {

constexpr std::size_t kMostElements = 50;  // of each output

/// An element by its index, and by the inputs along the axes: `cd[1, 7]`, `reynolds = 3e5, alpha = 0.7`.
std::string row_of(const RunView& run, std::size_t output, Index element) {
  const OutputLayout& layout = run.reader.outputs()[output];
  const MultiIndex index = multi_index(element, run.reader.external_shape(output));
  std::vector<std::string> coordinates;
  std::size_t next = 0;
  for (std::size_t axis = 0; axis < layout.axes.size(); ++axis)
    if (layout.external[axis]) {
      const AxisView view(layout, axis, run.reader.inputs());
      coordinates.push_back(view.equation(index[next++]));
    }
  return "<tr>" + text_cell(layout.name + (index.empty() ? "" : index_to_string(index))) +
         text_cell(fmt::format("{}", fmt::join(coordinates, ", "))) + "</tr>\n";
}

std::string failed_rows(const RunView& run, std::size_t output) {
  std::string rows;
  std::size_t count = 0;
  const RangeSet& failed = run.reader.progress(output).failed();
  for (const IndexRange& range : failed.ranges())
    for (Index element = range.begin; element < range.end && count < kMostElements; ++element, ++count)
      rows += row_of(run, output, element);
  const Index more = failed.count() - static_cast<Index>(count);
  if (more > 0)
    rows += fmt::format("<tr><td colspan=\"2\">{} of {} failed</td></tr>\n",
                        amount_text(more, "more element"), escaped(run.reader.outputs()[output].name));
  return rows;
}

}  // namespace

std::string failures_html(const RunView& run) {
  std::string rows;
  // The outputs of one function fail together: the first one stands for all of them.
  for (const RunDescription::Function& function : run.description.functions) {
    const auto output = run.reader.find(function.name);
    if (output && run.reader.element_total(*output)) rows += failed_rows(run, *output);
  }
  std::string blocked;
  for (std::size_t k = 0; k < run.reader.outputs().size(); ++k)
    if (const Index count = run.reader.progress(k).blocked().count(); count > 0)
      blocked += fmt::format("<li>{}: {} blocked, because something that they need failed</li>\n",
                             escaped(run.reader.outputs()[k].name), amount_text(count, "element"));
  std::string text;
  if (!rows.empty()) text += table_html({"failed", "where"}, rows);
  if (!blocked.empty()) text += fmt::format("<ul>\n{}</ul>\n", blocked);
  return text;
}

}  // namespace mpipe::app
