// SPDX-License-Identifier: BSD-3-Clause
// A run that goes on with more ranks: between two waves, when everything is committed.
#include <mpipe/core/error.hpp>

#include "comm/api/collective.hpp"
#include "run/api/wire_json.hpp"
#include "run/exchange.hpp"
#include "run/map_run.hpp"
#include "run/map_run_sink.hpp"

namespace mpipe {
namespace {

Json encode_sets(const std::vector<RangeSet>& sets) {
  Json json = Json::array();
  for (const RangeSet& set : sets) json.push_back(encode_elements(set));
  return json;
}

std::vector<RangeSet> decode_sets(const Json& json) {
  std::vector<RangeSet> sets;
  for (const Json& set : json) sets.push_back(decode_elements(set));
  return sets;
}

}  // namespace

Results MapRun::join(const Communicator& comm, const Pipeline& pipeline, const Inputs& inputs,
                     MapOptions options, RunControl* control) {
  MapRun run(comm, pipeline, inputs, std::move(options), control);
  run.enter();
  return run.compute();
}

bool MapRun::regroup(std::size_t next) {
  if (control_ == nullptr) return false;
  next_comm_ = control_->regroup(comm_);
  wave_ = next;
  return next_comm_.has_value();
}

/// The ranks so far: what they did is noted, and what depends on them is given up. The arrays stay.
void MapRun::leave() {
  note_time();
  earlier_costs_.resize(runner_->costs().size());
  for (std::size_t k = 0; k < earlier_costs_.size(); ++k) add_cost(earlier_costs_[k], runner_->costs()[k]);
  // Those who join wait already: what goes wrong is told to them, too (see `enter`).
  left_badly_.reset();
  try {
    if (store_) store_->finish(arrays_.all(), false);
  } catch (const Error& error) {
    left_badly_ = error;
  }
  runner_.reset();
  isolated_.reset();
  sink_.reset();
  store_.reset();
  team_maker_.reset();
  comm_ = *next_comm_;
  next_comm_.reset();
}

/// All ranks, those that are new and have nothing yet as well.
void MapRun::enter() {
  together(comm_, [&] {
    if (left_badly_) throw Error(*left_badly_);
  });
  const Bytes state = on_root(comm_, [&] { return encode_state(); });
  together(comm_, [&] {
    if (!comm_.is_root()) take_state(state);
    settings_ = make_settings(plan_, options_, comm_.size());
  });
  settle(find_supply(comm_, needs_devices(pipeline_)), &MapRun::reopen_store);
  share_earlier();
}

void MapRun::reopen_store() {
  if (options_.run_folder.empty()) return;
  store_ = resume_run_store(comm_, options_.run_folder, files_, {.keep_failed = true});
  for (std::size_t k = 0; k < plan_.outputs().size(); ++k) resolved_in_store_[k] = store_->shape_known(k);
}

/// What later waves read, for those who did not have it.
void MapRun::share_earlier() {
  for (std::size_t wave = 0; wave < wave_; ++wave) {
    together(comm_, [&] {
      for (const OutputId output : outputs_of_wave(wave))
        if (is_sized(output) && arrays_.find(output) == nullptr) arrays_.prepare(output);
    });
    share(wave);
  }
}

Bytes MapRun::encode_state() const {
  const Json json{{"wave", wave_},
                  {"shapes", encode_shapes(plan_)},
                  {"assumed", assumed_},
                  {"stored", encode_sets(stored_)},
                  {"done", encode_sets(done_)},
                  {"failed", encode_sets(failed_)},
                  {"blocked", encode_sets(blocked_)},
                  {"blocked_by_array", encode_sets(blocked_by_array_)},
                  {"lost", encode_sets(lost_)},
                  {"details", encode_failures(details_)},
                  {"new_failures", new_failures_},
                  {"commits", commits_}};
  ByteWriter out;
  out.put_text(json.dump(-1, ' ', false, Json::error_handler_t::replace));
  return std::move(out.bytes());
}

void MapRun::take_state(std::span<const std::byte> bytes) {
  const Json json = Json::parse(ByteReader(bytes, "the state of a run").get_text());
  wave_ = json.at("wave");
  mpipe::apply_shapes(json.at("shapes"), plan_);
  assumed_ = json.at("assumed").get<std::vector<bool>>();
  stored_ = decode_sets(json.at("stored"));
  done_ = decode_sets(json.at("done"));
  failed_ = decode_sets(json.at("failed"));
  blocked_ = decode_sets(json.at("blocked"));
  blocked_by_array_ = decode_sets(json.at("blocked_by_array"));
  lost_ = decode_sets(json.at("lost"));
  details_ = decode_failures(json.at("details"));
  new_failures_ = json.at("new_failures");
  commits_ = json.at("commits");
  if (stored_.size() != plan_.outputs().size() || lost_.size() != plan_.outputs().size())
    throw Bug("the state of a run that was joined has another number of outputs");
}

void MapRun::note_time() {
  const TimePoint now = clock_.now();
  const Duration elapsed = now - std::exchange(settled_, now);
  worker_time_ += elapsed * std::max(1u, workers_);
  rank_time_ += elapsed * std::max(static_cast<std::uint32_t>(comm_.size()), workers_);
}

void add_cost(FunctionCost& sum, const FunctionCost& cost) {
  sum.calls += cost.calls;
  sum.busy += cost.busy;
  sum.longest = std::max(sum.longest, cost.longest);
}

}  // namespace mpipe
