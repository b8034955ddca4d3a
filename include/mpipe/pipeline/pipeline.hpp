// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `Pipeline`: functions joined by names into a directed acyclic graph.
#pragma once

#include <mpipe/pipeline/function.hpp>

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>

namespace mpipe {

class AsyncMap;
class Communicator;
struct AsyncOptions;
struct MapOptions;
class Results;

/// Where a parameter of a function gets its value from in a `map`, in this order of precedence.
enum class Source : std::uint8_t { bound, output, root };

/// A parameter of a function in its pipeline.
struct ParameterNode {
  std::string name;
  Source source = Source::root;
  FunctionId producer;              ///< when `source == output`
  std::size_t producer_output = 0;  ///< which of its outputs
  std::uint32_t slot = 0;           ///< number of the name within the pipeline
};

/// A function in its pipeline.
struct FunctionNode {
  Function function;
  std::vector<ParameterNode> parameters;
  std::vector<std::string> outputs;
  std::vector<std::uint32_t> output_slots;
  std::optional<MapSpec> mapspec;  ///< its own, or generated because others index its output
  bool generated = false;          ///< `mapspec` was generated

  /// Mapped over at least one input axis: called once per element.
  bool is_mapped() const { return mapspec && !mapspec->is_generator(); }
  std::string name() const { return outputs.front(); }
};

/// How `Pipeline::run` deals with its inputs.
struct RunOptions {
  bool allow_unused = false;  ///< inputs that nothing needs are ignored instead of refused
};

/// What goes into a pipeline and comes out of it; names are sorted.
struct PipelineInfo {
  std::vector<std::string> inputs;  ///< required and optional ones
  std::vector<std::string> required_inputs;
  std::vector<std::string> optional_inputs;       ///< those with a default
  std::vector<std::string> outputs;               ///< that no function takes
  std::vector<std::string> intermediate_outputs;  ///< all others
};

/// An immutable, checked pipeline. Building it finds everything that can be known to be wrong without inputs:
/// names, graph, mapspecs, axes, defaults and the types on every edge; throws `Error`. Safe to share between
/// threads. Copies share all they have, and are cheap.
class Pipeline {
 public:
  Pipeline(std::initializer_list<Function> functions);
  /// `scope`: put all names under it, see `update_scope`; mapspecs, defaults and so on are given without it.
  explicit Pipeline(std::vector<Function> functions, const std::string& scope = {});
  // No moves: one that was moved from would have no graph.
  Pipeline(const Pipeline&) = default;
  Pipeline& operator=(const Pipeline&) = default;
  ~Pipeline() = default;

  const std::vector<FunctionNode>& functions() const { return graph_->nodes; }
  const FunctionNode& function(FunctionId id) const { return graph_->nodes[id.value]; }
  /// The function that makes an output; throws `Error` (unknown_output) with a suggestion.
  FunctionId producer_of(const std::string& output) const;
  bool has_output(const std::string& name) const;
  /// True for parameters and outputs of any function.
  bool has_name(const std::string& name) const;

  // Introspection; names sorted unless said otherwise.
  std::vector<std::string> root_args() const;       ///< parameters that are nobody's output and not bound
  std::vector<std::string> defaulted_args() const;  ///< root arguments with a default
  std::vector<std::string> leaf_outputs() const;    ///< outputs of functions of which nobody takes any
  PipelineInfo info() const;
  /// Topological generations of function ids; within one sorted by output names.
  const std::vector<std::vector<FunctionId>>& generations() const { return graph_->generations; }
  /// All functions, producers first, in the order of `generations()`.
  std::vector<FunctionId> topological_order() const;
  /// Canonical mapspecs of the functions that have one, in topological order.
  std::vector<std::string> mapspecs() const;
  /// The default of a root argument, pipeline-wide; nullptr when there is none.
  const Value* default_of(const std::string& name) const;
  /// Functions needed for these outputs (all when empty), as a mask over `functions()`.
  std::vector<bool> needed_for(const std::vector<std::string>& outputs) const;
  /// Axes of an output that go back to arrays among the inputs without being reduced on the way: each
  /// position along them can be computed by a run of its own (`MapOptions::fixed`).
  std::vector<std::string> independent_axes(const std::string& output) const;

