// SPDX-License-Identifier: BSD-3-Clause
// Opens, feeds and closes the run folder and the store of a run.
#include "run/store_session.hpp"

#include <mpipe/core/error.hpp>

#include "comm/api/collective.hpp"
#include "run/describe_run.hpp"
#include "store/api/result_length.hpp"
#include "store/api/set_aside.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

namespace mpipe {
namespace {

/// Whether the path leads here to the folder that rank 0 has: that has its lock. On network file systems a new
/// folder may become visible some seconds late.
void require_same_folder(const std::string& path, const FolderOwner& owner) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  constexpr auto kPause = std::chrono::milliseconds(50);
  do {
    const std::optional<FolderOwner> here = folder_owner(path);
    if (here && here->same_process(owner)) return;
    std::this_thread::sleep_for(kPause);
  } while (std::chrono::steady_clock::now() < end);
  throw Error(
      Category::storage_failed,
      fmt::format("the run folder '{}' is not the same as on rank 0, {} (each rank writes its results there: "
                  "some would be lost). Choose a folder that all hosts share, under the same path.",
                  path, owner.host));
}

/// The first and the last element of each of the first ranges.
std::string ranges_text(const RangeSet& elements, const Shape& shape) {
  if (shape.empty()) return "the value";
  constexpr std::size_t kMostShown = 5;
  const auto place = [&](Index k) { return index_to_string(multi_index(k, shape)); };
  std::vector<std::string> texts;
  for (const IndexRange& range : elements.ranges()) {
    if (texts.size() == kMostShown) break;
    texts.push_back(range.size() == 1 ? place(range.begin)
                                      : fmt::format("{} to {}", place(range.begin), place(range.end - 1)));
  }
  const std::size_t more = elements.ranges().size() - texts.size();
  return fmt::format("{}{}", fmt::join(texts, ", "),
                     more == 0 ? "" : fmt::format(" and {} more ranges", more));
}

std::string explain_output(const std::string& name, const Shape& shape, const RangeSet& selected,
                           const ElementStates& known, const NotKept& not_kept) {
  const RangeSet kept = known.done().intersection(selected);
  const RangeSet failed = known.failed().united(known.blocked()).intersection(selected);
  const RangeSet damaged = not_kept.damaged.intersection(selected);
  const RangeSet retried = not_kept.retried.intersection(selected).difference(kept).difference(damaged);
  const RangeSet rest = selected.difference(kept).difference(failed).difference(damaged).difference(retried);
  std::string text = fmt::format("'{}': {} of {} elements are kept", name, kept.count(), selected.count());
  const auto add = [&](const RangeSet& elements, const char* what) {
    if (!elements.empty())
      text += fmt::format("; {} {} ({})", elements.count(), what, ranges_text(elements, shape));
  };
  add(failed, "failed or are blocked, and stay so without --retry-failed");
  add(damaged, "are computed again, as their bytes do not match their checksums any more");
  add(retried, "are tried again, as they failed or were blocked");
  add(rest, not_kept.dropped ? "are computed anew, as --redo says, or as they need such an output"
                             : "are computed, as they were not done");
  return text;
}

std::vector<fs::path> folders_to_reuse(const MapOptions& options) {
  std::vector<fs::path> folders;
  for (const std::string& folder : options.reuse) {
    require_ended(folder);
    folders.emplace_back(folder);
  }
  return folders;
}

}  // namespace

std::vector<ReusedOutput> find_reused(const RunSetup& setup) {
  if (setup.options.reuse.empty()) return {};
  RunDescription description = describe_run(setup);
  return ReusePlan(folders_to_reuse(setup.options), description).outputs();
}

std::string warn_of_size(const RunSetup& setup) {
  return setup.options.run_folder.empty() ? "" : warn_of_size(setup.options.run_folder, describe_run(setup));
}

StoreSession::StoreSession(const RunSetup& setup)
    : setup_(setup), resolved_(setup.plan.outputs().size(), false) {}

/// Collective. Rank 0 claims the folder. Returns whether a run is there to go on with.
bool StoreSession::claim_folder(const Communicator& comm) {
  const Bytes bytes = on_root(comm, [&] {
    const MapOptions& options = setup_.options;
    description_ = describe_run(setup_);
    // Shapes that follow from what is taken are the store's to know; this start is described as it was planned.
    RunDescription begun = description_;
    std::optional<ReusePlan> reuse;
    // What is wrong with earlier runs is found before the folder is touched, where another one may be.
    if (!options.reuse.empty()) reuse.emplace(folders_to_reuse(options), begun);
    folder_.emplace(options.resume
                        ? RunFolder::resume(options.run_folder, options.take_over)
                        : RunFolder::create(options.run_folder, options.overwrite, options.take_over));
    if (folder_->has_run()) {
      std::string damage;
      const RunDescription stored = read_description(folder_->path(), &damage);
      // Nothing in the folder changes before it is known that this is the same run.
      static_cast<void>(grow(stored, description_, options.redo));
      // Going on writes both files again.
      if (!damage.empty()) spdlog::warn("{} It is made again from the other of the two.", damage);
      for (const std::string& sentence : set_damaged_aside(folder_->path(), stored))
        spdlog::warn("{}", sentence);
    }
    if (reuse) take_reused(*reuse, begun);
    ByteWriter out;
    out.put(folder_->has_run());
    return std::move(out.bytes());
  });
  return ByteReader(bytes, "whether there is a run").get<bool>();
}

