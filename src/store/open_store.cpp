// SPDX-License-Identifier: BSD-3-Clause
// Opens a store: rank 0 makes or finds the files, and every rank begins with what rank 0 says.
#include "store/resume.hpp"

#include <utility>

namespace mpipe {
namespace {

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

std::unique_ptr<RunStore> create_run_store(const Communicator& comm, const std::filesystem::path& folder,
                                           const RunLayout& layout, const StoreOptions& options) {
  StoreStart start = begin_together(comm, [&] { return make_new_files(folder, layout); });
  return std::make_unique<FileStore>(comm, folder, std::move(start), options);
}

std::unique_ptr<RunStore> resume_run_store(const Communicator& comm, const std::filesystem::path& folder,
                                           const RunLayout& layout, const StoreOptions& options) {
  StoreStart start = begin_together(comm, [&] {
    StoreStart found = take_over_files(folder, layout);
    found.progress.resize(layout.outputs.size());
    found.in_files.resize(layout.outputs.size());
    return found;
  });
  recover(comm, folder, options, start);
  return std::make_unique<FileStore>(comm, folder, std::move(start), options);
}

}  // namespace mpipe
