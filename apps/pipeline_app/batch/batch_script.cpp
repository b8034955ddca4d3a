// SPDX-License-Identifier: BSD-3-Clause
// Writes batch scripts for Slurm: one job, a chain of them, an array of shards with its merge.
#include "batch/batch_script.hpp"

#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace mpipe::app {
namespace {

/// A word as the shell reads it back.
std::string quoted(const std::string& word) {
  const char* const words[] = {word.c_str()};
  return command_line_text(1, words);
}

std::string header(const std::vector<std::string>& options) {
  return fmt::format("#!/bin/bash\n#SBATCH {}\n", fmt::join(options, "\n#SBATCH "));
}

/// Maps on all ranks; `arguments` follow the document. The signal goes to this script alone: it is for the launcher to
/// tell all ranks.
std::string map_lines(const BatchScript& script, const std::string& arguments) {
  return fmt::format(
      "# Slurm warns this script {} s before the end; the launcher passes that on to the ranks, which "
      "drain.\n"
      "trap 'kill -USR1 \"$run\"' USR1\n"
      "{} pipeline_app map {} {} --resume --progress plain &\n"
      "run=$!\nwait \"$run\"; code=$?\n"
      "while kill -0 \"$run\" 2>/dev/null; do wait \"$run\"; code=$?; done  # the trap had interrupted the "
      "wait\n",
      kWarningSeconds, script.launcher, quoted(script.document), arguments);
}

/// `job` is what Slurm calls this job.
std::string ending(const BatchScript& script, const std::string& job) {
  // 75: stopped in order, and not complete.
  const std::string again =
      script.requeue ? fmt::format("if ((code == 75)); then scontrol requeue \"{}\"; fi\n", job) : "";
  return again + "exit \"$code\"\n";
}

std::string in_run_folder(const BatchScript& script) { return "--run-folder " + quoted(script.run_folder); }

std::string login_script(const std::string& what) {
  return fmt::format("#!/bin/bash\n# Run this on the login node: it submits {}\nset -euo pipefail\n", what);
}

/// Lines that put the text of a job into a file, whose name is in the variable `name`.
std::string job_file(const std::string& name, const std::string& job) {
  return fmt::format("{0}=$(mktemp)\ncat >\"${0}\" <<'JOB'\n{1}JOB\n", name, job);
}

}  // namespace

std::string one_job(const BatchScript& script) {
  return header(script.options) + map_lines(script, in_run_folder(script)) + ending(script, "$SLURM_JOB_ID");
}

std::string chain_of_jobs(const BatchScript& script, int jobs) {
  return login_script(fmt::format("{} jobs, each of which begins when the one before it has ended.", jobs)) +
         job_file("job", one_job(script)) +
         fmt::format(
             "id=$(sbatch --parsable \"$job\")\n"
             "for ((k = 1; k < {}; ++k)); do id=$(sbatch --parsable --dependency=\"afterany:$id\" \"$job\"); "
             "done\nrm \"$job\"\necho \"the last job is $id\"\n",
             jobs);
}

std::string array_of_jobs(const BatchScript& script, int shards) {
  const std::string folder = quoted(script.run_folder + ".shards");
  std::vector<std::string> options = script.options;
  options.push_back(fmt::format("--array=1-{}", shards));
  // The number of one task of an array is also that of the whole array: it is named by both of its numbers.
  const std::string shard =
      header(options) +
      map_lines(script,
                fmt::format("--shard \"$SLURM_ARRAY_TASK_ID/{}\" --run-folder {}/\"$SLURM_ARRAY_TASK_ID\"",
                            shards, folder)) +
      ending(script, "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID");
  const std::string merge = header(script.options) +
                            fmt::format(
                                "shards=()\nfor ((k = 1; k <= {}; ++k)); do shards+=({}/\"$k\"); done\n"
                                "pipeline_app merge \"${{shards[@]}}\" --into {} --resume || exit\n"
                                "# What needs more than one shard is computed now.\n",
                                shards, folder, quoted(script.run_folder)) +
                            map_lines(script, in_run_folder(script)) + ending(script, "$SLURM_JOB_ID");
  return login_script(
             fmt::format("an array of {} jobs, one for each shard, and one that merges them.", shards)) +
         job_file("shard", shard) + job_file("merge", merge) +
         "array=$(sbatch --parsable \"$shard\")\n"
         "id=$(sbatch --parsable --dependency=\"afterok:$array\" --kill-on-invalid-dep=yes \"$merge\")\n"
         "rm \"$shard\" \"$merge\"\necho \"the array is $array; the job that merges it is $id\"\n";
}

}  // namespace mpipe::app
