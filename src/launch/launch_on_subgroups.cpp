// SPDX-License-Identifier: BSD-3-Clause
// Several runs at the same time, each by a subgroup of ranks; rank 0 directs.
#include <mpipe/core/clock.hpp>
#include <mpipe/core/error.hpp>

#include "comm/api/waiter.hpp"
#include "launch/launch_director.hpp"
#include "launch/launch_state.hpp"
#include "launch/subgroup_run.hpp"
#include "run/api/check_resources.hpp"
#include "run/api/request.hpp"

#include <deque>

namespace mpipe {
namespace {

/// Frames travel on a communicator of their own, so one number serves every launch.
constexpr RunId kLaunchId = 2;
constexpr Duration kTick = std::chrono::milliseconds(100);

class LaunchOnSubgroups final : public Launch, private RunEvents {
 public:
  LaunchOnSubgroups(const Communicator& comm, const RunList& runs, const LaunchSubgroups& subgroups)
      : comm_(comm),
        transport_(make_root_transport(comm, kLaunchId)),
        director_(*transport_, static_cast<std::uint32_t>(runs.size()), subgroups.workers, *this) {
    // The first turn gives the first runs to the subgroups, which start to work before the caller asks for
    // anything. It needs all runs to be there, because an event may name any of them.
    for (const auto& data : runs) runs_.emplace_back(data);
    turn();
  }
  ~LaunchOnSubgroups() override { close(); }

  std::size_t size() const override { return runs_.size(); }
  const MapOutcome& outcome(std::size_t run) const override { return runs_.at(run).outcome(); }
  RunStatus status(std::size_t run) const override { return runs_.at(run).status(); }
  void cancel(std::size_t run) override {
    if (!runs_.at(run).over()) director_.cancel({static_cast<std::uint32_t>(run)});
  }

 private:
  WaitOptions wait_options() const override { return comm_.wait_options(); }

  bool do_turn() override {
    const bool any = director_.turn();
    const TimePoint now = SteadyClock().now();
    if (now - ticked_ >= kTick) {
      ticked_ = now;
      for (std::size_t k = 0; k < under_way_.size(); ++k) runs_[under_way_[k].value].tick(now);
    }
    // An observer that threw in this turn ends its run. Cancelling follows the messages and ticks, as both of
    // them call observers. It may also begin another run: both loops go by numbers.
    for (std::size_t k = 0; k < under_way_.size(); ++k)
      if (runs_[under_way_[k].value].wants_cancel()) director_.cancel(under_way_[k]);
    return any;
  }

  /// The others wait for nothing else, so they take it at once.
  bool tell_end() override {
    if (!director_.finished()) return false;
    director_.send_end(encode_summary(*this));
    // The transport is destroyed soon after, and what has not left by then may never arrive. A rank that is
    // lost must not hold this one up for ever, hence the limit, where one is set.
    Waiter waiter(comm_.wait_options());
    while (!transport_->all_sent() && !waiter.expired()) waiter.idle();
    return true;
  }

  /// The data of the launch are not touched: the choice for rank 0 of a subgroup is written into a copy of
  /// the options.
  Bytes request(MapId run) override {
    under_way_.push_back(run);
    const RunData& data = runs_.at(run.value).data();
    MapOptions options = data.options;
    // Subgroups are small: one that only schedules would be a large part of the ranks.
    // (Where devices are scarce they are the others'.)
    if (options.rank0 == Rank0::automatic && !needs_devices(data.pipeline)) options.rank0 = Rank0::work;
    return encode_request(data.inputs, options);
  }
  void on_message(LaunchMessage message) override {
    LaunchedRun& run = runs_.at(message.run.value);
    run.on_message(message);
    if (run.over()) std::erase(under_way_, message.run);
  }
  void on_dropped(MapId run) override { runs_.at(run.value).drop(); }

  Communicator comm_;
  std::unique_ptr<RootTransport> transport_;
  LaunchDirector director_;
  std::deque<LaunchedRun> runs_;
  std::vector<MapId> under_way_;  ///< runs that have begun and are not over: as many as there are subgroups
  TimePoint ticked_{};
};

}  // namespace

std::shared_ptr<Launch> launch_on_subgroups(const Communicator& comm, const RunList& runs,
                                            const LaunchSubgroups& subgroups, const NodeInventory& inventory,
                                            const LeadHook& hook) {
  const std::optional<int> number = subgroups.subgroup_of(comm.rank());
  // Collective over all ranks. Rank 0 takes part without a subgroup. The place in the subgroup orders its
  // ranks, so that its first rank, which `LaunchDirector` takes for the leader, becomes rank 0 of the part.
  const std::optional<Communicator> subgroup = comm.split(number, subgroups.place_of(comm.rank()));
  if (comm.is_root()) return std::make_shared<LaunchOnSubgroups>(comm, runs, subgroups);
  // Making a transport is collective: this call meets that of rank 0 in the constructor of
  // `LaunchOnSubgroups`.
  const auto transport = make_worker_transport(comm, kLaunchId);
  SubgroupLink link(*transport);
  const std::vector<int> ranks = subgroups.ranks_of(static_cast<std::size_t>(*number));
  SubgroupRun work(comm, *subgroup, subgroups, inventory_of(inventory, ranks), runs, hook);
  return finished_launch(decode_summary(serve_subgroup(link, work, comm.wait_options()), runs));
}

}  // namespace mpipe
