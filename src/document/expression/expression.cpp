// SPDX-License-Identifier: BSD-3-Clause
// Makes functions of a pipeline from the texts of expressions.
#include <mpipe/document/expression.hpp>

#include "document/expression/array_evaluator.hpp"
#include "document/expression/expression_tree.hpp"
#include "document/expression/narrowing.hpp"
#include "document/expression/scalar_program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace mpipe {
namespace {

/// A number, or an array of numbers as one element.
bool is_numbers(const ElementType& type) {
  return type.is_real() || (type.kind == Kind::array && type.item->is_real());
}

class ExpressionBody final : public FunctionBody {
 public:
  ExpressionBody(detail::ExpressionTrees trees, std::vector<const ElementType*> types)
      : trees_(std::move(trees)),
        types_(checked(std::move(types), trees_.roots.size())),
        parameters_(trees_.names.size(), ValueType{nullptr, std::nullopt, true}) {
    if (!trees_.has_array_ops) scalars_.emplace(trees_);
  }
  ExpressionBody(const ExpressionBody&) = delete;  // the program refers to the trees
  ExpressionBody& operator=(const ExpressionBody&) = delete;

  const std::vector<ValueType>& parameters() const override { return parameters_; }
  std::size_t output_count() const override { return trees_.roots.size(); }
  bool thread_safe() const override { return true; }
  bool draws_random_numbers() const override {
    return std::any_of(trees_.nodes.begin(), trees_.nodes.end(), [](const detail::ExpressionNode& node) {
      return node.op == detail::Op::random || node.op == detail::Op::normal;
    });
  }
  std::string identity() const override {
    std::vector<std::string> texts;
    for (std::size_t k = 0; k < trees_.texts.size(); ++k) texts.push_back(with_type(trees_.texts[k], k));
    return fmt::format("expression 1 ({}) -> [{}]", fmt::join(trees_.names, ", "), fmt::join(texts, "; "));
  }

  std::string formula(std::span<const std::string> parameters) const override {
    std::vector<std::string> texts;
    for (std::size_t k = 0; k < trees_.roots.size(); ++k)
      texts.push_back(with_type(detail::formula_of(trees_, trees_.roots[k], parameters), k));
    return fmt::format("{}", fmt::join(texts, "; "));
  }

  std::vector<ValueType> outputs(std::span<const ValueType> arguments) const override {
    std::vector<std::optional<std::size_t>> ranks(trees_.names.size());
    for (std::size_t k = 0; k < std::min(arguments.size(), ranks.size()); ++k) {
      const ElementType* element = arguments[k].element;
      if (element != nullptr && !is_numbers(*element))
        throw Error(Category::type_mismatch,
                    fmt::format("parameter '{}' of the expression '{}' is {}, but expressions compute with "
                                "real numbers only. "
                                "Compute it in a plugin, or give numbers.",
                                trees_.names[k], trees_.texts.front(), arguments[k].to_string()),
                    {Subject::Kind::parameter, trees_.names[k]});
      // An element that is an array itself has a shape that only the call knows: its rank stays open.
      if (element == nullptr || element->is_real()) ranks[k] = arguments[k].rank;
    }
    std::vector<ValueType> types;
    const auto inferred = infer_ranks(trees_, ranks);
    for (std::size_t k = 0; k < trees_.roots.size(); ++k) {
      const auto& rank = inferred[trees_.roots[k]];
      types.push_back({types_[k], rank, !rank.has_value()});
    }
    return types;
  }

  void call(BlockCall& call) const override {
    // Which way is taken is decided per call, since the same expression may meet numbers or whole axes. Both
    // use the same kernels, and so give the same bytes.
    if (scalars_ && all_scalar(call))
      scalars_->run(call);
    else
      detail::evaluate_arrays(trees_, call);
  }

 private:
  static std::vector<const ElementType*> checked(std::vector<const ElementType*> types, std::size_t outputs) {
    if (types.empty()) types.assign(outputs, &element_type(Kind::float64));
    if (types.size() != outputs)
      throw Error(
          Category::bad_option,
          fmt::format("there are {} expressions but {} types. Give one for each.", outputs, types.size()));
    for (const ElementType* type : types)
      if (!detail::is_expression_type(*type))
        throw Error(Category::bad_option,
                    fmt::format("an expression cannot give {}: it gives numbers, as float64, float32, an "
                                "integer type, bool or complex128.",
                                type->name));
    return types;
  }

  /// Texts of float64 stay as they are, so that runs of older versions go on.
  std::string with_type(const std::string& text, std::size_t output) const {
    return types_[output]->kind == Kind::float64 ? text : text + " as " + types_[output]->name;
  }

  static bool all_scalar(const BlockCall& call) {
    return std::all_of(call.arguments.begin(), call.arguments.end(),
                       [](const ArgumentView& a) { return a.slice_shape.empty() && a.type->fixed_size(); }) &&
           std::all_of(call.outputs.begin(), call.outputs.end(), [](const OutputColumn& c) {
             return c.fixed != nullptr && !(c.collects_items && c.item_rank);
           });
  }

  detail::ExpressionTrees trees_;
  std::vector<const ElementType*> types_;  ///< one per expression
  std::vector<ValueType> parameters_;
  std::optional<detail::ScalarProgram> scalars_;
};

}  // namespace

std::vector<std::string> free_names(const std::vector<std::string>& expressions) {
  return detail::parse_expressions(expressions, {}).names;
}

std::shared_ptr<const FunctionBody> make_expression_body(std::vector<std::string> expressions,
                                                         std::vector<std::string> parameters,
                                                         std::vector<const ElementType*> types) {
  return std::make_shared<const ExpressionBody>(
      detail::parse_expressions(std::move(expressions), std::move(parameters)), std::move(types));
}

Function expression_function(std::vector<std::string> outputs, std::vector<std::string> expressions,
                             std::vector<std::string> parameters, std::vector<const ElementType*> types) {
  auto trees = detail::parse_expressions(std::move(expressions), std::move(parameters));
  // The body takes the trees; the function needs the names of their parameters after that.
  auto names = trees.names;
  Function function(std::move(outputs),
                    std::make_shared<const ExpressionBody>(std::move(trees), std::move(types)));
  function.parameters(std::move(names));
  return function;
}

}  // namespace mpipe
