// SPDX-License-Identifier: BSD-3-Clause
// Draws a pipeline in the languages of Graphviz and Mermaid.
#include <mpipe/pipeline/pipeline.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

namespace mpipe {
namespace {

struct Node {
  std::string id;                  ///< `f3`, `i0`
  std::vector<std::string> lines;  ///< of its label
  bool optional = false;           ///< an input with a default
};
struct Edge {
  std::string from;
  std::string to;
  std::string label;  ///< what is taken: `y[i, :]`
};
struct Graph {
  std::vector<Node> inputs;
  std::vector<Node> functions;
  std::vector<Edge> edges;
};

std::string taken(const FunctionNode& node, const std::string& name) {
  const ArraySpec* input = node.mapspec ? node.mapspec->find_input(name) : nullptr;
  return input == nullptr ? name : input->to_string();
}

Graph graph_of(const Pipeline& pipeline) {
  Graph graph;
  std::map<std::string, std::string> input_ids;
  for (const std::string& name : pipeline.root_args()) {
    Node node{fmt::format("i{}", graph.inputs.size()), {name}, false};
    if (const Value* value = pipeline.default_of(name)) {
      node.lines.push_back("default " + describe(*value));
      node.optional = true;
    }
    input_ids.emplace(name, node.id);
    graph.inputs.push_back(std::move(node));
  }
  for (const FunctionId id : pipeline.topological_order()) {
    const FunctionNode& function = pipeline.function(id);
    Node node{fmt::format("f{}", id.value), {fmt::format("{}", fmt::join(function.outputs, ", "))}, false};
    if (function.mapspec) node.lines.push_back(function.mapspec->to_string());
    for (const ParameterNode& parameter : function.parameters) {
      if (parameter.source == Source::bound) {
        node.lines.push_back(fmt::format("{} = {}", parameter.name,
                                         describe(function.function.bound_values().at(parameter.name))));
        continue;
      }
      const std::string from = parameter.source == Source::output
                                   ? fmt::format("f{}", parameter.producer.value)
                                   : input_ids.at(parameter.name);
      graph.edges.push_back({from, node.id, taken(function, parameter.name)});
    }
    graph.functions.push_back(std::move(node));
  }
  return graph;
}

/// `text` with some of its characters replaced. Each of them is looked at once, so that what replaces one is
/// not replaced again.
std::string escaped(const std::string& text, const std::map<char, std::string>& replacements) {
  std::string result;
  for (const char c : text) {
    const auto found = replacements.find(c);
    result += found == replacements.end() ? std::string(1, c) : found->second;
  }
  return result;
}

std::string dot_text(const std::string& text) {
  return escaped(text, {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', " "}});
}

/// Mermaid has no escapes by backslash but its own entities, which begin with '#', so that this sign is
/// replaced as well.
std::string mermaid_text(const std::string& text) {
  return escaped(text, {{'"', "#quot;"}, {'<', "#lt;"}, {'>', "#gt;"}, {'#', "#35;"}, {'\n', " "}});
}

std::string label(const Node& node, std::string (*escape)(const std::string&), const char* line_break) {
  std::vector<std::string> lines;
  for (const std::string& line : node.lines) lines.push_back(escape(line));
  return fmt::format("{}", fmt::join(lines, line_break));
}

}  // namespace

std::string to_dot(const Pipeline& pipeline, const std::string& name) {
  const Graph graph = graph_of(pipeline);
  std::string text =
      fmt::format("digraph \"{}\" {{\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n", dot_text(name));
  for (const Node& node : graph.inputs)
    text += fmt::format("  {} [shape=ellipse{}, label=\"{}\"];\n", node.id,
                        node.optional ? ", style=dashed" : "", label(node, dot_text, "\\n"));
  for (const Node& node : graph.functions)
    text += fmt::format("  {} [shape=box, label=\"{}\"];\n", node.id, label(node, dot_text, "\\n"));
  for (const Edge& edge : graph.edges)
    text += fmt::format("  {} -> {} [label=\"{}\"];\n", edge.from, edge.to, dot_text(edge.label));
  return text + "}\n";
}

std::string to_mermaid(const Pipeline& pipeline) {
  const Graph graph = graph_of(pipeline);
  std::string text = "flowchart LR\n";
  for (const Node& node : graph.inputs)
    text += fmt::format("  {}([\"{}\"])\n", node.id, label(node, mermaid_text, "<br/>"));
  for (const Node& node : graph.functions)
    text += fmt::format("  {}[\"{}\"]\n", node.id, label(node, mermaid_text, "<br/>"));
  for (const Edge& edge : graph.edges)
    text += fmt::format("  {} -->|\"{}\"| {}\n", edge.from, mermaid_text(edge.label), edge.to);
  return text;
}

}  // namespace mpipe
