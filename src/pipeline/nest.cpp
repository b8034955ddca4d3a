// SPDX-License-Identifier: BSD-3-Clause
// One function in the place of several.
#include <mpipe/core/error.hpp>

#include "core/api/suggest.hpp"
#include "mapspec/api/edit.hpp"
#include "pipeline/nested_body.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace mpipe {
namespace {

using detail::NestedBody;
using Names = std::vector<std::string>;

/// Makes a nested function of those of a pipeline that `chosen` has.
class Nester {
 public:
  Nester(const Pipeline& pipeline, std::vector<bool> chosen)
      : pipeline_(pipeline), chosen_(std::move(chosen)), position_(chosen_.size(), 0) {
    for (const FunctionId id : pipeline.topological_order()) {
      if (!chosen_[id.value]) continue;
      // In topological order, a function inside only ever takes from positions before its own.
      position_[id.value] = members_.size();
      members_.push_back(id);
    }
    if (members_.size() < 2)
      throw Error(Category::nest_mapspec,
                  fmt::format("only {} of the functions was chosen to be nested. Choose two or more.",
                              members_.size()));
    find_parameters();
  }

  Function nest(Names outputs) const {
    if (outputs.empty()) outputs = all_outputs();
    check_outputs(outputs);
    check_ranks();
    const auto spec = mapspec(outputs);
    std::vector<NestedBody::Part> parts;
    for (const FunctionId id : members_) parts.push_back(part(pipeline_.function(id), outputs));
    Function function(outputs,
                      std::make_shared<const NestedBody>(std::move(parts), parameters_, outputs.size()));
    function.parameters(parameters_);
    if (spec) function.mapspec(spec->to_string());
    add_values(function, outputs);
    return function;
  }

 private:
  bool is_inside(const ParameterNode& parameter) const {
    return parameter.source == Source::output && chosen_[parameter.producer.value];
  }

  /// The inputs of the nested function are those that no function inside makes. They are sorted, so that
  /// `part` and `add_values` can search them and the order of the chosen functions does not matter.
  void find_parameters() {
    std::set<std::string> names;
    for (const FunctionId id : members_)
      for (const ParameterNode& parameter : pipeline_.function(id).parameters)
        if (parameter.source != Source::bound && !is_inside(parameter)) names.insert(parameter.name);
    parameters_.assign(names.begin(), names.end());
  }

  Names all_outputs() const {
    Names names;
    for (const FunctionId id : members_) {
      const Names& outputs = pipeline_.function(id).outputs;
      names.insert(names.end(), outputs.begin(), outputs.end());
    }
    return names;
  }

  /// A rule is asked before the call, when arguments that are made inside do not exist yet.
  void check_ranks() const {
    for (const FunctionId id : members_)
      if (const FunctionNode& node = pipeline_.function(id); node.function.rank_rule())
        throw Error(
            Category::bad_option,
            fmt::format("function '{}' has a rule for the number of its ranks, so it cannot be nested "
                        "(one call of the nested function has one number of ranks). Leave it out, or "
                        "give it a fixed number.",
                        node.name()));
  }

  void check_outputs(const Names& outputs) const {
    const Names known = all_outputs();
    for (const std::string& output : outputs)
      if (std::find(known.begin(), known.end(), output) == known.end())
        throw Error(
            Category::unknown_output,
            fmt::format("the nested function cannot have the output '{}': the functions in it make {}.{}",
                        output, fmt::join(known, ", "), did_you_mean(output, known)));
  }

  std::optional<MapSpec> mapspec(const Names& outputs) const {
    std::vector<std::optional<MapSpec>> specs;
    for (const FunctionId id : members_) specs.push_back(pipeline_.function(id).mapspec);
    auto nested = nested_mapspec(specs, parameters_, outputs);
    if (nested)
      for (const FunctionId id : members_) check_elements(pipeline_.function(id), *nested);
    return nested;
  }

  /// An element of the nested function has one element of whatever is indexed: nobody inside may want more.
  void check_elements(const FunctionNode& node, const MapSpec& nested) const {
    for (const ParameterNode& parameter : node.parameters) {
      if (parameter.source == Source::bound) continue;
      const ArraySpec* input = node.mapspec->find_input(parameter.name);
      const bool whole = input == nullptr;
      // Inside, the values for one element are all that there is. From outside, a whole array is fine, unless
      // another function inside indexes it.
      const bool reduced = is_inside(parameter) ? whole || std::find(input->axes.begin(), input->axes.end(),
                                                                     std::nullopt) != input->axes.end()
                                                : whole && nested.find_input(parameter.name) != nullptr;
      if (reduced)
        throw Error(Category::nest_mapspec,
                    fmt::format("function '{}' ({}) reduces '{}', of which a nested function would have one "
                                "element at a time. Leave it out of the nested function.",
                                node.name(), node.mapspec->to_string(), parameter.name));
    }
  }

