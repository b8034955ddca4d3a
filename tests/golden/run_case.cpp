// SPDX-License-Identifier: BSD-3-Clause
// Runs a golden case and compares what comes out with what it expects.
#include "golden/run_case.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/run/map.hpp>

#include "golden/compare.hpp"

#include <fmt/format.h>

namespace golden {
namespace {

using mpipe::Category;
using mpipe::Error;
using Counts = std::map<std::string, mpipe::Index>;

mpipe::Slice read_slice(const Json& json) {
  const auto part = [&](std::size_t k) {
    return json[k].is_null() ? std::nullopt : std::optional<mpipe::Index>(json[k].get<mpipe::Index>());
  };
  return {part(0), part(1), part(2)};
}

mpipe::FixedIndices read_fixed(const Json& json) {
  mpipe::FixedIndices fixed;
  for (const auto& [axis, entry] : json.items()) {
    if (entry.is_object())
      fixed.emplace(axis, read_slice(entry["slice"]));
    else
      fixed.emplace(axis, entry.get<mpipe::Index>());
  }
  return fixed;
}

mpipe::InternalShapes read_shapes(const Json& json) {
  mpipe::InternalShapes shapes;
  for (const auto& [output, shape] : json.items()) shapes.emplace(output, read_internal_shape(shape));
  return shapes;
}

/// `null | value | {output or "": value}` of a case.
template <class T>
std::map<std::string, T> per_output(const Json& json) {
  if (json.is_null()) return {};
  if (!json.is_object()) return {{"", json.get<T>()}};
  return json.get<std::map<std::string, T>>();
}

/// The names that golden cases use for storage, as those of this library.
std::string storage_name(const std::string& name) {
  if (name == "dict") return "memory";
  if (name == "file_array") return "file";
  return name;
}

class CaseRunner {
 public:
  CaseRunner(const mpipe::Communicator& comm, const Json& golden_case, const Settings& settings,
             const std::filesystem::path& folder)
      : comm_(comm), case_(golden_case), settings_(settings), folder_(folder) {}

  /// Throws `Difference` on rank 0.
  void run() {
    std::optional<mpipe::Pipeline> pipeline;
    expect(
        case_["expect_construct"], [&] { pipeline.emplace(make_pipeline(case_["pipeline"], counters_)); },
        [](const Json&) {});
    if (pipeline && comm_.is_root() && case_.contains("structure"))
      compare_structure(*pipeline, case_["structure"]);
    for (const Json& call : case_["calls"]) {
      if (call["method"] == "map")
        run_map(*pipeline, call);
      else
        run_run(*pipeline, call);
    }
  }

 private:
  /// Does `step` and compares how it ends with `expected`; what it brought is compared by `compare` on rank
  /// 0.
  template <class Step, class Compare>
  void expect(const Json& expected, const Step& step, const Compare& compare) {
    for (const auto& [name, counter] : counters_) *counter = 0;
    std::optional<Error> error;
    try {
      step();
    } catch (const Error& caught) {
      error = caught;
    }
    const Counts counts = counted_everywhere();
    if (!comm_.is_root() || differs_) return;
    try {
      const bool ok = expected["status"] == "ok";
      if (ok && error) throw Difference(fmt::format("{}: {}", to_string(error->category()), error->what()));
      if (!ok && !error) throw Difference("no error, expected " + expected["category"].get<std::string>());
      if (error) return compare_error(*error, counts, expected);
      compare(expected);
      if (expected.contains("n_calls")) compare_counts(counts, expected["n_calls"]);
    } catch (const Difference& difference) {
      differs_ = difference.what();
    } catch (const Error& wrong) {
      differs_ = fmt::format("what came back is of another kind: {}", wrong.what());
    }
  }

  Counts counted_everywhere() const {
    std::vector<std::int64_t> numbers;
    for (const auto& [unused, counter] : counters_) numbers.push_back(*counter);
    comm_.all_reduce(numbers, mpipe::ReduceOp::sum);
    Counts counts;
    std::size_t k = 0;
    for (const auto& [name, unused] : counters_) counts[name] = numbers[k++];
    return counts;
  }

