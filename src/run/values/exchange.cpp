// SPDX-License-Identifier: BSD-3-Clause
// Moves elements of arrays between those who hold them, ranks or nodes: each from one that has it.
#include "run/values/exchange.hpp"

#include <mpipe/base/bytes.hpp>
#include <mpipe/core/error.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

namespace mpipe {
namespace {

/// Small ranges are packed until they fill a round, which bounds the buffer on every rank.
constexpr std::size_t kRoundBytes = std::size_t{4} << 20;

/// Moves bytes of a range list from one rank to others; `bytes` is source there and destination here.
using Transfer = std::function<void(std::span<std::byte> bytes, int from)>;

/// Sends the elements in `ranges` of a fixed-size array from rank `from`, in rounds: many small ranges
/// together through a buffer, large ones in place. Every rank that takes part calls it with the same ranges.
class RoundTrip {
 public:
  RoundTrip(PartialArray& array, const Transfer& transfer) : array_(array), transfer_(transfer) {}

  void run(const RangeSet& ranges, int from, bool is_source, bool wants) {
    const auto per_round = static_cast<Index>(
        std::max<std::size_t>(1, kRoundBytes / std::max<std::size_t>(1, array_.element_bytes())));
    std::vector<IndexRange> together;
    Index waiting = 0;
    for (IndexRange rest : ranges.ranges()) {
      if (rest.size() >= per_round) {
        // Every rank owns the address space of the whole array, so a rank that has these elements already may
        // take them again.
        transfer_(
            {array_.destination(rest.begin), static_cast<std::size_t>(rest.size()) * array_.element_bytes()},
            from);
        continue;
      }
      together.push_back(rest);
      waiting += rest.size();
      if (waiting >= per_round) {
        flush(together, waiting, from, is_source, wants);
        waiting = 0;
      }
    }
    if (waiting > 0) flush(together, waiting, from, is_source, wants);
  }

 private:
  void flush(std::vector<IndexRange>& together, Index elements, int from, bool is_source, bool wants) {
    buffer_.resize(static_cast<std::size_t>(elements) * array_.element_bytes());
    if (is_source)
      copy(together,
           [](std::byte* packed, std::byte* place, std::size_t size) { std::memcpy(packed, place, size); });
    transfer_(buffer_, from);
    if (wants)
      copy(together,
           [](std::byte* packed, std::byte* place, std::size_t size) { std::memcpy(place, packed, size); });
    together.clear();
  }

  template <class Copy>
  void copy(const std::vector<IndexRange>& ranges, const Copy& copy_range) {
    std::size_t at = 0;
    // All ranks walk through the ranges in this order, so the place of a range in the buffer follows from the
    // ranges alone and is never sent.
    for (const IndexRange& range : ranges) {
      const std::size_t size = static_cast<std::size_t>(range.size()) * array_.element_bytes();
      if (size == 0) continue;  // elements without values have no place either
      copy_range(buffer_.data() + at, array_.destination(range.begin), size);
      at += size;
    }
  }

