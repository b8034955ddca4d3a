// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The results of `map` and `starmap`, which come in chunks: a task calls the function for several elements.
#pragma once

#include <mpipe/futures/future.hpp>
#include <mpipe/futures/task.hpp>

#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace mpipe {

struct MPIPoolMapOptions {
  Index chunksize = 1;     ///< elements per task
  bool unordered = false;  ///< results as they come, instead of in the order of the arguments
  /// So many tasks at most are submitted and not yet taken from the results; the arguments of others are read
  /// when it is their turn, so that they may be endless. Their ranges must live until then, unless moved.
  std::optional<Index> buffersize = {};
  /// From the call of `map`; a result that is not there by then throws `FutureTimeout`.
  Timeout timeout = {};
};

namespace detail {

/// What `map` gives for a result: nothing is `std::monostate`.
template <class R>
using MapValue = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

/// The results of some neighbours, up to the first that failed.
template <class R>
struct Chunk {
  std::vector<MapValue<R>> values;
  std::optional<Failure> failure;
};

// A chunk of arguments is the index of the first (i64), how many there are (u32), then those of each. A chunk of results is how many there
// are (u32), then each of them, whether a failure follows (bool), and the failure.

/// The exception being handled; with rank and host where a task runs.
Failure failure_of_task();
/// Appends a chunk of results: `next` appends the one of the next element, up to `count` times.
void put_results(Bytes& out, std::uint32_t count, const std::function<void(ByteWriter&)>& next);
/// Reads the number of results of a chunk of `sent` elements.
std::uint32_t get_result_count(ByteReader& in, std::uint32_t sent);
/// Reads what follows `count` results. Throws `Error` (storage_failed) where they are not those of the `sent`
/// elements.
std::optional<Failure> get_failure_behind(ByteReader& in, std::uint32_t count, std::uint32_t sent);

template <class F, class Parameters, class Result>
void invoke_chunk(const TaskInput& input, Bytes& result) {
  constexpr Parameters* types = nullptr;
  ByteReader reader = task_reader(input.arguments);
  TaskName name{.type = &typeid(F), .target = input.target, .first = reader.get<Index>(), .count = 1};
  const auto count = reader.get<std::uint32_t>();
  put_results(result, count, [&](ByteWriter& out) {
    note_running(name);
    ++name.first;
    auto stored = TupleReader<typename StoredTuple<Parameters>::type>::read(reader);
    with_callable<F>(input, [&](F& function) {
      if constexpr (std::is_void_v<Result>) {
        call_stored(function, types, stored);
      } else {
        const auto& value = call_stored(function, types, stored);
        put_value<Result>(value, out);
      }
    });
  });
}

/// A future of a chunk of `count` elements.
template <class R>
class ChunkState final : public ValueState<Chunk<R>> {
 public:
  ChunkState(TaskChannel* channel, std::uint32_t count) : ValueState<Chunk<R>>(channel), count_(count) {}
  void accept(std::span<const std::byte> encoded) override {
    std::optional<Chunk<R>> chunk;
    try {
      chunk = read(encoded);
    } catch (...) {
      return this->fail(std::current_exception());
    }
    this->set_value(*std::move(chunk));
  }

 private:
  Chunk<R> read(std::span<const std::byte> encoded) const {
    Chunk<R> chunk;
    ByteReader reader = task_reader(encoded);
    const std::uint32_t count = get_result_count(reader, count_);
    if constexpr (std::is_void_v<R>) {
      chunk.values.resize(count);
    } else {
      for (std::uint32_t k = 0; k < count; ++k) chunk.values.push_back(get_value<R>(reader));
    }
    chunk.failure = get_failure_behind(reader, count, count_);
    return chunk;
  }

  std::uint32_t count_;
};

// ---- ranges of arguments ----------------------------------------------------------------------------------
//
// Ranges are what `begin` and `end` take. <ranges> has concepts and adaptors for them, which take longer to
// compile than all of this.

namespace access {
using std::begin;
using std::end;
template <class Range>
auto begin_of(Range& range) -> decltype(begin(range)) {
  return begin(range);
}
template <class Range>
auto end_of(Range& range) -> decltype(end(range)) {
  return end(range);
}
}  // namespace access
using access::begin_of;
using access::end_of;

template <class Range>
using IteratorOf = decltype(begin_of(std::declval<std::remove_reference_t<Range>&>()));
template <class Range>
concept ArgumentRange = requires(std::remove_reference_t<Range>& range) {
  *begin_of(range);
  end_of(range);
};
template <class Range>
using ArgumentOf = std::iter_value_t<IteratorOf<Range>>;

/// A range that is read later: a copy of a view, what was moved here, or else where it lies.
template <class Range>
class KeptRange {
  using Plain = std::remove_reference_t<Range>;
  static constexpr bool kept =
      !std::is_lvalue_reference_v<Range> || std::ranges::enable_view<std::remove_const_t<Plain>>;

 public:
  explicit KeptRange(Range&& range) : range_(hold(range)) {}
  Plain& get() {
    if constexpr (kept) {
      return range_;
    } else {
      return *range_;
    }
  }

 private:
  static auto hold(Plain& range) {
    if constexpr (!kept) {
      return &range;
    } else if constexpr (std::is_lvalue_reference_v<Range>) {
      return range;
    } else {
      return std::move(range);
    }
  }

