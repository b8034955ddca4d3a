// SPDX-License-Identifier: BSD-3-Clause
// Parses the text of an expression into a tree, by recursive descent.
#include "document/expression/expression_tree.hpp"
#include "document/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <numbers>

namespace mpipe::detail {
namespace {

constexpr std::size_t kLongestText = 65536;
constexpr int kDeepest = 200;  // parentheses, calls, signs and exponents inside one another

bool is_letter(char c) { return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return '0' <= c && c <= '9'; }

/// Recursive descent over one text; adds its nodes to the trees.
class Parser {
 public:
  Parser(ExpressionTrees& trees, std::size_t expression, bool names_are_given, std::uint32_t& draws)
      : trees_(trees),
        text_(trees.texts[expression]),
        expression_(static_cast<std::uint32_t>(expression)),
        names_are_given_(names_are_given),
        draws_(draws) {}

  NodeId parse() {
    if (text_.size() > kLongestText) {
      at_ = kLongestText;
      refuse(fmt::format("it has {} characters, and at most {} are read. Split it into several functions.",
                         text_.size(), kLongestText));
    }
    const NodeId root = comparison();
    skip_space();
    if (at_ != text_.size()) refuse_rest();
    return root;
  }

 private:
  // ---- the grammar, one function per rule ----

  /// The rules call each other from the loosest to the tightest: comparison, sum, product, sign, power, atom.
  /// An atom in parentheses begins anew with a comparison.
  NodeId comparison() {
    const NodeId left = sum();
    skip_space();
    const std::size_t position = at_;
    const auto op = comparison_op();
    if (!op) return left;
    const NodeId right = sum();
    skip_space();
    if (comparison_op(false)) refuse("comparisons cannot be chained. Write (a < b) * (b < c) for both.");
    return add(*op, {left, right}, position);
  }

  std::optional<Op> comparison_op(bool take = true) {
    static constexpr std::pair<std::string_view, Op> kOps[] = {
        // Operators of two characters come first, as their first one is an operator as well.
        {"<=", Op::less_equal}, {">=", Op::greater_equal}, {"==", Op::equal},
        {"!=", Op::not_equal},  {"<", Op::less},           {">", Op::greater},
    };
    for (const auto& [text, op] : kOps)
      if (rest().starts_with(text)) {
        if (take) at_ += text.size();
        return op;
      }
    return {};
  }

  NodeId sum() {
    NodeId left = product();
    while (true) {
      skip_space();
      const std::size_t position = at_;
      if (accept('+'))
        left = add(Op::add, {left, product()}, position);
      else if (accept('-'))
        left = add(Op::subtract, {left, product()}, position);
      else
        return left;
    }
  }

  NodeId product() {
    NodeId left = unary();
    while (true) {
      skip_space();
      const std::size_t position = at_;
      if (rest().starts_with("**")) refuse("'**' is not an operator. Write ^ for powers.");
      if (accept('*'))
        left = add(Op::multiply, {left, unary()}, position);
      else if (accept('/'))
        left = add(Op::divide, {left, unary()}, position);
      else
        return left;
    }
  }

  /// A sign is looser than a power: -x^2 is -(x^2). Whatever is nested passes through here, so the depth is
  /// counted at this place alone.
  NodeId unary() {
    const Deeper deeper(*this);
    skip_space();
    const std::size_t position = at_;
    if (!accept('-')) return power();
    return add(Op::negate, {unary()}, position);
  }

  NodeId power() {
    const NodeId base = atom();
    skip_space();
    const std::size_t position = at_;
    if (!accept('^')) return base;
    // The exponent may have a sign, and powers group from the right: a^b^c is a^(b^c).
    const NodeId exponent = unary();
    // x^2 is x*x: exact, and as fast as one writes it by hand.
    const ExpressionNode& node = trees_.nodes[exponent];
    if (node.op == Op::number && node.number == 2.0 && exponent + 1 == trees_.nodes.size()) {
      // Only the last node may go, since all others are known by their positions.
      trees_.nodes.pop_back();
      return add(Op::square, {base}, position);
    }
    return add(Op::power, {base, exponent}, position);
  }

  NodeId atom() {
    skip_space();
    if (at_ == text_.size()) refuse("it ends where a value is expected.");
    const std::size_t position = at_;
    const char c = text_[at_];
    if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) return number();
    if (is_letter(c)) return name_or_call();
    if (accept('(')) {
      const NodeId inside = comparison();
      close(')', position);
      return inside;
    }
    if (accept('[')) {
      const auto items = list_until(']', position);
      return add(Op::list, items, position);
    }
    if (c == '+') refuse("a sign '+' in front of a value is not allowed. Remove it.");
    refuse(fmt::format("'{}' is not expected here: a value is (a number, a name, a call, '(' or '[').",
                       shown(c)));
  }

  NodeId number() {
    const std::size_t position = at_;
    double value = 0;
    const char* const begin = text_.data() + at_;
    const auto [end, problem] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (problem == std::errc::result_out_of_range)
      refuse("this number is too large or too small for a double.");
    at_ = static_cast<std::size_t>(end - text_.data());
    if (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '.'))
      refuse(fmt::format("'{}' cannot follow the number {}. Write * to multiply.", shown(text_[at_]),
                         std::string_view(begin, static_cast<std::size_t>(end - begin))));
    return add_leaf({.op = Op::number, .number = value}, position);
  }

