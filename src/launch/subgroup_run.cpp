// SPDX-License-Identifier: BSD-3-Clause
// Computes the runs that a subgroup of ranks is given, and lets other subgroups join them.
#include "launch/subgroup_run.hpp"

#include <mpipe/core/error.hpp>

#include "comm/api/collective.hpp"
#include "launch/run_reports.hpp"
#include "run/api/check_resources.hpp"
#include "run/api/execute_request.hpp"

#include <cstring>

namespace mpipe {
namespace {

Bytes encode_ranks(const std::vector<int>& ranks) {
  const auto raw = std::as_bytes(std::span(ranks));
  return {raw.begin(), raw.end()};
}

std::vector<int> decode_ranks(std::span<const std::byte> bytes) {
  std::vector<int> ranks(bytes.size() / sizeof(int));
  if (!ranks.empty()) std::memcpy(ranks.data(), bytes.data(), ranks.size() * sizeof(int));
  return ranks;
}

}  // namespace

SubgroupRun::SubgroupRun(const Communicator& world, const Communicator& subgroup,
                         const LaunchSubgroups& subgroups, NodeInventory inventory, const RunList& runs,
                         const LeadHook& hook)
    : world_(world),
      subgroup_(subgroup),
      subgroups_(subgroups),
      inventory_(std::move(inventory)),
      runs_(runs),
      hook_(hook) {}

/// The number goes first and the list follows only if there is one, because the receiver learns from the
/// number whether and how much to receive. The parts travel on the communicator of the launch, as no other
/// one has both sides in it.
void SubgroupRun::answer(SubgroupId subgroup, const std::vector<int>& ranks) {
  const std::uint64_t count = ranks.size();
  const auto head = std::as_bytes(std::span(&count, 1));
  const auto list = std::as_bytes(std::span(ranks));
  std::vector<SendPart> parts;
  for (const int rank : subgroups_.ranks_of(subgroup.value)) {
    parts.push_back({rank, head});
    if (!ranks.empty()) parts.push_back({rank, list});
  }
  world_.exchange(parts, {});
}

/// Groups are kept: making one is collective and costs MPI a communicator, and the same subgroups meet again
/// and again.
const Communicator& SubgroupRun::group_of(const std::vector<int>& ranks) {
  const auto known = groups_.find(ranks);
  if (known != groups_.end()) return known->second;
  return groups_.emplace(ranks, world_.subgroup(ranks)).first->second;
}

/// The ranks of a run, as it gets more of them: one on each of its ranks.
class SubgroupRun::Regrouper {
 public:
  Regrouper(SubgroupRun& subgroup, std::vector<int> ranks, const Bytes& request)
      : subgroup_(subgroup), ranks_(std::move(ranks)), request_(request) {}

  const std::vector<int>& ranks() const { return ranks_; }
  /// Why nobody joined when that was tried last.
  const std::string& refusal() const { return refusal_; }
  /// Collective over `comm`. `more` counts on rank 0. The result is empty where nobody joins, also because
  /// one of the new ranks cannot read what it needs (see `join_request`, which fails there).
  std::optional<Communicator> regroup(const Communicator& comm, const std::vector<int>& more) {
    // All ranks of the run hear from its rank 0 who joins. Only then do they make the group, which is
    // collective over old and new ranks.
    const std::vector<int> joining = decode_ranks(comm.broadcast(encode_ranks(more)));
    if (joining.empty()) return std::nullopt;
    std::vector<int> ranks = ranks_;
    ranks.insert(ranks.end(), joining.begin(), joining.end());
    const Communicator& all = subgroup_.group_of(ranks);
    // The new ranks get the request as it was when the run began, and plan it themselves. The agreement that
    // follows meets the one in `join_request`.
    all.broadcast(comm.is_root() ? request_ : Bytes{});
    try {
      together(all, [] {});
    } catch (const Error& error) {
      if (error.category() == Category::rank_lost) throw;
      refusal_ = error.what();
      return std::nullopt;
    }
    ranks_ = std::move(ranks);
    return all;
  }

 private:
  SubgroupRun& subgroup_;
  std::vector<int> ranks_;
  const Bytes& request_;
  std::string refusal_;
};

class SubgroupRun::Member final : public RunControl {
 public:
  explicit Member(Regrouper regrouper) : regrouper_(std::move(regrouper)) {}
  bool may_grow() const override { return true; }
  std::optional<Communicator> regroup(const Communicator& comm) override {
    return regrouper_.regroup(comm, {});
  }

 private:
  Regrouper regrouper_;
};

class SubgroupRun::Leader final : public LeaderControl {
 public:
  Leader(SubgroupRun& subgroup, Regrouper regrouper, SubgroupLink& link, MapId run, RunObserver& observer)
      : LeaderControl(link, run),
        subgroup_(subgroup),
        regrouper_(std::move(regrouper)),
        link_(link),
        run_(run),
        observer_(observer),
        // Devices are shared out once, for a whole run.
        last_(needs_devices(subgroup.runs_.at(run.value)->pipeline)) {}

