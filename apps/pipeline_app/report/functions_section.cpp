// SPDX-License-Identifier: BSD-3-Clause
// The functions of a run in a report: what each takes and gives, and how long its calls took.
#include "report/graph_picture.hpp"
#include "report/markup.hpp"
#include "report/run_view.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace mpipe::app {
namespace {

constexpr std::size_t kMostRows = 500;

using Function = RunDescription::Function;

std::string meaning_of(const Function& function, const std::string& key) {
  const auto found = function.meaning.find(key);
  return found == function.meaning.end() ? std::string() : found->second;
}

/// What decides the value: an expression, or the other keys that are kept.
std::string definition_of(const Function& function) {
  if (const std::string expression = meaning_of(function, "expr"); !expression.empty()) return expression;
  std::vector<std::string> texts;
  for (const auto& [key, text] : function.meaning)
    if (key != "mapspec") texts.push_back(fmt::format("{}: {}", key, text));
  return fmt::format("{}", fmt::join(texts, "\n"));
}

DrawnNode node_of(const RunView& run, const Function& function) {
  DrawnNode node{fmt::format("{}", fmt::join(function.outputs, ", ")), meaning_of(function, "mapspec"),
                 function.outputs};
  for (const std::string& parameter : function.parameters)
    if (!function.meaning.contains("bound " + parameter)) node.takes.push_back(parameter);
  const auto output = run.reader.find(function.name);
  const auto wanted = output ? run.wanted(*output) : std::nullopt;
  if (!wanted || *wanted == 0) return node;
  const ElementStates& states = run.reader.progress(*output);
  const auto part = [&](Index count) {
    return std::min(1.0, static_cast<double>(count) / static_cast<double>(*wanted));
  };
  node.done = part(states.done().count());
  node.failed = part(states.failed().count() + states.blocked().count());
  return node;
}

DrawnNode node_of(const RunDescription::Given& given) {
  const std::string detail =
      given.shape.empty() ? shortened(given.text, 24) : fmt::format("{}", fmt::join(given.shape, " \u00d7 "));
  return {given.name, detail, {given.name}, {}, true};
}

std::string drawing(const RunView& run) {
  const RunDescription& description = run.description;
  if (description.functions.size() > kMostDrawnNodes)
    return fmt::format("<p class=\"note\">{} are too many to be drawn.</p>\n",
                       amount_text(static_cast<Index>(description.functions.size()), "function"));
  std::vector<DrawnNode> nodes;
  std::set<std::string> taken;
  for (const Function& function : description.functions) {
    nodes.push_back(node_of(run, function));
    taken.insert(nodes.back().takes.begin(), nodes.back().takes.end());
  }
  std::string left_out;
  if (nodes.size() + description.given.size() > kMostDrawnNodes)
    left_out = "<p class=\"note\">Inputs are left out: there are too many.</p>\n";
  else
    for (const RunDescription::Given& given : description.given)
      if (taken.contains(given.name)) nodes.push_back(node_of(given));
  return fmt::format("<div class=\"wide graph\">{}</div>\n{}", graph_svg(nodes), left_out);
}

/// Four cells: calls, and how long they took; empty ones where that is not kept.
std::string time_cells(const RunView& run, const Function& function) {
  const auto& all = run.status.functions;
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const FunctionTimes& each) { return each.name == function.name; });
  // Without a call there is neither a mean nor a longest one.
  const bool called = found != all.end() && found->calls > 0;
  const auto time = [&](double seconds) { return number_cell(called ? call_time_text(seconds) : ""); };
  if (!called) return number_cell(found != all.end() ? "0" : "") + time(0) + time(0) + time(0);
  return number_cell(std::to_string(found->calls)) + time(found->seconds) + time(found->mean_seconds) +
         time(found->max_seconds);
}

std::string row_of(const RunView& run, const Function& function) {
  return "<tr>" + text_cell(fmt::format("{}", fmt::join(function.outputs, ", "))) +
         time_cells(run, function) + code_cell(meaning_of(function, "mapspec")) +
         code_cell(shortened(definition_of(function), 1000)) + "</tr>\n";
}

/// What the times in the table are about.
const char* times_note(const RunView& run) {
  if (run.status.functions.empty())
    return "<p class=\"note\">How long calls took is kept when a start ends by itself.</p>\n";
  return "<p class=\"note\">Calls and their times are those of the last start, on all ranks together.</p>\n";
}

}  // namespace

std::string functions_html(const RunView& run) {
  const auto& functions = run.description.functions;
  std::string rows;
  for (std::size_t k = 0; k < std::min(functions.size(), kMostRows); ++k) rows += row_of(run, functions[k]);
  return drawing(run) +
         table_html({"function", "#calls", "#time", "#mean", "#longest", "mapspec", "definition"}, rows,
                    functions.size() > kMostRows ? functions.size() - kMostRows : 0) +
         times_note(run);
}

}  // namespace mpipe::app
