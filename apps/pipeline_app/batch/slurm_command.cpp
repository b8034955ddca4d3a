// SPDX-License-Identifier: BSD-3-Clause
// `slurm DOC`: prints a batch script that drains before its time is over, and goes on where it stopped.
#include <mpipe/core/error.hpp>
#include <mpipe/document/document.hpp>
#include <mpipe/options/choices.hpp>

#include "batch/batch_script.hpp"
#include "command.hpp"
#include "core/api/quantity.hpp"
#include "launch.hpp"
#include "options/api/option_values.hpp"
#include "output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>

namespace mpipe::app {
namespace {

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
  int array = 0;
  std::vector<std::string> options;
};

std::string time_text(std::int64_t seconds) {
  const std::int64_t hours = seconds / 3600;
  return fmt::format("{}-{:02}:{:02}:{:02}", hours / 24, hours % 24, seconds / 60 % 60, seconds % 60);
}

std::vector<std::string> options_of(const SlurmFlags& flags, std::int64_t limit) {
  std::vector<std::string> lines{
      fmt::format("--nodes={}", flags.nodes), fmt::format("--ntasks-per-node={}", flags.tasks),
      "--time=" + time_text(limit), fmt::format("--signal=B:USR1@{}", kWarningSeconds), "--open-mode=append"};
  if (flags.requeue) lines.emplace_back("--requeue");
  if (!flags.partition.empty()) lines.push_back("--partition=" + flags.partition);
  lines.insert(lines.end(), flags.options.begin(), flags.options.end());
  for (const std::string& line : lines)
    if (line.find('\n') != std::string::npos)
      throw Error(Category::bad_option, "an option of sbatch has a line break in it. Leave it out.");
  return lines;
}

void check(SlurmFlags& flags, std::int64_t limit) {
  if (flags.requeue && flags.chain > 0)
    throw Error(Category::bad_option, "--requeue and --chain both go on after a drain. Keep one.");
  if (flags.array > 0 && flags.chain > 0)
    throw Error(Category::bad_option,
                "--array and --chain both submit several jobs. Keep one; --array with --requeue goes on "
                "after a drain.");
  if (limit < kWarningSeconds + kWarningSlack)
    throw Error(
        Category::bad_option,
        fmt::format(
            "--time {}: Slurm warns a job {} s before its end, up to {} s late, so that a shorter job than "
            "{} s would get no warning in time. Give it more.",
            flags.time, kWarningSeconds, kWarningSlack, kWarningSeconds + kWarningSlack));
  constexpr std::array<std::string_view, 2> kLaunchers{"mpirun", "srun"};
  if (std::find(kLaunchers.begin(), kLaunchers.end(), flags.launcher) == kLaunchers.end())
    refuse_name("--launcher", Category::bad_option, flags.launcher, kLaunchers);
  // What is wrong with the document shows now, and not when the job has waited for a week.
  const Document document = Document::load(flags.document);
  static_cast<void>(document.pipeline());
  if (flags.array > 0 && !document.runs().empty())
    throw Error(Category::bad_option,
                "--array: the document has several runs, which a merge would have to join one by one. Give "
                "each run a "
                "document of its own.");
  if (!flags.run_folder.empty()) return;
  flags.run_folder = document.map().has("run_folder")
                         ? document.map().text("run_folder")
                         : "runs/" + std::filesystem::path(flags.document).stem().string();
}

int print_script(SlurmFlags flags) {
  if (launched_rank() != 0) return 0;
  const std::int64_t limit = std::chrono::duration_cast<std::chrono::seconds>(parse_time(flags.time)).count();
  check(flags, limit);
  const BatchScript script{flags.document, flags.run_folder, options_of(flags, limit),
                           flags.launcher == "srun" ? "srun --mpi=pmix" : "mpirun", flags.requeue};
  print_result(flags.array > 0   ? array_of_jobs(script, flags.array)
               : flags.chain > 0 ? chain_of_jobs(script, flags.chain)
                                 : one_job(script));
  return 0;
}

}  // namespace

void add_slurm_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<SlurmFlags>();
  CLI::App* command =
      add_command(app, {CommandGroup::batch, "slurm", "Prints a batch script for Slurm; submits nothing",
                        "pipeline_app slurm sweep.yaml --nodes 2 --ntasks-per-node 16 --time 2h --requeue"});
  command->add_option("DOC", flags->document, "The pipeline document")->required()->type_name("");
  command->option_defaults()->group("The job");
  command->add_option("--nodes", flags->nodes, "Nodes of the job")
      ->check(CLI::Range(1, 1000000).description(""))
      ->type_name("N");
  command->add_option("--ntasks-per-node", flags->tasks, "Ranks on each node")
      ->check(CLI::Range(1, 100000).description(""))
      ->type_name("N");
  command->add_option("--time", flags->time, "That the job may take: 04:00:00, 2h, 1-12:00:00")
      ->required()
      ->type_name("TIME");
  command->add_option("--partition", flags->partition, "The partition")->type_name("PARTITION");
  command
      ->add_option("--run-folder", flags->run_folder,
                   "Where results go; else as the document says, or runs/NAME")
      ->type_name("DIR");
  command->add_option("--launcher", flags->launcher, "mpirun, or srun where Slurm has PMIx")
      ->type_name("mpirun|srun");
  command->option_defaults()->group("More than one job");
  command->add_flag("--requeue", flags->requeue, "Have Slurm start the job again until the run is complete");
  command->add_option("--chain", flags->chain, "Submit N jobs, each of which goes on after the one before")
      ->check(CLI::Range(2, 1000).description(""))
      ->type_name("N");
  command
      ->add_option("--array", flags->array,
                   "Submit an array of N jobs, one for each shard of the sweep, and one that merges them")
      ->check(CLI::Range(2, 100000).description(""))
      ->type_name("N");
  command->add_option("SBATCH", flags->options, "Other options of sbatch, after --")->type_name("");
  command->callback([flags, &program] { program.action = [flags] { return print_script(*flags); }; });
}

}  // namespace mpipe::app