  bool may_grow() const override { return true; }
  bool cancelled() override {
    const bool is = LeaderControl::cancelled();
    if (last_) decline();
    return is;
  }
  void on_last_wave() override {
    last_ = true;
    decline();
  }
  std::optional<Communicator> regroup(const Communicator& comm) override {
    std::vector<int> ranks = regrouper_.ranks();
    const std::size_t before = ranks.size();
    const std::vector<SubgroupId> subgroups = take_offers();
    for (const SubgroupId subgroup : subgroups) {
      const std::vector<int> of_subgroup = subgroup_.subgroups_.ranks_of(subgroup.value);
      ranks.insert(ranks.end(), of_subgroup.begin(), of_subgroup.end());
    }
    // The subgroups on offer wait for this answer. They must have it before this rank enters the group, which
    // is made by both sides together.
    for (const SubgroupId subgroup : subgroups) subgroup_.answer(subgroup, ranks);
    auto all = regrouper_.regroup(comm, {ranks.begin() + static_cast<long>(before), ranks.end()});
    const LaunchKind outcome = all ? LaunchKind::joined : LaunchKind::declined;
    // Rank 0 hears of it last, when it is certain: until then the subgroup counts as offered and gets no
    // other run.
    for (const SubgroupId subgroup : subgroups) link_.send({outcome, run_, subgroup.value, {}});
    if (!all && !subgroups.empty()) {
      last_ = true;
      observer_.on_note("idle ranks do not join this run: " + regrouper_.refusal());
    }
    return all;
  }
  /// Refuses all subgroups that are on offer.
  void decline() {
    for (const SubgroupId subgroup : take_offers()) subgroup_.decline(run_, subgroup, link_);
  }

 private:
  SubgroupRun& subgroup_;
  Regrouper regrouper_;
  SubgroupLink& link_;
  MapId run_;
  RunObserver& observer_;
  bool last_;  ///< no rank can join any more
};

void SubgroupRun::compute(MapId run, SubgroupId subgroup, Bytes request, SubgroupLink& link) {
  const Bytes bytes = subgroup_.broadcast(std::move(request));
  if (subgroup_.is_root()) return lead(run, subgroup, bytes, link);
  const RunData& data = *runs_.at(run.value);
  Member control(Regrouper(*this, subgroups_.ranks_of(subgroup.value), bytes));
  outcome_of(data.name, [&] {
    return execute_request(
        subgroup_, data.pipeline, [&] { return decode_request(bytes); }, inventory_, &control);
  });
}

void SubgroupRun::lead(MapId run, SubgroupId subgroup, Bytes bytes, SubgroupLink& link) {
  const RunData& data = *runs_.at(run.value);
  const auto reporter = std::make_shared<RunReporter>(link, run);
  const auto take = [&] {
    Request taken = decode_request(bytes);
    take_functions(taken.options, data.options);
    taken.options.observer = reporter;
    return taken;
  };
  const auto hook = [&](std::shared_ptr<StatusWriter> status) {
    if (hook_) hook_(run.value, std::move(status));
  };
  Leader control(*this, Regrouper(*this, subgroups_.ranks_of(subgroup.value), bytes), link, run, *reporter);
  const MapOutcome outcome = outcome_of(
      data.name, [&] { return execute_request(subgroup_, data.pipeline, take, inventory_, &control, hook); });
  // An offer may have come in since the run looked for one last. Its subgroup waits for an answer, and rank 0
  // takes the answer also after the end of the run.
  control.decline();
  reporter->send_over(outcome);
}

void SubgroupRun::join(MapId run, int leader, SubgroupLink&) {
  std::uint64_t count = 0;
  const ReceivePart head{leader, std::as_writable_bytes(std::span(&count, 1))};
  world_.exchange({}, std::span(&head, 1));
  if (count == 0) return;
  // Checked before memory is reserved for the list.
  if (count > static_cast<std::uint64_t>(world_.size())) throw Bug("more ranks for a run than there are");
  std::vector<int> ranks(count);
  const ReceivePart list{leader, std::as_writable_bytes(std::span(ranks))};
  world_.exchange({}, std::span(&list, 1));
  const Communicator& all = group_of(ranks);
  const Bytes bytes = all.broadcast({});
  const RunData& data = *runs_.at(run.value);
  Member control(Regrouper(*this, ranks, bytes));
  outcome_of(data.name, [&] { return join_request(all, data.pipeline, bytes, &control); });
}

void SubgroupRun::decline(MapId run, SubgroupId subgroup, SubgroupLink& link) {
  answer(subgroup, {});
  link.send({LaunchKind::declined, run, subgroup.value, {}});
}

}  // namespace mpipe
