// SPDX-License-Identifier: BSD-3-Clause
// Frames over MPI. Everything is non-blocking: an MPI_Send of more than 256 bytes to a rank that computes
// returns when that rank calls MPI again. Buffers are recycled; in steady state nothing is allocated.
#include <mpipe/core/error.hpp>

#include "comm/api/transport.hpp"
#include "comm/api/waiter.hpp"
#include "comm/frame_path.hpp"
#include "comm/mpi_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>

namespace mpipe {

namespace {

constexpr Duration default_close_limit = std::chrono::seconds(10);

bool mpi_is_over() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  return finalized != 0;
}

/// Frames on their way out.
class Outbox {
 public:
  explicit Outbox(const FramePath& path) : path_(path) {}

  void send(int to, const FrameHeader& header, std::span<const std::byte> body,
            std::vector<std::byte> payload) {
    Slot& slot = free_slot();
    encode_frame(header, body, slot.frame);
    slot.payload = std::move(payload);
    path_.check(MPI_Isend(slot.frame.bytes.data(), static_cast<int>(slot.frame.size), MPI_BYTE, to,
                          path_.frame_tag, path_.comm, &slot.requests[0]),
                "MPI_Isend");
    if (!slot.payload.empty()) {
      path_.check(MPI_Isend(slot.payload.data(), static_cast<int>(slot.payload.size()), MPI_BYTE, to,
                            path_.payload_tag, path_.comm, &slot.requests[1]),
                  "MPI_Isend");
    }
    settle(slot);
  }

  /// Frees the slots of frames that have left, oldest first; returns true when no frame is under way any
  /// more.
  bool reclaim() {
    while (!busy_.empty() && is_sent(*busy_.front())) {
      free_.push_back(busy_.front());
      busy_.pop_front();
    }
    return busy_.empty();
  }

  bool empty() const { return busy_.empty(); }

  /// Leaves the buffers to MPI for good, which may still read them.
  void abandon() { new std::deque<Slot>(std::move(slots_)); }

 private:
  struct Slot {
    FrameBytes frame;
    std::vector<std::byte> payload;
    MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
  };

  Slot& free_slot() {
    if (free_.empty()) reclaim();
    if (free_.empty()) free_.push_back(&slots_.emplace_back());
    return *free_.back();
  }

  bool is_sent(Slot& slot) {
    int done = 0;
    path_.check(MPI_Testall(2, slot.requests, &done, MPI_STATUSES_IGNORE), "MPI_Testall");
    if (done) slot.payload = std::vector<std::byte>();
    return done != 0;
  }

  /// Small messages are out at once: their slot, the last free one, stays free.
  void settle(Slot& slot) {
    if (slot.requests[1] == MPI_REQUEST_NULL) {
      int done = 0;
      path_.check(MPI_Test(&slot.requests[0], &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done) return;
    }
    free_.pop_back();
    busy_.push_back(&slot);
  }

  const FramePath& path_;
  std::deque<Slot> slots_;  // a deque, as requests point into it
  std::vector<Slot*> free_;
  std::deque<Slot*> busy_;
};

/// A message as MPI delivered it.
struct Arrival {
  int from = 0;
  std::span<const std::byte> bytes;
};

/// Posted receives for frames, which match in the order of posting: only the oldest one can be the next to
/// complete.
class Inbox {
 public:
  Inbox(const FramePath& path, int source, std::size_t depth) : path_(path), source_(source), slots_(depth) {
    for (Slot& slot : slots_) post(slot);
  }

