// SPDX-License-Identifier: BSD-3-Clause
// Decides the options of one map, and which values are brought to rank 0 to be printed.
#include "map_choice.hpp"

#include <mpipe/plan/plan.hpp>
#include <mpipe/store/run_reader.hpp>

#include "batch/batch_job.hpp"
#include "output.hpp"
#include "run/api/bind_options.hpp"
#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe::app {
namespace {

bool may_be_printed(const PartialShape& shape, Index max_print) {
  return !is_known(shape) || element_count(known_shape(shape)) <= max_print;
}

/// Values are wanted at rank 0 to be printed only. Where they are many they are not brought there, but those
/// to be printed are read from the run folder afterwards.
void choose_results(const OptionValues& values, const Pipeline& pipeline, MapChoice& choice) {
  MapOptions& options = choice.options;
  options.return_results = false;
  const auto max_print = static_cast<Index>(values.number("max_print"));
  if (!values.has("json") || max_print == 0 || values.has("dry_run")) return;
  const Plan plan(pipeline, {choice.inputs, options.outputs, options.fixed, options.internal_shapes});
  const bool some = std::any_of(
      plan.outputs().begin(), plan.outputs().end(),
      [&](const PlannedOutput& output) { return may_be_printed(output.layout.shape, max_print); });
  if (!some) return;
  constexpr std::uint64_t kMostBytes = std::uint64_t{256} << 20;
  options.return_results = plan.known_bytes() <= kMostBytes;
  choice.reads_back = !options.return_results && !options.run_folder.empty();
  if (!options.return_results && !choice.reads_back)
    print_note(
        fmt::format("data are left out, as the results take {} and there is no run folder (--run-folder) to "
                    "read them from",
                    bytes_text(plan.known_bytes())));
}

/// Options per output, and --output, name outputs that there are.
void check_outputs(const OptionValues& values, const Pipeline& pipeline) {
  for (const OptionRow& row : option_table())
    for (const auto& of_output : values.by_output(row.name)) {
      const std::string& output = of_output.first;
      if (!output.empty()) blame_option(of_output.second.by, row.name, [&] { pipeline.producer_of(output); });
    }
  for (const char* name : {"output", "redo"})
    for (const SaidValue& output : values.said(name))
      blame_option(output.by, name, [&] { pipeline.producer_of(output.text); });
}

}  // namespace

MapChoice choose_map(const OptionValues& values, const Document& document, const Pipeline& pipeline,
                     const std::string& command_line, int ranks) {
  // Names of outputs are checked while it is known who wrote them; the library would only say that there is
  // no such output.
  check_outputs(values, pipeline);
  MapChoice choice;
  MapOptions& options = choice.options;
  options = bind_options(values);
  fill_defaults(options, ranks);
  choice.inputs = document.inputs_for_map(pipeline, options.outputs);
  options.command_line = command_line;
  if (!options.deadline) options.deadline = end_of_job();
  // This needs a plan, and so the inputs and all other options.
  choose_results(values, pipeline, choice);
  return choice;
}

Pipeline isolated_pipeline(const Document& document, const OptionValues& values) {
  Pipeline pipeline = document.pipeline();
  const auto& outputs = values.said("isolate");
  // Runs share the pipeline of their document, where nothing is changed in it.
  if (!outputs.empty())
    blame_option(outputs.front().by, "isolate", [&] { pipeline = pipeline.isolate(values.list("isolate")); });
  return pipeline;
}

std::vector<int> numbers_of_ranks(const OptionValues& values) {
  const auto require = [&](std::string_view name, std::string_view other, const char* why) {
    if (!values.has(name) || values.has(other)) return;
    throw Error(Category::bad_option,
                fmt::format("{} {}. Give {}, too.", option_row(name).flag(), why, option_row(other).flag()),
                {Subject::Kind::option, std::string(name)});
  };
  require("pilot", "dry_run", "predicts a run that is not made");
  require("for_ranks", "pilot", "says for which ranks a pilot is to predict the run");
  constexpr OptionRow kRanks{.name = "for_ranks", .type = OptionType::number, .least = 1, .most = 1'000'000};
  std::vector<int> numbers;
  for (const SaidValue& said : values.said("for_ranks"))
    blame_option(said.by, "for_ranks", [&] {
      for (std::size_t begin = 0; begin <= said.text.size();) {
        const std::size_t end = std::min(said.text.find(',', begin), said.text.size());
        numbers.push_back(
            static_cast<int>(option_number(kRanks, std::string_view(said.text).substr(begin, end - begin))));
        begin = end + 1;
      }
    });
  return numbers;
}

void blame_option(const std::string& by, std::string_view option, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    throw Error(error.category(), fmt::format("{}: {}", by, error.what()),
                {Subject::Kind::option, std::string(option)});
  }
}

void read_back(Results& results, const std::filesystem::path& run_folder, Index max_print) {
  RunReader reader(run_folder);
  for (auto& [name, result] : results.outputs) {
    const auto found = reader.find(name);
    // A shape that was not known when the map was planned may be by now, and too large to be printed.
    if (found && reader.outputs()[*found].shape_known() && may_be_printed(result.layout.shape, max_print))
      result.value = reader.read_all(*found);
  }
}

}  // namespace mpipe::app
