// SPDX-License-Identifier: BSD-3-Clause
// The pool of threads: each has its own queue of blocks, and the thread that polls gets the events of all.
#include <mpipe/core/error.hpp>

#include "base/api/thread.hpp"
#include "exec/api/pools.hpp"
#include "exec/pools/block_queue.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace mpipe {

namespace {

/// How often a thread without work looks for some before it sleeps: some 50 us, which is about what waking it
/// costs.
constexpr int looks_before_sleep = 1000;

inline void relax_processor() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Events from all threads to the one that polls.
class EventQueue {
 public:
  void push(PoolEvent event) {
    {
      const std::lock_guard lock(mutex_);
      arrived_.push_back(std::move(event));
      count_.store(arrived_.size(), std::memory_order_release);
    }
    arrival_.notify_one();
  }

  /// Events are taken over in batches: the thread that polls gives them out without the mutex, which the
  /// others need for the next ones.
  std::optional<PoolEvent> pop() {
    if (next_ == taken_.size() && !refill()) return std::nullopt;
    return std::move(taken_[next_++]);
  }

  void wait(Duration duration) {
    std::unique_lock lock(mutex_);
    // The condition is looked at under the mutex, so an event that comes between a vain `pop` and this wait
    // is not slept through.
    arrival_.wait_for(lock, duration, [this] { return !arrived_.empty(); });
  }

 private:
  bool refill() {
    // Most polls find nothing, and the count spares them the mutex.
    if (count_.load(std::memory_order_acquire) == 0) return false;
    taken_.clear();
    next_ = 0;
    const std::lock_guard lock(mutex_);
    taken_.swap(arrived_);
    count_.store(0, std::memory_order_release);
    return !taken_.empty();
  }

  std::mutex mutex_;
  std::condition_variable arrival_;
  std::vector<PoolEvent> arrived_;
  std::atomic<std::size_t> count_{0};
  std::vector<PoolEvent> taken_;  // by the thread that polls
  std::size_t next_ = 0;
};

/// One thread and its blocks.
class Lane {
 public:
  Lane(WorkerId worker, SlicedBlock current, EventQueue& events)
      : worker_(worker),
        events_(events),
        current_(std::move(current)),
        thread_(start_thread("for a worker of the executor", [this] { run(); })) {}

  ~Lane() {
    // The thread ends after the slice that it computes; what waits in its queue is dropped.
    change([this] { ending_ = true; });
    thread_.join();
  }

  void start(const Block& block) {
    change([&] { queue_.push(block); });
  }
  void retract(BlockId block) {
    change([&] { retracts_.push_back(block); });
  }
  void pause() {
    change([this] { paused_ = true; });
  }
  void resume() {
    change([this] { paused_ = false; });
  }
  void wait_until_paused() {
    std::unique_lock lock(mutex_);
    rested_.wait(lock, [this] { return !computing_; });
  }

 private:
  template <class Change>
  void change(Change apply) {
    {
      const std::lock_guard lock(mutex_);
      apply();
      changes_.fetch_add(1, std::memory_order_release);
    }
    changed_.notify_one();
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      answer_retracts();
      if (may_compute()) {
        compute(lock);
      } else {
        wait_for_change(lock);
      }
    }
  }

  bool may_compute() const { return !paused_ && (current_.active() || !queue_.empty()); }

  void compute(std::unique_lock<std::mutex>& lock) {
    if (!current_.active()) current_.begin(queue_.pop());
    // Set before the lock is given up, or `wait_until_paused` could return while a slice begins.
    computing_ = true;
    lock.unlock();
    const bool over = current_.step();
    const bool failed = over && (current_.report().failure || current_.report().stopped);
    // A report without a failure goes out at once, without the lock, so that the next block comes soon.
    if (over && !failed) events_.push({worker_, std::move(current_.report())});
    lock.lock();
    computing_ = false;
    // The lock is held here, so a block that `start` adds is either in the queue by now, and given back
    // behind the report, or comes after both.
    if (failed) {  // the run ends: nobody needs what waited here before that is known
      events_.push({worker_, std::move(current_.report())});
      for (const RetractedBlock& block : queue_.give_back()) events_.push({worker_, block});
    }
    if (paused_) rested_.notify_all();
  }

  void answer_retracts() {
    // Called between slices, so the current block can be cut here. The part that goes back is told before
    // the report of the rest, which would otherwise count for the whole block.
    for (const BlockId block : retracts_) {
      if (current_.active() && current_.id() == block) {
        events_.push({worker_, RetractedBlock{block, current_.give_back()}});
        if (current_.report().completed > 0) events_.push({worker_, std::move(current_.report())});
      } else if (const auto retracted = queue_.retract(block)) {
        events_.push({worker_, *retracted});
      }
    }
    retracts_.clear();
  }

  /// Spins for a while, as the next block of a run of short ones is there within microseconds.
  void wait_for_change(std::unique_lock<std::mutex>& lock) {
    // The number is read while the lock is still held: a change after that differs from it, and is not
    // missed.
    const std::uint64_t seen = changes_.load(std::memory_order_relaxed);
    lock.unlock();
    for (int look = 0; look < looks_before_sleep && changes_.load(std::memory_order_acquire) == seen;
         ++look) {
      relax_processor();
    }
    lock.lock();
    changed_.wait(lock, [&] { return changes_.load(std::memory_order_relaxed) != seen; });
  }

  const WorkerId worker_;
  EventQueue& events_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable rested_;
  std::atomic<std::uint64_t> changes_{0};
  BlockQueue queue_;
  std::vector<BlockId> retracts_;
  bool ending_ = false;
  bool paused_ = false;
  bool computing_ = false;
  SlicedBlock current_;  // used by the thread only
  std::thread thread_;   // last: it uses the others
};

}  // namespace

struct ThreadPool::Impl {
  // The lanes are declared last and so destroyed first, since their threads write to the events until they
  // are joined. They are in a deque because a thread knows its lane by address.
  EventQueue events;
  std::deque<Lane> lanes;

  Lane& lane(WorkerId worker) {
    if (worker.value >= lanes.size()) throw Bug("ThreadPool: no such worker");
    return lanes[worker.value];
  }
};

ThreadPool::ThreadPool(std::vector<BlockHandler*> handlers, const Clock& clock, ProcessPlace place,
                       Duration slice)
    : impl_(std::make_unique<Impl>()) {
  for (BlockHandler* handler : handlers) {
    const WorkerId worker{static_cast<std::uint32_t>(impl_->lanes.size())};
    impl_->lanes.emplace_back(worker, SlicedBlock(*handler, clock, place, slice), impl_->events);
  }
}

ThreadPool::~ThreadPool() = default;

std::uint32_t ThreadPool::worker_count() const { return static_cast<std::uint32_t>(impl_->lanes.size()); }

void ThreadPool::start(WorkerId worker, const Block& block) { impl_->lane(worker).start(block); }

void ThreadPool::retract(WorkerId worker, BlockId block) { impl_->lane(worker).retract(block); }

std::optional<PoolEvent> ThreadPool::poll() { return impl_->events.pop(); }

void ThreadPool::pause(Duration duration) { impl_->events.wait(duration); }

void ThreadPool::quiesce() {
  // All lanes are told before the first is waited for, so that their slices end side by side.
  for (Lane& lane : impl_->lanes) lane.pause();
  for (Lane& lane : impl_->lanes) lane.wait_until_paused();
}

void ThreadPool::resume() {
  for (Lane& lane : impl_->lanes) lane.resume();
}

}  // namespace mpipe
