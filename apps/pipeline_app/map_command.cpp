// SPDX-License-Identifier: BSD-3-Clause
// `map DOC`: runs a document's pipeline over its inputs, on all ranks.
#include <mpipe/comm/environment.hpp>
#include <mpipe/run/map.hpp>

#include "command.hpp"
#include "map_job.hpp"
#include "not_supported.hpp"
#include "output.hpp"
#include "table.hpp"

#include <fmt/format.h>

#include <csignal>
#include <cstdlib>

namespace mpipe::app {
namespace {

/// In a batch script that was given several tasks, the program alone is one process.
void warn_of_idle_tasks(const Communicator& world) {
  const char* const tasks = std::getenv("SLURM_NTASKS");
  if (tasks == nullptr || world.size() > 1 || std::atoi(tasks) <= 1) return;
  print_note(fmt::format(
      "this job has {0} tasks, and one process computes (the others stay idle). Use 'mpirun -n {0} "
      "pipeline_app map ..' or 'srun --mpi=pmix pipeline_app map ..' to use all of them.",
      std::atoi(tasks)));
}

int run_map(const MapFlags& flags, Program& program) {
  // A batch job can have its time limit announced by this signal. It is heeded from the first moment on, as it would
  // kill the process otherwise.
  std::signal(SIGUSR1, [](int) { request_drain(); });
  // The command line is noted before MPI starts, which may take arguments away.
  const std::string command_line = command_line_text(program.argc, program.argv);
  const Environment mpi(program.argc, program.argv);
  const Communicator& world = mpi.world();
  warn_of_idle_tasks(world);
  MapJob job(flags, world, command_line);
  const int code = job.run();
  if (job.survives()) {
    // As below, for those that are left.
    part_in_order(job.world());
    return world.is_root() ? code : 0;
  }
  // Behind the barrier all ranks have written what they had to write: a launcher that sees the first exit
  // code may end the others at once, and nothing is lost.
  world.barrier();
  return world.is_root() ? code : 0;
}

}  // namespace

void add_map_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<MapFlags>();
  CLI::App* command = add_command(
      app, {CommandGroup::run, "map", "Runs a pipeline over its inputs; under mpirun on all ranks",
            "mpirun -n 2 pipeline_app map sweep.yaml --run-folder runs/sweep"});
  command->add_option("DOC", flags->document, "The pipeline document (YAML or JSON)")
      ->required()
      ->type_name("");
  flags->options.add_all_to(*command);
  add_unsupported_flags(*command, {"--compress"});
  command->callback(
      [flags, &program] { program.action = [flags, &program] { return run_map(*flags, program); }; });
}

}  // namespace mpipe::app
