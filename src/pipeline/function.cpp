// SPDX-License-Identifier: BSD-3-Clause
// Functions: the chained calls that describe one, and the checks of what was described.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/function.hpp>

#include "core/api/suggest.hpp"
#include "pipeline/hooked_body.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace mpipe {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void check_known(const Inputs& values, const std::vector<std::string>& parameters, const char* what,
                 const std::string& function) {
  for (const auto& [name, unused] : values)
    if (!contains(parameters, name))
      throw Error(
          Category::unknown_name,
          fmt::format(
              "{} of function '{}' name '{}', which is not one of its parameters ({}).{} Correct the name "
              "(after renames) or remove it.",
              what, function, name, fmt::join(parameters, ", "), did_you_mean(name, parameters)));
}

}  // namespace

/// The callable is kept beside the body, so that a hook can be put around it anew whenever names or the hook
/// change.
Function::Function(std::vector<std::string> outputs, std::shared_ptr<const FunctionBody> body)
    : outputs_(std::move(outputs)), callable_(std::move(body)), body_(callable_) {
  if (outputs_.empty()) throw Error(Category::unknown_name, "a function needs the name of an output.");
}

Function& Function::parameters(std::vector<std::string> names) {
  parameters_ = std::move(names);
  wrap_body();
  return *this;
}

Function& Function::post_execution_hook(PostExecutionHook hook) {
  hook_ = std::move(hook);
  wrap_body();
  return *this;
}

/// Puts the hook around the callable. The chain of calls may name the parameters before or after the hook, so
/// both of them end here, and a hook waits until there is a name for each parameter of the callable; `check`
/// refuses functions that never get that far.
void Function::wrap_body() {
  body_ = callable_;
  if (hook_ && parameters_.size() == callable_->parameters().size())
    body_ = std::make_shared<const HookedBody>(callable_, hook_, outputs_, parameters_);
}

Function& Function::mapspec(std::string_view text) {
  mapspec_ = MapSpec::parse(text);
  return *this;
}

Function& Function::defaults(Inputs values) {
  defaults_ = std::move(values);
  return *this;
}

Function& Function::bound(Inputs values) {
  bound_ = std::move(values);
  return *this;
}

Function& Function::renames(std::map<std::string, std::string> names) {
  renames_ = std::move(names);
  return *this;
}

Function& Function::internal_shape(const InternalShape& shape) {
  internal_shape_ = shape.extents(outputs_.front());
  return *this;
}

Function& Function::thread_safe(bool promise) {
  thread_safe_ = promise;
  return *this;
}

Function& Function::cache(Index entries) {
  if (entries < 0)
    throw Error(Category::bad_option,
                fmt::format("a cache of {} results cannot be. Give their number, or 0 for none.", entries));
  cache_entries_ = entries;
  return *this;
}

Function& Function::resources(const Resources& needs) {
  if (needs.ranks < 1 || needs.threads < 0 || needs.gpus < 0 || needs.time < Duration::zero())
    throw Error(Category::bad_option,
                fmt::format("function '{}' cannot need {} ranks, {} threads, {} gpus and {} s. Give at least "
                            "1 rank, and nothing below 0.",
                            name(), needs.ranks, needs.threads, needs.gpus, seconds(needs.time)));
  if (!needs.devices.empty())
    throw Error(
        Category::bad_option,
        fmt::format("function '{}' names the devices that it wants, which a run gives out itself. Say how "
                    "many (gpus).",
                    name()));
  resources_ = needs;
  return *this;
}

Function& Function::isolation(Isolation where) {
  isolation_ = where;
  return *this;
}

Function& Function::attribute(const std::string& output, const std::string& key, const std::string& text) {
  attributes_[output][key] = text;
  return *this;
}

Function& Function::variant(std::string name) { return variant(Variants{{"", std::move(name)}}); }

Function& Function::variant(Variants groups) {
  variants_ = std::move(groups);
  return *this;
}

std::string Function::renamed(const std::string& own) const {
  const auto found = renames_.find(own);
  return found == renames_.end() ? own : found->second;
}

std::vector<std::string> Function::output_names() const {
  std::vector<std::string> names;
  for (const std::string& own : outputs_) names.push_back(renamed(own));
  return names;
}

std::vector<std::string> Function::parameter_names() const {
  std::vector<std::string> names;
  for (const std::string& own : parameters_) names.push_back(renamed(own));
  return names;
}

/// Names come first: the checks behind them look parameters up by name, and count on as many names as the
/// callable has parameters.
void Function::check() const {
  check_names();
  check_values();
  check_mapspec();
  check_ranks();
  if (cache_entries_ > 0 && body_->draws_random_numbers())
    throw Error(
        Category::bad_option,
        fmt::format("function '{}' draws random numbers, so equal arguments give it different results "
                    "and they cannot be cached. Remove the cache.",
                    name()));
}

