// SPDX-License-Identifier: BSD-3-Clause
// Opens, feeds and closes the run folder and the store of a run.
#include "run/store_session.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/core/version.hpp>

#include "comm/api/collective.hpp"
#include "core/api/hash.hpp"
#include "store/api/result_length.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <random>
#include <thread>
#include <utility>

namespace mpipe {
namespace {

std::string hexadecimal(std::uint64_t digest) { return fmt::format("{:016x}", digest); }

std::string attribute(const Function& function, const std::string& output, const std::string& key) {
  const auto of_output = function.attributes().find(output);
  if (of_output == function.attributes().end()) return {};
  const auto text = of_output->second.find(key);
  return text == of_output->second.end() ? std::string() : text->second;
}

std::string random_id() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

std::string now_in_utc() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

/// What a later start must equal to go on with this run.
RunDescription describe(const RunSetup& setup) {
  RunDescription description;
  description.run_id = random_id();
  description.document = setup.options.document;
  description.pipeline_digest = hexadecimal(fnv1a(setup.pipeline.digest_text()));
  description.error_handling = to_string(setup.options.error_handling.value());
  description.seed = setup.options.seed;
  description.command_line = setup.options.command_line;
  description.created = now_in_utc();
  description.versions["mpipe"] = std::string(version());
  for (std::size_t k = 0; k < setup.plan.outputs().size(); ++k) {
    const PlannedOutput& output = setup.plan.outputs()[k];
    const auto& spec = setup.pipeline.function(output.function).mapspec;
    description.outputs.push_back({output.name, std::string(output.layout.type->dtype()),
                                   spec ? spec->to_string() : "", output.layout.axes, output.layout.shape,
                                   std::string(to_string(setup.settings.storage[k])),
                                   output.layout.rank_known});
  }
  for (const auto& [name, value] : setup.inputs)
    description.inputs.push_back(
        {name, std::string(value.type().dtype()), value.shape(), hexadecimal(value.digest())});
  return description;
}

/// The outputs and inputs as they appear in the files.
RunLayout make_layout(const RunSetup& setup) {
  RunLayout layout;
  for (std::size_t k = 0; k < setup.plan.outputs().size(); ++k) {
    const PlannedOutput& output = setup.plan.outputs()[k];
    const FunctionNode& node = setup.pipeline.function(output.function);
    OutputLayout out;
    out.name = output.name;
    out.type = output.layout.type;
    out.mapspec = node.mapspec ? node.mapspec->to_string() : "";
    out.dims = output.layout.axes;
    out.external = output.layout.external;
    out.shape = output.layout.shape;
    out.rank_known = output.layout.rank_known;
    out.storage = setup.settings.storage[k];
    out.units = attribute(node.function, output.name, "units");
    out.long_name = attribute(node.function, output.name, "long_name");
    if (setup.plan.is_selection() && is_known(setup.plan.external_shape(output.stage)))
      out.selected = setup.plan.selected(output.stage);
    layout.outputs.push_back(std::move(out));
  }
  std::vector<MapSpec> specs;
  for (const FunctionNode& node : setup.pipeline.functions())
    if (node.mapspec) specs.push_back(*node.mapspec);
  const auto axes = axes_of_arrays(specs);
  for (const auto& [name, value] : setup.inputs) {
    const auto named = axes.find(name);
    if (value.rank() > 1 || (value.rank() == 1 && (named == axes.end() || !named->second.front()))) continue;
    InputLayout input;
    input.name = name;
    if (!value.is_scalar()) input.dims = {*named->second.front()};
    input.value = value;
    layout.inputs.push_back(std::move(input));
  }
  return layout;
}

}  // namespace

std::string warn_of_size(const RunSetup& setup) {
  return setup.options.run_folder.empty() ? "" : warn_of_size(setup.options.run_folder, make_layout(setup));
}

StoreSession::StoreSession(const RunSetup& setup)
    : setup_(setup), resolved_(setup.plan.outputs().size(), false) {
  if (!setup.options.run_folder.empty()) layout_ = make_layout(setup);
}

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

/// Collective. Rank 0 claims the folder. Returns whether a run is there to go on with, whose id all learn.
bool StoreSession::claim_folder(const Communicator& comm) {
  const Bytes bytes = on_root(comm, [&] {
    const MapOptions& options = setup_.options;
    description_ = describe(setup_);
    folder_.emplace(options.resume
                        ? RunFolder::resume(options.run_folder, options.take_over)
                        : RunFolder::create(options.run_folder, options.overwrite, options.take_over));
    if (folder_->has_run()) {
      const RunDescription earlier = read_description(folder_->path());
      // The comparison comes before the store is opened: a run that differs must not write a single byte to
      // it.
      check_same_run(earlier, description_);
      description_.run_id = earlier.run_id;
      description_.created = earlier.created;
    }
    ByteWriter out;
    out.put(folder_->has_run());
    out.put_text(description_.run_id);
    return std::move(out.bytes());
  });
  ByteReader in(bytes, "the id of a run");
  const bool goes_on = in.get<bool>();
  layout_.run_id = in.get_text();
  return goes_on;
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
  const bool goes_on = claim_folder(comm);
  try {
    find_folder(comm);
    store_ = goes_on ? resume_run_store(comm, folder, layout_, {.keep_failed = setup_.keeps_failed()})
                     : create_run_store(comm, folder, layout_, {});
    // The description comes last, because it makes a run of the folder: a start that fails before leaves
    // nothing to go on with.
    on_root(comm, [&] {
      if (!goes_on) folder_->write_description(description_);
      return Bytes{};
    });
  } catch (...) {
    // Only a folder that this start began is given up. What an earlier start left in it stays for the next
    // resume.
    if (folder_ && !goes_on) folder_->abandon();
    throw;
  }
  sink_.emplace(*store_);
  for (std::size_t k = 0; k < resolved_.size(); ++k) resolved_[k] = store_->shape_known(k);
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
  store_ = resume_run_store(comm, setup_.options.run_folder, layout_, {.keep_failed = true});
  sink_.emplace(*store_);
  for (std::size_t k = 0; k < resolved_.size(); ++k) resolved_[k] = store_->shape_known(k);
}

std::vector<ElementStates> StoreSession::stored() const {
  return store_ ? store_->progress() : std::vector<ElementStates>(resolved_.size());
}

std::vector<std::pair<OutputId, Shape>> StoreSession::found_shapes() const {
  std::vector<std::pair<OutputId, Shape>> found;
  for (std::uint32_t k = 0; store_ && k < resolved_.size(); ++k) {
    const ArrayLayout& planned = setup_.plan.output({k}).layout;
    if (!store_->shape_known(k) || planned.internal_known()) continue;
    const Shape shape = known_shape(store_->shape(k));
    Shape internal;
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      if (!planned.rank_known || !planned.external[axis]) internal.push_back(shape[axis]);
    found.emplace_back(OutputId{k}, std::move(internal));
  }
  return found;
}

void StoreSession::load(OutputId output, const RangeSet& elements, PartialArray& array) {
  if (store_ && !elements.empty()) store_->load(output.value, elements, array);
}

void StoreSession::resolve(const std::vector<bool>& assumed) {
  if (!usable()) return;
  std::map<std::size_t, Shape> found;
  for (std::uint32_t k = 0; k < resolved_.size(); ++k) {
    const ArrayLayout& layout = setup_.plan.output({k}).layout;
    if (!resolved_[k] && !assumed[k] && layout.shape_known()) found[k] = known_shape(layout.shape);
  }
  if (found.empty()) return;
  store_->resolve(found);
  for (const auto& [output, shape] : found) resolved_[output] = true;
}

void StoreSession::mark(std::span<const OutputId> outputs, const RangeSet& elements, ElementStatus status) {
  if (!usable()) return;
  for (const OutputId output : outputs)
    for (const IndexRange& range : elements.ranges()) store_->mark(output.value, range, status);
}

void StoreSession::mark_blocked(OutputId output, const RangeSet& blocked) {
  if (store_)
    mark({&output, 1}, blocked.difference(store_->progress()[output.value].blocked()),
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
    store_->commit(arrays.all());
  } catch (...) {
    // A collective call fails on all ranks, so all of them stop using the store from here on, and later calls
    // match.
    broken_ = true;
    throw;
  }
}

void StoreSession::finish(const RunArrays& arrays, bool complete) {
  if (usable()) store_->finish(arrays.all(), complete);
}

}  // namespace mpipe
