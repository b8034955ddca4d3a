// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the parser of expressions makes: flat trees, children before their parents, so that everything that
/// walks one is a loop and cannot run out of stack.
#pragma once

#include <mpipe/core/error.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe::detail {

enum class Op : std::uint8_t {
  // leaves
  number,
  name,
  random,
  normal,
  // element by element: one, two, three operands
  negate,
  square,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  tanh,
  exp,
  log,
  log10,
  sqrt,
  abs,
  floor,
  ceil,
  round,
  add,
  subtract,
  multiply,
  divide,
  power,
  less,
  less_equal,
  greater,
  greater_equal,
  equal,
  not_equal,
  atan2,
  min,
  max,
  select,
  fail_if,
  // of arrays
  sum,
  mean,
  product,
  size,
  smallest,
  largest,
  dot,
  at,
  dim,
  rank,
  // makers of arrays
  arange,
  linspace,
  list,
};

inline bool is_elementwise(Op op) { return Op::negate <= op && op <= Op::select; }
inline bool is_array_op(Op op) { return op >= Op::sum; }

using NodeId = std::uint32_t;

struct ExpressionNode {
  Op op = Op::number;
  double number = 0;        ///< of a number
  std::uint32_t index = 0;  ///< of a name: into `names`; of a random draw: which textual call
  std::uint32_t first = 0;  ///< children: `children[first .. first + count)`
  std::uint32_t count = 0;
  std::uint32_t expression = 0;  ///< where it stands: which expression, and the byte in it
  std::uint32_t position = 0;
};

/// The trees of the expressions of one function.
struct ExpressionTrees {
  std::vector<std::string> texts;
  std::vector<ExpressionNode> nodes;
  std::vector<NodeId> children;
  std::vector<NodeId> roots;       ///< one per expression
  std::vector<std::string> names;  ///< parameters
  bool has_array_ops = false;

  std::span<const NodeId> children_of(const ExpressionNode& node) const {
    return std::span(children).subspan(node.first, node.count);
  }
};

/// An error that knows its place, for callers that know where the expression itself stands.
class ExpressionError : public Error {
 public:
  ExpressionError(Category category, const std::string& problem, std::string_view text,
                  std::size_t expression, std::size_t offset);
  const std::string& text() const { return text_; }  ///< of the expression
  std::size_t expression() const { return expression_; }
  std::size_t offset() const { return offset_; }

 private:
  std::string text_;
  std::size_t expression_;
  std::size_t offset_;
};

/// `parameters` empty: the free names, in the order of their first occurrence.
ExpressionTrees parse_expressions(std::vector<std::string> texts, std::vector<std::string> parameters);

/// Ranks of all nodes for parameters of these ranks; unknown ones are empty. Throws `ExpressionError`
/// (rank_mismatch).
std::vector<std::optional<std::size_t>> infer_ranks(const ExpressionTrees& trees,
                                                    std::span<const std::optional<std::size_t>> parameters);

/// `in column 3 of the expression 'x + 1'`.
std::string place_of(const ExpressionTrees& trees, NodeId node);

/// The expression as one would write it, with these names in place of its parameters and no more parentheses
/// than it needs: equal for two texts that are parsed into one tree.
std::string formula_of(const ExpressionTrees& trees, NodeId root, std::span<const std::string> names);

/// What an element fails with.
[[noreturn]] void fail_element(const ExpressionTrees& trees, NodeId node, const std::string& problem);
/// Because of `fail_if`.
[[noreturn]] void fail_by_condition(const ExpressionTrees& trees, NodeId node);

/// How a node is written: `sum`, `+`.
std::string_view op_name(Op op);

/// The functions that may be called, for messages.
std::vector<std::string> function_names();

/// What a call of `name` with so many arguments is (`min` and `max` are two things): `op` empty when there is
/// no such function, or, when it is `known`, when it wants another number of arguments, which `arity` tells.
struct CallLookup {
  std::optional<Op> op;
  bool known = false;
  std::string arity;
};
CallLookup find_call(std::string_view name, std::size_t arguments);

}  // namespace mpipe::detail