  PartialArray& array_;
  const Transfer& transfer_;
  Bytes buffer_;
};

/// The elements in `ranges` of an array of values that vary in size, as one message.
Bytes pack(const PartialArray& array, const RangeSet& ranges) {
  Bytes bytes;
  for (const IndexRange& range : ranges.ranges()) {
    const PartialArray::Piece piece = array.piece(range);
    const std::uint64_t size = piece.bytes.size();
    detail::append(bytes, &size, sizeof(size));
    detail::append(bytes, piece.offsets.data(), piece.offsets.size() * sizeof(std::uint64_t));
    detail::append(bytes, piece.bytes.data(), piece.bytes.size());
  }
  return bytes;
}

/// The inverse of `pack`: the ranges are known on both sides, so only the sizes of the values travel.
void unpack(PartialArray& array, const RangeSet& ranges, std::span<const std::byte> bytes) {
  ByteReader reader = detail::element_reader(bytes, array.type());
  for (const IndexRange& range : ranges.ranges()) {
    const std::uint64_t size = reader.get<std::uint64_t>();
    std::vector<std::uint64_t> offsets(static_cast<std::size_t>(range.size() * array.values_per_element()) +
                                       1);
    const auto raw = reader.take(offsets.size() * sizeof(std::uint64_t));
    std::memcpy(offsets.data(), raw.data(), raw.size());
    array.put(range, reader.take(size), offsets);
  }
}

/// What each holder is to send: everything that it has and none before it has.
std::vector<RangeSet> owned_elements(std::vector<RangeSet> elements) {
  RangeSet taken;
  for (RangeSet& of_holder : elements) {
    of_holder.erase(taken);
    taken.insert(of_holder);
  }
  return elements;
}

/// Merged at once, however many sets there are.
RangeSet united(std::span<const RangeSet> sets) {
  std::vector<IndexRange> all;
  for (const RangeSet& set : sets) all.insert(all.end(), set.ranges().begin(), set.ranges().end());
  return RangeSet::of(std::move(all));
}

void mark_all(PartialArray& array, const RangeSet& elements) {
  for (const IndexRange& range : elements.ranges()) array.mark(range);
}

/// Values of fixed size: the first ranks of the nodes send for them and receive for them.
void share_between_nodes(const Communicator& first_ranks, const std::vector<RangeSet>& owned,
                         PartialArray& array) {
  const Transfer transfer = [&](std::span<std::byte> bytes, int from) {
    first_ranks.broadcast_into(bytes, from);
  };
  for (int from = 0; from < first_ranks.size(); ++from) {
    const bool is_source = first_ranks.rank() == from;
    RoundTrip(array, transfer).run(owned[static_cast<std::size_t>(from)], from, is_source, !is_source);
  }
}

/// Elements that one rank brings when values are joined.
struct Stretch {
  IndexRange elements;
  int rank = 0;
};

/// In the order of elements.
std::vector<Stretch> stretches_of(const std::vector<RangeSet>& owned) {
  std::vector<Stretch> stretches;
  for (std::size_t rank = 0; rank < owned.size(); ++rank)
    for (const IndexRange& range : owned[rank].ranges()) stretches.push_back({range, static_cast<int>(rank)});
  std::sort(stretches.begin(), stretches.end(),
            [](const Stretch& a, const Stretch& b) { return a.elements.begin < b.elements.begin; });
  return stretches;
}

/// Collective. Where the values of each stretch begin among all values, and behind the last one how many bytes there
/// are.
std::vector<std::uint64_t> begins_of(const Communicator& comm, const std::vector<Stretch>& stretches,
                                     const PartialArray& array) {
  // Each rank fills in the sizes of what it has. The sum of all is complete.
  std::vector<std::int64_t> sizes(stretches.size(), 0);
  for (std::size_t k = 0; k < stretches.size(); ++k)
    if (stretches[k].rank == comm.rank())
      array.visit(stretches[k].elements, [&](IndexRange, std::span<const std::byte> bytes, const auto&) {
        sizes[k] += static_cast<std::int64_t>(bytes.size());
      });
  comm.all_reduce(sizes, ReduceOp::sum);
  std::vector<std::uint64_t> begins{0};
  for (const std::int64_t size : sizes) begins.push_back(begins.back() + static_cast<std::uint64_t>(size));
  return begins;
}

/// Joins the values of an array that vary in size: each rank writes what it has into the memory of its node, and the
/// first ranks exchange what their nodes have.
class ValueJoin {
 public:
  ValueJoin(const Communicator& comm, const NodeMemory& memory, const std::vector<RangeSet>& owned,
            PartialArray& array)
      : comm_(comm),
        memory_(memory),
        array_(array),
        stretches_(stretches_of(owned)),
        begins_(begins_of(comm, stretches_, array)),
        values_(array.joined() != nullptr ? *array.joined() : array.make_room(begins_.back())) {}

  void run(const RangeSet& elements) {
    // Where ranks join a run its own ones have joined the values before, in this very memory.
    if (array_.joined() == nullptr) write_own();
    if (memory_.is_first(comm_.rank())) write_between();
    comm_.barrier();
    if (memory_.first_ranks()) exchange(*memory_.first_ranks());
    comm_.barrier();
    array_.adopt(std::move(values_), elements);
  }

 private:
  std::size_t first_value(Index element) const {
    return static_cast<std::size_t>(element * array_.values_per_element());
  }

  void write_own() {
    for (std::size_t k = 0; k < stretches_.size(); ++k) {
      if (stretches_[k].rank != comm_.rank()) continue;
      std::uint64_t at = begins_[k];
      array_.visit(stretches_[k].elements, [&](IndexRange part, std::span<const std::byte> bytes,
                                               std::span<const std::uint64_t> offsets) {
        if (!bytes.empty()) std::memcpy(values_.bytes() + at, bytes.data(), bytes.size());
        std::uint64_t* begin = values_.offsets() + first_value(part.begin);
        for (const std::uint64_t offset : offsets.first(offsets.size() - 1))
          *begin++ = at + offset - offsets.front();
        at += bytes.size();
      });
    }
  }

  /// Elements that nobody has are empty: they begin where the next one does. So does the end.
  void write_between() {
    std::size_t next = 0;
    for (std::size_t k = 0; k < stretches_.size(); ++k) {
      std::fill(values_.offsets() + next, values_.offsets() + first_value(stretches_[k].elements.begin),
                begins_[k]);
      next = first_value(stretches_[k].elements.end);
    }
    std::fill(values_.offsets() + next, values_.offsets() + first_value(array_.element_total()) + 1,
              begins_.back());
  }