  /// Text that is equal on all ranks that built the same pipeline: names, mapspecs, values, types, bodies.
  std::string digest_text() const;

  /// Types of every named array or value as a whole (a mapped output: element type and full rank), as far as
  /// they follow from the types of the root arguments (`roots`: by name, may be incomplete). `element` is
  /// `array<T>` where elements are arrays themselves. Throws `Error` (type_mismatch) that names the edge.
  std::map<std::string, ValueType> infer_types(const std::map<std::string, ValueType>& roots) const;

  // Editing: each returns another pipeline, checked like any other, and leaves this one as it is. All throw
  // `Error`: unknown_output or unknown_name for names that are not there, and what building a pipeline
  // throws. A mapspec that was generated because somebody indexed an output is kept when nobody does any
  // more.

  /// With more functions. For many of them, one call is faster than one for each.
  [[nodiscard]] Pipeline add(std::vector<Function> functions) const;
  /// Without the functions of these outputs; what others took of them becomes an input.
  [[nodiscard]] Pipeline drop(const std::vector<std::string>& outputs) const;
  /// With `function` for the one that makes its first output.
  [[nodiscard]] Pipeline replace(Function function) const;
  /// With `function` for the one that makes `output`.
  [[nodiscard]] Pipeline replace(const std::string& output, Function function) const;
  /// With all functions of `other`.
  [[nodiscard]] Pipeline join(const Pipeline& other) const;
  friend Pipeline operator|(const Pipeline& a, const Pipeline& b);
  /// A pipeline for each group of functions that share neither outputs nor inputs with the others, in the
  /// order of their first functions.
  [[nodiscard]] std::vector<Pipeline> split_disconnected() const;
  /// What lies between `inputs` (parameters and outputs; without: the root arguments) and `outputs` (empty:
  /// the leaves). Outputs that are given become inputs. Throws `Error` (subpipeline_inputs) when `inputs` do
  /// not suffice for it.
  [[nodiscard]] Pipeline subpipeline(const std::optional<std::vector<std::string>>& inputs,
                                     const std::vector<std::string>& outputs = {}) const;
  /// Sets defaults in all functions that take the parameters and do not bind them. `overwrite`: without the
  /// defaults there are.
  [[nodiscard]] Pipeline update_defaults(const Inputs& values, bool overwrite = false) const;
  /// Renames parameters and outputs everywhere, all at once; see `Function::update_renames`.
  [[nodiscard]] Pipeline update_renames(const std::map<std::string, std::string>& names,
                                        NamesFrom from = NamesFrom::current, bool overwrite = false) const;
  /// Binds parameters of the function that makes `output`; see `Function::update_bound`.
  [[nodiscard]] Pipeline update_bound(const std::string& output, const Inputs& values,
                                      bool overwrite = false) const;
  /// Says where the functions that make these outputs are called; see `Function::isolation`. Throws `Error`
  /// (unknown_output).
  [[nodiscard]] Pipeline isolate(const std::vector<std::string>& outputs,
                                 Isolation where = Isolation::process) const;
  /// Puts names under a scope (`x` becomes `scope.x`), or with an empty scope takes their scopes away.
  /// `inputs` are root arguments, `outputs` those of functions; a scope that a name in these lists has is
  /// replaced. {"*"} stands for all names without a scope (for all with one, where `scope` is empty): those
  /// that have a scope keep it. `exclude` is taken off both. Throws `Error`: scope_clash when the scope is
  /// also the name of a parameter or an output; rename_collision when two names would become one.
  [[nodiscard]] Pipeline update_scope(const std::string& scope,
                                      const std::vector<std::string>& inputs = {"*"},
                                      const std::vector<std::string>& outputs = {"*"},
                                      const std::vector<std::string>& exclude = {}) const;
  /// Renames axes in all mapspecs. Throws `Error`: unknown_axis, rename_collision.
  [[nodiscard]] Pipeline update_mapspec_axes(const std::map<std::string, std::string>& names) const;
  /// Adds axes (`"i"` or `"i, j"`) to parameters, as their last ones, and to everything that is computed from
  /// them: functions without a mapspec get one, reductions become partial (`y[i]` taken whole becomes
  /// `y[:, j]`). The name of an axis of other arrays zips with those. An array that has the axis already stays
  /// as it is, and so does what is computed from it: reductions over its axes keep reducing them. Throws
  /// `Error`: unknown_name for a parameter that no function takes; axes_inconsistent where a function makes an
  /// axis of that name itself.
  [[nodiscard]] Pipeline add_mapspec_axis(const std::vector<std::string>& parameters,
                                          const std::string& axes) const;
  /// With one function that does the work of several, of these outputs ({"*"}: of all), element by element in
  /// memory. `new_outputs`: those of their outputs to keep; empty: all, producers first. The mapspecs must
  /// have equal axes and no reduction between them, or there must be none. Throws `Error`: nest_mapspec (also
  /// for fewer than two functions), type_mismatch where functions want one input as different types.
  [[nodiscard]] Pipeline nest(const std::vector<std::string>& outputs,
                              const std::vector<std::string>& new_outputs = {}) const;

