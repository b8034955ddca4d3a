// SPDX-License-Identifier: BSD-3-Clause
/// `replay RUN --output NAME --index I,J`: calls the function of one element again, in this process.
#include <mpipe/document/document.hpp>
#include <mpipe/run/map.hpp>
#include <mpipe/store/run_reader.hpp>

#include "command.hpp"
#include "json_text.hpp"
#include "launch.hpp"
#include "option_flags.hpp"
#include "output.hpp"
#include "plan/api/carry.hpp"
#include "results/open_results.hpp"
#include "store/api/run_description.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mpipe::app {
namespace {

struct ReplayFlags {
  std::string run;
  std::string output;
  std::vector<Index> index;
  OptionFlags inputs;
  bool gdb = false;
  bool json = false;
};

/// A run, and one function of its document.
struct Replayed {
  RunDescription run;
  RunReader reader;
  Document document;
  Pipeline pipeline;
  FunctionId function;
};

Document document_of(const RunDescription& run, const std::string& folder) {
  if (run.document.empty() || run.document_file.empty())
    throw Error(
        Category::not_supported,
        fmt::format("'{}' keeps no document with its path: a program made the run, or an earlier version of "
                    "mpipe. Only runs of documents can be replayed.",
                    folder));
  return Document::parse(run.document, run.document_file);
}

Replayed open_replay(const ReplayFlags& flags) {
  RunReader reader = open_results(flags.run);
  RunDescription run = read_description(flags.run);
  output_named(reader, flags.output);
  Document document = document_of(run, flags.run);
  const OptionValues given = flags.inputs.values();
  for (const std::string& file : given.list("inputs")) document.add_inputs(file);
  for (const std::string& assignment : given.list("set")) document.set_input(assignment);
  // In this process, whatever the document says: that is where a debugger looks.
  Pipeline pipeline = document.pipeline().isolate({flags.output}, Isolation::none);
  const FunctionId function = pipeline.producer_of(flags.output);
  return {std::move(run), std::move(reader), std::move(document), std::move(pipeline), function};
}

/// The positions of the external axes, as the user gave them, checked.
FixedIndices fixed_of(const RunReader& reader, std::size_t output, const std::vector<Index>& index) {
  const OutputLayout& layout = reader.outputs()[output];
  if (!reader.element_total(output))
    throw Error(
        Category::missing_input,
        fmt::format("the shape of '{}' is not known before it is computed. Complete the run.", layout.name));
  std::vector<std::string> axes;
  for (std::size_t k = 0; k < layout.axes.size(); ++k)
    if (layout.external[k]) axes.push_back(layout.axes[k]);
  const Shape extents = reader.external_shape(output);
  if (index.size() != axes.size())
    throw Error(Category::bad_option,
                fmt::format("'{}' has elements over [{}], and --index has {} of {} positions. Give {}.",
                            layout.name, fmt::join(axes, ", "), index.size(), axes.size(),
                            axes.empty() ? "none" : "one for each axis, as in --index 2,7"));
  FixedIndices fixed;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    if (index[k] < 0 || index[k] >= extents[k])
      throw Error(Category::index_out_of_bounds,
                  fmt::format("position {} of axis '{}' of '{}' is not within 0 to {}.", index[k], axes[k],
                              layout.name, extents[k] - 1));
    fixed.emplace(axes[k], index[k]);
  }
  return fixed;
}

/// What the run began with must be what is there now: another value would be another element.
void check_given(const RunDescription& run, const std::string& name, const Value& value) {
  const auto given =
      std::find_if(run.given.begin(), run.given.end(), [&](const auto& g) { return g.name == name; });
  if (given == run.given.end() || given->digest == fmt::format("{:016x}", value.digest())) return;
  throw Error(
      Category::resume_mismatch,
      fmt::format("input '{}' is not what the run had: that was {}. Give the --set and --inputs that the run "
                  "was given: it was started by '{}'.",
                  name, given->text, run.command_line));
}

/// Values of another function, as the run has stored them.
Value stored_value(RunReader& reader, const std::string& name) {
  const std::size_t output = output_named(reader, name);
  const OutputLayout& layout = reader.outputs()[output];
  if (layout.type->kind == Kind::object)
    throw Error(
        Category::not_supported,
        fmt::format(
            "the argument '{}' is of the class {}, which only the program that made the run can read.", name,
            layout.type->name));
  return reader.read_all(output);
}

/// Throws `Error` (missing_input) where the run lacks a value that the function reads for this element.
void check_argument(const RunReader& reader, const PlannedArgument& argument, Index element,
                    const Shape& shape) {
  const std::size_t output = output_named(reader, argument.name);
  const OutputLayout& layout = reader.outputs()[output];
  Ties ties;
  for (std::size_t axis = 0, outer = 0; axis < layout.axes.size(); ++axis) {
    if (!layout.external[axis]) continue;
    if (const auto by = argument.indexed_by[axis]) ties.emplace_back(*by, outer);
    ++outer;
  }
  const Shape extents = reader.external_shape(output);
  const RangeSet missing =
      carry({{element, element + 1}}, shape, extents, ties).difference(reader.progress(output).done());
  if (missing.empty()) return;
  const MultiIndex first = multi_index(missing.ranges().front().begin, extents);
  throw Error(
      Category::missing_input,
      fmt::format("the element needs {}{}, which the run does not have: it failed, or was not reached. "
                  "Replay that one, or go on with the run.",
                  argument.name, first.empty() ? "" : index_to_string(first)));
}

