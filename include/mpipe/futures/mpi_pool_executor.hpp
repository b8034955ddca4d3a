// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Functions called on other ranks, without any pipeline, in the manner of Python's concurrent.futures and of
/// mpi4py.futures:
///
///     mpipe::MPICommExecutor ranks(mpi.world());  // the other ranks serve in here until rank 0 leaves the
///     scope if (ranks.is_root()) {
///       mpipe::MPIPoolExecutor pool(ranks);
///       mpipe::Future<double> future = pool.submit(drag, 1e5, 2.0);
///       use(future.result());
///     }
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/futures/future.hpp>
#include <mpipe/futures/map_results.hpp>
#include <mpipe/futures/task.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

namespace mpipe {

namespace detail {
class TaskScope;
class PoolHandle;
}  // namespace detail

/// Lends the ranks of a communicator to the executors of one of them, the root. A rank alone gets a thread
/// that does the work instead, and no MPI.
class MPICommExecutor {
 public:
  /// Collective over `comm`, which is duplicated. Returns on the root at once; on the others, where it runs
  /// what the root submits, when the root destroys its object. All ranks must run the same executable. Throws
  /// on all ranks alike: `Error` (bad_option) when they do not, or when `root` is no rank, or not the same
  /// everywhere. On a worker also `Error` (rank_lost) when the root is silent for longer than
  /// `MPIPE_WAIT_LIMIT`, if set.
  explicit MPICommExecutor(const Communicator& comm, int root = 0);
  /// On the root: waits for all that was submitted, then lets the workers go; while an exception passes,
  /// cancels what was not handed out. Ends all ranks when the workers cannot be told. An MPI_Finalize before
  /// this does the same, cancels, and says so on the standard error stream.
  ~MPICommExecutor();
  MPICommExecutor(const MPICommExecutor&) = delete;
  MPICommExecutor& operator=(const MPICommExecutor&) = delete;

  /// Executors can be made here.
  bool is_root() const;

 private:
  friend class MPIPoolExecutor;
  std::shared_ptr<detail::TaskScope> scope_;  ///< null on workers
  int exceptions_before_;
};

/// In a submitted function or an initializer: a communicator of all workers of the `MPICommExecutor`, without
/// the root, ranked as in its communicator. For calls that all workers are in at the same time, such as an
/// initializer with `bootup`; nobody sees to it that they are. It lives as long as the workers serve. Throws
/// `Error` (not_supported) elsewhere. A rank alone, which works on a thread, gets a serial one.
const Communicator& get_comm_workers();

struct MPIPoolOptions {
  /// Use so many workers at most; as many as there are unless set. Those that the fewest executors use.
  std::optional<int> max_workers = {};
  /// Called on every worker before the first task of this executor there: `task(function, args...)`. Where it
  /// throws, the executor is broken: `BrokenPool`.
  std::optional<Task> initializer = {};
};

/// Calls functions on workers. Several may share the workers, which they use in turns. One thread: that which
/// made the `MPICommExecutor`; others, and submitted functions, get an `Error` (not_supported). After
/// `shutdown`, the end of the scope, or a move, `submit`, `map` and `bootup` throw `Error` (bad_option).
class MPIPoolExecutor {
 public:
  /// On the root only: throws `Error` (not_supported) on others, and `Error` (bad_option) for options that
  /// make no sense.
  explicit MPIPoolExecutor(MPICommExecutor& ranks, MPIPoolOptions options = {});
  /// `shutdown()`; while an exception passes, `shutdown(true, true)`.
  ~MPIPoolExecutor();
  MPIPoolExecutor(MPIPoolExecutor&&) noexcept = default;
  MPIPoolExecutor& operator=(MPIPoolExecutor&&) = delete;

  /// Calls `function(args...)` on a worker. See `task` for what may be submitted: functions and captureless
  /// lambdas, values that can be sent. Never waits. Throws `BrokenPool`, `Error` (too_large) for arguments of
  /// more than 1 GiB, `Error` (bad_option) for functions that the workers do not have, and what encoding the
  /// arguments throws.
  template <class F, class... Args>
  Future<TaskResult<F, Args...>> submit(F&& function, const Args&... args) {
    using R = TaskResult<F, Args...>;
    auto state = std::make_shared<detail::TaskState<R>>(channel(handle_));
    submit_task(*handle_, task(std::forward<F>(function), args...), state);
    return Future<R>(std::move(state));
  }

