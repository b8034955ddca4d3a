// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Which ranks see the run folder through one cache of pages, and which of them may therefore write the files
/// that ranks share. On NFS and the like two hosts that write into one page lose each other's bytes.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include "base/api/file_system.hpp"

#include <span>
#include <string>
#include <vector>

namespace mpipe {

/// How one rank sees the run folder.
struct FolderView {
  /// The same for ranks that share a cache: host, boot of the kernel, device of the mount.
  std::string client;
  bool coheres = false;  ///< the file system is known to show all hosts what one of them wrote, at once
};

/// Whether a file system of this type (`f_type` of statfs) is local to a host, or known to be coherent between
/// hosts. Types that are not known are taken not to be.
bool is_coherent(std::uint64_t type);

/// The ranks that may write shared files, ascending: all where every rank sees a coherent file system or all are
/// one client; else those of the client of rank 0, which makes and renames these files. `views`: by rank.
std::vector<int> ranks_that_share_files(std::span<const FolderView> views);

/// Collective. The same for the ranks of `comm` and this folder. Throws `Error` (storage_failed) on all ranks
/// where one cannot look at the folder.
std::vector<int> ranks_that_share_files(const Communicator& comm, const fs::path& folder);

}  // namespace mpipe