  /// Visits what the ranks of a node have written, bytes of values and of offsets.
  template <class Take>
  void visit_node(std::size_t node, const Take& take) {
    for (std::size_t k = 0; k < stretches_.size(); ++k) {
      if (memory_.node_of(stretches_[k].rank) != node) continue;
      take(std::span(values_.bytes() + begins_[k], static_cast<std::size_t>(begins_[k + 1] - begins_[k])));
      const std::size_t first = first_value(stretches_[k].elements.begin);
      const std::size_t last = first_value(stretches_[k].elements.end);
      take(std::as_writable_bytes(std::span(values_.offsets() + first, last - first)));
    }
  }

  void exchange(const Communicator& first_ranks) {
    for (int node = 0; node < first_ranks.size(); ++node) {
      Bytes bytes;
      const bool is_source = first_ranks.rank() == node;
      if (is_source)
        visit_node(static_cast<std::size_t>(node),
                   [&](std::span<std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); });
      bytes = first_ranks.broadcast(std::move(bytes), node);
      if (is_source) continue;
      std::size_t at = 0;
      visit_node(static_cast<std::size_t>(node), [&](std::span<std::byte> part) {
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), part.size(), part.begin());
        at += part.size();
      });
    }
  }

  const Communicator& comm_;
  const NodeMemory& memory_;
  PartialArray& array_;
  std::vector<Stretch> stretches_;
  std::vector<std::uint64_t> begins_;
  JoinedValues values_;
};

}  // namespace

/// Rank 0 unites what the ranks of a holder have, so that this is done once and not on every rank.
Holdings find_holdings(const Communicator& comm, const NodeMemory& memory, const PartialArray& array) {
  if (comm.size() == 1) return {{array.have()}, array.have()};
  const Holders& holders = memory.holders(array);
  ByteWriter out;
  out.put_ranges(array.have());
  const std::vector<Bytes> gathered = comm.gather(out.bytes());
  std::vector<std::vector<RangeSet>> of_holder(holders.count());
  for (std::size_t rank = 0; rank < gathered.size(); ++rank)
    of_holder[holders.of_rank[rank]].push_back(ByteReader(gathered[rank], "elements of a rank").get_ranges());
  ByteWriter table;
  for (const auto& sets : of_holder) table.put_ranges(united(sets));
  const Bytes told = comm.broadcast(std::move(table.bytes()));
  ByteReader in(told, "who has which elements");
  Holdings holdings;
  for (std::size_t k = 0; k < holders.count(); ++k) holdings.by_holder.push_back(in.get_ranges());
  holdings.all = united(holdings.by_holder);
  return holdings;
}

void share_with_all(const Communicator& comm, const NodeMemory& memory, const Holdings& holdings,
                    PartialArray& array) {
  const auto& elements = holdings.by_holder;
  if (!array.type().fixed_size()) {
    ValueJoin(comm, memory, owned_elements(elements), array).run(holdings.all);
    return;
  }
  // All ranks decide this from the same table, so either all of them exchange values or none does.
  const bool complete_everywhere = std::all_of(
      elements.begin(), elements.end(), [&](const RangeSet& of_holder) { return of_holder == holdings.all; });
  if (!complete_everywhere) {
    // Every rank computes from the same table who sends what. All therefore make the same collective calls in
    // the same order without another word about it.
    const auto owned = owned_elements(elements);
    if (memory.first_ranks()) share_between_nodes(*memory.first_ranks(), owned, array);
    // The other ranks of a node look at what its first rank has received.
    comm.barrier();
  }
  // Elements of fixed size are marked only when all of them have arrived: an error on the way leaves an array
  // that claims no more than it holds.
  mark_all(array, holdings.all);
}

void gather_at_root(const Communicator& comm, const NodeMemory& memory, PartialArray& array) {
  if (comm.size() == 1) return;
  const Holdings holdings = find_holdings(comm, memory, array);
  const Holders& holders = memory.holders(array);
  const auto owned = owned_elements(holdings.by_holder);
  if (!array.type().fixed_size()) {
    const RangeSet& mine = owned[static_cast<std::size_t>(comm.rank())];
    const auto gathered = comm.gather(comm.is_root() ? Bytes{} : pack(array, mine));
    for (std::size_t from = 1; from < gathered.size(); ++from) unpack(array, owned[from], gathered[from]);
    return;
  }
  // `from` is a rank here, of the group that sends.
  const Transfer transfer = [&](std::span<std::byte> bytes, int from) {
    const SendPart send{0, bytes};
    const ReceivePart receive{from, bytes};
    comm.exchange(comm.rank() == from ? std::span(&send, 1) : std::span<const SendPart>{},
                  comm.is_root() ? std::span(&receive, 1) : std::span<const ReceivePart>{});
  };
  // One sender at a time, so that rank 0 needs one buffer. The other ranks make the same calls with empty
  // lists. What the ranks of rank 0's own node have is there already.
  for (std::size_t holder = 1; holder < holders.count(); ++holder) {
    const int from = holders.first[holder];
    RoundTrip(array, transfer).run(owned[holder], from, comm.rank() == from, comm.is_root());
  }
  if (comm.is_root()) mark_all(array, holdings.all);
}

}  // namespace mpipe
