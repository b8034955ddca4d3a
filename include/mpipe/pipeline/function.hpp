// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `Function`: a callable with the names of its outputs and parameters, and how it is mapped.
#pragma once

#include <mpipe/data/value.hpp>
#include <mpipe/mapspec/mapspec.hpp>
#include <mpipe/pipeline/function_body.hpp>
#include <mpipe/pipeline/typed_body.hpp>

#include <concepts>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mpipe {

/// The length of one internal axis: a number of elements, or not known beforehand (`"?"`, `std::nullopt`).
/// Holds whatever it is given; `InternalShape::extents` says what is wrong with it.
class InternalExtent {
 public:
  template <std::integral T>
  requires(!std::same_as<T, bool>)
      InternalExtent(T length)  // NOLINT(google-explicit-constructor): reads `{"?", 3}`
      : known_(static_cast<Index>(length)), text_(std::to_string(length)) {}
  InternalExtent(std::nullopt_t) {}                             // NOLINT(google-explicit-constructor)
  InternalExtent(std::string text) : text_(std::move(text)) {}  // NOLINT(google-explicit-constructor)
  InternalExtent(const char* text) : text_(text) {}             // NOLINT(google-explicit-constructor)

  bool is_valid() const { return known_ ? *known_ >= 0 : text_ == "?"; }
  const std::optional<Index>& known() const { return known_; }
  const std::string& text() const { return text_; }

 private:
  std::optional<Index> known_;
  std::string text_ = "?";
};

/// The extents of an output's internal axes, in their order: `5` or `"?"` for one axis, `{"?", 3}` for two.
class InternalShape {
 public:
  InternalShape() = default;
  InternalShape(std::initializer_list<InternalExtent> extents) : extents_(extents) {}
  explicit InternalShape(std::vector<InternalExtent> extents) : extents_(std::move(extents)) {}
  InternalShape(const PartialShape& shape);  // NOLINT(google-explicit-constructor)
  template <class T>
  requires(std::convertible_to<const T&, InternalExtent> && !std::convertible_to<const T&, PartialShape>)
      InternalShape(const T& extent)  // NOLINT(google-explicit-constructor): `{"x", 5}` in a map
      : extents_{InternalExtent(extent)} {}

  /// Throws `Error` (internal_shape_type) that names `output` when an extent is neither a number of elements
  /// nor `"?"`.
  PartialShape extents(const std::string& output) const;

 private:
  std::vector<InternalExtent> extents_;
};

/// Internal shapes by output.
using InternalShapes = std::map<std::string, InternalShape>;

/// A call that has just returned. Names are the callable's own, before renames and scopes.
struct FinishedCall {
  std::vector<std::string> outputs;
  std::vector<Value> results;  ///< by output
  Inputs arguments;            ///< by parameter, defaults and bound values included
  Index element = 0;           ///< linear index over the function's external axes
  MultiIndex index;            ///< the same as multi-index; empty for a single value

  /// The result of a function with one output, or the first of several. Throws `Error` as `Value::as`.
  template <class T>
  T result() const {
    return results.front().as<T>();
  }
  /// Throws `Error` (unknown_name) for what is no parameter, else as `Value::as`.
  template <class T>
  T argument(const std::string& name) const {
    return argument(name).as<T>();
  }
  const Value& argument(const std::string& name) const;
};

/// Called after each call, in the process and thread that made it, before the result counts: what it throws
/// is the failure of that element. In threads it is called by several at once.
using PostExecutionHook = std::function<void(const FinishedCall&)>;

/// A number of ranks for every element, from some of its arguments. Evaluated on rank 0, for all elements
/// before the first of them is computed.
struct RankRule {
  std::vector<std::string> parameters;       ///< of the function, by the callable's own names
  std::shared_ptr<const FunctionBody> body;  ///< takes those, and returns one number
};

/// Which names `update_renames` starts from: those of now, or the callable's own ones.
enum class NamesFrom : std::uint8_t { current, original };

/// Group -> variant that a function belongs to; "" is the group without a name.
using Variants = std::map<std::string, std::string>;

/// One function of a pipeline. Made by `function(..)` and completed by chained calls; checked when a
/// `Pipeline` takes it. Copies share the (immutable) body.
///
/// Names: `parameters` gives the callable's own names in the order of its signature; `renames` maps own names
/// (of parameters and outputs) to the names the pipeline uses; defaults, bound values and the mapspec use the
/// new names.
class Function {
 public:
  Function(std::vector<std::string> outputs, std::shared_ptr<const FunctionBody> body);

