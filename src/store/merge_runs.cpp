// SPDX-License-Identifier: BSD-3-Clause
// Copies the elements of several runs into one, by the store of that one: what is copied is as safe as what is
// computed.
#include "store/api/merge_runs.hpp"

#include <mpipe/core/error.hpp>

#include "store/fill_run.hpp"
#include "store/read/opened_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace mpipe {
namespace {

/// What is damaged would be copied as if it were right.
void require_sound(const fs::path& folder) {
  read_description(folder);  // says what is wrong where this is no run folder
  const std::vector<std::string> faults = verify_run_store(folder);
  if (faults.empty()) return;
  throw Error(
      Category::storage_failed,
      fmt::format("'{}' cannot be merged: {}{} (damage would be copied). Mend that run, by --resume, first.",
                  folder.string(), faults.front(),
                  faults.size() > 1 ? fmt::format(" .. and {} more faults", faults.size() - 1) : ""));
}

/// With the values of inputs, and the shapes that were found.
RunDescription describe_opened(const fs::path& folder) {
  RunDescription run = read_description(folder);
  static_cast<RunLayout&>(run) = OpenedRun(folder).layout();
  return run;
}

bool same_bytes(const PartialArray& a, const PartialArray& b, IndexRange range) {
  const PartialArray::Piece mine = a.piece(range);
  const PartialArray::Piece theirs = b.piece(range);
  return mine.offsets == theirs.offsets && std::ranges::equal(mine.bytes, theirs.bytes);
}

/// Calls `take` with ranges of `elements` that are not longer than what is brought at a time.
template <class Take>
void for_each_step(const RangeSet& elements, const PartialArray& array, const Take& take) {
  const Index step = step_of(array);
  for (const IndexRange& range : elements.ranges())
    for (Index begin = range.begin; begin < range.end; begin += step)
      take(IndexRange{begin, std::min(begin + step, range.end)});
}

class RunMerge {
 public:
  RunMerge(const std::vector<fs::path>& folders, const fs::path& into, bool goes_on,
           const RunDescription& merged)
      : folders_(folders),
        filler_(goes_on ? resume_run_store(Communicator(), into, merged, {})
                        : create_run_store(Communicator(), into, merged, {})),
        states_(filler_.store().progress()),
        added_(states_.size(), 0) {}

  std::vector<MergedOutput> run() {
    for (const fs::path& folder : folders_) take(folder);
    filler_.commit();
    mark_failed();
    filler_.finish(true);
    std::vector<MergedOutput> outputs;
    for (std::size_t k = 0; k < states_.size(); ++k)
      outputs.push_back({filler_.store().outputs()[k], states_[k], added_[k]});
    return outputs;
  }

 private:
  /// Elements of an output that came from one of the folders.
  struct Source {
    fs::path folder;
    RangeSet elements;
  };

  void take(const fs::path& folder) {
    OpenedRun run(folder);
    for (std::size_t at = 0; at < run.layout().outputs.size(); ++at) {
      const std::size_t k = filler_.position(run.layout().outputs[at].name);
      const ElementStates& theirs = run.progress()[at];
      for (const Source& earlier : sources_[k]) {
        const RangeSet common = earlier.elements.intersection(theirs.done());
        if (!common.empty()) compare(earlier.folder, run, at, common);
      }
      const RangeSet fresh = theirs.done().difference(states_[k].done());
      if (!fresh.empty()) copy(run, at, k, fresh);
      sources_[k].push_back({folder, fresh});
      states_[k].add(theirs);
      added_[k] += fresh.count();
      run.outputs()[at].forget();
    }
  }

  void copy(OpenedRun& run, std::size_t from, std::size_t to, const RangeSet& elements) {
    const OutputLayout& layout = run.layout().outputs[from];
    for_each_step(elements, array_of(layout, run.folder()), [&](IndexRange range) {
      run.load(from, {range}, filler_.array(to, layout, run.folder()));
      filler_.append(to, range);
    });
  }

  /// Throws where two runs have other values of the same elements. Functions then do not depend on their arguments
  /// alone, and nobody knows which of the values belong together.
  void compare(const fs::path& folder, OpenedRun& run, std::size_t at, const RangeSet& elements) const {
    OpenedRun other(folder);
    const OutputLayout& layout = run.layout().outputs[at];
    const auto& outputs = other.layout().outputs;
    const auto found = std::find_if(outputs.begin(), outputs.end(),
                                    [&](const OutputLayout& output) { return output.name == layout.name; });
    for_each_step(elements, array_of(layout, run.folder()), [&](IndexRange range) {
      PartialArray mine = array_of(layout, run.folder());
      PartialArray theirs = array_of(*found, folder);
      run.load(at, {range}, mine);
      other.load(static_cast<std::size_t>(found - outputs.begin()), {range}, theirs);
      if (same_bytes(mine, theirs, range)) return;
      for (Index element = range.begin; element < range.end; ++element)
        if (!same_bytes(mine, theirs, {element, element + 1}))
          throw Error(
              Category::storage_failed,
              fmt::format("element {} of '{}' in '{}' is not what it is in '{}' (a function that gives "
                          "other values for the same arguments, or another machine). Leave one of the two "
                          "runs out.",
                          element, layout.name, run.folder().string(), folder.string()),
              {Subject::Kind::output, layout.name});
    });
  }

  void mark_failed() {
    for (std::size_t k = 0; k < states_.size(); ++k) {
      for (const IndexRange& range : states_[k].failed().ranges())
        filler_.store().mark(k, range, ElementStatus::failed);
      for (const IndexRange& range : states_[k].blocked().ranges())
        filler_.store().mark(k, range, ElementStatus::blocked);
    }
  }

  const std::vector<fs::path>& folders_;
  RunFiller filler_;
  std::map<std::size_t, std::vector<Source>> sources_;  ///< by position
  std::vector<ElementStates> states_;                   ///< by position: of all runs so far
  std::vector<Index> added_;
};

}  // namespace

RunDescription describe_merged(const std::vector<std::filesystem::path>& folders,
                               const std::string& command_line) {
  std::vector<std::pair<fs::path, RunDescription>> runs;
  for (const fs::path& folder : folders) {
    require_sound(folder);
    runs.emplace_back(folder, describe_opened(folder));
  }
  RunDescription merged = merge_descriptions(runs);
  merged.run_id = new_run_id();
  merged.command_line = command_line;
  return merged;
}

std::vector<MergedOutput> merge_runs(const std::vector<std::filesystem::path>& folders,
                                     const RunDescription& merged, const std::filesystem::path& into,
                                     bool goes_on) {
  return RunMerge(folders, into, goes_on, merged).run();
}

}  // namespace mpipe
