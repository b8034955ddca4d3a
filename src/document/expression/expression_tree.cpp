// SPDX-License-Identifier: BSD-3-Clause
// The nodes of expressions: what functions there are, and how a part is shown in messages.
#include "document/expression/expression_tree.hpp"

#include "document/text.hpp"

#include <fmt/format.h>

#include <limits>

namespace mpipe::detail {
namespace {

struct Callable {
  std::string_view name;
  Op op;
  std::size_t fewest;
  std::size_t most;
};

constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();

// `min` and `max` stand twice: of one array, and of two or more values.
constexpr Callable kCallables[] = {
    {"sin", Op::sin, 1, 1},           {"cos", Op::cos, 1, 1},       {"tan", Op::tan, 1, 1},
    {"asin", Op::asin, 1, 1},         {"acos", Op::acos, 1, 1},     {"atan", Op::atan, 1, 1},
    {"sinh", Op::sinh, 1, 1},         {"cosh", Op::cosh, 1, 1},     {"tanh", Op::tanh, 1, 1},
    {"exp", Op::exp, 1, 1},           {"log", Op::log, 1, 1},       {"log10", Op::log10, 1, 1},
    {"sqrt", Op::sqrt, 1, 1},         {"abs", Op::abs, 1, 1},       {"floor", Op::floor, 1, 1},
    {"ceil", Op::ceil, 1, 1},         {"round", Op::round, 1, 1},   {"atan2", Op::atan2, 2, 2},
    {"min", Op::smallest, 1, 1},      {"min", Op::min, 2, kAny},    {"max", Op::largest, 1, 1},
    {"max", Op::max, 2, kAny},        {"if", Op::select, 3, 3},     {"fail_if", Op::fail_if, 2, 2},
    {"sum", Op::sum, 1, 1},           {"mean", Op::mean, 1, 1},     {"prod", Op::product, 1, 1},
    {"size", Op::size, 1, 1},         {"dot", Op::dot, 2, 2},       {"at", Op::at, 2, 2},
    {"dim", Op::dim, 2, 2},           {"rank", Op::rank, 1, 1},     {"arange", Op::arange, 1, 1},
    {"linspace", Op::linspace, 3, 3}, {"random", Op::random, 0, 0}, {"normal", Op::normal, 0, 0},
};

using Rank = std::optional<std::size_t>;

/// Infers the rank of one node after the other.
class RankInference {
 public:
  RankInference(const ExpressionTrees& trees, std::span<const Rank> parameters)
      : trees_(trees), parameters_(parameters) {}

  std::vector<Rank> run() {
    // Children come before their parents in the list, so their ranks are there when they are asked for. An
    // empty rank is one that nobody knows yet: it is never a reason to refuse.
    for (const ExpressionNode& node : trees_.nodes) ranks_.push_back(rank_of(node));
    return std::move(ranks_);
  }

 private:
  Rank rank_of(const ExpressionNode& node) {
    const auto children = trees_.children_of(node);
    if (is_elementwise(node.op)) return of_elementwise(node);
    switch (node.op) {
      case Op::name:
        return parameters_[node.index];
      case Op::number:
      case Op::random:
      case Op::normal:
      case Op::size:
      case Op::rank:
        return 0;
      case Op::fail_if:
        return ranks_[children[1]];
      case Op::arange:
      case Op::linspace:
        for (const NodeId child : children) want_scalar(node, child);
        return 1;
      case Op::list:
        return of_list(node);
      case Op::at:
      case Op::dim:
        want_array(node, children[0]);
        want_scalar(node, children[1]);
        return 0;
      default:
        for (const NodeId child : children) want_array(node, child);
        return 0;
    }
  }

  Rank of_elementwise(const ExpressionNode& node) {
    Rank rank = 0;
    bool unknown = false;
    for (const NodeId child : trees_.children_of(node)) {
      const Rank other = ranks_[child];
      unknown = unknown || !other;
      if (!other || *other == 0) continue;
      if (*rank != 0 && *rank != *other)
        refuse(
            node,
            fmt::format(
                "{} cannot combine an array of rank {} with one of rank {}. Arrays must have equal shapes.",
                described(node), *rank, *other));
      rank = other;
    }
    // An unknown operand beside an array can only be a scalar or of the same rank.
    return unknown && *rank == 0 ? Rank{} : rank;
  }

