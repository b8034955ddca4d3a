// SPDX-License-Identifier: BSD-3-Clause
// Opens a store: rank 0 makes or finds the files, and every rank begins with what rank 0 says.
#include <mpipe/core/error.hpp>

#include "store/folder_files.hpp"
#include "store/manifest.hpp"
#include "store/resume.hpp"

#include <utility>

namespace mpipe {
namespace {

/// Makes all files of a new run, on one rank; when it throws, the files that it made are removed again.
StoreStart make_new_files(const fs::path& folder, const RunLayout& layout) {
  // Names are checked before anything is removed: a layout that cannot be stored must not cost the old
  // results.
  all_variable_names(layout);  // refuses names that collide
  remove_all_files(folder);
  try {
    make_folder(journal_folder(folder));
    // The manifest comes before results.h5: a start after a crash in between reads it, and makes what is
    // missing.
    write_manifest(folder, layout);
    make_results(folder, layout);
    StoreStart start;
    start.layout = layout;
    start.table = read_file_table(folder, layout);
    start.progress.resize(layout.outputs.size());
    start.in_files.resize(layout.outputs.size());
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
  // Rank 0 keeps its own, which has the values of inputs.
  return comm.is_root() ? std::move(start) : unpack_start(bytes);
}

}  // namespace

std::vector<std::byte> pack_start(const StoreStart& start) {
  ByteWriter packer;
  // The layout comes first, as the receiver needs it to read the rest.
  packer.put_text(layout_to_text(start.layout));
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
  start.layout = layout_from_text(unpacker.get_text(), "what rank 0 sent");
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
                                           const RunLayout& layout, const StoreOptions& options) {
  StoreStart start = begin_together(comm, [&] { return make_new_files(folder, layout); });
  return std::make_unique<FileStore>(comm, folder, std::move(start), options);
}

std::unique_ptr<RunStore> resume_run_store(const Communicator& comm, const std::filesystem::path& folder,
                                           const RunLayout& layout, const StoreOptions& options) {
  StoreStart start = begin_together(comm, [&] {
    StoreStart found = prepare_resume(folder, layout);
    found.progress.resize(layout.outputs.size());
    found.in_files.resize(layout.outputs.size());
    return found;
  });
  // All ranks recover before any of them opens its store, which begins the journal of the rank anew: what an
  // earlier start left there would be lost.
  recover(comm, folder, options, start);
  return std::make_unique<FileStore>(comm, folder, std::move(start), options);
}

}  // namespace mpipe
