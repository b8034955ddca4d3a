// SPDX-License-Identifier: BSD-3-Clause
// `map DOC`: runs a document's pipeline over its inputs, on all ranks.
#include <mpipe/comm/environment.hpp>

#include "command.hpp"
#include "map_job.hpp"
#include "not_supported.hpp"
#include "table.hpp"

#include <csignal>

namespace mpipe::app {
namespace {

int run_map(const MapFlags& flags, Program& program) {
  // It asks for a drain, which this version has not. Killed by it, a run would lose more than by going on to
  // its time limit.
  std::signal(SIGUSR1, SIG_IGN);
  const std::string command_line = command_line_text(program.argc, program.argv);
  const Environment mpi(program.argc, program.argv);
  const Communicator& world = mpi.world();
  const int code = MapJob(flags, world, command_line).run();
  // All have written all they have to write. From here on a launcher may end the ranks when it sees an exit
  // code.
  world.barrier();
  return world.is_root() ? code : 0;
}

}  // namespace

void add_map_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<MapFlags>();
  CLI::App* command = app.add_subcommand("map", "Runs a pipeline over its inputs; under mpirun on all ranks");
  command->add_option("DOC", flags->document, "The pipeline document (YAML or JSON)")
      ->required()
      ->type_name("");
  flags->options.add_all_to(*command);
  add_unsupported_flags(*command, {"--explain", "--survive"});
  add_unsupported_options(*command, {"--deadline", "--trace", "--pilot", "--for-ranks"});
  command->callback(
      [flags, &program] { program.action = [flags, &program] { return run_map(*flags, program); }; });
}

}  // namespace mpipe::app
