// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The results of `map` and `starmap`, which come in chunks: a task calls the function for several elements.
#pragma once

#include <mpipe/futures/future.hpp>
#include <mpipe/futures/task.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <variant>

namespace mpipe {

struct MPIPoolMapOptions {
  Index chunksize = 1;     ///< elements per task
  bool unordered = false;  ///< results as they come, instead of in the order of the arguments
  /// So many tasks at most are submitted and not yet taken from the results; the arguments of others are read
  /// when it is their turn, so that they may be endless. Their ranges must live until then, unless moved.
  std::optional<Index> buffersize = {};
  /// From the call of `map`; a result that is not there by then throws `FutureTimeout`.
  std::optional<Duration> timeout = {};
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

// A chunk of arguments is how many there are (u32), then those of each. A chunk of results is how many there
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
  const auto count = reader.get<std::uint32_t>();
  put_results(result, count, [&](ByteWriter& out) {
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
  ChunkState(FutureDriver* driver, std::uint32_t count) : ValueState<Chunk<R>>(driver), count_(count) {}
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

/// Several ranges side by side, as long as the shortest.
template <std::ranges::view... Views>
class ZipSource {
 public:
  explicit ZipSource(Views... views)
      : views_(std::move(views)...),
        at_(std::apply([](Views&... ranges) { return std::tuple(std::ranges::begin(ranges)...); }, views_)) {}
  ZipSource(const ZipSource&) = delete;
  ZipSource& operator=(const ZipSource&) = delete;

  bool at_end() {
    return [this]<std::size_t... K>(std::index_sequence<K...>) {
      return ((std::get<K>(at_) == std::ranges::end(std::get<K>(views_))) || ...);
    }
    (std::index_sequence_for<Views...>{});
  }
  /// Calls `visit` with the next of each.
  template <class Visit>
  void next(Visit visit) {
    std::apply([&](auto&... at) { visit(*at...); }, at_);
    std::apply([](auto&... at) { (++at, ...); }, at_);
  }

 private:
  std::tuple<Views...> views_;
  std::tuple<std::ranges::iterator_t<Views>...> at_;
};

/// One range of tuples.
template <std::ranges::view View>
class TupleSource {
 public:
  explicit TupleSource(View view) : zip_(std::move(view)) {}
  bool at_end() { return zip_.at_end(); }
  template <class Visit>
  void next(Visit visit) {
    zip_.next([&](auto&& arguments) { std::apply(visit, arguments); });
  }

 private:
  ZipSource<View> zip_;
};

/// Appends up to `size` elements of a source as the arguments of one task; returns how many they are.
template <class Parameters, class Source>
std::uint32_t put_chunk(ByteWriter& out, Source& source, Index size) {
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

}  // namespace detail

/// The results of a map, one after the other: a range to go through once, or `next`. What is thrown ends it,
/// and cancels what was not handed out; so does its destruction. One thread, the executor's.
template <class R>
class MapResults {
 public:
  using value_type = detail::MapValue<R>;
  using ChunkFuture = std::shared_ptr<detail::ValueState<detail::Chunk<R>>>;
  /// Submits the next chunk; null when there is none.
  using Submit = std::function<ChunkFuture()>;

  MapResults(const MPIPoolMapOptions& options, Submit submit) : core_(new Core(options, std::move(submit))) {
    core_->fill();
  }

  /// The next result, empty after the last. Throws `TaskError` for an element whose function threw, after the
  /// results of those before it; `FutureTimeout`; `BrokenPool`.
  std::optional<value_type> next() { return core_->next(); }
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
  class Core {
   public:
    Core(const MPIPoolMapOptions& options, Submit submit)
        : submit_(std::move(submit)),
          deadline_(detail::deadline_after(options.timeout)),
          most_(options.buffersize.value_or(std::numeric_limits<Index>::max())),
          unordered_(options.unordered) {}
    ~Core() { end(); }

    void fill() {
      while (submit_ && static_cast<Index>(submitted_.size()) < most_) {
        ChunkFuture chunk = submit_();
        if (!chunk) {
          submit_ = nullptr;
        } else {
          if (unordered_) completions_.add(*chunk);
          submitted_.push_back(std::move(chunk));
        }
      }
    }

    std::optional<value_type> next() {
      try {
        while (at_ == chunk_.values.size()) {
          if (chunk_.failure) throw TaskError(*chunk_.failure);
          if (!next_chunk()) return std::nullopt;
        }
      } catch (...) {
        end();
        throw;
      }
      return static_cast<value_type>(std::move(chunk_.values[at_++]));
    }

   private:
    bool next_chunk() {
      chunk_ = {};
      at_ = 0;
      fill();
      if (submitted_.empty()) return false;
      const ChunkFuture future = unordered_ ? take_any() : take_first();
      future->wait_for_value(Duration::zero());
      chunk_ = std::move(future->mutable_value());
      fill();
      return true;
    }
    ChunkFuture take_first() {
      if (!submitted_.front()->wait_until(deadline_)) submitted_.front()->wait_for_value(Duration::zero());
      ChunkFuture first = std::move(submitted_.front());
      submitted_.pop_front();
      return first;
    }
    ChunkFuture take_any() {
      const detail::FutureState* const done = completions_.next(deadline_);
      const auto at = std::find_if(submitted_.begin(), submitted_.end(),
                                   [done](const ChunkFuture& chunk) { return chunk.get() == done; });
      ChunkFuture taken = *at;
      submitted_.erase(at);
      return taken;
    }
    void end() {
      submit_ = nullptr;
      chunk_ = {};
      at_ = 0;
      for (const ChunkFuture& chunk : std::exchange(submitted_, {})) chunk->cancel();
    }

    Submit submit_;
    std::optional<TimePoint> deadline_;
    Index most_;
    bool unordered_;
    std::deque<ChunkFuture> submitted_;
    detail::Completions completions_;
    detail::Chunk<R> chunk_;
    std::size_t at_ = 0;
  };

  std::unique_ptr<Core> core_;
};

}  // namespace mpipe