  std::conditional_t<kept, Plain, Plain*> range_;
};

/// Several ranges side by side, as long as the shortest.
template <class... Ranges>
class ZipSource {
 public:
  explicit ZipSource(Ranges&&... ranges)
      : ranges_(KeptRange<Ranges>(std::forward<Ranges>(ranges))...),
        at_(std::apply([](auto&... kept) { return std::tuple(begin_of(kept.get())...); }, ranges_)) {}
  ZipSource(const ZipSource&) = delete;
  ZipSource& operator=(const ZipSource&) = delete;

  bool at_end() {
    return [this]<std::size_t... K>(std::index_sequence<K...>) {
      return ((std::get<K>(at_) == end_of(std::get<K>(ranges_).get())) || ...);
    }
    (std::index_sequence_for<Ranges...>{});
  }
  /// Calls `visit` with the next of each.
  template <class Visit>
  void next(Visit visit) {
    std::apply([&](auto&... at) { visit(*at...); }, at_);
    std::apply([](auto&... at) { (++at, ...); }, at_);
  }

 private:
  std::tuple<KeptRange<Ranges>...> ranges_;
  std::tuple<IteratorOf<Ranges>...> at_;
};

/// One range of tuples.
template <class Range>
class TupleSource {
 public:
  explicit TupleSource(Range&& range) : zip_(std::forward<Range>(range)) {}
  bool at_end() { return zip_.at_end(); }
  template <class Visit>
  void next(Visit visit) {
    zip_.next([&](auto&& arguments) { std::apply(visit, arguments); });
  }

 private:
  ZipSource<Range> zip_;
};

/// Appends up to `size` elements of a source, of which `first` is the next, as the arguments of one task;
/// returns how many they are.
template <class Parameters, class Source>
std::uint32_t put_chunk(ByteWriter& out, Source& source, Index first, Index size) {
  out.put(first);
  const std::size_t at = out.size();
  std::uint32_t count = 0;
  out.put(count);
  for (; count < size && !source.at_end(); ++count) {
    source.next([&](const auto&... arguments) {
      put_arguments(static_cast<Parameters*>(nullptr), out, arguments...);
    });
  }
  out.put_at(at, count);
  return count;
}

/// Refuses sizes below 1, and chunks beyond 2^32 elements.
void check_map_options(const MPIPoolMapOptions& options);

/// Submits the chunks of a map.
class ChunkSubmitter {
 public:
  virtual ~ChunkSubmitter() = default;
  /// The next; null when there is none.
  virtual std::shared_ptr<FutureState> submit() = 0;
};

/// The chunks of a map: submits them, and gives those that are done.
class ChunkQueue {
 public:
  ChunkQueue(const MPIPoolMapOptions& options, std::unique_ptr<ChunkSubmitter> submitter);
  ~ChunkQueue() { end(); }
  ChunkQueue(const ChunkQueue&) = delete;
  ChunkQueue& operator=(const ChunkQueue&) = delete;

  /// Submits as many as may be under way.
  void fill();
  /// Waits for the next; null after the last. Throws what it failed with, and `FutureTimeout`.
  std::shared_ptr<FutureState> take();
  /// Submits no more, and cancels what was not handed out.
  void end();

 private:
  std::unique_ptr<ChunkSubmitter> submitter_;
  std::optional<TimePoint> deadline_;
  std::size_t most_;
  bool unordered_;
  std::deque<std::shared_ptr<FutureState>> ordered_;
  Completions completions_;
};

}  // namespace detail

/// The results of a map, one after the other: a range to go through once, or `next`. What is thrown ends it,
/// and cancels what was not handed out; so does its destruction. One that was moved from is at its end. One
/// thread, the executor's.
template <class R>
class MapResults {
 public:
  using value_type = detail::MapValue<R>;

  MapResults(const MPIPoolMapOptions& options, std::unique_ptr<detail::ChunkSubmitter> submitter)
      : chunks_(new detail::ChunkQueue(options, std::move(submitter))) {
    chunks_->fill();
  }

  /// The next result, empty after the last. Throws `TaskError` for an element whose function threw, after the
  /// results of those before it; `FutureTimeout`; `BrokenPool`.
  std::optional<value_type> next() {
    if (!chunks_) return std::nullopt;
    try {
      while (at_ == chunk_.values.size()) {
        if (chunk_.failure) throw TaskError(*chunk_.failure);
        const std::shared_ptr<detail::FutureState> future = chunks_->take();
        if (!future) return std::nullopt;
        chunk_ = std::move(static_cast<detail::ChunkState<R>&>(*future).mutable_value());
        at_ = 0;
        chunks_->fill();
      }
    } catch (...) {
      chunk_ = {};
      at_ = 0;
      chunks_->end();
      throw;
    }
    return static_cast<value_type>(std::move(chunk_.values[at_++]));
  }
  /// All that are left.
  std::vector<value_type> collect() {
    std::vector<value_type> values;
    while (auto value = next()) values.push_back(*std::move(value));
    return values;
  }

  detail::InputRange<MapResults, value_type> begin() {
    return detail::InputRange<MapResults, value_type>(*this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  std::unique_ptr<detail::ChunkQueue> chunks_;
  detail::Chunk<R> chunk_;
  std::size_t at_ = 0;
};

}  // namespace mpipe
