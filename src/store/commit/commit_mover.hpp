// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The moving part of a commit: values travel from the ranks that have them to the writers, window by window,
/// and into the file.
#pragma once

#include "comm/api/collective.hpp"
#include "data/api/partial_array.hpp"
#include "store/commit/commit_plan.hpp"
#include "store/commit/writers.hpp"
#include "store/h5/collective_file.hpp"
#include "store/output/run_files.hpp"

namespace mpipe {

/// Memory that commits use again and again: fresh pages cost more than what is done in them.
struct CommitBuffers {
  std::vector<std::byte> slab;      ///< the window at hand
  std::vector<std::byte> packed;    ///< small pieces to send
  std::vector<std::byte> received;  ///< small pieces received
};

class CommitMover {
 public:
  struct Setting {
    const Communicator& comm;
    const Writers& writers;
    const RunLayout& layout;
    const fs::path& folder;
    RunFiles& files;
    bool read_back = true;
  };

  /// `mine`: what this rank has to move, which is in `arrays`.
  CommitMover(const Setting& setting, const CommitPlan& plan, const CommitDelta& mine,
              std::span<const PartialArray* const> arrays, CommitBuffers& buffers);

  /// Collective. Local failures are left in `agreement`. On writers: the extents of what was written.
  std::vector<Extent> run(CollectiveSteps& agreement);

 private:
  using Pieces = std::vector<IndexRange>;
  struct Incoming {
    int rank = 0;
    Pieces pieces;
  };

  /// MPI-IO needs processes of MPI: ranks that are threads of one process write their slabs one by one.
  bool slab_rounds_are_collective() const {
    return plan_.slab_rounds != 0 && set_.writers.ranks.size() > 1 && set_.comm.uses_mpi();
  }
  Pieces pieces_in(const Window& window) const;
  void announce();
  void open_files(CollectiveSteps& agreement);
  void run_round(std::uint32_t round, CollectiveSteps& agreement);
  void pack_sends(std::span<const Window> windows, std::vector<SendPart>& sends);
  void prepare_receives(const Window& window, std::size_t number, std::vector<ReceivePart>& receives);
  void unpack(const Window& window, std::size_t number);
  const std::byte* assemble_own(const Window& window, std::size_t number);
  void write_stretch(const Window& window, std::size_t number, const std::byte* data);
  RangeSet coverage(std::size_t number) const;
  const std::byte* value(std::size_t output, Index number) const;
  std::size_t value_bytes(std::size_t output) const { return set_.layout.outputs[output].type->size; }

  Setting set_;
  const CommitPlan& plan_;
  std::span<const PartialArray* const> arrays_;
  CommitBuffers& buffers_;
  std::vector<RangeSet> mine_;                   ///< values to move, by output
  std::vector<Window> my_windows_;               ///< that this rank writes
  std::vector<std::vector<Incoming>> incoming_;  ///< by window of `my_windows_`; with this rank's own pieces
  std::size_t next_window_ = 0;
  std::unique_ptr<CollectiveFile> results_;
  std::vector<Extent> extents_;
};

}  // namespace mpipe