  NodeId name_or_call() {
    const std::size_t position = at_;
    const std::string_view name = read_name();
    skip_space();
    if (accept('(')) return call(name, position);
    auto& names = trees_.names;
    auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      // A parameter of that name would have been found above: it goes over the constant.
      if (name == "pi") return add_leaf({.op = Op::number, .number = std::numbers::pi}, position);
      if (names_are_given_) {
        at_ = position;
        refuse(fmt::format("'{}' is not a parameter of this function.{}", name, suggestion(name, names)),
               Category::unknown_name);
      }
      found = names.insert(names.end(), std::string(name));
    }
    return add_leaf({.op = Op::name, .index = static_cast<std::uint32_t>(found - names.begin())}, position);
  }

  /// `name`, or `scope.name`.
  std::string_view read_name() {
    const std::size_t begin = at_;
    const auto part = [&] {
      while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    };
    part();
    if (at_ + 1 < text_.size() && text_[at_] == '.' && is_letter(text_[at_ + 1])) {
      ++at_;
      part();
    }
    return text_.substr(begin, at_ - begin);
  }

  NodeId call(std::string_view name, std::size_t position) {
    skip_space();
    std::vector<NodeId> arguments;
    if (!accept(')')) arguments = list_until(')', position + name.size());
    const CallLookup lookup = find_call(name, arguments.size());
    if (!lookup.op) {
      at_ = position;
      if (!lookup.known)
        refuse(fmt::format("there is no function '{}'.{}", name, suggestion(name, function_names())));
      refuse(fmt::format("'{}' wants {} argument{} but gets {}.", name, lookup.arity,
                         lookup.arity == "1" ? "" : "s", arguments.size()));
    }
    // Every draw in the expressions of a function gets a number of its own, so that two of them in one
    // expression are different random numbers.
    if (*lookup.op == Op::random || *lookup.op == Op::normal) {
      return add_leaf({.op = *lookup.op, .index = draws_++}, position);
    }
    if (*lookup.op != Op::min && *lookup.op != Op::max) return add(*lookup.op, arguments, position);
    // Of more than two values they are taken two by two from the left.
    NodeId result = arguments[0];
    for (std::size_t k = 1; k < arguments.size(); ++k)
      result = add(*lookup.op, {result, arguments[k]}, position);
    return result;
  }

  std::vector<NodeId> list_until(char end, std::size_t opened) {
    std::vector<NodeId> items;
    do items.push_back(comparison());
    while (accept(','));
    close(end, opened);
    return items;
  }

  // ---- pieces ----

  struct Deeper {
    explicit Deeper(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ > kDeepest)
        parser_.refuse(
            fmt::format("it is nested more than {} levels deep. Split it into several functions.", kDeepest));
    }
    ~Deeper() { --parser_.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    Parser& parser_;
  };

  std::string_view rest() const { return text_.substr(at_); }

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }

  bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void close(char c, std::size_t opened) {
    if (accept(c)) return;
    if (at_ == text_.size())
      refuse(fmt::format("the '{}' of column {} is not closed: '{}' is missing.", text_[opened],
                         column_of(text_, opened), c));
    refuse_rest();
  }

  [[noreturn]] void refuse_rest() {
    const std::string_view left = rest();
    if (left.starts_with('=')) refuse("'=' is not an operator. Write == to compare.");
    if (left.starts_with('&') || left.starts_with('|'))
      refuse(
          "there are no logical operators. Comparisons give 1 or 0: write a * b for 'and', max(a, b) for "
          "'or'.");
    refuse(fmt::format("'{}' is not expected here: an operator or the end is.", shown(left[0])));
  }

  static std::string shown(char c) {
    return printable(std::string_view(&c, 1)).empty() ? "?" : printable(std::string_view(&c, 1));
  }

  NodeId add(Op op, const std::vector<NodeId>& children, std::size_t position) {
    ExpressionNode node{.op = op, .first = static_cast<std::uint32_t>(trees_.children.size())};
    node.count = static_cast<std::uint32_t>(children.size());
    trees_.children.insert(trees_.children.end(), children.begin(), children.end());
    trees_.has_array_ops = trees_.has_array_ops || is_array_op(op);
    return add_leaf(node, position);
  }

  NodeId add_leaf(ExpressionNode node, std::size_t position) {
    node.expression = expression_;
    node.position = static_cast<std::uint32_t>(position);
    trees_.nodes.push_back(node);
    return static_cast<NodeId>(trees_.nodes.size() - 1);
  }

  [[noreturn]] void refuse(const std::string& problem, Category category = Category::bad_document) {
    throw ExpressionError(category, problem, text_, expression_, at_);
  }

  ExpressionTrees& trees_;
  std::string_view text_;
  std::uint32_t expression_;
  bool names_are_given_;
  std::uint32_t& draws_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

ExpressionTrees parse_expressions(std::vector<std::string> texts, std::vector<std::string> parameters) {
  ExpressionTrees trees;
  trees.texts = std::move(texts);
  // Without a list of parameters, every name that is met becomes one, in the order of first appearance.
  const bool given = !parameters.empty();
  trees.names = std::move(parameters);
  std::uint32_t draws = 0;
  for (std::size_t k = 0; k < trees.texts.size(); ++k)
    trees.roots.push_back(Parser(trees, k, given, draws).parse());
  const std::vector<std::optional<std::size_t>> unknown(trees.names.size());
  // The ranks are inferred for the complaints alone: shapes that no argument could make right are refused
  // when a document is read, and not when its run has begun.
  infer_ranks(trees, unknown);
  return trees;
}

}  // namespace mpipe::detail
