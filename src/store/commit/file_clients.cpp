// SPDX-License-Identifier: BSD-3-Clause
// Finds the clients of the file system that a run folder is on, and the ranks that may write shared files there.
#include "store/commit/file_clients.hpp"

#include "base/api/file.hpp"
#include "comm/api/collective.hpp"

#include <fmt/format.h>

#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>

namespace mpipe {
namespace {

FolderView view_of(const fs::path& folder) {
  const fs::path path = path_now(folder);
  struct statfs system {};
  struct stat status {};
  if (::statfs(path.c_str(), &system) != 0 || ::stat(path.c_str(), &status) != 0)
    throw_file_error("look at", folder, errno);
  // One kernel has one cache for all that it reaches by one device. The name of the host tells virtual machines
  // apart that were started from one image and so have the same boot.
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  file >> boot;
  return {fmt::format("{} {} {}", host_name(), boot, status.st_dev),
          is_coherent(static_cast<std::uint32_t>(system.f_type))};
}

}  // namespace

bool is_coherent(std::uint64_t type) {
  constexpr std::array<std::uint64_t, 11> kKnown{0xEF53 /* ext2, 3, 4 */,
                                                 0x58465342 /* XFS */,
                                                 0x9123683E /* Btrfs */,
                                                 0x2FC12FC1 /* ZFS */,
                                                 0x01021994 /* tmpfs */,
                                                 0x858458F6 /* ramfs */,
                                                 0x794C7630 /* overlay */,
                                                 0xF2F52010 /* F2FS */,
                                                 0x0BD00BD0 /* Lustre */,
                                                 0x47504653 /* GPFS */,
                                                 0x19830326 /* BeeGFS */};
  return std::find(kKnown.begin(), kKnown.end(), type) != kKnown.end();
}

std::vector<int> ranks_that_share_files(std::span<const FolderView> views) {
  const bool all_cohere =
      std::all_of(views.begin(), views.end(), [](const FolderView& view) { return view.coheres; });
  std::vector<int> ranks;
  for (std::size_t rank = 0; rank < views.size(); ++rank)
    if (all_cohere || views[rank].client == views.front().client) ranks.push_back(static_cast<int>(rank));
  return ranks;
}

std::vector<int> ranks_that_share_files(const Communicator& comm, const fs::path& folder) {
  CollectiveSteps steps(comm);
  ByteWriter mine;
  steps.attempt([&] {
    const FolderView view = view_of(folder);
    mine.put(view.coheres);
    mine.put_text(view.client);
  });
  steps.agree();
  const std::vector<Bytes> gathered = comm.gather(mine.bytes());
  ByteWriter out;
  if (comm.is_root()) {
    std::vector<FolderView> views;
    for (const Bytes& bytes : gathered) {
      ByteReader in(bytes, "how a rank sees the run folder");
      FolderView& view = views.emplace_back();
      view.coheres = in.get<bool>();
      view.client = in.get_text();
    }
    out.put_list(ranks_that_share_files(views));
  }
  const Bytes told = comm.broadcast(std::move(out.bytes()));
  return ByteReader(told, "which ranks write").get_list<int>();
}

}  // namespace mpipe