  Function& parameters(std::vector<std::string> names);
  template <class... Names>
  requires(std::convertible_to<Names, std::string>&&...) Function& parameters(Names... names) {
    return parameters(std::vector<std::string>{std::string(names)...});
  }
  /// Throws `Error` (mapspec_syntax and its kin) at once.
  Function& mapspec(std::string_view text);
  /// Values for parameters that nobody gives. Consistent over a pipeline.
  Function& defaults(Inputs values);
  /// Fixed values: the parameter disappears from the pipeline's inputs and is cut from a producer of that
  /// name.
  Function& bound(Inputs values);
  Function& renames(std::map<std::string, std::string> names);
  /// Extents of the internal axes of every output, in their order: `100`, `{"?", 3}`. Throws `Error`
  /// (internal_shape_type) at once.
  Function& internal_shape(const InternalShape& shape);
  /// Promise: the body may be called from several threads of a process at once.
  Function& thread_safe(bool promise = true);
  /// Keeps the results of so many calls on each rank during a run, those used last: equal arguments are then
  /// evaluated once. 0: none, which is the default. For functions that take long. Not together with random
  /// numbers (see `check`); throws `Error` (bad_option) below 0.
  Function& cache(Index entries);
  /// What one call needs. Throws `Error` (bad_option) at once for numbers that cannot be.
  Function& resources(const Resources& needs);
  /// Where it is called. With `process` (not for functions of several ranks, see `check`) the function must
  /// not look at what others change in memory meanwhile: it runs in a copy of the memory that the process had
  /// at its start, or, where it has captures, at the start of the map.
  Function& isolation(Isolation where);
  /// Has `hook` called after each call, in the process that made it; calls that a cache or an earlier start
  /// answers are none. nullptr: no hook.
  Function& post_execution_hook(PostExecutionHook hook);
  /// As many ranks for each call as `rule` says, which takes the arguments of these parameters (by the
  /// callable's own names, with the same types) and returns an integer from 1 to the number of workers:
  ///
  ///     .ranks({"cells"}, [](std::int64_t cells) { return cells > 1'000'000 ? 4 : 1; })
  ///
  /// Instead of `Resources::ranks`. `rule` is called on rank 0 for all elements, before any of them is
  /// computed.
  template <class F>
  Function& ranks(std::vector<std::string> parameters, F rule);
  /// Nothing: no rule any more.
  Function& ranks(std::optional<RankRule> rule);
  /// `units` / `long_name` of an output, by its new name: written to the file.
  Function& attribute(const std::string& output, const std::string& key, const std::string& text);

  /// Makes it one of several functions to choose from, see `VariantPipeline`.
  Function& variant(Variants groups);
  Function& variant(std::string name);

  // Changes of a function that is complete. Names are those of now, as everywhere behind them in the chain;
  // mapspec, defaults, bound values and attributes go along. They throw `Error` like `check`.

  /// Puts every parameter and output `x` under a scope: it becomes `scope.x`, in the place of the scope that
  /// an earlier call gave; "" takes that away. A name that has another scope, such as the `front.lift` of
  /// `renames({{"a", "front.lift"}})`, keeps it. Throws `Error`: scope_clash (the scope is the name of a
  /// parameter or an output), rename_collision, bad_identifier.
  Function& scope(const std::string& scope);
  /// Renames parameters and outputs, all at once, so that two may swap. `overwrite`: earlier renames of names
  /// that are not in `names` are undone. Throws `Error`: unknown_name, rename_collision, output_is_parameter.
  Function& update_renames(const std::map<std::string, std::string>& names,
                           NamesFrom from = NamesFrom::current, bool overwrite = false);
  /// Adds to the defaults, or (`overwrite`) replaces all of them.
  Function& update_defaults(const Inputs& values, bool overwrite = false);
  /// Adds to the bound values, or (`overwrite`) replaces all of them. A default gives way to a bound value.
  Function& update_bound(const Inputs& values, bool overwrite = false);

  /// Everything that can be said wrong about one function by itself. Throws `Error`.
  void check() const;

