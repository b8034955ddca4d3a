// SPDX-License-Identifier: BSD-3-Clause
// The table of options, and what a text must be to be the value of one.
#include "options/api/option_table.hpp"

#include <mpipe/options/choices.hpp>

#include "core/api/quantity.hpp"
#include "core/api/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace mpipe {
namespace {

using Type = OptionType;
using Reach = OptionReach;

constexpr std::array<std::string_view, 4> kProgress{"auto", "bar", "plain", "none"};
constexpr std::array<std::string_view, 7> kLogLevels{"trace", "debug",    "info", "warn",
                                                     "error", "critical", "off"};

constexpr std::array<std::string_view, 4> kExecutors{"mpi", "threads[:N]", "processes[:N]", "sequential"};

// The headings of help.
constexpr std::string_view kFolder = "Run folder";
constexpr std::string_view kSelection = "Inputs and selection";
constexpr std::string_view kComputing = "Computing";
constexpr std::string_view kFailures = "Failures";
constexpr std::string_view kLimits = "Limits";
constexpr std::string_view kReport = "What is printed";

// clang-format off
constexpr OptionRow kTable[] = {
    {.name = "run_folder", .type = Type::text, .reach = Reach::document, .group = kFolder, .value = "DIR",
     .fallback = "nothing is written",
     .help = "Where results go, relative to the working directory"},
    {.name = "resume", .type = Type::presence, .reach = Reach::variable, .group = kFolder,
     .help = "Go on with the run in the run folder: compute what is missing. With no run there: begin one"},
    {.name = "overwrite", .type = Type::presence, .group = kFolder,
     .help = "Replace the run in the run folder. Only files that a run makes are removed; anything else in the "
             "way is refused"},
    {.name = "take_over", .type = Type::presence, .group = kFolder,
     .help = "Use the run folder also when a run has it whose host or container cannot be asked and that shows no "
             "sign of life: one that was lost with its node, say"},
    {.name = "reuse", .type = Type::list, .reach = Reach::document, .group = kFolder, .value = "DIR",
     .help = "Take what [earlier runs](howto/grow.md) have computed with equal functions and arguments, wherever it is in "
             "their sweeps. May be repeated"},
    {.name = "set", .type = Type::list, .group = kSelection, .value = "NAME=VALUE",
     .help = "An input, in the syntax of the document; over `--inputs`. May be repeated"},
    {.name = "inputs", .type = Type::list, .reach = Reach::variable, .group = kSelection, .value = "FILE",
     .help = "A file of inputs, `name: value`; over the document. May be repeated"},
    {.name = "output", .type = Type::names, .group = kSelection, .value = "OUTPUT",
     .help = "Compute these outputs and what they need"},
    {.name = "fixed", .type = Type::list, .group = kSelection, .value = "AXIS=I|AXIS=A:B:STEP",
     .help = "Compute these positions of an axis; negative ones count from the end. May be repeated, or several "
             "by commas"},
    {.name = "shard", .type = Type::part, .reach = Reach::variable, .group = kSelection, .value = "K/N",
     .help = "Compute part K of N of the sweep, in a run folder of its own; [`merge`](howto/selection.md#shards) "
             "joins the parts"},
    {.name = "executor", .type = Type::executor, .reach = Reach::document, .per_output = true, .group = kComputing,
     .value = "KIND", .fallback = "`mpi` on several ranks, else `sequential`",
     .help = "Who calls functions: `mpi`, `threads`, `threads:N`, `processes`, `processes:N` or "
             "`sequential`",
     .words = kExecutors},
    {.name = "isolate", .type = Type::list, .reach = Reach::variable, .group = kComputing, .value = "OUTPUT",
     .help = "Call the function of this output in [processes of its own](howto/isolation.md): a crash costs one "
             "element. May be repeated"},
    {.name = "storage", .type = Type::word, .reach = Reach::document, .per_output = true, .group = kComputing, .value = "KIND",
     .fallback = "`hdf5` with a run folder, else `memory`",
     .help = "Where values are kept: `memory`, `hdf5` or `file` (an .npy file per element)",
     .words = NamesOf<StorageKind>::kNames},
    {.name = "chunksizes", .type = Type::block_size, .reach = Reach::document, .per_output = true, .group = kComputing, .value = "N",
     .fallback = "auto",
     .help = "Elements per block, or `auto`"},
    {.name = "rank0", .type = Type::word, .reach = Reach::variable, .group = kComputing, .fallback = "auto",
     .help = "Whether rank 0 computes too. `auto`: it does where that delays nobody; `work`: elements of any "
             "length",
     .words = NamesOf<Rank0>::kNames},
    {.name = "seed", .type = Type::number, .reach = Reach::document, .group = kComputing, .value = "N", .fallback = "0",
     .help = "Of all random numbers but those of inputs",
     .most = std::numeric_limits<std::uint64_t>::max()},
    {.name = "max_concurrent", .type = Type::number, .reach = Reach::document, .group = kComputing, .value = "N", .fallback = "1",
     .help = "At most N of the document's [runs](document.md#runs) at a time",
     .least = 1, .most = 1'000'000},
    {.name = "error_handling", .type = Type::word, .reach = Reach::document, .group = kFailures, .fallback = "raise",
     .help = "`raise`: the first failed element ends the run. `continue`: it [costs itself and what needs "
             "it](howto/resume.md#going-on-after-failures)",
     .words = NamesOf<ErrorHandling>::kNames},
    {.name = "max_failures", .type = Type::number, .reach = Reach::document, .group = kFailures, .value = "N",
     .fallback = "no bound",
     .help = "With `continue`: stop, as under `raise`, when more than N elements have failed in this start"},
    {.name = "retries", .type = Type::number, .reach = Reach::document, .group = kFailures, .value = "N", .fallback = "0",
     .help = "Try an element that fails again, at most N times, before it counts as failed",
     .most = 1'000'000},
    {.name = "survive", .type = Type::presence, .reach = Reach::variable, .group = kFailures,
     .help = "Go on when a [rank dies](howto/survive.md), with those that are left; with "
             "`mpirun --enable-recovery`. Needs a run folder"},
    {.name = "retry_failed", .type = Type::presence, .reach = Reach::variable, .group = kFailures,
     .help = "With `--resume`: compute again what failed under `continue`, and what that blocked"},
    {.name = "redo", .type = Type::list, .reach = Reach::document, .group = kFailures, .value = "OUTPUT",
     .help = "With `--resume`: compute this output and all that needs it anew, [say with other "
             "code](howto/resume.md#other-code). May be repeated"},
    {.name = "explain", .type = Type::presence, .reach = Reach::variable, .group = kFailures,
     .help = "With `--resume`: tell of each output which elements are kept, and which are computed, and why"},
    {.name = "deadline", .type = Type::moment, .reach = Reach::document, .group = kLimits, .value = "TIME",
     .fallback = "the end of the Slurm job, if there is one",
     .help = "Stop in order, with all stored, before this time: from now on (`90`, `30min`, `1-12:00:00`), or a "
             "moment (`2026-12-01T08:00`, `@1764576000`); exit code 75, and `--resume` goes on"},
    {.name = "memory", .type = Type::memory, .reach = Reach::document, .group = kLimits, .value = "SIZE",
     .fallback = "half of what the node, or its control group, has",
     .help = "What the arrays of a run may take on each node: `4GB`, `512MiB`, or `80%` of what it, or its control "
             "group, has. Values that are in the results file are "
             "[looked at there](howto/large-arrays.md); what must be in memory and is larger is refused"},
    {.name = "scratch", .type = Type::text, .reach = Reach::document, .group = kLimits, .value = "DIR",
     .fallback = "the run folder, without one `TMPDIR`",
     .help = "Where [programs](howto/programs.md) run, say on a local disk of each node; folders of those that failed stay "
             "there"},
    {.name = "dry_run", .type = Type::presence, .reach = Reach::variable, .group = kReport,
     .help = "Check everything, print the plan, run nothing. With `--json` as JSON"},
    {.name = "pilot", .type = Type::number, .reach = Reach::variable, .group = kReport, .value = "N",
     .help = "With `--dry-run`: compute some N elements of each function, store nothing, and [predict the "
             "run](howto/predict.md)",
     .least = 1, .most = 1'000'000},
    {.name = "for_ranks", .type = Type::list, .reach = Reach::variable, .group = kReport, .value = "RANKS",
     .help = "With `--pilot`: predict runs on so many ranks as well, `64,256`. May be repeated"},
    {.name = "json", .type = Type::presence, .reach = Reach::variable, .group = kReport,
     .help = "Print the results as [one JSON object](#map---json)"},
    {.name = "progress", .type = Type::word, .reach = Reach::variable, .group = kReport, .fallback = "auto",
     .help = "How progress is shown. `auto`: a bar on a terminal, else `plain`: a line every 5 % (at most one a "
             "second), and at least every 30 s",
     .words = kProgress},
    {.name = "log_level", .type = Type::word, .reach = Reach::variable, .group = kReport, .value = "LEVEL", .fallback = "warn",
     .help = "Of standard error: `trace`, `debug`, `info`, `warn`, `error`, `critical` or `off`",
     .words = kLogLevels},
    {.name = "trace", .type = Type::text, .reach = Reach::variable, .group = kReport, .value = "FILE",
     .help = "Write a [timeline of all workers](howto/tune.md#a-timeline) for Perfetto or chrome://tracing"},
    {.name = "max_print", .type = Type::number, .reach = Reach::variable, .group = kReport, .value = "N", .fallback = "10000",
     .help = "With `--json`: no data of outputs with more values; 0: never any"},
};
// clang-format on

}  // namespace

