// SPDX-License-Identifier: BSD-3-Clause
// `run DOC OUTPUT..`: computes outputs here and now, one element each.
#include <mpipe/document/document.hpp>

#include "command.hpp"
#include "json_text.hpp"
#include "launch.hpp"
#include "map_report.hpp"
#include "option_flags.hpp"
#include "output.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace mpipe::app {
namespace {

struct RunFlags {
  std::string document;
  std::vector<std::string> outputs;
  OptionFlags options;
  bool json = false;
};

std::string results_text(const std::vector<std::string>& names, const std::vector<Value>& values, bool json) {
  JsonObject outputs;
  std::string lines;
  for (std::size_t k = 0; k < names.size(); ++k) {
    const std::string data = json_text(values[k]);
    JsonObject output;
    output.add("shape", values[k].shape());
    output.add("dtype", values[k].type().dtype());
    output.add_text("data", data);
    outputs.add_text(names[k], output.take());
    lines += fmt::format("{} = {}\n", names[k], data);
  }
  if (!json) return lines;
  JsonObject root;
  root.add_text("outputs", outputs.take());
  return root.take() + "\n";
}

int run_run(const RunFlags& flags) {
  // There is nothing to share among ranks: the first one computes, the others are done.
  if (launched_rank() != 0) return 0;
  Document document = Document::load(flags.document);
  const Pipeline pipeline = document.pipeline();
  const OptionValues given = flags.options.values();
  for (const std::string& file : given.list("inputs")) document.add_inputs(file);
  for (const std::string& assignment : given.list("set")) document.set_input(assignment);
  try {
    const Inputs inputs = document.inputs_for_run(pipeline, flags.outputs);
    const std::string text = results_text(flags.outputs, pipeline.run(flags.outputs, inputs), flags.json);
    if (flags.json)
      print_result(text);
    else
      print_text(text);
  } catch (const Error& error) {
    // A place in the document helps with errors of the document and its inputs. What a function threw is
    // passed on as it is.
    if (exit_code(error.category()) != exit_code(Category::bad_document)) throw;
    throw document.located(error);
  }
  return 0;
}

}  // namespace

void add_run_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<RunFlags>();
  CLI::App* command =
      add_command(app, {CommandGroup::run, "run", "Computes outputs from inputs, once, in this process",
                        "pipeline_app run sweep.yaml drag --set reynolds=1e5 --set alpha=2"});
  command->add_option("DOC", flags->document, "The pipeline document (YAML or JSON)")
      ->required()
      ->type_name("");
  command->add_option("OUTPUT", flags->outputs, "What to compute")->required()->type_name("");
  flags->options.add_to(*command, "set");
  flags->options.add_to(*command, "inputs");
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback([flags, &program] { program.action = [flags] { return run_run(*flags); }; });
}

}  // namespace mpipe::app
