// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `GuardedObserver`: an observer of the caller's, which may throw anything.
#pragma once

#include <mpipe/exec/observer.hpp>

#include <memory>
#include <utility>

namespace mpipe {

/// Tells an observer everything. What it throws, whatever the type, comes out as an `Error` (bad_option) that
/// names the observer, so that the run can end with it on all ranks.
class GuardedObserver final : public RunObserver {
 public:
  /// `observer` may be null: then everything is ignored.
  explicit GuardedObserver(std::shared_ptr<RunObserver> observer) : observer_(std::move(observer)) {}

  void on_start(const Plan& plan, const MachineInfo& machine,
                const std::vector<ElementCounts>& kept) override {
    tell([&](RunObserver& to) { to.on_start(plan, machine, kept); });
  }
  void on_progress(FunctionId function, const ElementCounts& counts, TimePoint now) override {
    tell([&](RunObserver& to) { to.on_progress(function, counts, now); });
  }
  void on_settled(const std::vector<SettledOutput>& outputs) override {
    tell([&](RunObserver& to) { to.on_settled(outputs); });
  }
  void on_note(const std::string& text) override {
    tell([&](RunObserver& to) { to.on_note(text); });
  }
  void on_resolved(const Plan& plan) override {
    tell([&](RunObserver& to) { to.on_resolved(plan); });
  }
  void on_failure(const Failure& failure) override {
    tell([&](RunObserver& to) { to.on_failure(failure); });
  }
  void on_block_assigned(const BlockWorker& worker, const Block& block, TimePoint now) override {
    tell([&](RunObserver& to) { to.on_block_assigned(worker, block, now); });
  }
  void on_block_done(const BlockWorker& worker, const Block& block, Index completed, Duration busy,
                     TimePoint now) override {
    tell([&](RunObserver& to) { to.on_block_done(worker, block, completed, busy, now); });
  }
  void on_tick(TimePoint now) override {
    tell([&](RunObserver& to) { to.on_tick(now); });
  }
  void on_end(const std::string& state, const std::string& message) override {
    tell([&](RunObserver& to) { to.on_end(state, message); });
  }

 private:
  template <class Call>
  void tell(Call&& call) {
    if (observer_) guard_user_code("the observer of the run", [&] { call(*observer_); });
  }

  std::shared_ptr<RunObserver> observer_;
};

}  // namespace mpipe
