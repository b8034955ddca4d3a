// SPDX-License-Identifier: BSD-3-Clause
// Opens a run, and tells how it goes, what it gives and what went into it.
#include "report/run_view.hpp"

#include "folder/api/stored_counts.hpp"
#include "report/axis_view.hpp"
#include "report/markup.hpp"
#include "report/sample.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <ctime>

namespace mpipe::app {
namespace {

constexpr std::size_t kMostRows = 1000;            // of a table
constexpr std::size_t kMostDocument = 256 * 1024;  // characters
constexpr Index kMostSearched = Index{1} << 24;    // values of an input, for the least and the largest

std::string fact(const std::string& name, const std::string& value) {
  if (value.empty()) return {};
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", name, escaped(value));
}

/// Between two times of status.json, in seconds.
std::optional<double> seconds_between(const std::string& from, const std::string& to) {
  const auto read = [](const std::string& text) -> std::optional<std::time_t> {
    std::tm fields{};
    if (::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &fields) == nullptr) return std::nullopt;
    return ::timegm(&fields);
  };
  const auto begin = read(from);
  const auto end = read(to);
  if (!begin || !end) return std::nullopt;
  return std::difftime(*end, *begin);
}

std::string shape_text(const OutputLayout& output) {
  if (!output.rank_known) return "not known yet";
  if (output.axes.empty()) return "a single value";
  std::vector<std::string> extents;
  for (std::size_t axis = 0; axis < output.axes.size(); ++axis)
    extents.push_back(fmt::format("{} = {}", output.axes[axis],
                                  output.shape[axis] ? std::to_string(*output.shape[axis]) : "?"));
  return fmt::format("{}", fmt::join(extents, ", "));
}

std::size_t left_out(std::size_t rows) { return rows > kMostRows ? rows - kMostRows : 0; }

/// A name, and below it what it means.
std::string name_cell(const std::string& name, const std::string& meaning) {
  if (meaning.empty()) return "<td>" + name + "</td>";
  return fmt::format("<td>{}<br><small>{}</small></td>", name, escaped(meaning));
}

std::string output_row(const RunView& run, std::size_t k) {
  const OutputLayout& output = run.reader.outputs()[k];
  const ElementStates& states = run.reader.progress(k);
  const std::optional<Index> wanted = run.wanted(k);
  const std::optional<Index> total = run.reader.element_total(k);
  std::string elements = wanted ? std::to_string(*wanted) : "?";
  if (wanted && total && *wanted < *total) elements += fmt::format(" of {}", *total);
  const auto count = [](const RangeSet& set) { return number_cell(std::to_string(set.count())); };
  const std::string link = fmt::format(R"(<a href="#{}-output{}">{}</a>)", run.id, k, escaped(output.name));
  return "<tr>" + name_cell(link, output.long_name) + text_cell(shape_text(output)) +
         text_cell(output.type->dtype()) + text_cell(output.units) + number_cell(elements) +
         count(states.done()) + count(states.failed()) + count(states.blocked()) +
         number_cell(wanted ? std::to_string(run.pending(k)) : "?") + "<td>" + progress_html(states, wanted) +
         "</td></tr>\n";
}

/// The least and the largest of numbers.
std::string range_text(const Value& value) {
  if (!value.type().is_real() || value.is_scalar() || value.count() == 0 || value.count() > kMostSearched)
    return {};
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (Index k = 0; k < value.count(); ++k) {
    const double number = number_of(value.type(), value.element(k).data());
    low = std::min(low, number);
    high = std::max(high, number);
  }
  if (!(low <= high)) return {};
  return fmt::format("{} to {}", number_text(low), number_text(high));
}

std::string input_row(const RunView& run, const RunDescription::Given& given) {
  const auto& kept = run.reader.inputs();
  const auto found = std::find_if(kept.begin(), kept.end(),
                                  [&](const InputLayout& input) { return input.name == given.name; });
  const bool is_kept = found != kept.end() && found->value.has_value();
  const std::string name = escaped(is_kept ? with_units(given.name, found->units) : given.name);
  std::string shape = fmt::format("{}", fmt::join(given.shape, " \u00d7 "));
  if (is_kept && !found->dims.empty()) shape += fmt::format(" ({})", fmt::join(found->dims, ", "));
  return "<tr>" + name_cell(name, is_kept ? found->long_name : "") + text_cell(given.dtype) +
         text_cell(shape) + text_cell(is_kept ? range_text(found->value) : "") +
         code_cell(shortened(given.text, 240)) + "</tr>\n";
}

}  // namespace

RunView::RunView(std::string name_, std::string id_, const std::filesystem::path& folder_)
    : name(std::move(name_)),
      id(std::move(id_)),
      folder(folder_),
      description(read_description(folder_)),
      status(read_status(folder_.string())),
      reader(folder_),
      failures(read_failures(folder_)) {
  count_stored(status, reader);
}

std::optional<Index> RunView::wanted(std::size_t output) const {
  const std::string& wanted_name = reader.outputs()[output].name;
  for (const OutputStatus& each : status.outputs)
    if (each.name == wanted_name && each.elements) return each.elements;
  return reader.element_total(output);
}

Index RunView::pending(std::size_t output) const {
  const ElementStates& states = reader.progress(output);
  return std::max<Index>(0, wanted(output).value_or(0) - states.done().count() - states.failed().count() -
                                states.blocked().count());
}

std::string progress_html(const ElementStates& states, std::optional<Index> wanted) {
  const Index settled = states.done().count() + states.failed().count() + states.blocked().count();
  const Index all = std::max(wanted.value_or(0), settled);
  const auto percent = [&](Index count) {
    return all == 0 ? 0 : 100 * static_cast<double>(count) / static_cast<double>(all);
  };
  std::string bar = fmt::format(
      R"(<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{:.0f} % done">)"
      R"(<rect class="pending" width="100" height="8"/>)",
      wanted == 0 ? 100 : percent(states.done().count()));
  double at = 0;
  const auto add = [&](const char* state, double width) {
    if (width > 0)
      bar += fmt::format("<rect class=\"{}\" x=\"{:.2f}\" width=\"{:.2f}\" height=\"8\"/>", state, at, width);
    at += width;
  };
  add("done", wanted == 0 ? 100 : percent(states.done().count()));
  add("failed", percent(states.failed().count()));
  add("blocked", percent(states.blocked().count()));
  return bar + "</svg>";
}

