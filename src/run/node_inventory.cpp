// SPDX-License-Identifier: BSD-3-Clause
// Finds cores, memory and devices of the nodes, and the parts of them that ranks share.
#include "run/api/node_inventory.hpp"

#include "base/api/file.hpp"
#include "comm/api/collective.hpp"
#include "run/devices.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace mpipe {
namespace {

/// What one rank sees, as numbers that can be compared over ranks.
struct Sight {
  std::int64_t cores = 1;
  std::int64_t bound = 0;
  std::int64_t memory = 0;
  std::int64_t devices = 0;  ///< a bit for each number
};

/// In bytes; 0 where there is none. A container sees its own control group at the root; elsewhere the group of this
/// process and those that it is in may each have a limit.
std::int64_t limit_of_control_group() {
  std::int64_t least = 0;
  const auto take = [&](const fs::path& file) {
    std::string text;
    std::int64_t limit = 0;
    if (read_small_file(file, 64, text) != ReadResult::ok) return;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (parsed.ec == std::errc{} && limit > 0 && (least == 0 || limit < least)) least = limit;
  };
  const fs::path root = "/sys/fs/cgroup";
  take(root / "memory.max");
  std::string groups;
  if (read_small_file("/proc/self/cgroup", 65'536, groups) != ReadResult::ok) return least;
  // "0::/system.slice/job_17": the one line of the second version of control groups.
  const std::size_t at = groups.find("0::/");
  if (at == std::string::npos) return least;
  fs::path group = root / groups.substr(at + 4, groups.find('\n', at) - at - 4);
  for (; group != root && group.has_relative_path(); group = group.parent_path()) take(group / "memory.max");
  return least;
}

Sight look(bool with_devices) {
  Sight sight;
  sight.cores = ::sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
    sight.bound = CPU_COUNT(&allowed) < sight.cores ? 1 : 0;
  sight.memory = std::max(0L, ::sysconf(_SC_PHYS_PAGES)) * std::max(0L, ::sysconf(_SC_PAGESIZE));
  if (const std::int64_t limit = limit_of_control_group(); limit > 0)
    sight.memory = std::min(sight.memory, limit);
  static_assert(max_device < 62, "devices are bits of a positive number");
  if (with_devices)
    for (const int device : find_devices()) sight.devices |= std::int64_t{1} << device;
  return sight;
}

NodeResources resources_of(const Node& node, const std::vector<Sight>& sights) {
  const Sight& first = sights[static_cast<std::size_t>(node.ranks.front())];
  NodeResources inventory{
      node.host, node.ranks, static_cast<int>(first.cores), static_cast<std::uint64_t>(first.memory), {}};
  // A batch system may have given each rank some of the devices of the node.
  std::int64_t devices = 0;
  for (const int rank : node.ranks) devices |= sights[static_cast<std::size_t>(rank)].devices;
  for (int device = 0; device <= max_device; ++device)
    if ((devices >> device & 1) != 0) inventory.devices.push_back(device);
  return inventory;
}

}  // namespace

/// Every rank writes into its own place of a vector of zeros, and the maximum over all ranks joins them: one
/// collective call instead of a gather and a broadcast.
NodeInventory find_inventory(const Communicator& comm, bool with_devices) {
  std::vector<std::int64_t> all(4 * static_cast<std::size_t>(comm.size()), 0);
  together(comm, [&] {
    const Sight here = look(with_devices);
    const auto at = all.begin() + 4 * comm.rank();
    std::copy_n(
        std::initializer_list<std::int64_t>{here.cores, here.bound, here.memory, here.devices}.begin(), 4,
        at);
  });
  comm.all_reduce(all, ReduceOp::max);
  std::vector<Sight> sights;
  for (std::size_t k = 0; k < all.size(); k += 4)
    sights.push_back({all[k], all[k + 1], all[k + 2], all[k + 3]});
  NodeInventory inventory;
  for (const Node& node : comm.nodes()) inventory.nodes.push_back(resources_of(node, sights));
  inventory.bound =
      std::any_of(sights.begin(), sights.end(), [](const Sight& sight) { return sight.bound != 0; });
  return inventory;
}

/// The part of an inventory that some of its ranks have. Rank 0 of the whole directs and computes nothing, so
/// the devices of its node are divided among the other ranks there. Ranks are numbered anew by their places
/// in `ranks`.
NodeInventory inventory_of(const NodeInventory& whole, std::span<const int> ranks) {
  NodeInventory part{{}, whole.bound};
  for (const NodeResources& node : whole.nodes) {
    const std::size_t first = node.ranks.front() == 0 ? 1 : 0;
    const std::size_t share = node.devices.size() / std::max<std::size_t>(node.ranks.size() - first, 1);
    NodeResources ours{node.host, {}, node.cores, node.memory, {}};
    for (std::size_t k = 0; k < ranks.size(); ++k) {
      const auto found = std::find(node.ranks.begin(), node.ranks.end(), ranks[k]);
      if (found == node.ranks.end()) continue;
      ours.ranks.push_back(static_cast<int>(k));
      const auto place = static_cast<std::size_t>(found - node.ranks.begin()) - first;
      const auto begin = node.devices.begin() + static_cast<std::ptrdiff_t>(place * share);
      ours.devices.insert(ours.devices.end(), begin, begin + static_cast<std::ptrdiff_t>(share));
    }
    std::sort(ours.devices.begin(), ours.devices.end());
    if (!ours.ranks.empty()) part.nodes.push_back(std::move(ours));
  }
  // The first node of an inventory is that of rank 0, and checks rely on it.
  std::sort(part.nodes.begin(), part.nodes.end(),
            [](const NodeResources& a, const NodeResources& b) { return a.ranks.front() < b.ranks.front(); });
  return part;
}

NodeInventory inventory_here(bool with_devices) {
  const Sight sight = look(with_devices);
  return {{resources_of({host_name(), {0}}, {sight})}, sight.bound != 0};
}

}  // namespace mpipe