/// Rank 0, alone: the run is begun, and left at once, with what others have of it. All ranks then go on with it.
void StoreSession::take_reused(ReusePlan& reuse, const RunDescription& begun) {
  try {
    reuse.take(folder_->path(), folder_->has_run(), begun);
    for (const ReusedOutput& output : reuse.outputs()) reuse_notes_.push_back(to_sentence(output));
  } catch (...) {
    if (!folder_->has_run()) folder_->abandon();
    throw;
  }
}

/// Collective. The other ranks hold the folder that rank 0 has claimed.
void StoreSession::find_folder(const Communicator& comm) {
  const Bytes bytes = on_root(comm, [] {
    ByteWriter out;
    const FolderOwner owner = this_process();
    out.put_text(owner.host);
    out.put_text(owner.boot_id);
    out.put(owner.pid_namespace);
    out.put(owner.pid);
    out.put(owner.start_time);
    return std::move(out.bytes());
  });
  ByteReader in(bytes, "the owner of a run folder");
  FolderOwner owner;
  owner.host = in.get_text();
  owner.boot_id = in.get_text();
  owner.pid_namespace = in.get<std::uint64_t>();
  owner.pid = in.get<std::int64_t>();
  owner.start_time = in.get<std::uint64_t>();
  together(comm, [&] {
    if (comm.is_root()) return;
    require_same_folder(setup_.options.run_folder, owner);
    held_ = hold_folder(setup_.options.run_folder);
  });
}

void StoreSession::open(const Communicator& comm) {
  if (comm.size() > 1) rank_ = comm.job_rank();
  const auto& folder = setup_.options.run_folder;
  if (folder.empty()) return;
  const bool had_run = claim_folder(comm);
  // What was taken from other runs is a run to go on with.
  const bool goes_on = had_run || !setup_.options.reuse.empty();
  try {
    find_folder(comm);
    StoreOptions options{.keep_failed = setup_.keeps_failed(), .note_losses = setup_.options.explain};
    options.before_change = [&](const std::vector<std::string>& forgotten) {
      folder_->withdraw_completion(forgotten);
    };
    use(goes_on ? resume_run_store(comm, folder, description_, options, setup_.options.redo, &not_kept_)
                : create_run_store(comm, folder, description_, {}));
    if (goes_on && comm.is_root()) tell_kept_storage();
  } catch (...) {
    // Only a folder that this start began is given up. What an earlier start left in it stays for the next
    // resume.
    if (folder_ && !had_run) folder_->abandon();
    throw;
  }
}

void StoreSession::use(std::unique_ptr<RunStore> store) {
  store_ = std::move(store);
  // The store also has outputs of earlier starts, which this one does not compute, and all in its own order.
  std::map<std::string, std::size_t> positions;
  for (std::size_t at = 0; at < store_->outputs().size(); ++at) positions[store_->outputs()[at].name] = at;
  positions_.clear();
  for (std::size_t k = 0; k < resolved_.size(); ++k) {
    positions_.push_back(positions.at(setup_.plan.outputs()[k].name));
    resolved_[k] = layout_of(k).shape_known();
  }
  sink_.emplace(*store_, positions_);
}

/// Values of an output are in files of their own or they are not: that stays as it is where a run goes on.
void StoreSession::tell_kept_storage() const {
  for (std::size_t k = 0; k < positions_.size(); ++k)
    if (const StorageKind kept = layout_of(k).storage; kept != setup_.settings.storage[k])
      spdlog::warn("the values of '{}' stay in the storage {}, in which the run keeps them",
                   layout_of(k).name, to_string(kept));
}

std::vector<std::string> StoreSession::explain() const {
  std::vector<std::string> sentences;
  if (not_kept_.empty()) return {"there is no run to go on with: all is computed"};
  const Plan& plan = setup_.plan;
  for (std::uint32_t k = 0; k < positions_.size(); ++k) {
    const PartialShape external = plan.external_shape(plan.output({k}).stage);
    if (!is_known(external)) {
      sentences.push_back(
          fmt::format("'{}': its shape is not known yet, so all of it is computed", layout_of(k).name));
      continue;
    }
    sentences.push_back(explain_output(layout_of(k).name, known_shape(external),
                                       plan.selected(plan.output({k}).stage),
                                       store_->progress()[positions_[k]], not_kept_[positions_[k]]));
  }
  return sentences;
}

void StoreSession::leave(const RunArrays& arrays) noexcept {
  try {
    finish(arrays, false);
  } catch (...) {
    note_trouble();
  }
  // The sink refers to the store, so it goes first.
  sink_.reset();
  store_.reset();
}