std::string overview_html(const RunView& run) {
  const RunStatus& status = run.status;
  std::string facts = fact("progress", fmt::format("{:.1f} %", 100 * status.progress_fraction()));
  if (status.exit_code) facts += fact("exit code", std::to_string(*status.exit_code));
  facts += fact("created", run.description.created);
  facts += fact("last start", status.started);
  facts += fact(status.finished.empty() ? "last sign of life" : "finished",
                status.finished.empty() ? status.heartbeat : status.finished);
  if (const auto seconds = seconds_between(status.started, status.finished))
    facts += fact("time of the last start", *seconds < 1 ? "less than a second" : duration_text(*seconds));
  facts += fact("ranks", std::to_string(status.ranks));
  facts += fact("host of rank 0", status.owner.host);
  facts += fact("job", status.owner.job_id);
  facts += fact("seed", std::to_string(run.description.seed));
  facts += fact("part of the sweep", run.description.shard);
  facts += fact("run folder", run.folder.string());
  facts += fact("run id", run.description.run_id);
  std::string text = fmt::format("<dl class=\"facts\">\n{}</dl>\n", facts);
  if (status.state == RunState::running || status.state == RunState::pending)
    text +=
        "<p class=\"note\">The run goes on: this page shows what was in its folder when the page was "
        "made.</p>\n";
  if (!status.message.empty())
    text += fmt::format("<pre class=\"message\">{}</pre>\n", escaped(shortened(status.message, 10'000)));
  return text;
}

std::string outputs_html(const RunView& run) {
  const std::size_t count = run.reader.outputs().size();
  std::string rows;
  for (std::size_t k = 0; k < std::min(count, kMostRows); ++k) rows += output_row(run, k);
  return table_html(
      {"output", "axes", "type", "unit", "#elements", "#done", "#failed", "#blocked", "#pending", ""}, rows,
      left_out(count));
}

std::string inputs_html(const RunView& run) {
  const auto& given = run.description.given;
  std::string rows;
  for (std::size_t k = 0; k < std::min(given.size(), kMostRows); ++k) rows += input_row(run, given[k]);
  if (rows.empty()) return "<p class=\"note\">Nothing goes in.</p>\n";
  return table_html({"input", "type", "shape", "range", "values"}, rows, left_out(given.size()));
}

std::string document_html(const RunView& run) {
  const RunDescription& description = run.description;
  std::string facts;
  for (const auto& [name, version] : description.versions) facts += fact(escaped(name), version);
  std::string text = fmt::format("<dl class=\"facts\">\n{}</dl>\n", facts);
  if (!description.command_line.empty())
    text +=
        fmt::format("<pre class=\"command\">{}</pre>\n", escaped(shortened(description.command_line, 4000)));
  if (description.document.empty())
    return text + "<p class=\"note\">The run was made without a document.</p>\n";
  text += fmt::format("<pre class=\"document\">{}</pre>\n",
                      escaped(shortened(description.document, kMostDocument)));
  if (description.document.size() > kMostDocument)
    text += "<p class=\"note\">The document is longer; run.json has all of it.</p>\n";
  return text;
}

}  // namespace mpipe::app
