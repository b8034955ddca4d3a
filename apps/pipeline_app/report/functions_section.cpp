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

std::string row_of(const Function& function) {
  return fmt::format("<tr><td>{}</td><td>{}</td><td class=\"text\">{}</td></tr>\n",
                     escaped(fmt::format("{}", fmt::join(function.outputs, ", "))),
                     escaped(meaning_of(function, "mapspec")),
                     escaped(shortened(definition_of(function), 1000)));
}

}  // namespace

std::string functions_html(const RunView& run) {
  const auto& functions = run.description.functions;
  std::string rows;
  for (std::size_t k = 0; k < std::min(functions.size(), kMostRows); ++k) rows += row_of(functions[k]);
  if (functions.size() > kMostRows)
    rows += fmt::format("<tr><td colspan=\"3\">{} more</td></tr>\n", functions.size() - kMostRows);
  return drawing(run) + fmt::format(
                            "<div class=\"wide\"><table>\n<thead><tr><th>function</th><th>mapspec</th>"
                            "<th>definition</th></tr></thead>\n<tbody>\n{}</tbody></table></div>\n",
                            rows);
}

}  // namespace mpipe::app
