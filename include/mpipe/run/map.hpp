// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `map`: runs a pipeline over its parameter sweep on every rank of a communicator.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/exec/failure.hpp>
#include <mpipe/pipeline/pipeline.hpp>
#include <mpipe/run/observer.hpp>
#include <mpipe/schedule/plan.hpp>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mpipe {

/// What rank 0 does besides scheduling.
enum class Rank0 : std::uint8_t { automatic, schedule, work };

/// Options of one `map`. Only those of rank 0 count.
struct MapOptions {
  /// Where the run lives; empty: nothing is written anywhere.
  std::filesystem::path run_folder = {};
  bool resume = false;     ///< go on with the run in `run_folder`
  bool overwrite = false;  ///< replace the run in `run_folder`
  /// Output -> `hdf5` or `memory`; "" is the default of all others. Without: `hdf5` with a run folder, else
  /// `memory`.
  std::map<std::string, std::string> storage = {};
  /// "" -> `sequential`, `threads[:n]` or `mpi`. Without: `mpi` on several ranks, `sequential` on one.
  std::map<std::string, std::string> executor = {};
  /// Output -> elements per block (> 0); "" is the default of all others. Without: automatic.
  std::map<std::string, Index> chunksizes = {};
  std::string error_handling = "raise";
  std::vector<std::string> outputs = {};  ///< compute only what these need; empty: everything
  /// Outputs may be among the inputs, and only what lies behind the inputs is computed (see
  /// `Pipeline::subpipeline`).
  bool auto_subpipeline = false;
  FixedIndices fixed = {};
  /// Output -> extents of its internal axes, `{{"x", 5}, {"y", {"?", 3}}}`: before those that functions
  /// declare. What is returned is held to them, from the first element on.
  InternalShapes internal_shapes = {};
  std::uint64_t seed = 0;
  Rank0 rank0 = Rank0::automatic;
  bool return_results = true;                  ///< bring the values of all outputs to rank 0
  std::shared_ptr<RunObserver> observer = {};  ///< rank 0
  /// Write status.json into the run folder; false: the observer does it (see StatusWriter).
  bool keep_status = true;
  std::string document = {};      ///< kept in run.json as what the run is made from
  std::string command_line = {};  ///< likewise
};

/// One output of a finished run.
struct OutputResult {
  std::string name;
  ArrayLayout layout;  ///< its shape is known here (what could never be known: 0)
  bool mapped = false;
  RangeSet selected;  ///< elements that this run was to compute, numbered over the external axes
  RangeSet done;      ///< elements that have a value
  /// Values in mapspec order, elements that are not done hold no meaningful bytes; only on rank 0, only with
  /// `return_results`.
  Value value;

  /// Done or not per value in mapspec order (for `value`).
  std::vector<bool> mask() const;
};

struct FunctionStatistics {
  Index calls = 0;     ///< elements computed in this start
  double seconds = 0;  ///< summed over ranks
};

/// What a `map` brought back.
class Results {
 public:
  std::map<std::string, OutputResult> outputs;
  std::map<std::string, FunctionStatistics> functions;  ///< by function name
  std::map<std::string, PartialShape> planned_shapes;   ///< of arrays in mapspecs, before the run
  std::map<std::string, PartialShape> resolved_shapes;  ///< after it
  std::map<std::string, std::vector<bool>> masks;       ///< true: external axis
  int ranks = 1;
  double wall_seconds = 0;
  double busy_workers = 0;    ///< utilisation, 0..1: busy time / (workers that compute x time)
  double busy_all_ranks = 0;  ///< the same over all ranks

  const OutputResult& at(const std::string& output) const;
  /// The value of an output that is complete; throws `Error` (unknown_output, missing_input) otherwise.
  template <class T>
  T get(const std::string& output) const {
    return value(output).template as<T>();
  }
  const Value& value(const std::string& output) const;
};

/// The failure that ended a run (`error_handling = "raise"`), thrown on every rank alike. Everything that was
/// done before is stored. `failures().front()` is the element that failed first in the order of outputs and
/// indices.
class FunctionError : public Error {
 public:
  FunctionError(std::vector<Failure> failures, std::shared_ptr<const Results> partial);
  const std::vector<Failure>& failures() const { return failures_; }
  /// What is known of the run's outputs.
  const Results& partial() const { return *partial_; }

 private:
  std::vector<Failure> failures_;
  std::shared_ptr<const Results> partial_;
};

/// Runs `pipeline` over `inputs`. Collective over `comm`, which is duplicated: the caller's messages are not
/// disturbed. Every rank brings the same pipeline (checked); inputs and options are rank 0's. Either every
/// rank returns, or every rank throws an `Error` of the same category and text.
Results map(const Pipeline& pipeline, const Communicator& comm, const Inputs& inputs,
            const MapOptions& options = {});

}  // namespace mpipe
