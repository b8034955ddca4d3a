// SPDX-License-Identifier: BSD-3-Clause
// Checks the options of a map against its pipeline, and spreads those per output over functions.
#include "run/api/settings.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/core/failure.hpp>

#include "base/api/file.hpp"
#include "core/api/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <thread>

namespace mpipe {
namespace {

constexpr Index kMostRetries = 1'000'000;

/// A per-output option, spread over functions: any output of a function speaks for all of them, but only one
/// may.
template <class T>
class PerFunction {
 public:
  PerFunction(const Pipeline& pipeline, const std::map<std::string, T>& entries, const char* what) {
    for (const auto& [name, value] : entries) {
      if (name.empty()) {
        default_ = &value;
        continue;
      }
      const FunctionId id = pipeline.producer_of(name);
      if (!values_.try_emplace(id.value, &value).second)
        throw Error(Category::duplicate_entry,
                    fmt::format("the {} of function '{}' is given twice: by more "
                                "than one of its outputs ('{}' is one). Keep one.",
                                what, pipeline.function(id).name(), name),
                    {Subject::Kind::option, what});
    }
  }
  /// The entry that speaks for this function, or else the default; null when there is neither.
  const T* of(FunctionId id) const {
    const auto found = values_.find(id.value);
    return found == values_.end() ? default_ : found->second;
  }