  mpipe::MapOptions map_options(const Json& call) {
    const Json& json = call["options"];
    mpipe::MapOptions options;
    options.parallel = json["parallel"].is_null() || json["parallel"].get<bool>();
    if (!json["fixed_indices"].is_null()) options.fixed = read_fixed(json["fixed_indices"]);
    if (!json["internal_shapes"].is_null()) options.internal_shapes = read_shapes(json["internal_shapes"]);
    if (!json["output_names"].is_null())
      options.outputs = json["output_names"].get<std::vector<std::string>>();
    options.auto_subpipeline = json["auto_subpipeline"].get<bool>();
    options.error_handling = json["error_handling"].get<std::string>();
    options.resume = json["resume"].get<bool>();
    for (const auto& [output, size] : per_output<mpipe::Index>(json["chunksizes"]))
      options.chunksizes[output] = size;
    for (const auto& [output, executor] : per_output<std::string>(json["executor"]))
      options.executor[output] = executor;
    if (options.executor.empty() && options.parallel && !settings_.executor.empty())
      options.executor = {{"", settings_.executor}};
    for (const auto& [output, storage] : per_output<std::string>(json["storage"]))
      options.storage[output] = storage_name(storage);
    if (options.storage.empty())
      options.storage = {{"", settings_.storage.empty() ? "memory" : settings_.storage}};
    options.run_folder = run_folder(call["run_folder"], options);
    // The reference empties the folder without asking; this library wants to be told.
    options.overwrite = !options.run_folder.empty() && !options.resume;
    return options;
  }

  /// Cases that name no run folder get one of their own where the storage needs it.
  std::filesystem::path run_folder(const Json& name, const mpipe::MapOptions& options) {
    if (!name.is_null()) return folder_ / name.get<std::string>();
    for (const auto& [unused, storage] : options.storage)
      if (storage != "memory") return folder_ / fmt::format("unnamed-{}", ++unnamed_);
    return {};
  }

  void run_map(const mpipe::Pipeline& pipeline, const Json& call) {
    std::optional<mpipe::Results> results;
    expect(
        call["expect"],
        [&] { results = mpipe::map(pipeline, comm_, read_inputs(call["inputs"]), map_options(call)); },
        [&](const Json& expected) { compare_results(*results, expected); });
    stop_at_difference();
  }

  void run_run(const mpipe::Pipeline& pipeline, const Json& call) {
    mpipe::Inputs values;
    expect(
        call["expect"],
        [&] {
          const auto names = wanted_outputs(call["output_name"]);
          const mpipe::RunOptions options{.allow_unused = call.value("allow_unused", false)};
          const mpipe::Inputs inputs = read_inputs(call["kwargs"]);
          if (!comm_.is_root()) return;
          if (call.value("full_output", false)) {
            values = pipeline.run_full(names, inputs, options);
            return;
          }
          const auto results = pipeline.run(names, inputs, options);
          const auto& asked = names.empty() ? pipeline.leaf_outputs() : names;
          for (std::size_t k = 0; k < results.size(); ++k) values.emplace(asked[k], results[k]);
        },
        [&](const Json& expected) { compare_values(values, expected); });
    stop_at_difference();
  }

  static std::vector<std::string> wanted_outputs(const Json& json) {
    if (json.is_null()) return {};
    if (json.is_string()) return {json.get<std::string>()};
    return (json.is_object() ? json["all_of"] : json).get<std::vector<std::string>>();
  }

  void stop_at_difference() {
    if (comm_.all_reduce(std::int64_t{differs_ ? 1 : 0}, mpipe::ReduceOp::max) != 0)
      throw Difference(differs_.value_or(""));
  }

  const mpipe::Communicator& comm_;
  const Json& case_;
  const Settings& settings_;
  const std::filesystem::path& folder_;
  Counters counters_;
  std::optional<std::string> differs_;
  int unnamed_ = 0;
};

}  // namespace

std::string run_case(const mpipe::Communicator& comm, const Json& golden_case, const Settings& settings,
                     const std::filesystem::path& folder) {
  try {
    CaseRunner(comm, golden_case, settings, folder).run();
  } catch (const Difference& difference) {
    return difference.what();
  }
  return {};
}

}  // namespace golden