void StoreSession::reopen(const Communicator& comm) {
  if (comm.size() > 1) rank_ = comm.job_rank();
  together(comm, [&] {
    check();
    const std::string& folder = setup_.options.run_folder;
    if (!folder.empty() && !comm.is_root()) held_ = hold_folder(folder);
  });
  if (setup_.options.run_folder.empty()) return;
  // This start has found failures itself, which stay.
  use(resume_run_store(comm, setup_.options.run_folder, description_, {.keep_failed = true}));
}

std::vector<ElementStates> StoreSession::stored() const {
  std::vector<ElementStates> states(resolved_.size());
  for (std::size_t k = 0; store_ && k < states.size(); ++k) states[k] = store_->progress()[positions_[k]];
  return states;
}

std::vector<std::pair<OutputId, Shape>> StoreSession::found_shapes() const {
  std::vector<std::pair<OutputId, Shape>> found;
  for (std::uint32_t k = 0; store_ && k < resolved_.size(); ++k) {
    const ArrayLayout& planned = setup_.plan.output({k}).layout;
    if (!layout_of(k).shape_known() || planned.internal_known()) continue;
    const Shape shape = known_shape(layout_of(k).shape);
    Shape internal;
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      if (!planned.rank_known || !planned.external[axis]) internal.push_back(shape[axis]);
    found.emplace_back(OutputId{k}, std::move(internal));
  }
  return found;
}

std::optional<ValuesInFile> StoreSession::values_in_file(OutputId output) const {
  return usable() ? store_->values_in_file(positions_[output.value]) : std::nullopt;
}

void StoreSession::load(OutputId output, const RangeSet& elements, PartialArray& array) {
  if (store_) store_->load(positions_[output.value], elements, array);
}

void StoreSession::resolve(const std::vector<bool>& assumed) {
  if (!usable()) return;
  std::map<std::size_t, Shape> found;
  for (std::uint32_t k = 0; k < resolved_.size(); ++k) {
    const ArrayLayout& layout = setup_.plan.output({k}).layout;
    if (!resolved_[k] && !assumed[k] && layout.shape_known())
      found[positions_[k]] = known_shape(layout.shape);
  }
  if (found.empty()) return;
  store_->resolve(found);
  for (std::size_t k = 0; k < resolved_.size(); ++k) resolved_[k] = layout_of(k).shape_known();
}

void StoreSession::mark(std::span<const OutputId> outputs, const RangeSet& elements, ElementStatus status) {
  if (!usable()) return;
  for (const OutputId output : outputs)
    for (const IndexRange& range : elements.ranges()) store_->mark(positions_[output.value], range, status);
}

void StoreSession::mark_blocked(OutputId output, const RangeSet& blocked) {
  if (store_)
    mark({&output, 1}, blocked.difference(store_->progress()[positions_[output.value]].blocked()),
         ElementStatus::blocked);
}

void StoreSession::append_late(const BlockRunner& runner, const Block& block, BlockReport& report) {
  if (!sink_) return;
  runner.append(block, *sink_);
  report.journal_bytes = sink_->journal_bytes();
}

void StoreSession::maintain(TimePoint now) noexcept {
  // After the first trouble the store is left alone until `check` has told the others; a second error would
  // hide the first.
  if (!usable() || trouble_) return;
  try {
    store_->maintain(now);
  } catch (...) {
    note_trouble();
  }
}

void StoreSession::note_trouble() {
  trouble_ = failure_from_current_exception();
  if (!rank_ || !trouble_->host.empty()) return;
  trouble_->rank = *rank_;
  trouble_->host = host_name();
  trouble_->message = fmt::format("rank {} on {}: {}", trouble_->rank, trouble_->host, trouble_->message);
}

std::optional<Failure> StoreSession::take_trouble() {
  return std::exchange(told_, trouble_.has_value()) ? std::nullopt : trouble_;
}

void StoreSession::check() const {
  if (trouble_) throw error_of(*trouble_);
}

void StoreSession::commit(const RunArrays& arrays) {
  if (!usable()) return;
  try {
    store_->commit(in_store_order(arrays));
  } catch (...) {
    // A collective call fails on all ranks, so all of them stop using the store from here on, and later calls
    // match.
    broken_ = true;
    throw;
  }
}

void StoreSession::finish(const RunArrays& arrays, bool complete) {
  if (usable()) store_->finish(in_store_order(arrays), complete && may_be_completed());
}

std::vector<const PartialArray*> StoreSession::in_store_order(const RunArrays& arrays) const {
  std::vector<const PartialArray*> ordered(store_->outputs().size(), nullptr);
  const std::vector<const PartialArray*> all = arrays.all();
  for (std::size_t k = 0; k < positions_.size(); ++k) ordered[positions_[k]] = all[k];
  return ordered;
}

/// Elements of an output whose shape an earlier start had no time to learn stay in journals, until a start
/// computes that output again.
bool StoreSession::may_be_completed() const {
  for (std::size_t at = 0; at < store_->outputs().size(); ++at)
    if (std::find(positions_.begin(), positions_.end(), at) == positions_.end() &&
        !store_->outputs()[at].shape_known() && !store_->progress()[at].done().empty())
      return false;
  return true;
}

}  // namespace mpipe
