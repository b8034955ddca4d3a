// SPDX-License-Identifier: BSD-3-Clause
// Writes a parsed expression as text again, by which two runs are compared.
#include "document/expression/expression_tree.hpp"

#include <fmt/format.h>

#include <variant>

namespace mpipe::detail {
namespace {

/// The rules of the grammar, the loosest first: what stands within a tighter one needs parentheses.
enum class Rule : std::uint8_t { comparison, sum, product, sign, power, atom };

Rule rule_of(Op op) {
  switch (op) {
    case Op::less:
    case Op::less_equal:
    case Op::greater:
    case Op::greater_equal:
    case Op::equal:
    case Op::not_equal:
      return Rule::comparison;
    case Op::add:
    case Op::subtract:
      return Rule::sum;
    case Op::multiply:
    case Op::divide:
      return Rule::product;
    case Op::negate:
      return Rule::sign;
    case Op::square:
    case Op::power:
      return Rule::power;
    default:
      return Rule::atom;
  }
}

Rule tighter(Rule rule) { return static_cast<Rule>(static_cast<int>(rule) + 1); }

/// Writes from left to right; what is still to be written is on a stack, as trees may be deep.
class FormulaWriter {
 public:
  FormulaWriter(const ExpressionTrees& trees, std::span<const std::string> names)
      : trees_(trees), names_(names) {}

  std::string write(NodeId root) {
    put(root, Rule::comparison);
    while (!todo_.empty()) {
      const Piece piece = todo_.back();
      todo_.pop_back();
      if (const auto* text = std::get_if<std::string_view>(&piece)) text_ += *text;
      if (const auto* part = std::get_if<Part>(&piece)) open(*part);
    }
    return std::move(text_);
  }

 private:
  /// A node, and the loosest rule that may stand there without parentheses.
  struct Part {
    NodeId node;
    Rule rule;
  };
  using Piece = std::variant<std::string_view, Part>;

  void put(NodeId node, Rule rule) { todo_.emplace_back(Part{node, rule}); }
  void put(std::string_view text) { todo_.emplace_back(text); }

  /// Pieces go onto the stack from the last to the first.
  void open(const Part& part) {
    const ExpressionNode& node = trees_.nodes[part.node];
    const bool is_wrapped = rule_of(node.op) < part.rule;
    if (is_wrapped) {
      text_ += '(';
      put(")");
    }
    const auto children = trees_.children_of(node);
    const Rule rule = rule_of(node.op);
    if (node.op == Op::number) {
      text_ += fmt::format("{}", node.number);
    } else if (node.op == Op::name) {
      text_ += names_[node.index];
    } else if (node.op == Op::negate) {
      text_ += '-';
      put(children[0], Rule::sign);
    } else if (node.op == Op::square) {
      put("^2");
      put(children[0], Rule::atom);
    } else if (rule == Rule::power) {
      put(children[1], Rule::sign);
      put("^");
      put(children[0], Rule::atom);
    } else if (rule != Rule::atom) {
      put(children[1], tighter(rule));
      put(" ");
      put(op_name(node.op));
      put(" ");
      // Sums and products group from the left; comparisons do not group at all.
      put(children[0], rule == Rule::comparison ? tighter(rule) : rule);
    } else {
      open_call(node, children);
    }
  }

  void open_call(const ExpressionNode& node, std::span<const NodeId> children) {
    if (node.op != Op::list) text_ += op_name(node.op);
    text_ += node.op == Op::list ? '[' : '(';
    put(node.op == Op::list ? "]" : ")");
    for (std::size_t k = children.size(); k-- > 0;) {
      put(children[k], Rule::comparison);
      if (k > 0) put(", ");
    }
  }

  const ExpressionTrees& trees_;
  std::span<const std::string> names_;
  std::vector<Piece> todo_;
  std::string text_;
};

}  // namespace

std::string formula_of(const ExpressionTrees& trees, NodeId root, std::span<const std::string> names) {
  return FormulaWriter(trees, names).write(root);
}

}  // namespace mpipe::detail