 private:
  std::map<std::uint32_t, const T*> values_;
  const T* default_ = nullptr;
};

/// Fills in what only this machine and this map know: how many workers there are, and what an executor of the
/// program's own does.
ExecutorChoice resolve(ExecutorChoice choice, const MapOptions& options) {
  if (choice.kind == ExecutorKind::user) {
    const auto own = options.user_executors.find(choice.user);
    if (own == options.user_executors.end()) refuse_executor(choice.user);
    choice.calls_from_threads = own->second.threads;
  } else if (choice.calls_from_threads && choice.count == 0) {
    choice.count = std::max(1u, std::thread::hardware_concurrency());
  }
  return choice;
}

void require_thread_safe(const FunctionNode& node, const std::string& executor) {
  if (runs_in_threads(node.function)) return;
  throw Error(
      Category::bad_option,
      fmt::format("the executor '{}' needs functions that several threads may call at once, which "
                  "function '{}' does not promise. Declare it with .thread_safe() (thread_safe: true in "
                  "documents), or use another executor.",
                  executor, node.name()),
      {Subject::Kind::function, node.name()});
}

void refuse_communicator(const FunctionNode& node, const std::string& executor) {
  if (!node.function.body().takes_communicator()) return;
  throw Error(Category::bad_option,
              fmt::format("function '{}' takes a communicator, which the executor '{}' has none of: a child "
                          "process has no MPI. Use another executor.",
                          node.name(), executor),
              {Subject::Kind::function, node.name()});
}

void check_user_executors(const MapOptions& options) {
  for (const auto& [name, unused] : options.user_executors) {
    const ExecutorChoice kind(name.substr(0, name.find(':')));
    if (name.empty() || kind.kind != ExecutorKind::user)
      throw Error(
          Category::bad_option,
          fmt::format("an executor of your own cannot be called '{}', which means another one. Choose "
                      "another name.",
                      name),
          {Subject::Kind::option, "user_executors"});
  }
}

void choose_executors(const Plan& plan, const MapOptions& options, int ranks, Settings& settings) {
  check_user_executors(options);
  // Entries of outputs that this run does not compute are checked as well: a misspelt executor is an error
  // wherever it stands.
  for (const auto& [unused, executor] : options.executor) resolve(executor, options);
  const std::vector<std::string> names = executor_names(plan.pipeline(), options, ranks);
  for (const Stage& stage : plan.stages()) {
    const std::string& name = names[stage.functions.front().value];
    if (name.empty())
      throw Error(Category::no_executor,
                  fmt::format("no executor is given for the output '{}', nor a default (\"\"). Give one of "
                              "them.",
                              plan.pipeline().function(stage.functions.front()).name()),
                  {Subject::Kind::option, "executor"});
    const ExecutorChoice choice = resolve(ExecutorChoice(name), options);
    if (choice.kind == ExecutorKind::processes)
      for (const FunctionId id : stage.functions) refuse_communicator(plan.pipeline().function(id), name);
    if (choice.calls_from_threads && choice.kind != ExecutorKind::processes)
      for (const FunctionId id : stage.functions) require_thread_safe(plan.pipeline().function(id), name);
    const auto known = std::find(settings.executors.begin(), settings.executors.end(), choice);
    settings.executor_of_stage.push_back(static_cast<std::size_t>(known - settings.executors.begin()));
    if (known == settings.executors.end()) settings.executors.push_back(choice);
  }
}

void require_folder(StorageKind storage, const MapOptions& options) {
  if (storage == StorageKind::memory || !options.run_folder.empty()) return;
  throw Error(Category::bad_option,
              fmt::format("the storage '{}' needs a run folder to write to. Give one (--run-folder), or use "
                          "memory.",
                          to_string(storage)),
              {Subject::Kind::option, "storage"});
}

/// What the files of a run folder cannot hold is refused before there is one: HDF5 has arrays of at most 32 axes,
/// and file systems have names of at most 255 bytes.
void check_limits_of_files(const Plan& plan, const std::vector<StorageKind>& storage) {
  constexpr std::size_t kMostAxes = 32;
  constexpr std::size_t kLongestName = 255;
  const auto check_axes = [&](const char* what, const std::string& name, std::size_t axes) {
    if (axes <= kMostAxes) return;
    throw Error(
        Category::bad_option,
        fmt::format("the {} '{}' has {} axes, but arrays in results.h5 have at most {} (a limit of HDF5). "
                    "Join some of them, or leave out the run folder.",
                    what, name, axes, kMostAxes),
        {Subject::Kind::parameter, name});
  };
  for (const auto& [name, value] : plan.constants()) check_axes("input", name, value.rank());
  for (std::size_t k = 0; k < storage.size(); ++k) {
    const PlannedOutput& output = plan.outputs()[k];
    check_axes("output", output.name, output.layout.axes.size());
    if (storage[k] == StorageKind::file && output.name.size() > kLongestName)
      throw Error(
          Category::bad_option,
          fmt::format("the output '{}..' cannot have the storage file: a name of {} letters is no name of "
                      "a folder (file systems allow {}). Use a shorter name, or the storage hdf5.",
                      output.name.substr(0, 40), output.name.size(), kLongestName),
          {Subject::Kind::option, "storage"});
  }
}

/// Without any entry the kind follows from whether there is a run folder. As soon as there is one entry, all
/// outputs need theirs or a default: a forgotten output would be lost silently at the end of the run.
std::vector<StorageKind> choose_storage(const Plan& plan, const MapOptions& options) {
  const StorageKind fallback = options.run_folder.empty() ? StorageKind::memory : StorageKind::hdf5;
  const PerFunction<Named<StorageKind>> entries(plan.pipeline(), options.storage, "storage");
  for (const auto& [unused, kind] : options.storage) require_folder(kind.value(), options);
  std::vector<StorageKind> storage;
  for (const PlannedOutput& output : plan.outputs()) {
    const Named<StorageKind>* kind = entries.of(output.function);
    if (kind == nullptr && !options.storage.empty())
      throw Error(
          Category::no_storage,
          fmt::format("no storage is given for the output '{}', nor a default (\"\"). Give one of them.",
                      output.name),
          {Subject::Kind::option, "storage"});
    storage.push_back(kind == nullptr ? fallback : kind->value());
  }
  if (!options.run_folder.empty()) check_limits_of_files(plan, storage);
  return storage;
}

std::vector<std::vector<ChunkSize>> choose_chunks(const Plan& plan, const MapOptions& options) {
  for (const auto& [output, size] : options.chunksizes)
    if (size.number()) require_chunk(*size.number(), output);
  const PerFunction<ChunkSize> entries(plan.pipeline(), options.chunksizes, "chunk size");
  std::vector<std::vector<ChunkSize>> chunks(plan.stages().size());
  for (const auto& stage : plan.stages())
    for (const FunctionId id : stage.functions)
      if (const ChunkSize* size = entries.of(id)) chunks[stage.id.value].push_back(*size);
  return chunks;
}

void check_error_handling(const MapOptions& options) {
  const bool goes_on = options.error_handling.value() == ErrorHandling::proceed;
  if (options.max_failures && !goes_on)
    throw Error(Category::bad_option,
                "max_failures goes with error_handling continue: under raise the first failure ends the run. "
                "Give one of them.",
                {Subject::Kind::option, "max_failures"});
  if (options.max_failures.value_or(0) < 0)
    throw Error(Category::bad_option,
                fmt::format("max_failures is {}. Give 0 or more.", *options.max_failures),
                {Subject::Kind::option, "max_failures"});
  if (options.retries < 0 || options.retries > kMostRetries)
    throw Error(Category::bad_option,
                fmt::format("retries is {}. Give a number from 0 to {}.", options.retries, kMostRetries),
                {Subject::Kind::option, "retries"});
  if (options.retry_failed && !options.resume)
    throw Error(Category::bad_option,
                "retry_failed computes again what failed in an earlier start, which only resume goes on "
                "with. Give resume (--resume), too.",
                {Subject::Kind::option, "retry_failed"});
  if (options.explain && !options.resume)
    throw Error(Category::bad_option,
                "explain tells what of an earlier start is kept, which only resume goes on with. Give resume "
                "(--resume), too.",
                {Subject::Kind::option, "explain"});
}

void check_redo(const Pipeline& pipeline, const MapOptions& options) {
  if (!options.redo.empty() && !options.resume)
    throw Error(Category::bad_option,
                "redo computes anew what an earlier start has stored, which only resume goes on with. Give "
                "resume (--resume), too.",
                {Subject::Kind::option, "redo"});
  for (const std::string& output : options.redo) {
    try {
      pipeline.producer_of(output);
    } catch (const Error& error) {
      throw Error(error.category(), fmt::format("redo: {}", error.what()), {Subject::Kind::option, "redo"});
    }
  }
}

/// Nobody can take from the folder that is written, and nothing is to be kept that is to be computed anew.
void check_reuse(const MapOptions& options) {
  if (options.reuse.empty()) return;
  const Subject subject{Subject::Kind::option, "reuse"};
  if (options.run_folder.empty())
    throw Error(Category::bad_option,
                "reuse copies elements of earlier runs into a run folder, and there is none. Give one "
                "(--run-folder).",
                subject);
  if (!options.redo.empty())
    throw Error(Category::bad_option,
                "redo computes outputs anew, which reuse would take from elsewhere. Give one of them.",
                subject);
  for (const std::string& folder : options.reuse)
    if (resolve_path(folder) == resolve_path(options.run_folder))
      throw Error(
          Category::bad_option,
          fmt::format("reuse: '{}' is the run folder of this run (it cannot take from itself). Give the "
                      "new run another folder, or leave reuse out.",
                      folder),
          subject);
}

}  // namespace

void require_chunk(Index size, const std::string& output) {
  if (size > 0) return;
  throw Error(Category::bad_chunksize,
              fmt::format("Invalid chunksize {} for '{}': blocks have at least 1 element.", size,
                          output.empty() ? "all outputs" : output),
              {Subject::Kind::option, "chunksizes"});
}

namespace {

/// What a chunk size that is a function says. The other ranks wait meanwhile: whatever it throws is an
/// `Error`.
std::optional<Index> asked(const ChunkSize& chunk, Index todo, const std::string& name) {
  return guard_user_code(fmt::format("the chunk-size function of '{}', asked for {} elements,", name, todo),
                         [&] { return chunk.of(todo); }, Category::bad_chunksize,
                         {Subject::Kind::option, "chunksizes"});
}

}  // namespace

std::optional<Index> Settings::block_of(StageId stage, Index todo, const std::string& name) const {
  std::optional<Index> block;
  if (todo == 0) return block;
  for (const ChunkSize& chunk : chunks_of_stage[stage.value]) {
    const std::optional<Index> size = asked(chunk, todo, name);
    if (!size) continue;
    require_chunk(*size, name);
    block = std::min(block.value_or(*size), *size);
  }
  return block;
}

std::vector<std::string> executor_names(const Pipeline& pipeline, const MapOptions& options, int ranks) {
  if (!options.parallel && !options.executor.empty())
    throw Error(Category::executor_not_parallel,
                "an executor is given for a map that is not to be parallel. Leave out one of them.",
                {Subject::Kind::option, "executor"});
  const PerFunction<ExecutorChoice> entries(pipeline, options.executor, "executor");
  const std::string fallback = ranks > 1 && options.parallel ? "mpi" : "sequential";
  std::vector<std::string> names;
  for (std::uint32_t k = 0; k < pipeline.functions().size(); ++k) {
    const ExecutorChoice* given = entries.of({k});
    names.push_back(given != nullptr ? given->to_string() : options.executor.empty() ? fallback : "");
  }
  return names;
}

Settings make_settings(const Plan& plan, const MapOptions& options, int ranks) {
  check_error_handling(options);
  check_redo(plan.pipeline(), options);
  check_reuse(options);
  if (options.run_folder.empty() && (options.resume || options.overwrite || options.take_over))
    throw Error(Category::bad_option, "resume and overwrite need a run folder. Give one (--run-folder).",
                {Subject::Kind::option, "run_folder"});
  if (options.resume && options.overwrite)
    throw Error(Category::bad_option,
                "resume keeps what is in the run folder and overwrite deletes it. Give one of them.",
                {Subject::Kind::option, "overwrite"});
  Settings settings;
  choose_executors(plan, options, ranks, settings);
  settings.storage = choose_storage(plan, options);
  settings.chunks_of_stage = choose_chunks(plan, options);
  return settings;
}

}  // namespace mpipe
