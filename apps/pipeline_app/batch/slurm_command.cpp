// SPDX-License-Identifier: BSD-3-Clause
// `slurm DOC`: prints a batch script that drains before its time is over, and goes on where it stopped.
#include <mpipe/core/error.hpp>
#include <mpipe/document/document.hpp>

#include "command.hpp"
#include "core/api/quantity.hpp"
#include "launch.hpp"
#include "options/api/option_values.hpp"
#include "output.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

namespace mpipe::app {
namespace {

// Slurm looks at limits once a minute, so that a warning may come up to a minute late.
constexpr int kWarningSeconds = 120;
constexpr int kSlack = 60;

struct SlurmFlags {
  std::string document;
  int nodes = 1;
  int tasks = 1;
  std::string time;
  std::string partition;
  std::string run_folder;
  std::string launcher = "mpirun";
  bool requeue = false;
  int chain = 0;
  std::vector<std::string> options;
};

/// A word as the shell reads it back.
std::string quoted(const std::string& word) {
  const char* const words[] = {word.c_str()};
  return command_line_text(1, words);
}

std::string time_text(std::int64_t seconds) {
  const std::int64_t hours = seconds / 3600;
  return fmt::format("{}-{:02}:{:02}:{:02}", hours / 24, hours % 24, seconds / 60 % 60, seconds % 60);
}

std::string header(const SlurmFlags& flags, std::int64_t limit) {
  std::vector<std::string> lines{
      fmt::format("--nodes={}", flags.nodes), fmt::format("--ntasks-per-node={}", flags.tasks),
      "--time=" + time_text(limit), fmt::format("--signal=B:USR1@{}", kWarningSeconds), "--open-mode=append"};
  if (flags.requeue) lines.emplace_back("--requeue");
  if (!flags.partition.empty()) lines.push_back("--partition=" + flags.partition);
  lines.insert(lines.end(), flags.options.begin(), flags.options.end());
  for (const std::string& line : lines)
    if (line.find('\n') != std::string::npos)
      throw Error(Category::bad_option, "an option of sbatch has a line break in it. Leave it out.");
  return fmt::format("#!/bin/bash\n#SBATCH {}\n", fmt::join(lines, "\n#SBATCH "));
}

std::string body(const SlurmFlags& flags) {
  const std::string start = flags.launcher == "srun" ? "srun --mpi=pmix" : "mpirun";
  // The signal goes to this script alone: it is for the launcher to tell all ranks.
  std::string text = fmt::format(
      "# Slurm warns this script {} s before the end; the launcher passes that on to the ranks, which "
      "drain.\n"
      "trap 'kill -USR1 \"$run\"' USR1\n"
      "{} pipeline_app map {} --run-folder {} --resume --progress plain &\n"
      "run=$!\nwait \"$run\"; code=$?\n"
      "while kill -0 \"$run\" 2>/dev/null; do wait \"$run\"; code=$?; done  # the trap had interrupted the "
      "wait\n",
      kWarningSeconds, start, quoted(flags.document), quoted(flags.run_folder));
  // 75: stopped in order, and not complete.
  if (flags.requeue) text += "if ((code == 75)); then scontrol requeue \"$SLURM_JOB_ID\"; fi\n";
  return text + "exit \"$code\"\n";
}

/// Jobs that wait for each other need a script that submits them: each goes on where the one before it stopped.
std::string chained(const SlurmFlags& flags, const std::string& job) {
  return fmt::format(
      "#!/bin/bash\n# Run this on the login node: it submits {0} jobs, each of which begins when the one "
      "before it has ended.\n"
      "set -euo pipefail\njob=$(mktemp)\ncat >\"$job\" <<'JOB'\n{1}JOB\n"
      "id=$(sbatch --parsable \"$job\")\n"
      "for ((k = 1; k < {0}; ++k)); do id=$(sbatch --parsable --dependency=\"afterany:$id\" \"$job\"); done\n"
      "rm \"$job\"\necho \"the last job is $id\"\n",
      flags.chain, job);
}

void check(SlurmFlags& flags, std::int64_t limit) {
  if (flags.requeue && flags.chain > 0)
    throw Error(Category::bad_option, "--requeue and --chain both go on after a drain. Keep one.");
  if (limit < kWarningSeconds + kSlack)
    throw Error(
        Category::bad_option,
        fmt::format(
            "--time {}: Slurm warns a job {} s before its end, up to {} s late, so that a shorter job than "
            "{} s would get no warning in time. Give it more.",
            flags.time, kWarningSeconds, kSlack, kWarningSeconds + kSlack));
  if (flags.launcher != "mpirun" && flags.launcher != "srun")
    throw Error(Category::bad_option,
                fmt::format("--launcher {}: there are mpirun and srun.", flags.launcher));
  // What is wrong with the document shows now, and not when the job has waited for a week.
  const Document document = Document::load(flags.document);
  static_cast<void>(document.pipeline());
  if (!flags.run_folder.empty()) return;
  flags.run_folder = document.map().has("run_folder")
                         ? document.map().text("run_folder")
                         : "runs/" + std::filesystem::path(flags.document).stem().string();
}

int print_script(SlurmFlags flags) {
  if (launched_rank() != 0) return 0;
  const std::int64_t limit = std::chrono::duration_cast<std::chrono::seconds>(parse_time(flags.time)).count();
  check(flags, limit);
  const std::string job = header(flags, limit) + body(flags);
  print_result(flags.chain > 0 ? chained(flags, job) : job);
  return 0;
}

}  // namespace

void add_slurm_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<SlurmFlags>();
  CLI::App* command = app.add_subcommand("slurm", "Prints a batch script for Slurm; submits nothing");
  command->add_option("DOC", flags->document, "The pipeline document")->required()->type_name("");
  command->add_option("--nodes", flags->nodes, "Nodes of the job")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N");
  command->add_option("--ntasks-per-node", flags->tasks, "Ranks on each node")
      ->check(CLI::Range(1, 100000))
      ->type_name("N");
  command->add_option("--time", flags->time, "That the job may take: 04:00:00, 2h, 1-12:00:00")
      ->required()
      ->type_name("TIME");
  command->add_option("--partition", flags->partition, "The partition")->type_name("NAME");
  command
      ->add_option("--run-folder", flags->run_folder,
                   "Where results go; else as the document says, or runs/NAME")
      ->type_name("DIR");
  command->add_option("--launcher", flags->launcher, "mpirun, or srun where Slurm has PMIx")
      ->type_name("PROGRAM");
  command->add_flag("--requeue", flags->requeue, "Have Slurm start the job again until the run is complete");
  command->add_option("--chain", flags->chain, "Submit N jobs, each of which goes on after the one before")
      ->check(CLI::Range(2, 1000))
      ->type_name("N");
  command->add_option("SBATCH", flags->options, "Other options of sbatch, after --")->type_name("");
  command->callback([flags, &program] { program.action = [flags] { return print_script(*flags); }; });
}

}  // namespace mpipe::app
