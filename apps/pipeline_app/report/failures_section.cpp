// SPDX-License-Identifier: BSD-3-Clause
// The elements of a run that failed, with the coordinates at which they did, and why.
#include "report/axis_view.hpp"
#include "report/markup.hpp"
#include "report/run_view.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

namespace mpipe::app {
namespace {

constexpr std::size_t kMostElements = 50;  // of each function

/// The inputs at which an element failed: `reynolds = 3e5, alpha = 0.7`.
std::string place_of(const RunView& run, std::size_t output, const MultiIndex& index) {
  const OutputLayout& layout = run.reader.outputs()[output];
  std::vector<std::string> coordinates;
  std::size_t next = 0;
  for (std::size_t axis = 0; axis < layout.axes.size() && next < index.size(); ++axis)
    if (layout.external[axis])
      coordinates.push_back(AxisView(layout, axis, run.reader.inputs()).equation(index[next++]));
  return fmt::format("{}", fmt::join(coordinates, ", "));
}

/// What is noted of the failures of a function, by element; without those that are done since.
std::map<Index, const LoggedFailure*> noted_failures(const RunView& run, std::size_t output) {
  const OutputLayout& layout = run.reader.outputs()[output];
  const RangeSet& done = run.reader.progress(output).done();
  std::map<Index, const LoggedFailure*> noted;
  for (const LoggedFailure& failure : run.failures)
    if (failure.output == layout.name && !done.contains(IndexRange{failure.element, failure.element + 1}))
      noted.emplace(failure.element, &failure);
  return noted;
}

std::string row_of(const RunView& run, std::size_t output, Index element, const LoggedFailure* noted) {
  const MultiIndex index = multi_index(element, run.reader.external_shape(output));
  std::string why = "only the mark is kept";
  if (noted != nullptr)
    why = fmt::format("{}\n({}; called with {}; on rank {}, {}, at {})", shortened(noted->message, 2000),
                      noted->type, noted->arguments.empty() ? "nothing" : shortened(noted->arguments, 500),
                      noted->rank, noted->host, noted->time);
  return "<tr>" +
         text_cell(run.reader.outputs()[output].name + (index.empty() ? "" : index_to_string(index))) +
         text_cell(place_of(run, output, index)) + code_cell(why) + "</tr>\n";
}

/// Those of a function: what is noted of elements, also of a run that ended before they were marked, and the others that
/// are marked.
std::string failed_rows(const RunView& run, std::size_t output) {
  const RangeSet& marked = run.reader.progress(output).failed();
  const std::map<Index, const LoggedFailure*> noted = noted_failures(run, output);
  std::string rows;
  std::size_t count = 0;
  RangeSet told;
  const Index total = *run.reader.element_total(output);
  for (const auto& [element, failure] : noted) {
    if (count == kMostElements) break;
    if (element < 0 || element >= total) continue;
    rows += row_of(run, output, element, failure);
    told.insert({element, element + 1});
    ++count;
  }
  for (const IndexRange& range : marked.difference(told).ranges())
    for (Index element = range.begin; element < range.end && count < kMostElements; ++element, ++count)
      rows += row_of(run, output, element, nullptr);
  const Index more = marked.united(told).count() - static_cast<Index>(count);
  if (more > 0)
    rows += fmt::format("<tr><td colspan=\"3\">{} of {} failed</td></tr>\n",
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
  if (!rows.empty()) text += table_html({"failed", "where", "why"}, rows);
  if (!blocked.empty()) text += fmt::format("<ul>\n{}</ul>\n", blocked);
  return text;
}

}  // namespace mpipe::app
