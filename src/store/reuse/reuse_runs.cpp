// SPDX-License-Identifier: BSD-3-Clause
// Finds out what earlier runs have of a run that begins, and copies it into that run's store.
#include "store/api/reuse_runs.hpp"

#include <mpipe/core/error.hpp>

#include "store/fill_run.hpp"
#include "store/output/variable_values.hpp"
#include "store/read/opened_run.hpp"
#include "store/reuse/match_runs.hpp"
#include "store/verify_extents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace mpipe {
namespace {

/// An earlier run, and which of its elements can be taken.
struct OldRun {
  explicit OldRun(const fs::path& folder) : opened(folder), description(read_description(folder)) {
    static_cast<RunLayout&>(description) = opened.layout();
    // An input whose bytes have changed since must not be compared with.
    for (InputLayout& input : description.inputs)
      if (input.value.has_value() && input.digest != fmt::format("{:016x}", input.value.digest()))
        input.value = {};
  }

  OpenedRun opened;
  RunDescription description;
  std::vector<OutputMatch> matches;  ///< by output of the run that begins
};

RangeSet readable_files(const OldRun& run, std::size_t output, const RangeSet& done) {
  RangeSet sound;
  ElementFiles files(run.opened.folder(), run.opened.layout());
  for (const IndexRange& range : done.ranges())
    for (Index element = range.begin; element < range.end; ++element)
      if (files.read(output, element)) sound.insert({element, element + 1});
  return sound;
}

/// By output of `run`: the elements that are done and whose bytes match their checksum now. Only of outputs that `now` has.
std::vector<RangeSet> find_sound(const OldRun& run, const RunDescription& now) {
  const RunLayout& layout = run.opened.layout();
  std::vector<bool> wanted;
  for (const OutputLayout& output : layout.outputs)
    wanted.push_back(std::any_of(now.outputs.begin(), now.outputs.end(),
                                 [&](const OutputLayout& other) { return other.name == output.name; }));
  std::vector<Extent> extents = read_all_extents(run.opened.folder(), run_key(layout.run_id));
  std::erase_if(extents, [&](const Extent& extent) {
    return extent.output >= wanted.size() || !wanted[extent.output];
  });
  const std::vector<ElementStates> proven =
      states_of(matching_extents(extents, run.opened.outputs()), layout);
  std::vector<RangeSet> sound;
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    RangeSet done = run.opened.progress()[k].done().intersection(
        proven[k].done().united(run.opened.journals().values(k)));
    if (wanted[k] && layout.outputs[k].in_own_files()) done = readable_files(run, k, done);
    sound.push_back(wanted[k] ? std::move(done) : RangeSet{});
  }
  return sound;
}

/// `ranges` without the elements in `known`.
std::vector<MatchedRange> without(const std::vector<MatchedRange>& ranges, const RangeSet& known) {
  std::vector<MatchedRange> rest;
  for (const MatchedRange& range : ranges) {
    const IndexRange whole{range.now, range.now + range.count};
    for (const IndexRange& part : RangeSet{whole}.difference(known.intersection(whole)).ranges())
      rest.push_back({part.begin, range.old + (part.begin - range.now), part.size()});
  }
  return rest;
}

RangeSet elements_of(const std::vector<MatchedRange>& ranges) {
  std::vector<IndexRange> all;
  for (const MatchedRange& range : ranges) all.push_back({range.now, range.now + range.count});
  return RangeSet::of(std::move(all));
}

/// Copies the elements of one output from one run to another.
class ElementCopy {
 public:
  ElementCopy(OpenedRun& from, std::size_t output, RunFiller& filler, const OutputLayout& into)
      : from_(from), output_(output), filler_(filler), into_(into), to_(filler.position(into.name)) {}

  /// Elements that come one after the other are copied together, as many as may be in memory.
  void copy(const std::vector<MatchedRange>& ranges) {
    const Index step = step_of(array_of(from_.layout().outputs[output_], from_.folder()));
    std::vector<MatchedRange> batch;
    Index count = 0;
    for (const MatchedRange& range : ranges)
      for (Index at = 0; at < range.count;) {
        const Index part = std::min(range.count - at, step - count);
        batch.push_back({range.now + at, range.old + at, part});
        at += part;
        count += part;
        if (count < step) continue;
        copy_batch(batch);
        batch.clear();
        count = 0;
      }
    if (!batch.empty()) copy_batch(batch);
  }

 private:
  void copy_batch(const std::vector<MatchedRange>& batch) {
    PartialArray old = array_of(from_.layout().outputs[output_], from_.folder());
    std::vector<IndexRange> wanted;
    for (const MatchedRange& range : batch) wanted.push_back({range.old, range.old + range.count});
    from_.load(output_, RangeSet::of(std::move(wanted)), old);
    for (auto first = batch.begin(); first != batch.end();) {
      auto last = first + 1;
      while (last != batch.end() && last->now == (last - 1)->now + (last - 1)->count) ++last;
      copy_joined(old, std::span(first, last));
      first = last;
    }
  }

