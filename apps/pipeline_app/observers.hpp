// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Several observers of one run as one.
#pragma once

#include <mpipe/run/observer.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace mpipe::app {

class ObserverList final : public RunObserver {
 public:
  void add(std::shared_ptr<RunObserver> observer) { observers_.push_back(std::move(observer)); }

  void on_start(const Plan& plan, const MachineInfo& machine, const std::vector<Index>& kept) override {
    for (const auto& each : observers_) each->on_start(plan, machine, kept);
  }
  void on_progress(const Stage& stage, Index elements, TimePoint now) override {
    for (const auto& each : observers_) each->on_progress(stage, elements, now);
  }
  void on_resolved(const Plan& plan) override {
    for (const auto& each : observers_) each->on_resolved(plan);
  }
  void on_failure(const Failure& failure) override {
    for (const auto& each : observers_) each->on_failure(failure);
  }
  void on_tick(TimePoint now) override {
    for (const auto& each : observers_) each->on_tick(now);
  }
  void on_end(const std::string& state, const std::string& message) override {
    for (const auto& each : observers_) each->on_end(state, message);
  }

 private:
  std::vector<std::shared_ptr<RunObserver>> observers_;
};

}  // namespace mpipe::app
