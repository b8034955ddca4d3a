// SPDX-License-Identifier: BSD-3-Clause
// Carries frames between threads of one process, and delays, repeats or reorders them on request.
#include "comm/api/loopback.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <utility>

namespace mpipe {

namespace {

/// A frame on its way, as bytes.
struct Letter {
  WorkerId sender;
  FrameBytes frame;
  std::vector<std::byte> payload;
  std::uint64_t visible_at = 0;
  bool overtakes = false;
};

/// What is on its way to one end.
class Mailbox {
 public:
  void put(Letter letter, int delay_polls) {
    const std::lock_guard lock(mutex_);
    letter.visible_at = polls_.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(delay_polls);
    letters_.push_back(std::move(letter));
    size_.store(letters_.size(), std::memory_order_release);
  }

  /// The oldest letter that may be seen. A letter that is held back holds back the later ones of its sender,
  /// as on a real network, but for those that are to overtake.
  bool take(Letter& letter) {
    polls_.fetch_add(1, std::memory_order_relaxed);
    // Most polls find nothing, and this way they do without the mutex.
    if (size_.load(std::memory_order_acquire) == 0) return false;
    const std::lock_guard lock(mutex_);
    for (auto candidate = letters_.begin(); candidate != letters_.end(); ++candidate) {
      if (candidate->visible_at > polls_.load(std::memory_order_relaxed)) continue;
      const auto holds_back = [&](const Letter& earlier) { return earlier.sender == candidate->sender; };
      if (!candidate->overtakes && std::any_of(letters_.begin(), candidate, holds_back)) continue;
      letter = std::move(*candidate);
      letters_.erase(candidate);
      size_.store(letters_.size(), std::memory_order_release);
      return true;
    }
    return false;
  }

  std::size_t size() const { return size_.load(std::memory_order_acquire); }

 private:
  std::mutex mutex_;
  std::deque<Letter> letters_;
  std::atomic<std::size_t> size_{0};
  std::atomic<std::uint64_t> polls_{0};
};

/// What all ends share.
struct Wires {
  RunId run = 0;
  LoopbackNetwork::Hook hook;
  std::mutex hook_mutex;
  Mailbox root;
  std::deque<Mailbox> workers;

  Mailbox& towards(const FrameInfo& info) {
    return info.direction == Direction::to_root ? root : workers.at(info.worker.value);
  }

  void send(const FrameInfo& info, std::span<const std::byte> body, const std::vector<std::byte>& payload) {
    Letter letter;
    letter.sender = info.worker;
    encode_frame({info.kind, run, payload.size()}, body, letter.frame);
    letter.payload = payload;
    Delivery delivery;
    if (hook) {
      const std::lock_guard lock(hook_mutex);
      delivery = hook(info);
    }
    letter.overtakes = delivery.overtakes;
    for (int copy = 0; copy < delivery.copies; ++copy) towards(info).put(letter, delivery.delay_polls);
  }
};

/// The receiving half of an end.
class Receiver {
 public:
  /// The frame refers to the letter of this receiver, so it is valid until the next call.
  const Frame* poll(Mailbox& mailbox, RunId run) {
    if (!mailbox.take(letter_)) return nullptr;
    const std::span<const std::byte> bytes =
        std::span<const std::byte>(letter_.frame.bytes).first(letter_.frame.size);
    const FrameHeader header = decode_header(bytes, run);
    if (header.payload_bytes != letter_.payload.size())
      throw Bug("loopback: payload of another size than announced");
    frame_ = {letter_.sender, header.kind, bytes.subspan(kFrameHeaderBytes), letter_.payload};
    return &frame_;
  }

 private:
  Letter letter_;
  Frame frame_;
};

class LoopbackRoot final : public RootTransport {
 public:
  explicit LoopbackRoot(Wires& wires) : wires_(wires) {}

  std::uint32_t worker_count() const override { return static_cast<std::uint32_t>(wires_.workers.size()); }

  void send(WorkerId worker, FrameKind kind, std::span<const std::byte> body,
            std::vector<std::byte> payload) override {
    if (worker.value >= worker_count())
      throw Bug(fmt::format("frame for worker {} of {}", worker.value, worker_count()));
    wires_.send({Direction::to_worker, worker, kind}, body, payload);
  }

  const Frame* poll() override { return receiver_.poll(wires_.root, wires_.run); }
  bool all_sent() override { return true; }
  bool transferring() const override { return false; }

 private:
  Wires& wires_;
  Receiver receiver_;
};

class LoopbackWorker final : public WorkerTransport {
 public:
  LoopbackWorker(Wires& wires, WorkerId worker) : wires_(wires), worker_(worker) {}

  WorkerId worker() const override { return worker_; }

  void send(FrameKind kind, std::span<const std::byte> body, std::vector<std::byte> payload) override {
    wires_.send({Direction::to_root, worker_, kind}, body, payload);
  }

  const Frame* poll() override { return receiver_.poll(wires_.workers[worker_.value], wires_.run); }
  bool all_sent() override { return true; }
  bool transferring() const override { return false; }

 private:
  Wires& wires_;
  WorkerId worker_;
  Receiver receiver_;
};

}  // namespace

struct LoopbackNetwork::Impl {
  Wires wires;
  LoopbackRoot root{wires};
  std::deque<LoopbackWorker> workers;
};

LoopbackNetwork::LoopbackNetwork(std::uint32_t workers, RunId run, Hook hook)
    : impl_(std::make_unique<Impl>()) {
  impl_->wires.run = run;
  impl_->wires.hook = std::move(hook);
  for (std::uint32_t worker = 0; worker < workers; ++worker) {
    impl_->wires.workers.emplace_back();
    impl_->workers.emplace_back(impl_->wires, WorkerId{worker});
  }
}

LoopbackNetwork::~LoopbackNetwork() = default;

RootTransport& LoopbackNetwork::root() { return impl_->root; }

WorkerTransport& LoopbackNetwork::worker(WorkerId worker) { return impl_->workers.at(worker.value); }

std::size_t LoopbackNetwork::undelivered() const {
  std::size_t count = impl_->wires.root.size();
  for (const Mailbox& mailbox : impl_->wires.workers) count += mailbox.size();
  return count;
}

void LoopbackNetwork::expect_nothing_sent() const {
  if (const std::size_t count = impl_->wires.root.size()) {
    throw Bug(fmt::format("{} frame(s) to rank 0 were sent and never received", count));
  }
  for (std::uint32_t worker = 0; worker < impl_->wires.workers.size(); ++worker) {
    const std::size_t count = impl_->wires.workers[worker].size();
    if (count > 0)
      throw Bug(fmt::format("{} frame(s) to worker {} were sent and never received", count, worker));
  }
}

}  // namespace mpipe
