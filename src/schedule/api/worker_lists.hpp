// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Workers sorted by what can be done with them next.
#pragma once

#include <mpipe/core/index.hpp>

#include <array>
#include <optional>
#include <vector>

namespace mpipe {

enum class WorkerPlace : std::uint8_t {
  idle,          ///< no block, takes any
  idle_limited,  ///< no block, takes short ones only
  idle_held,     ///< no block, kept for a team: takes what is over before that begins
  one_block,     ///< may get a second one ahead
  two_blocks,    ///< has one queued that could be taken back
  set_aside,     ///< nothing to do with it now, or ever
};

/// Each worker is in exactly one list, first come first served. All operations are O(1) and do not allocate,
/// so that an event costs the same with 10^5 workers. Value type.
class WorkerLists {
 public:
  /// All in `set_aside`.
  explicit WorkerLists(std::size_t workers);

  /// To the end of that list; also when it is in it already.
  void move(WorkerId worker, WorkerPlace to);

  std::optional<WorkerId> front(WorkerPlace place) const { return at(head(place)); }
  /// The one after `worker` in its list.
  std::optional<WorkerId> next(WorkerId worker) const { return at(links_[worker.value].next); }
  Index size(WorkerPlace place) const { return heads_[static_cast<std::size_t>(place)].size; }

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  struct Links {
    std::uint32_t previous = none;
    std::uint32_t next = none;
    WorkerPlace place = WorkerPlace::set_aside;
  };
  struct Head {
    std::uint32_t first = none;
    std::uint32_t last = none;
    Index size = 0;
  };

  std::uint32_t head(WorkerPlace place) const { return heads_[static_cast<std::size_t>(place)].first; }
  static std::optional<WorkerId> at(std::uint32_t position) {
    return position == none ? std::nullopt : std::optional(WorkerId{position});
  }
  void unlink(std::uint32_t worker);
  void append(std::uint32_t worker, WorkerPlace to);

  std::vector<Links> links_;
  std::array<Head, 6> heads_;
};

}  // namespace mpipe
