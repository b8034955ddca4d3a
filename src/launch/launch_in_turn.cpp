// SPDX-License-Identifier: BSD-3-Clause
// One run after the other, each by all ranks.
#include <mpipe/core/error.hpp>

#include "launch/launch_state.hpp"
#include "run/api/execute_request.hpp"

#include <deque>

namespace mpipe {
namespace {

/// What rank 0 says before each run, and at the end.
constexpr std::int64_t kAllOver = -1;

class Flag final : public RunControl {
 public:
  bool cancelled() override { return set; }
  bool set = false;
};

class LaunchInTurn final : public Launch {
 public:
  LaunchInTurn(const Communicator& comm, const RunList& runs, NodeInventory inventory, LeadHook hook)
      : comm_(comm), inventory_(std::move(inventory)), hook_(std::move(hook)) {
    for (const auto& data : runs) runs_.emplace_back(data);
  }

  ~LaunchInTurn() override { close(); }

  std::size_t size() const override { return runs_.size(); }
  const MapOutcome& outcome(std::size_t run) const override { return runs_.at(run).outcome(); }
  RunStatus status(std::size_t run) const override { return runs_.at(run).status(); }

  // A run that is being computed ends by its own question for `cancelled`. One that has not begun is dropped,
  // and the other ranks learn that from the summary only.
  void cancel(std::size_t run) override {
    LaunchedRun& cancelled = runs_.at(run);
    if (run == running_)
      cancel_.set = true;  // asked by an observer of it
    else if (!cancelled.over())
      cancelled.drop();
  }

 private:
  WaitOptions wait_options() const override { return comm_.wait_options(); }

  bool do_turn() override {
    if (running_) return false;  // asked by an observer of a run
    const std::size_t run = first_open();
    if (run == size()) return false;
    compute(run);
    return true;
  }

  // The two broadcasts match those that begin a run, because the others cannot know beforehand which of the
  // two comes.
  bool tell_end() override {
    comm_.broadcast_value(kAllOver);
    comm_.broadcast(encode_summary(*this));
    return true;
  }

  void compute(std::size_t run) {
    const RunData& data = runs_[run].data();
    cancel_.set = false;
    running_ = run;
    // `follow` reads in this order: the number of the run, then its request. Everything after that is
    // collective within the run itself.
    comm_.broadcast_value(static_cast<std::int64_t>(run));
    comm_.broadcast(encode_request(data.inputs, data.options));
    MapOutcome outcome = outcome_of(data.name, [&] {
      return execute_request(
          comm_, data.pipeline,
          [&] {
            return Request{data.inputs, runs_[run].observed_options()};
          },
          inventory_, &cancel_,
          [&](std::shared_ptr<StatusWriter> status) {
            if (hook_) hook_(run, std::move(status));
          });
    });
    running_.reset();
    runs_[run].end(std::move(outcome));
  }

  Communicator comm_;
  NodeInventory inventory_;
  LeadHook hook_;
  std::deque<LaunchedRun> runs_;
  std::optional<std::size_t> running_;
  Flag cancel_;
};

/// What ranks other than 0 do. They wait in a broadcast until rank 0 takes its turn, so a rank 0 that never
/// does so keeps them there. The outcome of a run is dropped here: all of them learn from the summary how it
/// ended.
std::vector<MapOutcome> follow(const Communicator& comm, const RunList& runs,
                               const NodeInventory& inventory) {
  for (;;) {
    const std::int64_t run = comm.broadcast_value(std::int64_t{0});
    const Bytes bytes = comm.broadcast({});
    if (run == kAllOver) return decode_summary(bytes, runs);
    const RunData& data = *runs.at(static_cast<std::size_t>(run));
    outcome_of(data.name, [&] {
      return execute_request(
          comm, data.pipeline, [&] { return decode_request(bytes); }, inventory);
    });
  }
}

}  // namespace

std::shared_ptr<Launch> launch_in_turn(const Communicator& comm, const RunList& runs,
                                       const NodeInventory& inventory, const LeadHook& hook) {
  if (!comm.is_root()) return finished_launch(follow(comm, runs, inventory));
  return std::make_shared<LaunchInTurn>(comm, runs, inventory, hook);
}

}  // namespace mpipe