  /// Ranges that follow one another in the new run.
  void copy_joined(const PartialArray& old, std::span<const MatchedRange> ranges) {
    PartialArray& array = filler_.array(to_, into_, from_.folder());
    const IndexRange all{ranges.front().now, ranges.back().now + ranges.back().count};
    if (old.type().fixed_size()) {
      for (const MatchedRange& range : ranges)
        if (const std::size_t size = static_cast<std::size_t>(range.count) * old.element_bytes(); size > 0)
          std::memcpy(array.destination(range.now), old.data(range.old), size);
      array.mark(all);
    } else {
      EncodedValues values;
      for (const MatchedRange& range : ranges) {
        const PartialArray::Piece piece = old.piece({range.old, range.old + range.count});
        append_values(values, piece.bytes, piece.offsets);
      }
      array.put(all, values.bytes, values.offsets);
    }
    filler_.append(to_, all);
  }

  OpenedRun& from_;
  std::size_t output_;
  RunFiller& filler_;
  const OutputLayout& into_;
  std::size_t to_;
};

std::optional<Index> selected_of(const OutputLayout& output) {
  if (output.selected) return output.selected->count();
  const PartialShape external = output.external_shape();
  if (!is_known(external)) return std::nullopt;
  return element_count(known_shape(external));
}

/// By output of `now`: what the run in `folder` has done.
std::vector<RangeSet> done_in(const fs::path& folder, const RunDescription& now) {
  const OpenedRun there(folder);
  std::vector<RangeSet> done;
  for (const OutputLayout& output : now.outputs) {
    const auto& outputs = there.layout().outputs;
    const auto found = std::find_if(outputs.begin(), outputs.end(),
                                    [&](const OutputLayout& other) { return other.name == output.name; });
    done.push_back(found == outputs.end()
                       ? RangeSet{}
                       : there.progress()[static_cast<std::size_t>(found - outputs.begin())].done());
  }
  return done;
}

}  // namespace

Index ReusedOutput::elements() const {
  Index all = 0;
  for (const ReuseSource& source : sources) all += source.elements;
  return all;
}

std::string to_sentence(const ReusedOutput& output) {
  const Index all = output.elements();
  std::string text = output.selected
                         ? fmt::format("'{}': {} of {} elements are taken from earlier runs, {} are not",
                                       output.name, all, *output.selected, *output.selected - all)
                         : fmt::format("'{}': {} elements are taken from earlier runs", output.name, all);
  for (const ReuseSource& source : output.sources)
    text += source.elements > 0 ? fmt::format("; {} from '{}'", source.elements, source.folder.string())
                                : fmt::format("; none from '{}': {}", source.folder.string(), source.why_not);
  return text;
}

struct ReusePlan::State {
  std::vector<std::unique_ptr<OldRun>> runs;
  std::vector<ReusedOutput> outputs;

  /// Leaves out what is in the run already, or comes from an earlier one of `runs`.
  void count(std::vector<RangeSet> known) {
    for (std::size_t r = 0; r < runs.size(); ++r)
      for (std::size_t k = 0; k < outputs.size(); ++k) {
        OutputMatch& match = runs[r]->matches[k];
        if (!known[k].empty()) match.ranges = without(match.ranges, known[k]);
        const RangeSet taken = elements_of(match.ranges);
        ReuseSource& source = outputs[k].sources[r];
        source.elements = taken.count();
        source.why_not = match.why_not;
        if (source.elements == 0 && source.why_not.empty())
          source.why_not = "what it has is there already, or comes from another of the runs";
        known[k].insert(taken);
      }
  }

  /// In run.json, where it stays.
  void note(RunDescription& now) const {
    for (std::size_t r = 0; r < runs.size(); ++r) {
      RunDescription::Reused reused{
          fs::absolute(runs[r]->opened.folder()).string(), runs[r]->description.run_id, {}};
      for (const ReusedOutput& output : outputs)
        if (output.sources[r].elements > 0) reused.outputs[output.name] = output.sources[r].elements;
      if (!reused.outputs.empty()) now.reused.push_back(std::move(reused));
    }
  }
};

ReusePlan::ReusePlan(const std::vector<fs::path>& folders, RunDescription& now)
    : state_(std::make_unique<State>()) {
  for (const OutputLayout& output : now.outputs) state_->outputs.push_back({output.name, {}, {}});
  for (const fs::path& folder : folders) {
    OldRun& run = *state_->runs.emplace_back(std::make_unique<OldRun>(folder));
    run.matches = match_runs(run.description, find_sound(run, now), now);
    for (ReusedOutput& output : state_->outputs) output.sources.push_back({folder, 0, {}});
  }
  for (std::size_t k = 0; k < now.outputs.size(); ++k)
    state_->outputs[k].selected = selected_of(now.outputs[k]);
  state_->count(std::vector<RangeSet>(now.outputs.size()));
}

ReusePlan::~ReusePlan() = default;
ReusePlan::ReusePlan(ReusePlan&&) noexcept = default;
ReusePlan& ReusePlan::operator=(ReusePlan&&) noexcept = default;

const std::vector<ReusedOutput>& ReusePlan::outputs() const { return state_->outputs; }

void ReusePlan::take(const fs::path& into, bool goes_on, RunDescription now) {
  if (goes_on) state_->count(done_in(into, now));
  state_->note(now);
  RunFiller filler(goes_on ? resume_run_store(Communicator(), into, now, {})
                           : create_run_store(Communicator(), into, now, {}));
  for (const auto& run : state_->runs)
    for (std::size_t k = 0; k < now.outputs.size(); ++k) {
      const OutputMatch& match = run->matches[k];
      if (match.ranges.empty()) continue;
      ElementCopy(run->opened, match.old, filler, now.outputs[k]).copy(match.ranges);
      run->opened.outputs()[match.old].forget();
    }
  filler.commit();
  filler.finish(false);
}

}  // namespace mpipe