void Function::check_names() const {
  if (parameters_.size() != body_->parameters().size())
    throw Error(
        Category::unknown_name,
        fmt::format(
            "function '{}' takes {} parameters but {} names were given ({}). Name each of them once, in the "
            "order of the signature, with .parameters(..).",
            outputs_.front(), body_->parameters().size(), parameters_.size(), fmt::join(parameters_, ", ")));
  if (outputs_.size() != body_->output_count())
    throw Error(
        Category::unknown_name,
        fmt::format("function '{}' returns {} values but {} outputs were named ({}).", outputs_.front(),
                    body_->output_count(), outputs_.size(), fmt::join(outputs_, ", ")));
  check_renames();
  check_parameters();
  check_outputs();
}

void Function::check_renames() const {
  std::vector<std::string> known = parameters_;
  known.insert(known.end(), outputs_.begin(), outputs_.end());
  for (const auto& [own, unused] : renames_)
    if (!contains(parameters_, own) && !contains(outputs_, own))
      throw Error(
          Category::unknown_name,
          fmt::format(
              "renames of function '{}' name '{}', which is neither a parameter ({}) nor an output ({}).{}",
              outputs_.front(), own, fmt::join(parameters_, ", "), fmt::join(outputs_, ", "),
              did_you_mean(own, known)));
}

void Function::check_parameters() const {
  std::set<std::string> seen;
  const auto outputs = output_names();
  for (const std::string& name : parameter_names()) {
    if (!is_identifier(name))
      throw Error(Category::bad_identifier,
                  fmt::format("'{}' cannot be the name of a parameter of function '{}': use "
                              "letters, digits and _, not starting with a digit.",
                              name, outputs_.front()));
    if (!seen.insert(name).second)
      throw Error(Category::rename_collision,
                  fmt::format("two parameters of function '{}' are called '{}'. Rename one.",
                              outputs_.front(), name));
    if (contains(outputs, name))
      throw Error(
          Category::output_is_parameter,
          fmt::format(
              "'{}' is both an output and a parameter of one function (it would need its own result). "
              "Rename one of them.",
              name));
  }
}

/// A name that occurs twice among the function's own outputs is a mistake of its own; one that only occurs
/// twice after renames is a collision, which another rename mends.
void Function::check_outputs() const {
  std::set<std::string> seen;
  for (const std::string& name : output_names()) {
    if (!is_identifier(name))
      throw Error(Category::bad_identifier,
                  fmt::format("'{}' cannot be the name of an output: use letters, digits and _, "
                              "not starting with a digit.",
                              name));
    if (!seen.insert(name).second)
      throw Error(std::count(outputs_.begin(), outputs_.end(), name) > 1 ? Category::duplicate_output
                                                                         : Category::rename_collision,
                  fmt::format("a function has two outputs called '{}'. Rename one.", name));
  }
}

void Function::check_values() const {
  const auto parameters = parameter_names();
  check_known(defaults_, parameters, "the defaults", outputs_.front());
  check_known(bound_, parameters, "the bound values", outputs_.front());
  for (const auto& [name, unused] : bound_)
    if (defaults_.contains(name))
      throw Error(
          Category::default_and_bound,
          fmt::format(
              "parameter '{}' of function '{}' has both a default and a bound value (the default could "
              "never be used). Remove one.",
              name, outputs_.front()));
}

void Function::check_mapspec() const {
  if (!mapspec_) return;
  const auto parameters = parameter_names();
  const auto outputs = output_names();
  for (const ArraySpec& input : mapspec_->inputs()) {
    if (!contains(parameters, input.name))
      throw Error(Category::mapspec_name_mismatch,
                  fmt::format("the mapspec '{}' has the input '{}', which is not a parameter of function "
                              "'{}' ({}).{} Mapspecs "
                              "use the names after renames.",
                              mapspec_->to_string(), input.name, outputs.front(), fmt::join(parameters, ", "),
                              did_you_mean(input.name, parameters)));
    // A bound value is handed over whole in every call, so an index of it could not be obeyed.
    if (bound_.contains(input.name))
      throw Error(
          Category::bound_in_mapspec,
          fmt::format(
              "parameter '{}' of function '{}' is bound, so the mapspec '{}' cannot index it. Remove it "
              "from one of the two.",
              input.name, outputs.front(), mapspec_->to_string()));
  }
  std::vector<std::string> named;
  for (const ArraySpec& output : mapspec_->outputs()) named.push_back(output.name);
  if (named != outputs)
    throw Error(
        Category::mapspec_name_mismatch,
        fmt::format(
            "the mapspec '{}' has the outputs ({}) but the function has ({}). Name all of them, in the "
            "function's order.",
            mapspec_->to_string(), fmt::join(named, ", "), fmt::join(outputs, ", ")));
}

}  // namespace mpipe
