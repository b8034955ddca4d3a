// SPDX-License-Identifier: BSD-3-Clause
// Checks runs that are launched together, and the handles by which a program follows them.
#include <mpipe/launch/launch.hpp>

#include "base/api/file.hpp"
#include "comm/api/collective.hpp"
#include "core/api/hash.hpp"
#include "folder/api/run_folder.hpp"
#include "launch/launch_state.hpp"
#include "run/api/check_resources.hpp"
#include "run/api/execute_request.hpp"
#include "run/api/request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace mpipe {

/// What copies of an `AsyncMap` share.
struct RunSpec {
  std::shared_ptr<const RunData> data;
  std::shared_ptr<Launch> launch = {};  ///< null until it is started
  std::size_t position = 0;             ///< in it
};

namespace {

/// A run without a name is named after the last part of its run folder, because that is how its user knows
/// it.
std::string name_of(const MapOptions& options, const AsyncOptions& how) {
  if (!how.name.empty()) return how.name;
  const fs::path folder = fs::path(options.run_folder).lexically_normal();
  const std::string last = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
  return last.empty() ? "run" : last;
}

std::uint64_t digest_of(const RunList& runs) {
  std::uint64_t digest = fnv1a_start;
  for (const auto& run : runs) {
    const std::string text = run->pipeline.digest_text() + '\n';
    digest = fnv1a(std::as_bytes(std::span(text)), digest);
  }
  return digest;
}

/// Collective. The runs travel by their numbers, so all ranks must have the same list of them; a rank with
/// another one would compute something else under the same number.
void require_same_pipelines(const Communicator& comm, const RunList& runs) {
  if (comm.all_agree(digest_of(runs))) return;
  throw Error(Category::bad_option,
              "the ranks brought different runs or pipelines to one launch (their number, or functions, "
              "mapspecs, defaults or bound values differ). Bring the same on every rank.");
}

bool lies_in(const fs::path& inner, const fs::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

/// Folders are compared by their real paths: two runs that reach one folder by different names would destroy
/// each other's files just the same.
void require_separate_folders(const RunList& runs) {
  std::vector<std::pair<fs::path, const RunData*>> folders;
  for (const auto& run : runs)
    if (!run->options.run_folder.empty())
      folders.emplace_back(resolve_path(run->options.run_folder), run.get());
  // Paths are compared part by part, so that what lies in a folder comes right behind it.
  std::stable_sort(folders.begin(), folders.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t k = 1; k < folders.size(); ++k) {
    const auto& [outer, first] = folders[k - 1];
    const auto& [inner, second] = folders[k];
    if (!lies_in(inner, outer)) continue;
    const bool equal = inner == outer;
    throw Error(
        Category::bad_option,
        fmt::format("the runs '{}' and '{}' {} ('{}'{}): they would destroy each other's files. Give each "
                    "run a folder of its own.",
                    first->name, second->name,
                    equal ? "have the same run folder" : "have run folders of which one lies in the other",
                    first->options.run_folder,
                    second->options.run_folder == first->options.run_folder
                        ? ""
                        : fmt::format(", '{}'", second->options.run_folder)));
  }
}

/// On so many ranks, whichever of `inventories` they have. `named`: errors say which run they are about.
void check_run(const RunData& run, int ranks, std::span<const NodeInventory> inventories, bool named) {
  try {
    check_request(run.pipeline, {run.inputs, run.options}, ranks, inventories);
    check_texts(run.inputs, run.options);
    const MapOptions& options = run.options;
    if (!options.run_folder.empty())
      RunFolder::check(options.run_folder, options.resume || options.overwrite);
  } catch (const Error& error) {
    if (!named) throw;
    throw Error(error.category(), fmt::format("run '{}': {}", run.name, error.what()), error.subject());
  }
}

/// How many subgroups there are to be; 0: all ranks compute each run, one after the other.
int choose_subgroups(const LaunchOptions& options, std::size_t runs, int ranks) {
  if (ranks == 1) return 0;
  const int subgroups = static_cast<int>(std::min(
      {static_cast<std::size_t>(options.max_concurrent), runs, static_cast<std::size_t>(ranks - 1)}));
  // A single subgroup leaves rank 0 without any work. That pays only where the caller wants this rank to stay
  // free.
  return subgroups > 1 || options.keep_rank0_free ? subgroups : 0;
}

/// Collective.
NodeInventory find_inventory_for(const Communicator& comm, const RunList& runs) {
  return find_inventory(comm, std::any_of(runs.begin(), runs.end(),
                                          [](const auto& run) { return needs_devices(run->pipeline); }));
}

/// The inventory of each subgroup, or that of all ranks where they are not divided.
std::vector<NodeInventory> inventories_of(const NodeInventory& all, int subgroups) {
  if (subgroups == 0) return {all};
  const LaunchSubgroups division = divide_ranks(all, subgroups);
  std::vector<NodeInventory> inventories;
  for (std::size_t k = 0; k < division.workers.size(); ++k)
    inventories.push_back(inventory_of(all, division.ranks_of(k)));
  return inventories;
}

/// Returns how many subgroups there are to be.
int check_launch(const std::vector<std::shared_ptr<RunSpec>>& specs, const RunList& runs,
                 const LaunchOptions& options, int ranks, const NodeInventory& inventory) {
  if (runs.empty())
    throw Error(Category::bad_option, "there are no runs to launch. Give one at least (see map_async).");
  if (options.max_concurrent < 1)
    throw Error(Category::bad_option,
                fmt::format("max_concurrent is {}. Give 1 or more.", options.max_concurrent));
  std::set<const RunSpec*> seen;
  for (const auto& spec : specs) {
    if (!seen.insert(spec.get()).second)
      throw Error(Category::bad_option,
                  fmt::format("the run '{}' is there twice. Leave one out.", spec->data->name));
  }
  require_separate_folders(runs);
  const int subgroups = choose_subgroups(options, runs.size(), ranks);
  // Any subgroup may get any run, so each run must be possible on the smallest, and on all of their nodes.
  const int least = subgroups == 0 ? ranks : (ranks - 1) / subgroups;
  const std::vector<NodeInventory> inventories = inventories_of(inventory, subgroups);
  for (const auto& run : runs) check_run(*run, least, inventories, runs.size() > 1);
  return subgroups;
}

/// Functions in options are called by the rank that leads a run, and cannot be sent to it.
void require_functions(const Communicator& comm, const RunList& runs) {
  std::string wanted;
  for (std::size_t run = 0; run < runs.size(); ++run)
    for (const auto& [output, size] : runs[run]->options.chunksizes)
      if (size.is_function()) wanted += fmt::format("{} {}\n", run, output);
  for (std::size_t run = 0; run < runs.size(); ++run)
    for (const auto& [name, unused] : runs[run]->options.user_executors)
      wanted += fmt::format("{} executor {}\n", run, name);
  const std::string of_root = comm.broadcast_text(wanted);
  together(comm, [&] {
    if (wanted == of_root) return;
    throw Error(
        Category::bad_option,
        "chunk sizes that are functions, or executors of your own, differ from those of rank 0 (the rank "
        "that leads a run calls them). Give the same options on every rank.");
  });
}

/// Found by each rank for itself: the others may still be busy with what was started.
void require_not_started(const std::vector<std::shared_ptr<RunSpec>>& specs) {
  for (const auto& spec : specs)
    if (spec->launch)
      throw Error(Category::bad_option,
                  fmt::format("the run '{}' was started already. Make another one, by map_async with start = "
                              "false.",
                              spec->data->name));
}

std::shared_ptr<Launch> launch(const Communicator& comm, const std::vector<std::shared_ptr<RunSpec>>& specs,
                               const LaunchOptions& options) {
  // Local, and before the first collective call: a rank that throws here has not let anybody wait in this
  // launch.
  require_not_started(specs);
  // Messages of the launch travel apart from those of the program, and from those of other launches that are
  // under way on `comm`.
  const Communicator own = comm.size() > 1 ? comm.duplicate() : comm;
  RunList runs;
  for (const auto& spec : specs) runs.push_back(spec->data);
  require_same_pipelines(own, runs);
  const NodeInventory inventory = find_inventory_for(own, runs);
  int subgroups = 0;
  on_root(own, [&] {
    // Rank 0 checks for all of them: it is the rank whose arguments count. What is wrong is thrown on every
    // rank by `on_root`.
    subgroups = check_launch(specs, runs, options, own.size(), inventory);
    return Bytes{};
  });
  require_functions(own, runs);
  // The division follows from this number and the inventory, which are now equal everywhere, so every rank
  // finds its own subgroup without being told.
  subgroups = own.broadcast_value(subgroups);
  const auto launched = subgroups == 0 ? launch_in_turn(own, runs, inventory, options.on_lead)
                                       : launch_on_subgroups(own, runs, divide_ranks(inventory, subgroups),
                                                             inventory, options.on_lead);
  for (std::size_t k = 0; k < specs.size(); ++k) {
    // Only now do the handles become started ones: where anything above threw, they can be started again.
    specs[k]->launch = launched;
    specs[k]->position = k;
  }
  return launched;
}

}  // namespace

/// The error is thrown by its own type, so that a caller who catches `FunctionError` gets the failures. Ranks
/// other than 0 have no results.
const Results& MapOutcome::get() const {
  if (const auto* of_function = dynamic_cast<const FunctionError*>(error.get()))
    throw FunctionError(*of_function);
  if (error) throw Error(*error);
  if (results) return *results;
  throw Error(Category::missing_input, fmt::format("the results of the run '{}' are on rank 0 only.", name));
}

AsyncMap::AsyncMap(std::shared_ptr<RunSpec> spec, const Communicator& comm)
    : spec_(std::move(spec)), comm_(comm) {}

const std::string& AsyncMap::name() const { return spec_->data->name; }

bool AsyncMap::started() const { return spec_->launch != nullptr; }

void AsyncMap::start() { launch(comm_, {spec_}, {.keep_rank0_free = true}); }

/// A question also makes progress. Rank 0 has no thread that would take messages in the meantime, so a
/// program that only asked for the state would wait for ever otherwise.
bool AsyncMap::done() {
  if (!started()) return false;
  if (!spec_->launch->over(spec_->position)) spec_->launch->turn();
  return spec_->launch->over(spec_->position);
}

RunStatus AsyncMap::status() {
  if (!started()) return {};
  done();
  return spec_->launch->status(spec_->position);
}

void AsyncMap::cancel() {
  if (started()) spec_->launch->cancel(spec_->position);
}

const Results& AsyncMap::result() {
  if (!started()) start();
  spec_->launch->wait_until([&] { return spec_->launch->over(spec_->position); });
  return spec_->launch->outcome(spec_->position).get();
}

AsyncMap map_async(const Pipeline& pipeline, const Communicator& comm, const Inputs& inputs) {
  return map_async(pipeline, comm, inputs, {});
}

AsyncMap map_async(const Pipeline& pipeline, const Communicator& comm, const Inputs& inputs,
                   const MapOptions& options, const AsyncOptions& how) {
  auto spec = std::make_shared<RunSpec>();
  RunData data{name_of(options, how), pipeline, inputs, options};
  try {
    // Now, as the working directory may be another one when the run starts.
    if (!options.run_folder.empty()) data.options.run_folder = resolve_path(options.run_folder);
    if (!options.scratch.empty()) data.options.scratch = resolve_path(options.scratch);
    for (std::string& folder : data.options.reuse) folder = resolve_path(folder);
  } catch (const Error&) {  // rank 0 finds that again in its checks, where it is told to all
  }
  spec->data = std::make_shared<const RunData>(std::move(data));
  AsyncMap made(spec, comm);
  if (how.start) {
    made.start();
    return made;
  }
  require_same_pipelines(comm, {spec->data});
  on_root(comm, [&] {
    check_run(*spec->data, comm.size(), {}, !how.name.empty());
    return Bytes{};
  });
  return made;
}

AsyncMap Pipeline::map_async(const Communicator& comm, const Inputs& inputs, const MapOptions& options,
                             const AsyncOptions& how) const {
  return mpipe::map_async(*this, comm, inputs, options, how);
}

LaunchedMaps::LaunchedMaps(std::shared_ptr<Launch> launch) : launch_(std::move(launch)) {}

LaunchedMaps::LaunchedMaps(LaunchedMaps&&) noexcept = default;

/// The launch that is given up is closed first: its other ranks wait for rank 0, and nobody would answer them
/// any more.
LaunchedMaps& LaunchedMaps::operator=(LaunchedMaps&& other) noexcept {
  if (launch_ && launch_ != other.launch_) launch_->close();
  launch_ = std::move(other.launch_);
  return *this;
}

LaunchedMaps::~LaunchedMaps() {
  if (launch_) launch_->close();
}

std::size_t LaunchedMaps::size() const { return launch_->size(); }

bool LaunchedMaps::done() {
  launch_->turn();
  return launch_->ended();
}

bool LaunchedMaps::done(std::size_t run) {
  if (!launch_->over(run)) launch_->turn();
  return launch_->over(run);
}

RunStatus LaunchedMaps::status(std::size_t run) {
  done(run);
  return launch_->status(run);
}

void LaunchedMaps::wait() {
  launch_->wait_until([&] { return launch_->ended(); });
}

void LaunchedMaps::wait(std::size_t run) {
  launch_->wait_until([&] { return launch_->over(run); });
}

void LaunchedMaps::cancel() { launch_->cancel_all(); }

void LaunchedMaps::cancel(std::size_t run) { launch_->cancel(run); }

std::vector<MapOutcome> LaunchedMaps::gather() {
  wait();
  std::vector<MapOutcome> outcomes;
  for (std::size_t run = 0; run < size(); ++run) outcomes.push_back(launch_->outcome(run));
  return outcomes;
}

LaunchedMaps launch_maps(const Communicator& comm, const std::vector<AsyncMap>& runs,
                         const LaunchOptions& options) {
  std::vector<std::shared_ptr<RunSpec>> specs;
  for (const AsyncMap& run : runs) specs.push_back(run.spec_);
  return LaunchedMaps(launch(comm, specs, options));
}

std::vector<MapOutcome> gather_maps(const Communicator& comm, const std::vector<AsyncMap>& runs,
                                    const LaunchOptions& options) {
  return launch_maps(comm, runs, options).gather();
}

}  // namespace mpipe
