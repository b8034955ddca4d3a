// SPDX-License-Identifier: BSD-3-Clause
/// `show RUN [OUTPUT..]`: the results of a run, also of one that is not complete.
#include <mpipe/store/run_reader.hpp>

#include "command.hpp"
#include "json_text.hpp"
#include "launch.hpp"
#include "map_report.hpp"
#include "option_flags.hpp"
#include "output.hpp"
#include "results/npy.hpp"
#include "results/open_results.hpp"
#include "results/result_table.hpp"
#include "target_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdlib>

namespace mpipe::app {
namespace {

struct ShowFlags {
  std::string run;
  std::vector<std::string> outputs;
  bool json = false;
  bool csv = false;
  std::string npy;
  OptionFlags options;
};

bool has_shape(const RunReader& reader, std::size_t output) { return reader.outputs()[output].shape_known(); }

/// Which of its values are done; empty: all. Precondition: `has_shape`.
std::vector<bool> mask_of(const RunReader& reader, std::size_t output) {
  const Index total = reader.element_total(output).value();
  if (reader.progress(output).done().contains(IndexRange{0, total})) return {};
  const Shape shape = known_shape(reader.outputs()[output].shape);
  std::vector<bool> mask;
  for (const ElementStatus status : reader.states(output, {MultiIndex(shape.size(), 0), shape}))
    mask.push_back(status == ElementStatus::done);
  return mask;
}

std::string one_json(RunReader& reader, std::size_t output, Index max_print) {
  const OutputLayout& layout = reader.outputs()[output];
  const ElementStates& progress = reader.progress(output);
  OutputReport report{layout.axes,
                      layout.shape,
                      std::string(layout.type->dtype()),
                      progress.done().count(),
                      progress.failed().count(),
                      progress.blocked().count(),
                      0};
  if (const auto total = reader.element_total(output))
    report.pending = std::max<Index>(0, *total - report.done - report.failed - report.blocked);
  // The size is looked at before the values are read, which may not fit into the memory.
  if (!has_shape(reader, output) || element_count(known_shape(layout.shape)) > max_print)
    return output_json(report, "null");
  return output_json(report, data_json(reader.read_all(output), mask_of(reader, output), max_print));
}

std::string as_json(RunReader& reader, const std::vector<std::size_t>& chosen, const ShowFlags& flags,
                    Index max_print) {
  JsonObject outputs;
  for (const std::size_t output : chosen)
    outputs.add_text(reader.outputs()[output].name, one_json(reader, output, max_print));
  JsonObject root;
  root.add("run_folder", flags.run);
  root.add("complete", reader.complete());
  root.add_text("outputs", outputs.take());
  return root.take() + "\n";
}

void save_npy(RunReader& reader, const std::vector<std::size_t>& chosen, const ShowFlags& flags) {
  require_outside(flags.run, flags.npy);
  constexpr std::string_view kNpyBeginning = "\x93NUMPY";
  require_replaceable(flags.npy, kNpyBeginning, "file of numpy", "Name another one, or remove it.");
  if (chosen.size() != 1)
    throw Error(Category::bad_option,
                fmt::format("--npy takes one output, and {} are chosen. Name one after the run folder.",
                            chosen.size()));
  write_npy(flags.npy, reader, chosen.front());
}

void print_tables(RunReader& reader, const std::vector<std::size_t>& chosen, const ShowFlags& flags,
                  Index max_print) {
  std::vector<std::size_t> outputs;
  for (const std::size_t output : chosen) {
    if (has_shape(reader, output))
      outputs.push_back(output);
    else
      print_note(fmt::format("the shape of '{}' is not known before it is computed: it is left out",
                             reader.outputs()[output].name));
  }
  bool first = true;
  for (std::vector<std::size_t>& group : outputs_by_axes(reader, outputs)) {
    const ResultTable table(reader, std::move(group));
    if (!first) print_result("\n");
    first = false;
    if (flags.csv)
      write_csv(table, print_result);
    else
      print_text(table_text(table, max_print));
  }
}

int run_show(const ShowFlags& flags) {
  if (launched_rank() != 0) return 0;
  const auto most = static_cast<Index>(flags.options.values().number("max_print"));
  RunReader reader = open_results(flags.run);
  const std::vector<std::size_t> chosen = chosen_outputs(reader, flags.outputs);
  if (!flags.npy.empty())
    save_npy(reader, chosen, flags);
  else if (flags.json)
    print_result(as_json(reader, chosen, flags, most));
  else
    print_tables(reader, chosen, flags, most);
  return 0;
}

}  // namespace

void add_show_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<ShowFlags>();
  CLI::App* command =
      add_command(app, {CommandGroup::look, "show", "Shows the results of a run, complete or not",
                        "pipeline_app show runs/sweep mean_drag"});
  command->add_option("RUN", flags->run, "The run folder")->required()->type_name("");
  command->add_option("OUTPUT", flags->outputs, "Outputs to show; all unless said")->type_name("");
  CLI::Option* json = command->add_flag("--json", flags->json, "Print one JSON object");
  CLI::Option* csv =
      command->add_flag("--csv", flags->csv, "Print comma-separated values: a table for each set of axes");
  CLI::Option* npy =
      command->add_option("--npy", flags->npy, "Write one output to a file of numpy")->type_name("FILE");
  // Of the three forms one can be chosen; the parser refuses the others.
  json->excludes(csv)->excludes(npy);
  csv->excludes(npy);
  flags->options.add_to(*command, "max_print",
                        "Rows of a table, or values of an output in JSON, above which data are left out");
  command->callback([flags, &program] { program.action = [flags] { return run_show(*flags); }; });
}

}  // namespace mpipe::app