std::string OptionRow::flag() const {
  std::string text = fmt::format("--{}", name);
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

std::string OptionRow::variable() const {
  if (reach == OptionReach::flag) return {};
  std::string text = fmt::format("MPIPE_{}", name);
  // std::toupper would depend on the locale, and the names of variables must not.
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return 'a' <= c && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

std::string OptionRow::flag_help() const {
  return fmt::format("{}{}", help, per_output ? ". May be repeated, or several by commas" : "");
}

std::string OptionRow::expected() const {
  if (type == OptionType::block_size) return "a number of elements, 1 or more, or auto";
  if (type != OptionType::number) return "a text";
  // A bound that no number of elements can reach is of no use to the reader of a message.
  constexpr std::uint64_t kUnbounded = std::numeric_limits<Index>::max();
  return most >= kUnbounded ? fmt::format("a whole number, {} or more", least)
                            : fmt::format("a whole number from {} to {}", least, most);
}

std::span<const OptionRow> option_table() { return kTable; }

const OptionRow* find_option(std::string_view name) {
  const auto found = std::find_if(std::begin(kTable), std::end(kTable),
                                  [&](const OptionRow& row) { return row.name == name; });
  return found == std::end(kTable) ? nullptr : found;
}

const OptionRow& option_row(std::string_view name) {
  if (const OptionRow* row = find_option(name)) return *row;
  throw Bug(fmt::format("there is no option '{}'", name));
}

std::uint64_t option_number(const OptionRow& row, std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < row.least || number > row.most)
    throw Error(Category::bad_option, fmt::format("'{}' is not {}.", printable(text), row.expected()));
  return number;
}

/// Names that no shell has expanded, or that stand where a variable of a script was empty: whoever means them can
/// say so by a path.
static void check_path(const OptionRow& row, const std::string& text) {
  std::string problem;
  if (text.find_first_not_of(" \t\r\n") == std::string::npos)
    problem = "has only spaces (a variable of a script may be empty)";
  else if (text.starts_with("--"))
    problem = "is a flag (a variable of a script may be empty)";
  else if (text.starts_with('~'))
    problem = "begins with ~, which a shell replaces by the home folder, and nobody does here";
  else if (text.starts_with('$'))
    problem = "begins with a variable, which a shell replaces by its value, and nobody does here";
  if (problem.empty()) return;
  throw Error(Category::bad_option,
              fmt::format("'{}' {}. Write the {} out, or ./{} if that is its name.", printable(text), problem,
                          row.value == "DIR" ? "path of the folder" : "path of the file", printable(text)));
}

void check_option(const OptionRow& row, const std::string& text) {
  switch (row.type) {
    case OptionType::presence:
    // These are free text here: what they may be depends on the document, which is not known at this point.
    case OptionType::list:
    case OptionType::names:
      return;
    case OptionType::text:
      if (text.empty())
        throw Error(Category::bad_option,
                    fmt::format("the {} is empty. Give it, or leave the option out.", row.name));
      if (row.value == "DIR" || row.value == "FILE") check_path(row, text);
      return;
    case OptionType::number:
      option_number(row, text);
      return;
    case OptionType::moment:
      parse_moment(text, {});
      return;
    case OptionType::memory:
      if (!parse_share(text)) parse_memory(text);
      return;
    case OptionType::part:
      parse_part(text);
      return;
    case OptionType::word:
      if (std::find(row.words.begin(), row.words.end(), text) == row.words.end())
        refuse_name(row.name, row.name == "storage" ? Category::unknown_storage : Category::bad_option, text,
                    row.words);
      return;
    case OptionType::executor:
      if (ExecutorChoice(text).kind == ExecutorKind::user) refuse_executor(text);
      return;
    case OptionType::block_size: {
      if (text == "auto") return;
      constexpr OptionRow kSize{.name = "chunksizes", .type = OptionType::block_size, .least = 1};
      option_number(kSize, text);
      return;
    }
  }
  throw Bug("an option of an unknown type");
}

}  // namespace mpipe
