// SPDX-License-Identifier: BSD-3-Clause
#include "map_flags.hpp"

#include "not_supported.hpp"

namespace mpipe::app {
namespace {

/// An option that is given once per value, so that what follows it is not taken for another one.
void add_repeatable(CLI::App& command, const std::string& name, std::vector<std::string>& values,
                    const std::string& type, const std::string& help) {
  command.add_option(name, values, help)->type_name(type)->allow_extra_args(false);
}

void add_one(CLI::App& command, const std::string& name, std::optional<std::string>& value,
             const std::string& type, const std::string& help) {
  command.add_option(name, value, help)->type_name(type);
}

}  // namespace

void add_input_flags(CLI::App& command, std::vector<std::string>& set, std::vector<std::string>& files) {
  add_repeatable(command, "--set", set, "NAME=JSON", "An input, over the document's; may be repeated");
  add_repeatable(command, "--inputs", files, "FILE",
                 "A file of inputs (name: value), over the document's; may be repeated");
}

void add_map_flags(CLI::App& command, MapFlags& flags) {
  command.add_option("DOC", flags.document, "The pipeline document (YAML or JSON)")
      ->required()
      ->type_name("");
  add_one(command, "--run-folder", flags.run_folder, "DIR",
          "Where the results go; without one nothing is written [MPIPE_RUN_FOLDER]");
  command.add_flag("--resume", flags.resume, "Go on with the run in the run folder: compute what is missing");
  command.add_flag("--overwrite", flags.overwrite, "Replace the run in the run folder");
  command.add_flag("--dry-run", flags.dry_run, "Check everything, print the plan, run nothing");
  command.add_flag("--json", flags.json, "Print the results as one JSON object");
  add_input_flags(command, flags.set, flags.input_files);
  command.add_option("--output", flags.outputs, "Compute only these outputs and what they need")
      ->type_name("NAME");
  add_repeatable(command, "--fixed", flags.fixed, "AXIS=I|AXIS=A:B:STEP",
                 "Compute only these positions of an axis; may be repeated");
  add_repeatable(command, "--executor", flags.executor, "[OUT=]KIND",
                 "mpi, threads[:N], processes[:N] or sequential [MPIPE_EXECUTOR]");
  add_repeatable(
      command, "--isolate", flags.isolate, "OUTPUT",
      "Call the function of this output in processes of its own: a crash costs one element; may be "
      "repeated");
  add_repeatable(command, "--storage", flags.storage, "[OUT=]KIND", "hdf5, file or memory [MPIPE_STORAGE]");
  add_repeatable(command, "--chunksizes", flags.chunksizes, "[OUT=]N",
                 "Elements per block, or auto [MPIPE_CHUNKSIZES]");
  add_one(command, "--error-handling", flags.error_handling, "raise|continue",
          "What happens when a function fails: stop, or compute all that does not need it "
          "[MPIPE_ERROR_HANDLING]");
  add_one(command, "--max-failures", flags.max_failures, "N",
          "With continue: stop when more than N elements have failed [MPIPE_MAX_FAILURES]");
  add_one(command, "--retries", flags.retries, "N",
          "Try an element that fails again at most N times [MPIPE_RETRIES]");
  command.add_flag("--retry-failed", flags.retry_failed,
                   "With --resume: compute again what failed, and what that blocked");
  add_one(command, "--max-concurrent", flags.max_concurrent, "K",
          "At most so many of the document's runs at a time [MPIPE_MAX_CONCURRENT]");
  add_one(command, "--rank0", flags.rank0, "schedule|work|auto",
          "What rank 0 does beside scheduling [MPIPE_RANK0]");
  add_one(command, "--seed", flags.seed, "N", "Of random numbers [MPIPE_SEED]");
  add_one(command, "--progress", flags.progress, "auto|bar|plain|none",
          "How progress is shown [MPIPE_PROGRESS]");
  add_one(command, "--log-level", flags.log_level, "LEVEL",
          "trace, debug, info, warn, error, critical or off [MPIPE_LOG_LEVEL]");
  add_one(command, "--max-print", flags.max_print, "N",
          "With --json: no data of outputs with more values than this; 0: never any data [MPIPE_MAX_PRINT]");
  add_unsupported_flags(command, {"--explain", "--survive"});
  add_unsupported_options(command, {"--deadline", "--trace", "--pilot", "--for-ranks"});
}

}  // namespace mpipe::app