  /// Computes outputs (empty: the leaves) here and now, one element each: sequential, lazy, every needed
  /// function once. Any intermediate may be given. Throws `Error`: unknown_output, output_given,
  /// missing_input, unused_argument, run_needs_map (a function upstream has to do with mapspecs),
  /// function_raised. Local: no MPI.
  std::vector<Value> run(const std::vector<std::string>& outputs, const Inputs& inputs,
                         const RunOptions& options = {}) const;
  Value run(const std::string& output, const Inputs& inputs, const RunOptions& options = {}) const;
  template <class T>
  T run(const std::string& output, const Inputs& inputs, const RunOptions& options = {}) const {
    return run(output, inputs, options).template as<T>();
  }
  /// The same, but gives everything that is known then: inputs and all outputs that were computed, by name.
  Inputs run_full(const std::vector<std::string>& outputs, const Inputs& inputs,
                  const RunOptions& options = {}) const;

  /// Maps the pipeline over its inputs. Collective over `comm`; see `mpipe/run/map.hpp`.
  Results map(const Communicator& comm, const Inputs& inputs, const MapOptions& options) const;
  /// With the options as they are by default.
  Results map(const Communicator& comm, const Inputs& inputs) const;
  /// The same without waiting for it, or for later; see `mpipe/run/launch.hpp`.
  AsyncMap map_async(const Communicator& comm, const Inputs& inputs, const MapOptions& options,
                     const AsyncOptions& how) const;

 private:
  void number_names();
  void check_scopes() const;
  void connect();
  void order();
  void check_defaults();
  void complete_mapspecs();
  std::uint32_t slot_of(const std::string& name);

  // Of edits: the functions as they are, with what was generated for them.
  std::vector<Function> editable() const;
  std::vector<bool> mask_of(const std::vector<std::string>& outputs) const;
  std::vector<Function> functions_where(const std::vector<bool>& mask) const;

  struct Producer {
    FunctionId function;
    std::size_t output = 0;
  };
  /// What copies share. The constructor fills it in, and nobody changes it afterwards.
  struct Graph {
    std::vector<FunctionNode> nodes;
    std::unordered_map<std::string, std::uint32_t> slots;
    std::vector<std::optional<Producer>> producers;  ///< by slot
    std::vector<Value> defaults;                     ///< by slot; without a value where there is none
    std::vector<std::vector<FunctionId>> generations;
  };
  std::shared_ptr<Graph> graph_ = std::make_shared<Graph>();
};

/// Inputs by name, and groups of them by scope: `{{"x", 1.0}, {"foo", Inputs{{"a", 2.0}}}, {"foo.b", 3.0}}`
/// are `x`, `foo.a` and `foo.b`.
using NestedInputs = std::map<std::string, std::variant<Value, Inputs>>;

/// By their full names. Throws `Error` (scope_conflict) for one that is given in both ways.
Inputs flatten(const NestedInputs& nested);

/// Inputs and functions as nodes, who takes what of whom as arrows, in the language of Graphviz:
/// `dot -Tsvg`. `name`: of the graph; any text.
std::string to_dot(const Pipeline& pipeline, const std::string& name = "pipeline");

/// The same for Mermaid, which Markdown on many sites shows as a drawing.
std::string to_mermaid(const Pipeline& pipeline);

}  // namespace mpipe
