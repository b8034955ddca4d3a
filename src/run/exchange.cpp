// SPDX-License-Identifier: BSD-3-Clause
// Moves elements of arrays between ranks, each from one rank that has it.
#include "run/exchange.hpp"

#include <mpipe/core/error.hpp>

#include <cstring>
#include <functional>
#include <utility>

namespace mpipe {
namespace {

/// Small ranges are packed until they fill a round, which bounds the buffer on every rank.
constexpr std::size_t kRoundBytes = std::size_t{4} << 20;

Bytes encode_ranges(const RangeSet& set) {
  Bytes bytes;
  for (const IndexRange& range : set.ranges()) detail::append(bytes, &range, sizeof(range));
  return bytes;
}

RangeSet decode_ranges(std::span<const std::byte> bytes) {
  std::vector<IndexRange> ranges(bytes.size() / sizeof(IndexRange));
  if (!ranges.empty()) std::memcpy(ranges.data(), bytes.data(), bytes.size());
  return RangeSet::of(std::move(ranges));
}

/// Collective. What every rank has, by rank, on every rank.
std::vector<RangeSet> all_elements(const Communicator& comm, const RangeSet& here) {
  const std::vector<Bytes> gathered = comm.gather(encode_ranges(here));
  Bytes table;
  for (const Bytes& bytes : gathered) {
    const std::uint64_t size = bytes.size();
    detail::append(table, &size, sizeof(size));
    detail::append(table, bytes.data(), bytes.size());
  }
  table = comm.broadcast(std::move(table));
  std::vector<RangeSet> elements;
  for (std::size_t at = 0; at < table.size();) {
    std::uint64_t size = 0;
    std::memcpy(&size, table.data() + at, sizeof(size));
    at += sizeof(size);
    elements.push_back(decode_ranges(std::span(table).subspan(at, size)));
    at += size;
  }
  return elements;
}

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

/// What each rank is to send: everything that it has and no rank before it has.
std::vector<RangeSet> owned_elements(std::vector<RangeSet> elements) {
  RangeSet taken;
  for (RangeSet& of_rank : elements) {
    of_rank.erase(taken);
    taken.insert(of_rank);
  }
  return elements;
}

/// Merged once, however many ranks there are.
RangeSet united(const std::vector<RangeSet>& elements) {
  std::vector<IndexRange> all;
  for (const RangeSet& of_rank : elements)
    all.insert(all.end(), of_rank.ranges().begin(), of_rank.ranges().end());
  return RangeSet::of(std::move(all));
}

}  // namespace

RangeSet united_elements(const Communicator& comm, const RangeSet& here) {
  return comm.size() == 1 ? here : united(all_elements(comm, here));
}

void share_with_all(const Communicator& comm, PartialArray& array) {
  if (comm.size() == 1) return;
  const auto elements = all_elements(comm, array.have());
  const RangeSet everything = united(elements);
  bool complete_everywhere = true;
  for (const RangeSet& of_rank : elements) complete_everywhere = complete_everywhere && of_rank == everything;
  // All ranks decide this from the same table, so either all of them return here or all go on.
  if (complete_everywhere) return;
  // Every rank computes from the same table who sends what. All therefore make the same collective calls in
  // the same order without another word about it.
  const auto owned = owned_elements(elements);
  const Transfer transfer = [&](std::span<std::byte> bytes, int from) { comm.broadcast_into(bytes, from); };
  for (int from = 0; from < comm.size(); ++from) {
    const RangeSet& ranges = owned[static_cast<std::size_t>(from)];
    const bool is_source = comm.rank() == from;
    if (ranges.empty()) continue;
    if (array.type().fixed_size()) {
      RoundTrip(array, transfer).run(ranges, from, is_source, !is_source);
    } else {
      const Bytes bytes = comm.broadcast(is_source ? pack(array, ranges) : Bytes{}, from);
      if (!is_source) unpack(array, ranges, bytes);
    }
  }
  // Elements of fixed size are marked only when all of them have arrived: an error on the way leaves an array
  // that claims no more than it holds.
  for (const IndexRange& range : everything.ranges()) array.mark(range);
}

void gather_at_root(const Communicator& comm, PartialArray& array) {
  if (comm.size() == 1) return;
  const auto elements = all_elements(comm, array.have());
  const auto owned = owned_elements(elements);
  const Transfer transfer = [&](std::span<std::byte> bytes, int from) {
    const SendPart send{0, bytes};
    const ReceivePart receive{from, bytes};
    comm.exchange(comm.rank() == from ? std::span(&send, 1) : std::span<const SendPart>{},
                  comm.is_root() ? std::span(&receive, 1) : std::span<const ReceivePart>{});
  };
  // One sender at a time, so that rank 0 needs one buffer. The other ranks make the same calls with empty
  // lists.
  for (int from = 1; from < comm.size(); ++from) {
    const RangeSet& ranges = owned[static_cast<std::size_t>(from)];
    if (!array.type().fixed_size()) continue;
    if (!ranges.empty()) RoundTrip(array, transfer).run(ranges, from, comm.rank() == from, comm.is_root());
  }
  if (!array.type().fixed_size()) {
    const RangeSet& mine = owned[static_cast<std::size_t>(comm.rank())];
    const auto gathered = comm.gather(comm.is_root() ? Bytes{} : pack(array, mine));
    for (std::size_t from = 1; from < gathered.size(); ++from) unpack(array, owned[from], gathered[from]);
  }
  if (!comm.is_root()) return;
  const RangeSet everything = united(elements);
  for (const IndexRange& range : everything.ranges()) array.mark(range);
}

}  // namespace mpipe
