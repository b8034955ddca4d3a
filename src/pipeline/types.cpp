// SPDX-License-Identifier: BSD-3-Clause
// Types on the edges of a pipeline: what every parameter gets, and what every output is.
#include <mpipe/core/error.hpp>

#include "pipeline/edge_types.hpp"

#include <fmt/format.h>

namespace mpipe {
namespace {

using Types = std::map<std::string, ValueType>;

constexpr std::optional<std::size_t> kUnknownRank;

/// What one call of `node` sees of a whole array: a scalar, or the slice of its `:` axes.
ValueType seen_by(const FunctionNode& node, const std::string& name, ValueType whole) {
  const ArraySpec* spec = node.is_mapped() ? node.mapspec->find_input(name) : nullptr;
  if (spec == nullptr) return whole;
  std::size_t slice_rank = 0;
  for (const auto& axis : spec->axes) slice_rank += axis ? 0 : 1;
  if (whole.rank && *whole.rank != spec->rank())
    throw Error(Category::rank_mismatch,
                fmt::format("'{}' is {}, but the mapspec of function '{}' indexes it as {}.", name,
                            whole.to_string(), node.name(), spec->to_string()),
                {Subject::Kind::parameter, name});
  // Elements of a type that is not known yet may turn out to be arrays themselves.
  if (slice_rank == 0 && whole.element == nullptr) return {nullptr, kUnknownRank, false};
  return {whole.element, slice_rank, false};
}

bool element_fits(const ElementType& given, const ValueType& wanted) {
  if (wanted.element == nullptr) return wanted.any_element || given.is_real();
  return widens(given, *wanted.element);
}

/// A known type of unknown rank is that of an array, unless it is an expression's (`any_rank`), which may be
/// a number.
bool rank_fits(const ValueType& given, const ValueType& wanted) {
  if (wanted.any_rank) return true;
  // An unknown type fits every parameter. It is checked again when a run knows its inputs.
  if (!given.rank) return given.element == nullptr || given.any_rank || wanted.rank != std::size_t{0};
  return wanted.rank ? *given.rank == *wanted.rank : *given.rank >= 1;
}

/// The type of an output as a whole from what one call returns.
ValueType whole_output(const FunctionNode& node, const std::string& name, const ValueType& returned) {
  if (!node.mapspec) return {returned.element, returned.rank, !returned.rank && returned.any_rank};
  const std::size_t full_rank = node.mapspec->output_axes().size();
  const std::size_t internal = node.mapspec->internal_axes().size();
  if (internal > 0) {
    if (returned.rank && *returned.rank != internal && returned.element != nullptr)
      throw Error(
          Category::internal_shape_rank,
          fmt::format("function '{}' returns {} for '{}', but its mapspec '{}' names {} axes of its own "
                      "({}). Return an array of that rank{}.",
                      node.name(), returned.to_string(), name, node.mapspec->to_string(), internal,
                      node.generated ? "others index an output of it, and all outputs of a function have "
                                       "the same axes"
                                     : "its internal shape is too short or too long",
                      node.outputs.size() > 1 ? ", or make it in a function of its own" : ""),
          {Subject::Kind::output, name});
    return {returned.element, full_rank, false};
  }
  if (returned.rank == std::size_t{0} || returned.element == nullptr)
    return {returned.element, full_rank, false};
  // An expression of arguments whose rank nobody knows yet: its elements are numbers or arrays.
  if (!returned.rank && returned.any_rank) return {nullptr, full_rank, false};
  return {&array_type(*returned.element), full_rank, false};
}

}  // namespace

ValueType detail::opened(ValueType type) {
  if (type.element != nullptr && type.element->kind == Kind::array && type.rank == std::size_t{0})
    return {type.element->item, kUnknownRank, false};
  return type;
}

void detail::check_argument(const FunctionNode& node, const std::string& name, const ValueType& given,
                            const ValueType& wanted) {
  const bool fits =
      (given.element == nullptr || element_fits(*given.element, wanted)) && rank_fits(given, wanted);
  if (fits) return;
  throw Error(Category::type_mismatch,
              fmt::format("parameter '{}' of function '{}' is {} but gets {}. "
                          "Change the type, or the mapspec (an index takes "
                          "elements, ':' a slice, no mention the whole array).",
                          name, node.name(), wanted.to_string(), given.to_string()),
              {Subject::Kind::function, node.name()});
}

std::map<std::string, ValueType> Pipeline::infer_types(const std::map<std::string, ValueType>& roots) const {
  const ValueType unknown{nullptr, kUnknownRank, false};
  // Functions come in topological order, so that the types of all arguments that can be known are known when
  // a function is asked what it returns.
  Types types = roots;
  for (const FunctionId id : topological_order()) {
    const FunctionNode& node = function(id);
    const auto& wanted = node.function.body().parameters();
    std::vector<ValueType> arguments;
    for (std::size_t k = 0; k < node.parameters.size(); ++k) {
      const ParameterNode& parameter = node.parameters[k];
      ValueType given = unknown;
      if (parameter.source == Source::bound) {
        const Value& value = node.function.bound_values().at(parameter.name);
        given = {&value.type(), value.rank(), false};
      } else if (const auto found = types.find(parameter.name); found != types.end()) {
        given = seen_by(node, parameter.name, found->second);
      } else {
        given = seen_by(node, parameter.name, unknown);
      }
      given = detail::opened(given);
      // Inputs are converted value by value, so only edges are held to the strict rule.
      if (parameter.source == Source::output) detail::check_argument(node, parameter.name, given, wanted[k]);
      arguments.push_back(given);
    }
    std::vector<ValueType> returned;
    try {
      returned = node.function.body().outputs(arguments);
    } catch (const Error& error) {
      // The body knows its parameters by their own names, and everybody else by those that `renames` gave them.
      if (error.subject().kind != Subject::Kind::parameter) throw;
      throw Error(error.category(), error.what(),
                  {Subject::Kind::parameter, node.function.renamed(error.subject().name)});
    }
    for (std::size_t k = 0; k < node.outputs.size(); ++k)
      types[node.outputs[k]] = whole_output(node, node.outputs[k], returned[k]);
  }
  return types;
}

}  // namespace mpipe
