// SPDX-License-Identifier: BSD-3-Clause
// Opens a store: rank 0 makes or finds the files, and every rank begins with what rank 0 says.
#include <mpipe/core/error.hpp>

#include "store/folder_files.hpp"
#include "store/resume.hpp"

#include <utility>

namespace mpipe {
namespace {

/// Makes all files of a new run, on one rank; when it throws, the files that it made are removed again.
StoreStart make_new_files(const fs::path& folder, const RunDescription& run) {
  // Names are checked before anything is removed: a layout that cannot be stored must not cost the old
  // results.
  all_variable_names(run);  // refuses names that collide
  remove_all_files(folder);
  try {
    make_folder(journal_folder(folder));
    make_results(folder, run);
    // The description makes a run of the folder. It comes last, so that a start which fails before leaves
    // nothing to go on with, and before any journal, so that there are no results without it.
    write_description(folder, run);
    StoreStart start;
    start.layout = run;
    start.table = read_file_table(folder, run);
    start.progress.resize(run.outputs.size());
    start.in_files.resize(run.outputs.size());
    return start;
  } catch (...) {
    try {
      remove_all_files(folder);
    } catch (const Error&) {
      // The first error is the one to tell; the next start removes what is left.
    }
    throw;
  }
}

/// Rank 0 makes or finds the files; all begin with what it says.
template <class Step>
StoreStart begin_together(const Communicator& comm, const Step& step) {
  CollectiveSteps agreement(comm);
  StoreStart start;
  agreement.attempt([&] {
    if (comm.is_root()) start = step();
  });
  agreement.agree();
  const std::vector<std::byte> bytes =
      comm.broadcast(comm.is_root() ? pack_start(start) : std::vector<std::byte>{});
  agreement.attempt([&] {
    // Rank 0 keeps its own, which has the values of inputs.
    if (!comm.is_root()) start = unpack_start(bytes);
  });
  agreement.agree();
  return start;
}

}  // namespace

std::vector<std::byte> pack_start(const StoreStart& start) {
  ByteWriter packer;
  // The layout comes first, as the receiver needs it to read the rest.
  RunDescription told;
  static_cast<RunLayout&>(told) = start.layout;
  packer.put_text(to_json(told));
  packer.put<std::int32_t>(start.number);
  const std::vector<std::byte> table = pack_file_table(start.table);
  packer.put_list(table);
  for (const ElementStates& known : start.progress) known.put(packer);
  for (const RangeSet& set : start.in_files) packer.put_ranges(set);
  return std::move(packer.bytes());
}

StoreStart unpack_start(std::span<const std::byte> bytes) {
  ByteReader unpacker(bytes, "what another rank tells of the store");
  StoreStart start;
  start.layout = description_from_json(unpacker.get_text(), "what rank 0 sent");
  start.number = unpacker.get<std::int32_t>();
  start.table = unpack_file_table(unpacker.get_list<std::byte>(), start.layout);
  const std::size_t outputs = start.layout.outputs.size();
  start.progress.resize(outputs);
  start.in_files.resize(outputs);
  for (ElementStates& known : start.progress) known = ElementStates::get(unpacker);
  for (RangeSet& set : start.in_files) set = unpacker.get_ranges();
  return start;
}

std::unique_ptr<RunStore> create_run_store(const Communicator& comm, const std::filesystem::path& folder,
                                           const RunDescription& run, const StoreOptions& options) {
  StoreStart start = begin_together(comm, [&] { return make_new_files(folder, run); });
  return std::make_unique<FileStore>(comm, folder, std::move(start), options);
}

std::unique_ptr<RunStore> resume_run_store(const Communicator& comm, const std::filesystem::path& folder,
                                           const RunDescription& run, const StoreOptions& options,
                                           const std::vector<std::string>& redo,
                                           std::vector<NotKept>* not_kept) {
  StoreStart start = begin_together(comm, [&] {
    StoreStart found = prepare_resume(folder, run, redo, options.before_change);
    found.progress.resize(found.layout.outputs.size());
    found.in_files.resize(found.layout.outputs.size());
    return found;
  });
  // All ranks recover before any of them opens its store, which begins the journal of the rank anew: what an
  // earlier start left there would be lost.
  recover(comm, folder, options, start);
  if (not_kept != nullptr) *not_kept = std::move(start.not_kept);
  return std::make_unique<FileStore>(comm, folder, std::move(start), options);
}

}  // namespace mpipe