  // What the pipeline sees (new names).
  std::vector<std::string> output_names() const;
  std::vector<std::string> parameter_names() const;
  /// The name of a function in messages and reports: its first output.
  std::string name() const { return output_names().front(); }
  const std::optional<MapSpec>& mapspec() const { return mapspec_; }
  const Inputs& default_values() const { return defaults_; }
  const Inputs& bound_values() const { return bound_; }
  const std::optional<PartialShape>& declared_internal_shape() const { return internal_shape_; }
  /// Never with a communicator, whatever was promised: its messages belong to the thread that uses MPI.
  bool is_thread_safe() const {
    return !body_->takes_communicator() && (thread_safe_ || body_->thread_safe());
  }
  Index cache_entries() const { return cache_entries_; }
  const Resources& resources() const { return resources_; }
  Isolation isolation() const { return isolation_; }
  const std::optional<RankRule>& rank_rule() const { return rank_rule_; }
  /// Which parameters the rule takes, in its order; empty without a rule.
  std::vector<std::size_t> rank_rule_positions() const;
  /// A call may be made by several ranks together.
  bool wants_teams() const { return resources_.ranks > 1 || rank_rule_.has_value(); }
  const Variants& variants() const { return variants_; }
  const FunctionBody& body() const { return *body_; }
  /// The same, for those who keep it.
  const std::shared_ptr<const FunctionBody>& shared_body() const { return body_; }
  const std::map<std::string, std::map<std::string, std::string>>& attributes() const { return attributes_; }

 private:
  friend class Pipeline;  // which keeps generated mapspecs through its edits

  std::string renamed(const std::string& own) const;
  void wrap_body();
  void set_renames(std::map<std::string, std::string> renames);
  void check_names() const;
  void check_renames() const;
  void check_parameters() const;
  void check_outputs() const;
  void check_values() const;
  void check_mapspec() const;
  void check_ranks() const;
  void check_rank_rule() const;

  std::vector<std::string> outputs_;
  std::vector<std::string> parameters_;
  std::shared_ptr<const FunctionBody> callable_;  ///< as it was given
  std::shared_ptr<const FunctionBody> body_;      ///< with the hook, where there is one
  PostExecutionHook hook_;
  std::optional<MapSpec> mapspec_;
  std::optional<MapSpec> generated_;  ///< what a pipeline generated when somebody indexed the outputs
  Inputs defaults_;
  Inputs bound_;
  std::map<std::string, std::string> renames_;
  std::string scope_;  ///< that the last call of `scope` gave
  std::optional<PartialShape> internal_shape_;
  std::map<std::string, std::map<std::string, std::string>> attributes_;
  Variants variants_;
  Resources resources_;
  std::optional<RankRule> rank_rule_;
  Isolation isolation_ = Isolation::none;
  bool thread_safe_ = false;
  Index cache_entries_ = 0;
};

template <class F>
Function& Function::ranks(std::vector<std::string> parameters, F rule) {
  if constexpr (detail::check_callable<F>())
    static_assert(std::integral<typename detail::Signature<F>::Result>,
                  "mpipe: the rule for ranks returns an integer");
  return ranks(RankRule{std::move(parameters), detail::make_body<detail::OneOutput>(std::move(rule))});
}

/// Joins functions that were written for themselves into a chain: where no parameter of a function has the
/// name of an output of the one before, its first parameter that is not bound gets the name of that output
/// (the first one). Throws `Error` (unknown_name) for a function without such a parameter.
std::vector<Function> chain(std::vector<Function> functions);

/// A function with one output, from any callable with one signature: free function, lambda, functor with a
/// const call operator. Its named parameters are given with `.parameters(..)`.
template <class F>
Function function(std::string output, F callable) {
  if constexpr (detail::HasSignature<F>)
    static_assert(!std::is_reference_v<typename detail::Signature<F>::Result> &&
                      !std::is_pointer_v<typename detail::Signature<F>::Result>,
                  "mpipe: return values, not references or pointers");
  return Function({std::move(output)}, detail::make_body<detail::OneOutput>(std::move(callable)));
}

/// A function with several outputs: the callable returns a std::tuple, a std::pair or a plain struct, one
/// field per output.
template <class F>
Function function(std::vector<std::string> outputs, F callable) {
  return Function(std::move(outputs), detail::make_body<detail::SeveralOutputs>(std::move(callable)));
}
template <class F>
Function function(std::initializer_list<const char*> outputs, F callable) {
  return function(std::vector<std::string>(outputs.begin(), outputs.end()), std::move(callable));
}

}  // namespace mpipe