  /// The next message, valid until `consumed`.
  bool poll(Arrival& arrival) {
    Slot& slot = slots_[oldest_];
    int done = 0;
    MPI_Status status;
    path_.check(MPI_Test(&slot.request, &done, &status), "MPI_Test");
    if (!done) return false;
    int count = 0;
    path_.check(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
    arrival = {status.MPI_SOURCE,
               std::span<const std::byte>(slot.bytes).first(static_cast<std::size_t>(count))};
    return true;
  }

  /// Posts the receive of the message that `poll` gave again.
  void consumed() {
    post(slots_[oldest_]);
    if (++oldest_ == slots_.size()) oldest_ = 0;
  }

  /// Takes the posted receives back. No errors are reported: this is the end.
  void close() noexcept {
    for (Slot& slot : slots_) {
      if (slot.request == MPI_REQUEST_NULL) continue;
      MPI_Cancel(&slot.request);
      MPI_Wait(&slot.request, MPI_STATUS_IGNORE);
    }
  }

  /// Leaves the buffers to MPI for good, which may still write to them.
  void abandon() { new std::vector<Slot>(std::move(slots_)); }

 private:
  struct Slot {
    std::array<std::byte, kMaxFrameBytes> bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  void post(Slot& slot) {
    path_.check(MPI_Irecv(slot.bytes.data(), static_cast<int>(slot.bytes.size()), MPI_BYTE, source_,
                          path_.frame_tag, path_.comm, &slot.request),
                "MPI_Irecv");
  }

  const FramePath& path_;
  int source_;
  std::vector<Slot> slots_;
  std::size_t oldest_ = 0;
};

/// Both directions of one end.
class FrameLink {
 public:
  /// `source`: a rank of `path.comm`, or any.
  FrameLink(FramePath path, RunId run, int source, std::size_t depth)
      : path_(std::move(path)), run_(run), inbox_(path_, source, depth), outbox_(path_) {}
  ~FrameLink() { close(); }
  FrameLink(const FrameLink&) = delete;
  FrameLink& operator=(const FrameLink&) = delete;

  void send(int to, FrameKind kind, std::span<const std::byte> body, std::vector<std::byte> payload) {
    const FrameHeader header{kind, run_, payload.size()};  // before the payload is moved away
    outbox_.send(path_.native(to), header, body, std::move(payload));
  }

  /// `frame.worker` is left to the caller, which gets the rank.
  bool poll(Frame& frame, int& from) {
    if (path_.look) path_.look();
    if (!outbox_.empty()) outbox_.reclaim();
    if (!waiting_.empty()) return poll_behind_payloads(frame, from);
    Arrival arrival;
    if (!inbox_.poll(arrival)) return false;
    const FrameHeader header = take(arrival);
    inbox_.consumed();
    if (header.payload_bytes > 0) {
      wait_for_payload(arrival.from, header);
      return poll_behind_payloads(frame, from);
    }
    from = path_.rank_of(arrival.from);
    frame = {{}, header.kind, body(current_), {}};
    return true;
  }

  bool all_sent() { return outbox_.reclaim(); }
  bool transferring() const { return !outbox_.empty() || !waiting_.empty(); }

 private:
  /// A frame that has arrived, and its payload perhaps not.
  struct Waiting {
    int from = 0;
    FrameHeader header;
    FrameBytes frame;
    std::vector<std::byte> payload;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  static std::span<const std::byte> body(const FrameBytes& frame) {
    return std::span<const std::byte>(frame.bytes).first(frame.size).subspan(kFrameHeaderBytes);
  }

  /// Checks a message and copies it, so that its receive can be posted again at once.
  FrameHeader take(const Arrival& arrival) {
    const FrameHeader header = decode_header(arrival.bytes, run_);
    current_.size = arrival.bytes.size();
    std::copy(arrival.bytes.begin(), arrival.bytes.end(), current_.bytes.begin());
    return header;
  }

  void wait_for_payload(int from, const FrameHeader& header) {
    Waiting& entry =
        waiting_.emplace_back(Waiting{from, header, current_, std::vector<std::byte>(header.payload_bytes)});
    if (entry.payload.empty()) return;
    path_.check(MPI_Irecv(entry.payload.data(), static_cast<int>(entry.payload.size()), MPI_BYTE, from,
                          path_.payload_tag, path_.comm, &entry.request),
                "MPI_Irecv");
  }

  /// While a payload is under way, frames queue up: those of one sender must not overtake each other.
  bool poll_behind_payloads(Frame& frame, int& from) {
    Arrival arrival;
    if (inbox_.poll(arrival)) {
      const FrameHeader header = take(arrival);
      inbox_.consumed();
      wait_for_payload(arrival.from, header);
    }
    for (auto entry = waiting_.begin(); entry != waiting_.end(); ++entry) {
      const auto same_sender = [&](const Waiting& earlier) { return earlier.from == entry->from; };
      if (std::any_of(waiting_.begin(), entry, same_sender)) continue;
      int done = 0;
      path_.check(MPI_Test(&entry->request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (!done) continue;
      delivered_ = std::move(*entry);
      waiting_.erase(entry);
      from = path_.rank_of(delivered_.from);
      frame = {{}, delivered_.header.kind, body(delivered_.frame), delivered_.payload};
      return true;
    }
    return false;
  }

  /// What was sent is given some time to leave: a worker's last words may be a failure with its payload.
  void close() noexcept {
    if (mpi_is_over()) return;
    try {
      if (!path_.broken()) flush();
    } catch (...) {
      path_.set_broken();
    }
    // Buffers of requests that MPI may still serve are leaked; freeing them would let it write into memory of
    // others.
    if (path_.broken()) return abandon();
    inbox_.close();
    for (Waiting& entry : waiting_) {
      if (entry.request == MPI_REQUEST_NULL) continue;
      MPI_Cancel(&entry.request);
      MPI_Wait(&entry.request, MPI_STATUS_IGNORE);
    }
  }

  void flush() {
    WaitOptions options = path_.group->facts().wait_options;
    if (options.limit == Duration::zero()) options.limit = default_close_limit;
    Waiter waiter(options);
    while (!outbox_.reclaim() && !waiter.expired()) waiter.idle();
    if (!outbox_.empty()) path_.set_broken();  // nobody takes it
  }

  void abandon() {
    outbox_.abandon();
    inbox_.abandon();
    new std::deque<Waiting>(std::move(waiting_));
  }

  const FramePath path_;
  RunId run_;
  Inbox inbox_;
  Outbox outbox_;
  FrameBytes current_;
  std::deque<Waiting> waiting_;
  Waiting delivered_;
};

/// Rank 0 hears of all workers and therefore keeps more receives posted; a worker hears of rank 0 alone.
constexpr std::size_t root_depth = 32;
constexpr std::size_t worker_depth = 4;

class MpiRootTransport final : public RootTransport {
 public:
  MpiRootTransport(FramePath path, RunId run)
      : workers_(static_cast<std::uint32_t>(path.group->facts().size - 1)),
        link_(std::move(path), run, MPI_ANY_SOURCE, root_depth) {}

  std::uint32_t worker_count() const override { return workers_; }

  void send(WorkerId worker, FrameKind kind, std::span<const std::byte> body,
            std::vector<std::byte> payload) override {
    if (worker.value >= workers_) throw Bug(fmt::format("frame for worker {} of {}", worker.value, workers_));
    link_.send(static_cast<int>(worker.value) + 1, kind, body, std::move(payload));
  }

  const Frame* poll() override {
    int from = 0;
    if (!link_.poll(frame_, from)) return nullptr;
    frame_.worker = {static_cast<std::uint32_t>(from - 1)};
    return &frame_;
  }

  bool all_sent() override { return link_.all_sent(); }
  bool transferring() const override { return link_.transferring(); }

 private:
  std::uint32_t workers_;
  FrameLink link_;
  Frame frame_;
};

class MpiWorkerTransport final : public WorkerTransport {
 public:
  MpiWorkerTransport(const FramePath& path, RunId run)
      : worker_{static_cast<std::uint32_t>(path.group->facts().rank - 1)},
        link_(path, run, path.native(0), worker_depth) {}

  WorkerId worker() const override { return worker_; }

  void send(FrameKind kind, std::span<const std::byte> body, std::vector<std::byte> payload) override {
    link_.send(0, kind, body, std::move(payload));
  }

  const Frame* poll() override {
    int from = 0;
    if (!link_.poll(frame_, from)) return nullptr;
    frame_.worker = worker_;
    return &frame_;
  }

  bool all_sent() override { return link_.all_sent(); }
  bool transferring() const override { return link_.transferring(); }

 private:
  WorkerId worker_;
  FrameLink link_;
  Frame frame_;
};

/// A communicator of its own, which carries nothing else.
FramePath path_of(std::shared_ptr<const MpiState> copy) {
  FramePath path;
  path.comm = copy->raw();
  path.group = std::move(copy);
  return path;
}

}  // namespace

std::unique_ptr<RootTransport> make_root_end(FramePath path, RunId run) {
  return std::make_unique<MpiRootTransport>(std::move(path), run);
}

std::unique_ptr<WorkerTransport> make_worker_end(FramePath path, RunId run) {
  return std::make_unique<MpiWorkerTransport>(std::move(path), run);
}

std::unique_ptr<RootTransport> MpiState::root_transport(RunId run) const {
  return make_root_end(path_of(copy()), run);
}

std::unique_ptr<WorkerTransport> MpiState::worker_transport(RunId run) const {
  return make_worker_end(path_of(copy()), run);
}

}  // namespace mpipe