  /// `function` of the first elements of all ranges, of the second, and so on to the end of the shortest.
  /// Without a buffersize all are read and submitted in this call.
  template <class F, detail::ArgumentRange... Ranges>
  auto map(const MPIPoolMapOptions& options, F function, Ranges&&... ranges) {
    using Types = detail::CallTypes<F, detail::ArgumentOf<Ranges>...>;
    return map_source<Types, detail::ZipSource<Ranges...>>(options, function,
                                                           std::forward<Ranges>(ranges)...);
  }
  template <class F, detail::ArgumentRange... Ranges>
  auto map(F function, Ranges&&... ranges) {
    return map(MPIPoolMapOptions{}, function, std::forward<Ranges>(ranges)...);
  }

  /// `function` of the elements of each tuple (or pair, or std::array) of a range.
  template <class F, detail::ArgumentRange Range>
  auto starmap(const MPIPoolMapOptions& options, F function, Range&& tuples) {
    using Types = typename TupleTypes<F, detail::ArgumentOf<Range>>::type;
    return map_source<Types, detail::TupleSource<Range>>(options, function, std::forward<Range>(tuples));
  }
  template <class F, detail::ArgumentRange Range>
  auto starmap(F function, Range&& tuples) {
    return starmap(MPIPoolMapOptions{}, function, std::forward<Range>(tuples));
  }

  /// Runs the initializer on all workers, now and not with the first task; `wait`s until they are ready.
  /// Throws `BrokenPool`.
  void bootup(bool wait = true);
  /// Nothing can be submitted any more. Futures stay valid. With `wait` returns when all tasks are done; with
  /// `cancel_futures` those that were not handed out are cancelled. May be called again.
  void shutdown(bool wait = true, bool cancel_futures = false);
  /// Workers that it uses; 0 after `shutdown`, and where it is broken.
  int num_workers() const;

 private:
  template <class F, class Tuple, class = std::make_index_sequence<std::tuple_size_v<Tuple>>>
  struct TupleTypes;
  template <class F, class Tuple, std::size_t... K>
  struct TupleTypes<F, Tuple, std::index_sequence<K...>> {
    using type = detail::CallTypes<F, std::tuple_element_t<K, Tuple>...>;
  };

  /// Submits chunks of `F` as long as `Source` has arguments.
  template <class Types, class F, class Source>
  class Submitter final : public detail::ChunkSubmitter {
   public:
    template <class... Ranges>
    Submitter(std::shared_ptr<detail::PoolHandle> handle, F function, Index chunksize, Ranges&&... ranges)
        : handle_(std::move(handle)),
          function_(std::move(function)),
          source_(std::forward<Ranges>(ranges)...),
          chunksize_(chunksize) {}

    std::shared_ptr<detail::FutureState> submit() override {
      using Parameters = typename Types::Parameters;
      using R = typename Types::Result;
      if (source_.at_end()) return nullptr;
      std::uint32_t count = 0;
      Task chunk =
          detail::make_task<F>(&detail::invoke_chunk<F, Parameters, R>, function_, [&](ByteWriter& out) {
            count = detail::put_chunk<Parameters>(out, source_, submitted_, chunksize_);
          });
      chunk.set_elements(submitted_, count);
      submitted_ += count;
      auto state = std::make_shared<detail::ChunkState<R>>(channel(handle_), count);
      submit_task(*handle_, std::move(chunk), state);
      return state;
    }

   private:
    std::shared_ptr<detail::PoolHandle> handle_;
    F function_;
    Source source_;
    Index chunksize_;
    Index submitted_ = 0;
  };

  template <class Types, class Source, class F, class... Ranges>
  auto map_source(const MPIPoolMapOptions& options, F function, Ranges&&... ranges) {
    detail::check_map_options(options);
    channel(handle_);
    return MapResults<typename Types::Result>(
        options, std::make_unique<Submitter<Types, F, Source>>(
                     handle_, std::move(function), options.chunksize, std::forward<Ranges>(ranges)...));
  }

  /// Where to submit. Throws `Error` (bad_option) for an executor that was shut down or moved from.
  static detail::TaskChannel* channel(const std::shared_ptr<detail::PoolHandle>& handle);
  static void submit_task(detail::PoolHandle& handle, Task task, std::shared_ptr<detail::FutureState> state);

  std::shared_ptr<detail::PoolHandle> handle_;  ///< null when moved from
  int exceptions_before_ = 0;
};

}  // namespace mpipe
