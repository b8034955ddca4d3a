// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `Pipeline`: functions joined by names into a directed acyclic graph.
#pragma once

#include <mpipe/core/suggest.hpp>
#include <mpipe/pipeline/function.hpp>

#include <initializer_list>
#include <unordered_map>

namespace mpipe {

class Communicator;
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

/// An immutable, checked pipeline. Building it finds everything that can be known to be wrong without inputs:
/// names, graph, mapspecs, axes, defaults and the types on every edge; throws `Error`. Safe to share between
/// threads.
class Pipeline {
 public:
  Pipeline(std::initializer_list<Function> functions) : Pipeline(std::vector<Function>(functions)) {}
  explicit Pipeline(std::vector<Function> functions);

  const std::vector<FunctionNode>& functions() const { return nodes_; }
  const FunctionNode& function(FunctionId id) const { return nodes_[id.value]; }
  /// The function that makes an output; throws `Error` (unknown_output) with a suggestion.
  FunctionId producer_of(const std::string& output) const;
  bool has_output(const std::string& name) const;

  // Introspection; names sorted unless said otherwise.
  std::vector<std::string> root_args() const;       ///< parameters that are nobody's output and not bound
  std::vector<std::string> defaulted_args() const;  ///< root arguments with a default
  std::vector<std::string> leaf_outputs() const;    ///< outputs of functions of which nobody takes any
  /// Topological generations of function ids; within one sorted by output names.
  const std::vector<std::vector<FunctionId>>& generations() const { return generations_; }
  /// All functions, producers first, in the order of `generations()`.
  std::vector<FunctionId> topological_order() const;
  /// Canonical mapspecs of the functions that have one, in topological order.
  std::vector<std::string> mapspecs() const;
  /// The default of a root argument, pipeline-wide; nullptr when there is none.
  const Value* default_of(const std::string& name) const;
  /// Functions needed for these outputs (all when empty), as a mask over `functions()`.
  std::vector<bool> needed_for(const std::vector<std::string>& outputs) const;

  /// Text that is equal on all ranks that built the same pipeline: names, mapspecs, values, types, bodies.
  std::string digest_text() const;

  /// Types of every named array or value as a whole (a mapped output: element type and full rank), as far as
  /// they follow from the types of the root arguments (`roots`: by name, may be incomplete). `element` is
  /// `array<T>` where elements are arrays themselves. Throws `Error` (type_mismatch) that names the edge.
  std::map<std::string, ValueType> infer_types(const std::map<std::string, ValueType>& roots) const;

  /// Computes outputs here and now, one element each: sequential, lazy, every needed function once. Any
  /// intermediate may be given. Throws `Error`: unknown_output, output_given, missing_input, unused_argument,
  /// run_needs_map (a mapped function lies upstream), function_raised. Local: no MPI.
  std::vector<Value> run(const std::vector<std::string>& outputs, const Inputs& inputs) const;
  Value run(const std::string& output, const Inputs& inputs) const;
  template <class T>
  T run(const std::string& output, const Inputs& inputs) const {
    return run(output, inputs).template as<T>();
  }

  /// Maps the pipeline over its inputs. Collective over `comm`; see `mpipe/run/map.hpp`.
  Results map(const Communicator& comm, const Inputs& inputs, const MapOptions& options) const;

 private:
  void number_names();
  void connect();
  void order();
  void check_defaults();
  void complete_mapspecs();
  std::uint32_t slot_of(const std::string& name);

  std::vector<FunctionNode> nodes_;
  std::unordered_map<std::string, std::uint32_t> slots_;
  struct Producer {
    FunctionId function;
    std::size_t output = 0;
  };
  std::vector<std::optional<Producer>> producers_;  ///< by slot
  std::vector<const Value*> defaults_;              ///< by slot; points into nodes_
  std::vector<std::vector<FunctionId>> generations_;
};

}  // namespace mpipe
