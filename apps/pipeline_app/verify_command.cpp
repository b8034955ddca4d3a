// SPDX-License-Identifier: BSD-3-Clause
/// `verify RUN`: every promise about a run folder.
#include <mpipe/folder/status.hpp>
#include <mpipe/store/run_reader.hpp>

#include "command.hpp"
#include "launch.hpp"
#include "output.hpp"
#include "store/api/run_description.hpp"

#include <fmt/format.h>

namespace mpipe::app {
namespace {

using Faults = std::vector<std::string>;

/// All that the run had to do is there. A run that goes on after failures completes with failed and blocked elements.
void compare_completed(const OutputStatus& output, const ElementStates& progress, Faults& faults) {
  const Index settled = progress.done().count() + progress.failed().count() + progress.blocked().count();
  if (output.elements && settled < *output.elements)
    faults.push_back(fmt::format("the run is complete, but {} of {} elements of '{}' are not there",
                                 *output.elements - settled, *output.elements, output.name));
}

/// What was told to be done was stored before. More may be stored than was told, when the run was killed.
void compare_told(const OutputStatus& output, const ElementStates& progress, Faults& faults) {
  const Index told = output.done - output.in_memory;
  if (const Index there = progress.done().count(); there < told)
    faults.push_back(fmt::format(
        "the run told that {} elements of '{}' were done, and {} are there (a journal, a segment or a file "
        "of elements was lost). Put it back, or resume the run to compute them again.",
        told, output.name, there));
}

/// status.json against what is stored. A run that goes on stores more while somebody looks.
void compare_status(const RunStatus& status, const RunReader& reader, Faults& faults) {
  if (status.state == RunState::pending || status.state == RunState::running) return;
  const bool completed = status.state == RunState::completed;
  if (completed && !reader.complete())
    faults.push_back("status.json says that the run is complete, and its results are not");
  for (const OutputStatus& output : status.outputs)
    if (const auto found = reader.find(output.name))
      completed ? compare_completed(output, reader.progress(*found), faults)
                : compare_told(output, reader.progress(*found), faults);
}

Faults find_faults(const std::string& run) {
  read_description(run);  // says what is wrong when this is no run folder
  // Every fault is collected, as one that hides another would cost a second check.
  Faults faults = verify_run_store(run);
  try {
    compare_status(read_status(run), RunReader(run), faults);
  } catch (const Error& error) {
    if (faults.empty()) faults.push_back(error.what());  // otherwise they say why already
  }
  return faults;
}

int run_verify(const std::string& run) {
  if (launched_rank() != 0) return 0;
  const Faults faults = find_faults(run);
  if (faults.empty()) {
    print_result(fmt::format("{}: every promise holds\n", run));
    return 0;
  }
  for (const std::string& fault : faults) print_error(fault);
  return exit_code(Category::storage_failed);
}

}  // namespace

void add_verify_command(CLI::App& app, Program& program) {
  const auto run = std::make_shared<std::string>();
  CLI::App* command = add_command(
      app, {CommandGroup::look, "verify", "Checks every promise about a run folder, byte for byte",
            "pipeline_app verify runs/sweep"});
  command->add_option("RUN", *run, "The run folder")->required()->type_name("");
  command->callback([run, &program] { program.action = [run] { return run_verify(*run); }; });
}

}  // namespace mpipe::app