  NestedBody::Part part(const FunctionNode& node, const Names& outputs) const {
    // The stream is that of the function's own name, so that nesting does not change the random numbers that
    // it draws.
    NestedBody::Part part{node, stream_of(node.name().c_str()), {}, {}};
    for (const ParameterNode& parameter : node.parameters) {
      NestedBody::Argument& argument = part.arguments.emplace_back();
      if (parameter.source == Source::bound) {
        argument.from = NestedBody::Argument::From::bound;
        argument.bound = node.function.bound_values().at(parameter.name);
      } else if (is_inside(parameter)) {
        argument.from = NestedBody::Argument::From::inside;
        argument.number = position_[parameter.producer.value];
        argument.output = parameter.producer_output;
      } else {
        const auto place = std::lower_bound(parameters_.begin(), parameters_.end(), parameter.name);
        argument.number = static_cast<std::size_t>(place - parameters_.begin());
      }
    }
    for (const std::string& output : node.outputs) {
      const auto place = std::find(outputs.begin(), outputs.end(), output);
      part.kept.push_back(place == outputs.end()
                              ? std::nullopt
                              : std::optional(static_cast<std::size_t>(place - outputs.begin())));
    }
    return part;
  }

  /// The functions are called one after the other: of each resource the nested function needs the most that
  /// one of them needs, and of time the sum of all, unless one has no limit.
  Resources resources() const {
    Resources most;
    bool limited = true;
    for (const FunctionId id : members_) {
      const Resources& needs = pipeline_.function(id).function.resources();
      most.ranks = std::max(most.ranks, needs.ranks);
      most.threads = std::max(most.threads, needs.threads);
      most.gpus = std::max(most.gpus, needs.gpus);
      most.memory = std::max(most.memory, needs.memory);
      // The sum stops at the longest time there is and does not wrap around.
      most.time += std::min(needs.time, Duration::max() - most.time);
      limited = limited && needs.time > Duration::zero();
    }
    if (!limited) most.time = Duration::zero();
    return most;
  }

  /// One function that has to be kept apart is enough: all of them run in one process.
  Isolation isolation() const {
    const bool isolated = std::any_of(members_.begin(), members_.end(), [&](FunctionId id) {
      return pipeline_.function(id).function.isolation() == Isolation::process;
    });
    return isolated ? Isolation::process : Isolation::none;
  }

  void add_values(Function& function, const Names& outputs) const {
    Inputs defaults;
    Index cache_entries = 0;
    for (const FunctionId id : members_) {
      const Function& member = pipeline_.function(id).function;
      cache_entries = std::max(cache_entries, member.cache_entries());
      for (const auto& [name, value] : member.default_values())
        if (std::binary_search(parameters_.begin(), parameters_.end(), name)) defaults.emplace(name, value);
      for (const auto& [output, texts] : member.attributes())
        for (const auto& [key, text] : texts)
          if (std::find(outputs.begin(), outputs.end(), output) != outputs.end())
            function.attribute(output, key, text);
    }
    function.defaults(std::move(defaults)).resources(resources()).isolation(isolation());
    const FunctionBody& body = function.body();
    // A single function inside may be the reason why equal arguments give different results; the cache of the
    // others is then given up, and not refused as it would be for a function by itself.
    if (!body.draws_random_numbers() && !body.takes_communicator()) function.cache(cache_entries);
  }

  const Pipeline& pipeline_;
  std::vector<bool> chosen_;
  std::vector<std::size_t> position_;  ///< by FunctionId: among `members_`
  std::vector<FunctionId> members_;    ///< producers first
  Names parameters_;                   ///< sorted
};

}  // namespace

Pipeline Pipeline::nest(const Names& outputs, const Names& new_outputs) const {
  auto chosen = mask_of(outputs);
  Function nested = Nester(*this, chosen).nest(new_outputs);
  chosen.flip();
  auto functions = functions_where(chosen);
  functions.push_back(std::move(nested));
  return Pipeline(std::move(functions));
}

}  // namespace mpipe