Inputs inputs_of(Replayed& replayed) {
  std::vector<std::string> roots;
  Inputs inputs;
  for (const ParameterNode& parameter : replayed.pipeline.function(replayed.function).parameters) {
    if (parameter.source == Source::root) roots.push_back(parameter.name);
    if (parameter.source == Source::output)
      inputs[parameter.name] = stored_value(replayed.reader, parameter.name);
  }
  for (auto& [name, value] : replayed.document.load_inputs(roots)) {
    check_given(replayed.run, name, value);
    inputs[name] = value;
  }
  return inputs;
}

/// One element of a result, with its internal axes.
Value element_of(const OutputResult& result, const MultiIndex& index) {
  const Value& all = result.value;
  Shape inner, free;
  MultiIndex first;
  for (std::size_t axis = 0, outer = 0; axis < all.shape().size(); ++axis) {
    const bool external = result.layout.external[axis];
    first.push_back(external ? index[outer++] : 0);
    free.push_back(external ? 1 : all.shape()[axis]);
    if (!external) inner.push_back(all.shape()[axis]);
  }
  std::vector<std::byte> bytes;
  std::vector<std::uint64_t> offsets{0};
  for (Index k = 0; k < element_count(free); ++k) {
    MultiIndex place = multi_index(k, free);
    for (std::size_t axis = 0; axis < place.size(); ++axis) place[axis] += first[axis];
    const auto item = all.element(linear_index(place, all.shape()));
    bytes.insert(bytes.end(), item.begin(), item.end());
    offsets.push_back(bytes.size());
  }
  if (all.type().size != 0) offsets.clear();
  return Value::copy_of(all.type(), inner, bytes, offsets);
}

void print_values(const Replayed& replayed, const Results& results, const ReplayFlags& flags) {
  JsonObject outputs;
  std::string lines;
  for (const std::string& name : replayed.pipeline.function(replayed.function).outputs) {
    const Value value = element_of(results.at(name), flags.index);
    JsonObject output;
    output.add("shape", value.shape());
    output.add("dtype", value.type().dtype());
    output.add_text("data", json_text(value));
    outputs.add_text(name, output.take());
    lines += fmt::format("{}{} = {}\n", name, flags.index.empty() ? "" : index_to_string(flags.index),
                         json_text(value));
  }
  JsonObject root;
  root.add("index", flags.index);
  root.add_text("outputs", outputs.take());
  if (flags.json)
    print_result(root.take() + "\n");
  else
    print_text(lines);
}

/// The same command within the debugger; returns only by an exception.
[[noreturn]] void start_debugger(int argc, char** argv) {
  std::vector<char*> words{const_cast<char*>("gdb"), const_cast<char*>("--args"),
                           const_cast<char*>("/proc/self/exe")};
  std::string program(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", program.data(), program.size() - 1);
  if (length > 0) words.back() = program.data();
  for (int k = 1; k < argc; ++k)
    if (std::strcmp(argv[k], "--gdb") != 0) words.push_back(argv[k]);
  words.push_back(nullptr);
  ::execvp("gdb", words.data());
  throw Error(
      Category::bad_option,
      fmt::format("--gdb: the debugger cannot be started: {}. Install gdb, or start 'pipeline_app replay' in "
                  "another one.",
                  std::strerror(errno)));
}

int run_replay(const ReplayFlags& flags, const Program& program) {
  if (launched_rank() != 0) return 0;
  if (flags.gdb) start_debugger(program.argc, program.argv);
  Replayed replayed = open_replay(flags);
  try {
    MapOptions options;
    const std::size_t output = output_named(replayed.reader, flags.output);
    options.fixed = fixed_of(replayed.reader, output, flags.index);
    const Shape shape = replayed.reader.external_shape(output);
    const Index element = linear_index(flags.index, shape);
    const Inputs inputs = inputs_of(replayed);
    const FunctionNode& function = replayed.pipeline.function(replayed.function);
    const Pipeline alone({function.function});
    const Plan plan(alone, {inputs, {}, options.fixed});
    for (const PlannedArgument& argument : plan.function(FunctionId{0})->arguments)
      if (replayed.pipeline.has_output(argument.name))
        check_argument(replayed.reader, argument, element, shape);
    options.seed = replayed.run.seed;
    options.parallel = false;
    print_values(replayed, map(alone, Communicator(), inputs, options), flags);
  } catch (const Error& error) {
    if (exit_code(error.category()) != exit_code(Category::bad_document)) throw;
    throw replayed.document.located(error);
  }
  return 0;
}

}  // namespace

void add_replay_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<ReplayFlags>();
  CLI::App* command = add_command(
      app, {CommandGroup::run, "replay", "Calls the function of one element of a run again, in this process",
            "pipeline_app replay runs/sweep --output drag --index 2,7"});
  command->add_option("RUN", flags->run, "The run folder")->required()->type_name("");
  command->add_option("--output", flags->output, "An output of the function")->required()->type_name("NAME");
  command->add_option("--index", flags->index, "The element: a position for each axis")
      ->delimiter(',')
      ->type_name("I,J");
  flags->inputs.add_to(*command, "set");
  flags->inputs.add_to(*command, "inputs");
  command->add_flag("--gdb", flags->gdb, "Within the debugger gdb");
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback(
      [flags, &program] { program.action = [flags, &program] { return run_replay(*flags, program); }; });
}

}  // namespace mpipe::app
