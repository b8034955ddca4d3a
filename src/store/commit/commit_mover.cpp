// SPDX-License-Identifier: BSD-3-Clause
// Moves values from the ranks that have them to the writers, and from there into the file.
#include "store/commit/commit_mover.hpp"

#include <mpipe/core/error.hpp>

#include <algorithm>
#include <cstring>

namespace mpipe {
namespace {

/// Pieces up to this size are sent together; longer ones go from where they are to where they belong.
constexpr std::size_t kSmallPiece = 8192;
/// From so many pieces on, a stretch with gaps is read, completed and written as a whole.
constexpr std::size_t kManyPieces = 64;

std::size_t small_bytes(const std::vector<IndexRange>& pieces, std::size_t value_bytes) {
  std::size_t sum = 0;
  for (const IndexRange& piece : pieces) {
    const std::size_t bytes = static_cast<std::size_t>(piece.size()) * value_bytes;
    if (bytes <= kSmallPiece) sum += bytes;
  }
  return sum;
}

}  // namespace

CommitMover::CommitMover(const Setting& setting, const CommitPlan& plan, const CommitDelta& mine,
                         std::span<const PartialArray* const> arrays, CommitBuffers& buffers)
    : set_(setting), plan_(plan), arrays_(arrays), buffers_(buffers) {
  // What the plan moves of what this rank has, without what a lower rank sends.
  for (std::size_t k = 0; k < mine.size(); ++k) {
    RangeSet moved = mine[k].to_move.intersection(plan.total[k].to_move);
    for (const DuplicateElements& left : plan.duplicates)
      if (static_cast<int>(left.rank) == set_.comm.rank() && left.output == k)
        moved = moved.difference(left.elements);
    mine_.push_back(moved.empty() ? RangeSet{} : set_.files.location(k)->order.values_of(moved));
  }
  for (const Window& window : plan.windows)
    if (set_.writers.mine == window.writer) my_windows_.push_back(window);
}

const std::byte* CommitMover::value(std::size_t output, Index number) const {
  return arrays_[output]->data(0) + static_cast<std::size_t>(number) * value_bytes(output);
}

CommitMover::Pieces CommitMover::pieces_in(const Window& window) const {
  const RangeSet here = mine_[window.output].intersection(window.values);
  return {here.ranges().begin(), here.ranges().end()};
}

/// Tells every writer which pieces it will get for each of its windows.
void CommitMover::announce() {
  const std::size_t writers = set_.writers.ranks.size();
  std::vector<ByteWriter> lists(writers);
  // The lists have no headers: windows are announced in the order of the plan, in which the writer unpacks
  // them.
  for (const Window& window : plan_.windows) lists[window.writer].put_list(pieces_in(window));
  std::vector<std::uint64_t> sizes(writers);
  std::vector<std::uint64_t> coming(set_.writers.is_writer() ? static_cast<std::size_t>(set_.comm.size())
                                                             : 0);
  std::vector<SendPart> sends;
  std::vector<ReceivePart> receives;
  for (std::size_t k = 0; k < writers; ++k) {
    sizes[k] = lists[k].bytes().size();
    sends.push_back({set_.writers.ranks[k], std::as_bytes(std::span(&sizes[k], 1))});
  }
  for (std::size_t k = 0; k < coming.size(); ++k)
    receives.push_back({static_cast<int>(k), std::as_writable_bytes(std::span(&coming[k], 1))});
  // Sizes first: every receiver knows how much comes before anything of it is sent.
  set_.comm.exchange(sends, receives);

  sends.clear();
  receives.clear();
  std::vector<std::vector<std::byte>> announced(coming.size());
  for (std::size_t k = 0; k < writers; ++k) sends.push_back({set_.writers.ranks[k], lists[k].bytes()});
  for (std::size_t k = 0; k < coming.size(); ++k) {
    announced[k].resize(coming[k]);
    receives.push_back({static_cast<int>(k), announced[k]});
  }
  set_.comm.exchange(sends, receives);

  incoming_.resize(my_windows_.size());
  for (std::size_t rank = 0; rank < announced.size(); ++rank) {
    ByteReader unpacker(announced[rank], "what another rank tells of the store");
    for (std::vector<Incoming>& window : incoming_) {
      Pieces pieces = unpacker.get_list<IndexRange>();
      if (!pieces.empty()) window.push_back({static_cast<int>(rank), std::move(pieces)});
    }
  }
}

/// All writers open the file together, or no writer keeps it open: in a collective write, the others would
/// wait forever for one that cannot take part. All count before anyone decides, so that all decide alike.
void CommitMover::open_files(CollectiveSteps& agreement) {
  if (!slab_rounds_are_collective() || !set_.writers.is_writer()) return;
  agreement.attempt(
      [&] { results_ = std::make_unique<CollectiveFile>(results_path(set_.folder), *set_.writers.comm); });
  const std::int64_t opened = set_.writers.comm->all_reduce(std::int64_t{results_ ? 1 : 0}, ReduceOp::min);
  if (opened == 0) results_.reset();
}

std::vector<Extent> CommitMover::run(CollectiveSteps& agreement) {
  if (plan_.windows.empty()) return {};
  // Announced once for all rounds: in each of them both sides then know all sizes.
  announce();
  open_files(agreement);
  for (std::uint32_t round = 0; round < plan_.rounds; ++round) run_round(round, agreement);
  // Closing is collective as well: also a rank that failed takes part, or the other writers wait for it.
  CollectiveSteps closing(set_.comm);
  if (results_) closing.attempt([&] { results_->close(); });
  agreement.take(closing);
  return std::move(extents_);
}

void CommitMover::run_round(std::uint32_t round, CollectiveSteps& agreement) {
  const auto first =
      std::lower_bound(plan_.windows.begin(), plan_.windows.end(), round,
                       [](const Window& window, std::uint32_t at) { return window.round < at; });
  const auto last =
      std::find_if(first, plan_.windows.end(), [&](const Window& window) { return window.round != round; });
  const std::span windows(first, last);
  // A writer has at most one window in a round, and takes them in the order of the plan.
  const bool writes = next_window_ < my_windows_.size() && my_windows_[next_window_].round == round;
  const std::size_t number = next_window_;
  std::vector<SendPart> sends;
  std::vector<ReceivePart> receives;
  // Every rank exchanges in every round, also when a step failed on it before: the writers count on its
  // parts, and would wait for them.
  pack_sends(windows, sends);
  if (writes) prepare_receives(my_windows_[number], number, receives);
  set_.comm.exchange(sends, receives);

  const std::byte* data = nullptr;
  if (writes) {
    ++next_window_;
    unpack(my_windows_[number], number);
    data = assemble_own(my_windows_[number], number);
  }
  if (round < plan_.slab_rounds && results_) {
    const auto slab_output = windows.front().output;
    // Whoever failed before takes part without data: nobody may wait for it.
    const bool has_data = writes && !agreement.failed();
    const OrderedBox box =
        has_data ? set_.files.location(slab_output)->order.box_of(my_windows_[number].values) : OrderedBox{};
    // Steps of their own: a rank that failed before still takes part in the collective write.
    CollectiveSteps here(set_.comm);
    here.attempt([&] {
      results_->write(set_.layout.outputs[slab_output].name, *set_.layout.outputs[slab_output].type,
                      has_data ? &box : nullptr, data);
      if (has_data)
        set_.files.complete(slab_output, my_windows_[number].values, data, set_.read_back, extents_);
    });
    agreement.take(here);
    return;
  }
  if (writes) agreement.attempt([&] { write_stretch(my_windows_[number], number, data); });
}

void CommitMover::pack_sends(std::span<const Window> windows, std::vector<SendPart>& sends) {
  std::size_t total = 0;
  std::vector<Pieces> all;
  for (const Window& window : windows) {
    const bool own = set_.writers.ranks[window.writer] == set_.comm.rank();
    all.push_back(own ? Pieces{} : pieces_in(window));
    total += small_bytes(all.back(), value_bytes(window.output));
  }
  buffers_.packed.resize(std::max(buffers_.packed.size(), total));
  std::byte* at = buffers_.packed.data();
  for (std::size_t k = 0; k < windows.size(); ++k) {
    const std::size_t output = windows[k].output;
    const int to = set_.writers.ranks[windows[k].writer];
    std::byte* const begin = at;
    for (const IndexRange& piece : all[k]) {
      const std::size_t bytes = static_cast<std::size_t>(piece.size()) * value_bytes(output);
      if (bytes > kSmallPiece) continue;
      std::memcpy(at, value(output, piece.begin), bytes);
      at += bytes;
    }
    // Small pieces in one message, then the long ones each by itself: the receiver expects this order.
    if (at != begin) sends.push_back({to, {begin, at}});
    for (const IndexRange& piece : all[k]) {
      const std::size_t bytes = static_cast<std::size_t>(piece.size()) * value_bytes(output);
      if (bytes > kSmallPiece) sends.push_back({to, {value(output, piece.begin), bytes}});
    }
  }
}

// Parts are asked for in the order in which `pack_sends` sends them, and both sides compute all lengths from
// the announced pieces. Long pieces arrive where they belong in the slab, so that they are never copied.
void CommitMover::prepare_receives(const Window& window, std::size_t number,
                                   std::vector<ReceivePart>& receives) {
  const std::size_t size = value_bytes(window.output);
  const std::size_t slab = static_cast<std::size_t>(window.values.size()) * size;
  buffers_.slab.resize(std::max(buffers_.slab.size(), slab));
  std::size_t total = 0;
  for (const Incoming& from : incoming_[number])
    if (from.rank != set_.comm.rank()) total += small_bytes(from.pieces, size);
  buffers_.received.resize(std::max(buffers_.received.size(), total));
  std::byte* at = buffers_.received.data();
  for (const Incoming& from : incoming_[number]) {
    if (from.rank == set_.comm.rank()) continue;
    const std::size_t small = small_bytes(from.pieces, size);
    if (small != 0) receives.push_back({from.rank, {at, small}});
    at += small;
    for (const IndexRange& piece : from.pieces) {
      const std::size_t bytes = static_cast<std::size_t>(piece.size()) * size;
      if (bytes <= kSmallPiece) continue;
      std::byte* to =
          buffers_.slab.data() + static_cast<std::size_t>(piece.begin - window.values.begin) * size;
      receives.push_back({from.rank, {to, bytes}});
    }
  }
}

void CommitMover::unpack(const Window& window, std::size_t number) {
  const std::size_t size = value_bytes(window.output);
  const std::byte* at = buffers_.received.data();
  for (const Incoming& from : incoming_[number]) {
    if (from.rank == set_.comm.rank()) continue;
    for (const IndexRange& piece : from.pieces) {
      const std::size_t bytes = static_cast<std::size_t>(piece.size()) * size;
      if (bytes > kSmallPiece) continue;
      std::memcpy(buffers_.slab.data() + static_cast<std::size_t>(piece.begin - window.values.begin) * size,
                  at, bytes);
      at += bytes;
    }
  }
}

/// Adds this rank's own pieces; returns where the values of the window are. They stay where they were
/// computed when all of the window is from here.
const std::byte* CommitMover::assemble_own(const Window& window, std::size_t number) {
  const std::vector<Incoming>& incoming = incoming_[number];
  const auto own = std::find_if(incoming.begin(), incoming.end(),
                                [&](const Incoming& from) { return from.rank == set_.comm.rank(); });
  if (own == incoming.end()) return buffers_.slab.data();
  // All values are of this rank: they are written from where they were computed.
  if (incoming.size() == 1) return value(window.output, window.values.begin);
  const std::size_t size = value_bytes(window.output);
  for (const IndexRange& piece : own->pieces)
    std::memcpy(buffers_.slab.data() + static_cast<std::size_t>(piece.begin - window.values.begin) * size,
                value(window.output, piece.begin), static_cast<std::size_t>(piece.size()) * size);
  return buffers_.slab.data();
}

RangeSet CommitMover::coverage(std::size_t number) const {
  Pieces all;
  for (const Incoming& from : incoming_[number])
    all.insert(all.end(), from.pieces.begin(), from.pieces.end());
  return RangeSet::of(std::move(all));
}

void CommitMover::write_stretch(const Window& window, std::size_t number, const std::byte* data) {
  // Only what came is written: what lies between belongs to elements that are no part of this commit.
  const RangeSet covered = coverage(number);
  const std::size_t size = value_bytes(window.output);
  // Many small stretches cost more calls than reading and writing what lies between them.
  const DatasetLocation& location = *set_.files.location(window.output);
  const std::size_t few = location.order.in_file_order() ? kManyPieces : 1;
  if (covered.ranges().size() > few && location.values.contiguous()) {
    set_.files.write_between(window.output, window.values, covered, data, set_.read_back, extents_);
    return;
  }
  for (const IndexRange& range : covered.ranges())
    set_.files.write(window.output, range,
                     data + static_cast<std::size_t>(range.begin - window.values.begin) * size,
                     set_.read_back, extents_);
}

}  // namespace mpipe
