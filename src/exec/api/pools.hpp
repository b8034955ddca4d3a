// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The pools that there are.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/exec/pool.hpp>

#include "comm/api/transport.hpp"
#include "exec/api/messages.hpp"
#include "exec/api/team_directory.hpp"

#include <memory>
#include <vector>

namespace mpipe {

/// How long a pool computes in this process without looking up. Blocks that take longer are cut into slices;
/// elements are not.
inline constexpr Duration kDefaultSlice = std::chrono::microseconds(100);

/// One worker: the thread that polls. Sequential runs, and rank 0 computing between messages.
class InlinePool final : public Pool {
 public:
  InlinePool(BlockHandler& handler, const Clock& clock, ProcessPlace place, Duration slice = kDefaultSlice);
  ~InlinePool() override;

  std::uint32_t worker_count() const override { return 1; }
  void start(WorkerId worker, const Block& block) override;
  void retract(WorkerId worker, BlockId block) override;
  std::optional<PoolEvent> poll() override;
  bool computes_inline() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One worker per handler, each a thread of its own. The same handler may be given several times if it bears
/// being used by several threads. Threads do not use MPI.
class ThreadPool final : public Pool {
 public:
  ThreadPool(std::vector<BlockHandler*> handlers, const Clock& clock, ProcessPlace place,
             Duration slice = kDefaultSlice);
  /// Waits for the slices that are being computed; drops everything else.
  ~ThreadPool() override;

  std::uint32_t worker_count() const override;
  void start(WorkerId worker, const Block& block) override;
  void retract(WorkerId worker, BlockId block) override;
  std::optional<PoolEvent> poll() override;
  void pause(Duration duration) override;
  void quiesce() override;
  void resume() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The workers at the other ends of a transport, which run `serve`.
class RemotePool final : public Pool {
 public:
  explicit RemotePool(RootTransport& transport) : transport_(transport), teams_(transport.worker_count()) {}

  std::uint32_t worker_count() const override { return transport_.worker_count(); }
  void start(WorkerId worker, const Block& block) override;
  void start_team(std::span<const WorkerId> members, const Block& block) override;
  void retract(WorkerId worker, BlockId block) override;
  /// Throws `Bug` for a frame that no worker sends.
  std::optional<PoolEvent> poll() override;

  // To all workers at once; never waits. See `WorkerEvents` for what they do then.
  void send_barrier(std::uint32_t wave) { broadcast(BarrierMessage{wave}); }
  void send_commit(std::uint32_t number) { broadcast(CommitMessage{number}); }
  void send_stop() { broadcast(StopMessage{}); }

 private:
  void broadcast(const ToWorker& message);

  RootTransport& transport_;
  TeamDirectory teams_;
  EncodedMessage message_;  ///< its memory is used again for each block
};

/// Two pools as one: the workers of `remote`, then those of `local`. Events of `remote` come first, but
/// `local` gets its turn after some of them, so that it never starves. Both must outlive this.
class CompositePool final : public Pool {
 public:
  CompositePool(Pool& remote, Pool& local) : remote_(remote), local_(local) {}

  std::uint32_t worker_count() const override { return remote_.worker_count() + local_.worker_count(); }
  void start(WorkerId worker, const Block& block) override;
  /// Of workers of `remote`.
  void start_team(std::span<const WorkerId> members, const Block& block) override;
  void retract(WorkerId worker, BlockId block) override;
  std::optional<PoolEvent> poll() override;
  bool computes_inline() const override { return remote_.computes_inline() || local_.computes_inline(); }
  void pause(Duration duration) override { local_.pause(duration); }
  void quiesce() override;
  void resume() override;

 private:
  std::optional<PoolEvent> poll_local();

  Pool& remote_;
  Pool& local_;
  std::uint32_t remote_events_ = 0;  // since the last turn of `local`
};

}  // namespace mpipe
