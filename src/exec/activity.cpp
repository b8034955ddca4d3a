// SPDX-License-Identifier: BSD-3-Clause
// Notes what threads compute, in a table that is there from the start: last words cannot ask for memory.
#include "exec/api/activity.hpp"

#include <unistd.h>

namespace mpipe {

namespace detail {
Activity activities[kMostActivities];
}  // namespace detail

namespace {

/// A row of the table, for as long as a thread lives.
class Row {
 public:
  Row() {
    const int self = ::gettid();
    for (Activity& activity : detail::activities) {
      int nobody = 0;
      if (!activity.thread.compare_exchange_strong(nobody, self)) continue;
      activity_ = &activity;
      return;
    }
  }
  /// A thread that ends within a function has called `exit`, which comes here before any last words.
  ~Row() {
    if (activity_ != nullptr && activity_->function == nullptr) activity_->thread = 0;
  }
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;

  Activity* activity() const { return activity_; }

 private:
  Activity* activity_ = nullptr;
};

}  // namespace

/// The name comes last, as it says that the rest is there.
ActivityNote::ActivityNote(const std::string& function, const Shape& external, IndexRange range,
                           bool can_be_isolated) {
  thread_local const Row row;
  mine_ = row.activity();
  if (mine_ == nullptr) return;
  mine_->external.store(&external, std::memory_order_relaxed);
  mine_->can_be_isolated.store(can_be_isolated, std::memory_order_relaxed);
  mine_->begin.store(range.begin, std::memory_order_relaxed);
  mine_->end.store(range.end, std::memory_order_relaxed);
  mine_->at.store(-1, std::memory_order_relaxed);
  mine_->function.store(function.c_str(), std::memory_order_release);
}

ActivityNote::~ActivityNote() {
  if (mine_ != nullptr) mine_->function.store(nullptr, std::memory_order_release);
}

}  // namespace mpipe