  Rank of_list(const ExpressionNode& node) {
    const auto children = trees_.children_of(node);
    Rank rank;
    const ExpressionNode& first = trees_.nodes[children[0]];
    for (const NodeId child : children) {
      const ExpressionNode& item = trees_.nodes[child];
      if (ranks_[child] && rank && *ranks_[child] != *rank)
        refuse(item,
               fmt::format(
                   "this item of a list has rank {} where the ones before have {}. Give items of one shape.",
                   *ranks_[child], *rank));
      // The ranks of ragged rows agree, so the lengths of rows that are written out are compared here.
      if (item.op == Op::list && first.op == Op::list && item.count != first.count)
        refuse(item, fmt::format(
                         "this row of a list has {} items where the first has {}. Give rows of equal length.",
                         item.count, first.count));
      if (ranks_[child]) rank = ranks_[child];
    }
    return rank ? Rank(*rank + 1) : Rank{};
  }

  void want_array(const ExpressionNode& node, NodeId child) {
    if (ranks_[child] == std::size_t{0})
      refuse(trees_.nodes[child],
             fmt::format("{} wants an array, but this is a single number. Use ':' in the mapspec to get "
                         "a whole axis, or remove the call.",
                         described(node)));
  }

  void want_scalar(const ExpressionNode& node, NodeId child) {
    if (ranks_[child].value_or(0) != 0)
      refuse(trees_.nodes[child],
             fmt::format("{} wants a single number here, but this is an array of rank {}.", described(node),
                         *ranks_[child]));
  }

  static std::string described(const ExpressionNode& node) { return fmt::format("'{}'", op_name(node.op)); }

  [[noreturn]] void refuse(const ExpressionNode& node, const std::string& problem) {
    throw ExpressionError(Category::rank_mismatch, problem, trees_.texts[node.expression], node.expression,
                          node.position);
  }

  const ExpressionTrees& trees_;
  std::span<const Rank> parameters_;
  std::vector<Rank> ranks_;
};

}  // namespace

ExpressionError::ExpressionError(Category category, const std::string& problem, std::string_view text,
                                 std::size_t expression, std::size_t offset)
    : Error(category, fmt::format("bad expression at column {}: {}\n{}", column_of(text, offset), problem,
                                  with_caret(text, offset))),
      text_(text),
      expression_(expression),
      offset_(offset) {}

std::vector<Rank> infer_ranks(const ExpressionTrees& trees, std::span<const Rank> parameters) {
  return RankInference(trees, parameters).run();
}

std::string place_of(const ExpressionTrees& trees, NodeId node) {
  const ExpressionNode& at = trees.nodes[node];
  const std::string& text = trees.texts[at.expression];
  return fmt::format("in column {} of the expression '{}'", column_of(text, at.position),
                     printable(text, 200));
}

void fail_element(const ExpressionTrees& trees, NodeId node, const std::string& problem) {
  throw Error(Category::function_raised, fmt::format("{} ({})", problem, place_of(trees, node)));
}

void fail_by_condition(const ExpressionTrees& trees, NodeId node) {
  fail_element(trees, node, "fail_if: its condition is not zero");
}

std::string_view op_name(Op op) {
  switch (op) {
    case Op::negate:
    case Op::subtract:
      return "-";
    case Op::add:
      return "+";
    case Op::multiply:
      return "*";
    case Op::divide:
      return "/";
    case Op::square:
    case Op::power:
      return "^";
    case Op::less:
      return "<";
    case Op::less_equal:
      return "<=";
    case Op::greater:
      return ">";
    case Op::greater_equal:
      return ">=";
    case Op::equal:
      return "==";
    case Op::not_equal:
      return "!=";
    case Op::list:
      return "[..]";
    default:
      break;
  }
  for (const Callable& callable : kCallables)
    if (callable.op == op) return callable.name;
  return "value";
}

std::vector<std::string> function_names() {
  std::vector<std::string> names;
  for (const Callable& callable : kCallables)
    // The two rows of one name stand next to each other.
    if (names.empty() || names.back() != callable.name) names.emplace_back(callable.name);
  return names;
}

CallLookup find_call(std::string_view name, std::size_t arguments) {
  CallLookup result;
  for (const Callable& callable : kCallables) {
    if (callable.name != name) continue;
    if (callable.fewest <= arguments && arguments <= callable.most) return {callable.op, true, {}};
    result.known = true;
    // A name with several rows wants one of several numbers of arguments, and the message has all of them.
    if (!result.arity.empty()) result.arity += ", or ";
    result.arity += callable.most == kAny  ? fmt::format("{} or more", callable.fewest)
                    : callable.fewest == 0 ? "none"
                                           : fmt::format("{}", callable.fewest);
  }
  return result;
}

}  // namespace mpipe::detail
