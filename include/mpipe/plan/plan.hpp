// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `Plan`: what a map run will do, found before any function body runs: types, shapes, stages, waves,
/// elements, bytes.
#pragma once

#include <mpipe/data/array_layout.hpp>
#include <mpipe/pipeline/pipeline.hpp>

#include <map>
#include <optional>
#include <variant>

namespace mpipe {

/// `start:stop:step` along an axis, as in Python: empty ends, negative positions count from the end. step may
/// not be 0.
struct Slice {
  std::optional<Index> start;
  std::optional<Index> stop;
  std::optional<Index> step;
};
/// Which positions of named axes are to be computed: one (negative: from the end), or a slice of them.
using FixedIndices = std::map<std::string, std::variant<Index, Slice>>;

/// Part `number` (1 to `of`) of a sweep that is divided into `of` parts, each of which has a run folder of its own.
///
/// The elements of a function are divided in C order into ranges of equal length. Of what these elements read, a
/// part computes as much as they need, so that an element which several parts read is computed by each of them, to
/// the same value. A function that reads more than that, along an axis which it reduces, waits until the parts are
/// merged, as does all that needs it; so does one whose shape is not known beforehand and which has more axes than
/// an array that it reads from.
struct Shard {
  Index number = 1;
  Index of = 1;
};

struct PlannedOutput {
  std::string name;
  FunctionId function;
  std::size_t position = 0;  ///< among the function's outputs
  StageId stage;
  ArrayLayout layout;
  bool mapped = false;              ///< one value per element; false: a single value
  std::vector<FunctionId> readers;  ///< the functions of the plan that take it, in their order
};

/// An argument of a planned function.
struct PlannedArgument {
  std::string name;
  std::optional<OutputId>
      output;  ///< made by this run; empty: an input, default or bound value (`Plan::constant`)
  std::size_t constant = 0;
  /// Per axis of the array: which external axis of the function indexes it; empty for `:`. All empty when the
  /// function takes it whole.
  std::vector<std::optional<std::size_t>> indexed_by;
  bool same_block = false;  ///< made by the same stage: the same elements of the same block
};

struct PlannedFunction {
  FunctionId id;
  std::vector<OutputId> outputs;
  std::vector<PlannedArgument> arguments;
  std::vector<std::string> axes;  ///< external axes; empty: called once
  StageId stage;
};

/// Functions with one external index space that run block by block together: an element of one needs only the
/// same element of the others, and arrays that were complete before.
struct Stage {
  StageId id;
  /// One more than that of the deepest stage that it reads; 0 where it reads none.
  std::size_t depth = 0;
  std::size_t wave = 0;               ///< the same as `depth`, unless stages overlap
  std::vector<FunctionId> functions;  ///< producers first
  std::vector<std::string> axes;
};

struct PlanRequest {
  Inputs inputs;                          ///< root arguments by name
  std::vector<std::string> outputs = {};  ///< what to compute; empty: everything
  FixedIndices fixed = {};
  /// Of outputs with internal axes; go before what their functions declare. One output of a function speaks
  /// for all of them, as they have the same axes.
  InternalShapes internal_shapes = {};
  /// By FunctionId: functions that are placed differently do not run block by block together. Empty: all
  /// alike.
  std::vector<std::string> placement = {};
  /// The part of the elements to be computed; empty: all of them.
  std::optional<Shard> shard = {};
};

/// The plan of one map run. Deterministic: every rank that plans the same request of the same pipeline gets
/// the same plan. Shapes that nobody can know beforehand are filled in with `resolve` while the run goes on.
class Plan {
 public:
  /// Throws `Error` for everything that is wrong with the request: missing_input, extra_input, not_an_array,
  /// rank_mismatch, dimension_mismatch, type_mismatch, unknown_axis, index_out_of_bounds, fixed_reduced_axis,
  /// internal_shape_type, internal_shape_rank, internal_shape_mismatch, too_large and others.
  Plan(const Pipeline& pipeline, PlanRequest request);

