// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A group of ranks that run one thing together, without a word of MPI: see native_comm.hpp for the way from
/// and to MPI.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/core/comm.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace mpipe {

enum class WaitMode : std::uint8_t {
  spin,     ///< poll without pause: the shortest answer, one core
  backoff,  ///< poll for a millisecond, then sleep between polls
};

/// How to wait for other ranks and threads.
struct WaitOptions {
  WaitMode mode = WaitMode::backoff;
  /// A wait that sees nothing happen for this long gives up with an `Error` (rank_lost); zero: never.
  Duration limit = Duration::zero();
  /// With `backoff`: let others have the core between polls. For waits for ranks that may need this very
  /// core, as in collective calls; the one who hands out work keeps its core, or others take it for
  /// milliseconds.
  bool yields = false;
};

/// `MPIPE_WAIT` (`spin` or `backoff`) and `MPIPE_WAIT_LIMIT` (seconds), where they are set. Throws `Error`
/// (bad_option) for other values.
WaitOptions wait_options_from_environment();

class CommState;
class Zygote;

enum class ReduceOp { sum, min, max };

/// Ranks that share memory.
struct Node {
  std::string host;
  std::vector<int> ranks;  ///< ascending
};

/// Bytes for, or from, one rank, in a buffer of the caller.
struct SendPart {
  int rank = 0;
  std::span<const std::byte> bytes;
};
struct ReceivePart {
  int rank = 0;
  std::span<std::byte> bytes;
};

/// The name of this machine.
std::string host_name();

/// A handle of a group of ranks; copies are handles of the same group. The group is *serial*, one rank without
/// any MPI; or an MPI communicator of its own, duplicated from what the caller gave, so that messages cannot be
/// taken for others; or it consists of threads of one process (see comm/api/simulated_ranks.hpp).
///
/// "Collective" means that every rank of the group calls it, in the same order. Collective calls wait as
/// `Waiter` does. Errors of MPI, and waits beyond the limit of the wait options, are thrown as `Error`
/// (rank_lost); after that the group is not usable, buffers in use must be left alone, and the program should
/// end. One thread uses a group: the one that initialised MPI, unless MPI was initialised for more.
class Communicator {
 public:
  /// Serial.
  Communicator();
  /// For native_comm.hpp and the implementation.
  explicit Communicator(std::shared_ptr<const CommState> state);

  int rank() const;
  int size() const;
  bool is_root() const { return rank() == 0; }
  /// What messages call this rank, or another one of this group: its rank in the group that the program began
  /// with, from which this one comes by `split`, `subgroup` and `duplicate`.
  int job_rank() const { return job_rank(rank()); }
  int job_rank(int rank) const;
  /// False for a serial group, and for one of threads.
  bool uses_mpi() const;
  /// Whether a program may have other threads (ones that do not call MPI) beside the one that uses this
  /// group.
  bool threads_allowed() const;
  const WaitOptions& wait_options() const;
  /// The process that forks others for this one; null where none was made before MPI started.
  const std::shared_ptr<Zygote>& zygote() const;

  /// Collective. The ranks by shared memory, ordered by their lowest rank. Costs milliseconds: call it once.
  std::vector<Node> nodes() const;

  /// Collective. Nobody returns before all have called it.
  void barrier() const;

  /// Collective. What `root` brought; what the others bring is ignored.
  std::vector<std::byte> broadcast(std::vector<std::byte> bytes, int root = 0) const;
  /// Collective. As `broadcast`, for text.
  std::string broadcast_text(std::string text, int root = 0) const;
  /// Collective. Overwrites `bytes`, which has the same size everywhere, with those of `root`. Sizes beyond
  /// 2^31 are legal; nothing is allocated.
  void broadcast_into(std::span<std::byte> bytes, int root = 0) const;
  /// Collective. As `broadcast`, for a value that is its bytes.
  template <class T>
  requires std::is_trivially_copyable_v<T> T broadcast_value(T value, int root = 0)
  const {
    broadcast_into(std::as_writable_bytes(std::span<T, 1>(&value, 1)), root);
    return value;
  }

  /// Collective. On `root` what every rank brought, in rank order; empty on the others. Sizes differ as they
  /// like.
  std::vector<std::vector<std::byte>> gather(std::span<const std::byte> bytes, int root = 0) const;

  /// Collective. Replaces each value by the sum, the least or the greatest of it over all ranks. The same
  /// number of values everywhere. Sums of doubles depend on the number of ranks in their last bits: not for
  /// results.
  void all_reduce(std::span<std::int64_t> values, ReduceOp op) const;
  void all_reduce(std::span<double> values, ReduceOp op) const;
  /// The same for one value.
  std::int64_t all_reduce(std::int64_t value, ReduceOp op) const;
  double all_reduce(double value, ReduceOp op) const;

  /// Collective. Whether all ranks brought the same number; the answer is the same everywhere.
  bool all_agree(std::uint64_t hash) const;

  /// Collective. Sends and receives parts of which both sides know the size; a rank may send to itself.
  /// Between two ranks parts match in the order given. Receive buffers must not overlap any other buffer.
  void exchange(std::span<const SendPart> sends, std::span<const ReceivePart> receives) const;

  /// Collective. One new group per `color` (>= 0), ranked by `key`, then by the rank here; nothing where
  /// there is no color. Costs milliseconds on many ranks: keep it.
  std::optional<Communicator> split(std::optional<int> color, int key) const;
  /// A new group of these ranks of this one, in this order. Collective over them alone: the others go on with
  /// what they do. A rank that makes several groups makes them in an order that all agree on.
  Communicator subgroup(std::span<const int> ranks) const;
  /// Collective. The same ranks, other messages.
  Communicator duplicate() const;

  /// Some rank will never answer again: from here on nothing of this group, nor of those that it comes from,
  /// is freed or waited for, and `Environment` does not finalise MPI, which would wait for that rank. A
  /// launcher then ends the other ranks when this one ends.
  void abandon() const;
  /// Ends all ranks now, with this exit code; for a state that no message can mend.
  [[noreturn]] void abort(int exit_code) const;

  const CommState& state() const { return *state_; }

 private:
  std::shared_ptr<const CommState> state_;
};

/// A group as functions get it; keeps it. Errors of MPI come back to the function as codes, and are noted.
Comm function_comm(const Communicator& group);
/// What MPI said of the first error on a communicator of `function_comm` since the last call: a function that
/// did not look at the code goes on with something that is not true.
std::optional<std::string> overlooked_error(const Comm& comm);

}  // namespace mpipe
