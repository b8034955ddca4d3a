// SPDX-License-Identifier: BSD-3-Clause
// Decides what a commit moves, in which windows, and which rank writes each window.
#include "store/commit/commit_plan.hpp"

#include <mpipe/core/error.hpp>

#include <algorithm>
#include <functional>

namespace mpipe {
namespace {

/// Slabs shorter than this are not worth a collective call of all writers.
constexpr std::uint64_t kMinSlabBytes = std::uint64_t{256} << 10;

RangeSet sum_of(const std::vector<CommitDelta>& by_rank, std::size_t output, RangeSet OutputDelta::*part) {
  std::vector<IndexRange> all;
  for (const CommitDelta& delta : by_rank) {
    const auto& ranges = (delta[output].*part).ranges();
    all.insert(all.end(), ranges.begin(), ranges.end());
  }
  return RangeSet::of(std::move(all));
}

CommitDelta total_of(const std::vector<CommitDelta>& by_rank, const std::vector<ElementStates>& before) {
  // Each element counts once, by the best that any rank knows of it: in its place rather than to be moved,
  // done rather than failed, failed rather than blocked.
  CommitDelta total(before.size());
  for (std::size_t k = 0; k < total.size(); ++k) {
    OutputDelta& sum = total[k];
    sum.placed = sum_of(by_rank, k, &OutputDelta::placed);
    sum.kept = sum_of(by_rank, k, &OutputDelta::kept);
    sum.to_move = sum_of(by_rank, k, &OutputDelta::to_move).difference(sum.placed);
    sum.failed = sum_of(by_rank, k, &OutputDelta::failed);
    sum.blocked = sum_of(by_rank, k, &OutputDelta::blocked);
    for (RangeSet* marked : {&sum.failed, &sum.blocked})
      for (const RangeSet& done :
           {std::cref(sum.placed), std::cref(sum.kept), std::cref(sum.to_move), std::cref(before[k].done())})
        marked->erase(done);
    sum.blocked.erase(sum.failed);
  }
  return total;
}

/// Finds elements that several ranks computed, which all but the lowest of these ranks leave out. Mostly
/// there are no such elements; that is seen from the counts alone, before any sets are intersected.
std::vector<DuplicateElements> find_duplicates(const std::vector<CommitDelta>& by_rank, std::size_t outputs) {
  std::vector<DuplicateElements> duplicates;
  for (std::size_t k = 0; k < outputs; ++k) {
    Index count = 0;
    for (const CommitDelta& delta : by_rank) count += delta[k].to_move.count();
    RangeSet seen;
    if (count == sum_of(by_rank, k, &OutputDelta::to_move).count()) continue;
    for (std::size_t rank = 0; rank < by_rank.size(); ++rank) {
      const RangeSet again = by_rank[rank][k].to_move.intersection(seen);
      if (!again.empty())
        duplicates.push_back({static_cast<std::uint32_t>(rank), static_cast<std::uint32_t>(k), again});
      seen.insert(by_rank[rank][k].to_move);
    }
  }
  return duplicates;
}

/// Cuts what is to be moved of one output into slabs and, where little lies together, stretches with gaps.
struct Cut {
  std::vector<IndexRange> slabs;
  std::vector<IndexRange> stretches;
};

Cut cut_output(const RangeSet& values, const OutputGeometry& geometry, Index round_values) {
  Cut cut;
  const auto min_slab = static_cast<Index>(kMinSlabBytes / geometry.value_bytes);
  for (const IndexRange& range : values.ranges()) {
    if (geometry.slabs && range.size() >= std::min(min_slab, round_values)) {
      const auto parts = geometry.order->cut(range, round_values);
      cut.slabs.insert(cut.slabs.end(), parts.begin(), parts.end());
      continue;
    }
    for (Index begin = range.begin; begin < range.end;) {
      // A stretch may span gaps but no slab. The writer of a stretch may read the gaps and write them back,
      // which would undo what the writer of the slab puts there meanwhile.
      const bool joins = !cut.stretches.empty() && begin < cut.stretches.back().begin + round_values &&
                         (cut.slabs.empty() || cut.slabs.back().begin < cut.stretches.back().begin);
      if (!joins) cut.stretches.push_back({begin, begin});
      IndexRange& last = cut.stretches.back();
      last.end = std::min(range.end, last.begin + round_values);
      begin = last.end;
    }
  }
  return cut;
}

/// Deals slabs out in file order, so that each writer has neighbours and all have about the same.
void deal_slabs(const std::vector<IndexRange>& slabs, std::uint32_t output, std::size_t writers,
                CommitPlan& plan) {
  Index total = 0;
  for (const IndexRange& slab : slabs) total += slab.size();
  std::vector<std::uint32_t> given(writers, 0);
  Index before = 0;
  for (const IndexRange& slab : slabs) {
    const auto writer = static_cast<std::size_t>(static_cast<double>(before) / static_cast<double>(total) *
                                                 static_cast<double>(writers));
    // Rounding may reach the number of writers itself.
    const std::size_t to = std::min(writer, writers - 1);
    plan.windows.push_back({output, static_cast<std::uint32_t>(to), plan.slab_rounds + given[to]++, 1, slab});
    before += slab.size();
  }
  plan.slab_rounds += *std::max_element(given.begin(), given.end());
}

}  // namespace

CommitPlan plan_commit(const std::vector<CommitDelta>& by_rank, const std::vector<ElementStates>& before,
                       const std::vector<OutputGeometry>& geometry, std::size_t writers,
                       std::uint64_t round_bytes) {
  CommitPlan plan;
  plan.total = total_of(by_rank, before);
  plan.duplicates = find_duplicates(by_rank, before.size());
  std::vector<Window> others;
  for (std::size_t k = 0; k < geometry.size(); ++k) {
    const RangeSet& elements = plan.total[k].to_move;
    if (elements.empty()) continue;
    if (!geometry[k].has_location) throw Bug("a commit is to move values that have no place");
    const auto output = static_cast<std::uint32_t>(k);
    const bool panels = !geometry[k].order->in_file_order();
    const std::uint64_t bytes = panels ? std::max<std::uint64_t>(round_bytes, kPanelBytes) : round_bytes;
    const auto round_values = std::max<Index>(1, static_cast<Index>(bytes / geometry[k].value_bytes));
    Cut cut = cut_output(geometry[k].order->values_of(elements), geometry[k], round_values);
    // Slabs of one output fill rounds in which all writers call HDF5 together. A single slab or a single
    // writer gains nothing by that, and is written like a stretch.
    if (cut.slabs.size() > 1 && writers > 1)
      deal_slabs(cut.slabs, output, writers, plan);
    else
      cut.stretches.insert(cut.stretches.end(), cut.slabs.begin(), cut.slabs.end());
    for (const IndexRange& values : cut.stretches) {
      const std::size_t writer = panels ? writer_of_panels(k, writers) : others.size() % writers;
      others.push_back({output, static_cast<std::uint32_t>(writer), 0, 0, values});
    }
  }
  // What is left follows the rounds of slabs, a window per writer and round.
  plan.rounds = plan.slab_rounds;
  std::vector<std::uint32_t> next(writers, plan.slab_rounds);
  for (Window& window : others) {
    window.round = next[window.writer]++;
    plan.rounds = std::max(plan.rounds, next[window.writer]);
    plan.windows.push_back(window);
  }
  // By round and then by writer: the windows of a round are found by a binary search, and all ranks must go
  // through them in the same order, as messages carry no labels.
  std::stable_sort(plan.windows.begin(), plan.windows.end(), [](const Window& a, const Window& b) {
    return std::pair(a.round, a.writer) < std::pair(b.round, b.writer);
  });
  return plan;
}

void apply_delta(const CommitDelta& total, std::vector<ElementStates>& progress) {
  for (std::size_t k = 0; k < total.size(); ++k) {
    for (const RangeSet* done : {&total[k].placed, &total[k].kept, &total[k].to_move})
      progress[k].add_done(*done);
    progress[k].add_failed(total[k].failed);
    progress[k].add_blocked(total[k].blocked);
  }
}

std::vector<std::byte> pack_delta(const CommitDelta& delta) {
  ByteWriter packer;
  packer.put<std::uint64_t>(delta.size());
  for (const OutputDelta& output : delta)
    for (const RangeSet* set :
         {&output.to_move, &output.placed, &output.kept, &output.failed, &output.blocked})
      packer.put_ranges(*set);
  return std::move(packer.bytes());
}

namespace {

CommitDelta get_delta(ByteReader& unpacker) {
  CommitDelta delta(static_cast<std::size_t>(unpacker.get<std::uint64_t>()));
  for (OutputDelta& output : delta)
    for (RangeSet* set : {&output.to_move, &output.placed, &output.kept, &output.failed, &output.blocked})
      *set = unpacker.get_ranges();
  return delta;
}

}  // namespace

CommitDelta unpack_delta(std::span<const std::byte> bytes) {
  ByteReader unpacker(bytes, "what another rank tells of the store");
  return get_delta(unpacker);
}

std::vector<std::byte> pack_plan(const CommitPlan& plan) {
  ByteWriter packer;
  packer.put(plan.slab_rounds);
  packer.put(plan.rounds);
  packer.put_list(plan.windows);
  packer.put<std::uint64_t>(plan.duplicates.size());
  for (const DuplicateElements& left : plan.duplicates) {
    packer.put(left.rank);
    packer.put(left.output);
    packer.put_ranges(left.elements);
  }
  std::vector<std::byte> bytes = std::move(packer.bytes());
  const std::vector<std::byte> total = pack_delta(plan.total);
  bytes.insert(bytes.end(), total.begin(), total.end());
  return bytes;
}

CommitPlan unpack_plan(std::span<const std::byte> bytes) {
  ByteReader unpacker(bytes, "what another rank tells of the store");
  CommitPlan plan;
  plan.slab_rounds = unpacker.get<std::uint32_t>();
  plan.rounds = unpacker.get<std::uint32_t>();
  plan.windows = unpacker.get_list<Window>();
  for (auto count = unpacker.get<std::uint64_t>(); count > 0; --count) {
    const auto rank = unpacker.get<std::uint32_t>();
    const auto output = unpacker.get<std::uint32_t>();
    plan.duplicates.push_back({rank, output, unpacker.get_ranges()});
  }
  plan.total = get_delta(unpacker);
  return plan;
}

}  // namespace mpipe