  const Pipeline& pipeline() const { return *pipeline_; }
  const std::vector<Stage>& stages() const { return stages_; }
  std::size_t wave_count() const { return wave_count_; }
  /// Producers first.
  std::vector<StageId> stages_of_wave(std::size_t wave) const;
  const std::vector<PlannedOutput>& outputs() const { return outputs_; }
  const PlannedOutput& output(OutputId id) const { return outputs_[id.value]; }
  std::optional<OutputId> find_output(const std::string& name) const;
  /// By `FunctionId`; empty for functions that are not needed.
  const std::optional<PlannedFunction>& function(FunctionId id) const { return functions_[id.value]; }
  const Value& constant(std::size_t index) const { return constants_[index].second; }
  /// All values that are not computed, by name (bound ones as `function.parameter`).
  const std::vector<std::pair<std::string, Value>>& constants() const { return constants_; }

  /// External shape of a stage, as far as known.
  PartialShape external_shape(StageId stage) const;
  /// The elements of a stage that are selected; precondition: its external shape is known.
  RangeSet selected(StageId stage) const;
  bool is_selection() const { return !request_fixed_.empty() || shard_; }
  const std::optional<Shard>& shard() const { return shard_; }
  /// True for a function that needs more than one part of the sweep: nothing of it is selected (see `Shard`).
  bool waits(FunctionId id) const { return shard_ && waits_[id.value]; }

  /// From here on a stage is in the wave of the stages that make what it reads, where it reads this in place and all
  /// shapes are known: it begins while they go on (see `Readiness`). To be called before the first wave, where
  /// workers see each other's values at once.
  void let_stages_overlap();

  /// Fills in the internal extents of an output (every extent of a single value) and all that follows from
  /// them. Throws `Error`: internal_shape_rank, internal_shape_mismatch.
  void resolve(OutputId output, const Shape& internal);
  /// By the number of their `FunctionId`: functions that cannot be called, as arrays whose shapes `resolve` told
  /// do not fit together (a zip of unequal lengths), and why. Their shapes, and those that follow from them,
  /// stay as they were planned.
  const std::map<std::uint32_t, std::string>& misfits() const { return misfits_; }

  /// Shapes of all arrays that occur in mapspecs (inputs too), by name; and which axes are external.
  std::map<std::string, PartialShape> shapes() const;
  std::map<std::string, std::vector<bool>> masks() const;

  /// Bytes of all outputs whose size is known.
  std::uint64_t known_bytes() const;

 private:
  friend class PlanBuilder;

  const Pipeline* pipeline_;
  FixedIndices request_fixed_;
  std::optional<Shard> shard_;
  std::vector<bool> waits_;  ///< by FunctionId, with a shard
  std::vector<std::optional<RangeSet>>
      parts_;  ///< by StageId, with a shard: what is selected, once it is known
  std::vector<std::pair<std::string, Value>> constants_;
  std::map<std::string, std::size_t> constant_by_name_;
  std::vector<PlannedOutput> outputs_;
  std::map<std::string, OutputId> output_by_name_;
  std::vector<std::optional<PlannedFunction>> functions_;
  std::vector<Stage> stages_;
  std::size_t wave_count_ = 0;
  std::map<std::uint32_t, std::string> misfits_;

  bool is_read_in_place(const PlannedFunction& function, std::size_t position) const;
  RangeSet fixed_elements(StageId stage) const;
  void find_parts();
  using Readers = std::vector<std::pair<FunctionId, const PlannedArgument*>>;
  std::vector<Readers> readers_by_stage() const;
  RangeSet find_part(StageId stage, const Readers& readers) const;
  void update_shapes();
  void update_late_shapes();
  void update_shape(const PlannedFunction& planned);
  std::optional<PartialShape> shape_of(const PlannedArgument& argument) const;
};

}  // namespace mpipe
