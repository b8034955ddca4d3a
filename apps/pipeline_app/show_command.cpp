// SPDX-License-Identifier: BSD-3-Clause
/// `show RUN [OUTPUT..]`: the results of a run, also of one that is not complete.
#include <mpipe/store/run_reader.hpp>

#include "command.hpp"
#include "core/api/suggest.hpp"
#include "json_text.hpp"
#include "launch.hpp"
#include "map_report.hpp"
#include "npy.hpp"
#include "option_flags.hpp"
#include "output.hpp"
#include "result_table.hpp"
#include "store/api/run_description.hpp"

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

/// Positions of the named outputs, or of all.
std::vector<std::size_t> chosen_outputs(const RunReader& reader, const std::vector<std::string>& names) {
  std::vector<std::size_t> chosen;
  for (std::size_t k = 0; names.empty() && k < reader.outputs().size(); ++k) chosen.push_back(k);
  for (const std::string& name : names) {
    const auto found = reader.find(name);
    if (!found) {
      std::vector<std::string> known;
      for (const OutputLayout& output : reader.outputs()) known.push_back(output.name);
      throw Error(Category::unknown_output,
                  fmt::format("this run has no output '{}'.{}", name, did_you_mean(name, known)));
    }
    chosen.push_back(*found);
  }
  return chosen;
}

bool has_shape(const RunReader& reader, std::size_t output) { return reader.outputs()[output].shape_known(); }

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
  const ShownOutput shown = read_output(reader, output);
  return output_json(report, data_json(shown.value, shown.mask, max_print));
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

void save_npy(RunReader& reader, const std::vector<std::size_t>& chosen, const std::string& file) {
  if (chosen.size() != 1)
    throw Error(Category::bad_option,
                fmt::format("--npy takes one output, and {} are chosen. Name one after the run folder.",
                            chosen.size()));
  const std::string& name = reader.outputs()[chosen.front()].name;
  if (!has_shape(reader, chosen.front()))
    throw Error(Category::missing_input,
                fmt::format("the shape of '{}' is not known before it is computed. Complete the run.", name));
  const ShownOutput shown = read_output(reader, chosen.front());
  const ElementType& type = shown.value.type();
  const bool shows_gaps = !type.is_integer() && type.kind != Kind::boolean;  // by NaN
  // A file without a mask would give missing elements a value that looks like a result.
  if (!shown.mask.empty() && !shows_gaps)
    throw Error(Category::missing_input, fmt::format("'{}' is not complete, and an .npy file of type {} "
                                                     "cannot tell which elements are missing. Complete the "
                                                     "run, or use --json or --csv.",
                                                     name, type.dtype()));
  write_npy(file, shown.value);
}

void print_tables(RunReader& reader, const std::vector<std::size_t>& chosen, const ShowFlags& flags,
                  Index max_print) {
  std::vector<ShownOutput> outputs;
  for (const std::size_t output : chosen) {
    if (has_shape(reader, output))
      outputs.push_back(read_output(reader, output));
    else
      print_note(fmt::format("the shape of '{}' is not known before it is computed: it is left out",
                             reader.outputs()[output].name));
  }
  bool first = true;
  for (const ResultTable& table : tables_of(std::move(outputs), reader.inputs())) {
    if (!first) print_result("\n");
    first = false;
    if (flags.csv)
      write_csv(table, print_result);
    else
      print_result(table_text(table, max_print));
  }
}

int run_show(const ShowFlags& flags) {
  if (launched_rank() != 0) return 0;
  const auto most = static_cast<Index>(flags.options.values().number("max_print"));
  read_description(flags.run);  // says what is wrong when this is no run folder
  RunReader reader(flags.run);
  const std::vector<std::size_t> chosen = chosen_outputs(reader, flags.outputs);
  if (!flags.npy.empty())
    save_npy(reader, chosen, flags.npy);
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
