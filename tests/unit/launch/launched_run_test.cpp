// SPDX-License-Identifier: BSD-3-Clause
// What rank 0 hears of a run that another rank leads is believed only where it can be true.
#include "launch/launched_run.hpp"

#include <mpipe/pipeline/function.hpp>

#include "base/api/failure_bytes.hpp"
#include "launch/run_reports.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace mpipe {
namespace {

using Put = std::function<void(ByteWriter&)>;

Bytes made_by(const Put& put) {
  ByteWriter out;
  put(out);
  return std::move(out.bytes());
}

/// The internal shape of the one output.
void put_shape(ByteWriter& out, const std::optional<Shape>& internal) {
  out.put(internal.has_value());
  if (internal) out.put_list(*internal);
}

Bytes started() {
  return made_by([](ByteWriter& out) {
    MachineInfo machine;
    machine.ranks = 2;
    machine.hosts = {"n"};
    put_start(out, {machine, {{}}});
    put_shape(out, {});
  });
}

Bytes progress(std::uint32_t function, Index done) {
  return made_by([&](ByteWriter& out) {
    out.put(std::uint64_t{1});
    out.put(function);
    for (const Index count : {done, Index{0}, Index{0}}) out.put(count);
  });
}

/// What a run has to say for itself at its end, true or not.
struct Over {
  std::vector<Index> done{0, 3};  ///< the ends of ranges
  bool has_results = true;
  RunState state = RunState::completed;
  bool has_error = false;

  Bytes bytes() const {
    return made_by([&](ByteWriter& out) {
      out.put(has_results);
      if (has_results) put_results_and_shapes(out);
      out.put(state);
      out.put(int{0});
      if (has_error) {
        put_failure(out, {});
        out.put(std::uint64_t{0});
      }
    });
  }

 private:
  void put_results_and_shapes(ByteWriter& out) const {
    put_shape(out, Shape{2});
    Results results;
    results.names = {"parts"};
    results.outputs["parts"].selected = {{0, 3}};
    const Bytes all = made_by([&](ByteWriter& whole) { put_results(whole, results); });
    // The selected elements, a list of one range, are followed by those that are done, an empty list.
    constexpr std::size_t kSelected = sizeof(std::uint64_t) + sizeof(IndexRange);
    out.append(std::span(all).first(kSelected));
    out.put(static_cast<std::uint64_t>(done.size() / 2));
    for (const Index end : done) out.put(end);
    out.append(std::span(all).subspan(kSelected + sizeof(std::uint64_t)));
  }
};

/// A run of one function whose arrays have a length that shows while running.
class Hearing {
 public:
  explicit Hearing(std::shared_ptr<RunObserver> observer = {})
      : run_(std::make_shared<const RunData>(data(std::move(observer)))) {}

  void hear(LaunchKind kind, Bytes payload) { run_.on_message({kind, {0}, 0, std::move(payload)}); }
  bool refuses(LaunchKind kind, Bytes payload) {
    try {
      hear(kind, std::move(payload));
      return false;
    } catch (const Bug&) {
      return true;
    }
  }
  LaunchedRun& run() { return run_; }

 private:
  static RunData data(std::shared_ptr<RunObserver> observer) {
    RunData data{"r",
                 Pipeline{function("parts",
                                   [](double x) {
                                     return std::vector<double>{x, x};
                                   })
                              .parameters("x")
                              .mapspec("x[i] -> parts[i, k]")},
                 {{"x", {1.0, 2.0, 3.0}}},
                 {}};
    data.options.observer = std::move(observer);
    return data;
  }
  LaunchedRun run_;
};

TEST(LaunchedRun, CompletesWithWhatItsLeaderTells) {
  Hearing hearing;
  hearing.hear(LaunchKind::started, started());
  hearing.hear(LaunchKind::progress, progress(0, 3));
  hearing.hear(LaunchKind::value, Value(Array<double>(Shape{3, 2})).to_wire());
  hearing.hear(LaunchKind::over, Over{}.bytes());
  ASSERT_TRUE(hearing.run().over());
  EXPECT_TRUE(hearing.run().outcome().completed());
  EXPECT_EQ(hearing.run().outcome().results->at("parts").value.shape(), (Shape{3, 2}));
  EXPECT_EQ(hearing.run().outcome().results->at("parts").done, (RangeSet{{0, 3}}));
}

TEST(LaunchedRun, RefusesWhatNoLeaderSays) {
  const Bytes over = Over{}.bytes();
  const struct {
    const char* what;
    LaunchKind kind;
    Bytes payload;
  } lies[] = {
      {"a second start", LaunchKind::started, started()},
      {"no progress at all", LaunchKind::progress, {}},
      {"progress of another function", LaunchKind::progress, progress(1, 3)},
      {"less than no progress", LaunchKind::progress, progress(0, -3)},
      {"more progress than it says", LaunchKind::progress,
       made_by([](ByteWriter& out) { out.append(progress(0, 3)), out.put(1); })},
      {"a shape of less than nothing", LaunchKind::resolved,
       made_by([](ByteWriter& out) { put_shape(out, Shape{-2}); })},
      {"a failure of nothing", LaunchKind::failure, {}},
      {"the end of a run that goes on", LaunchKind::over, Over{.state = RunState::running}.bytes()},
      {"a state that there is not", LaunchKind::over, Over{.state = static_cast<RunState>(99)}.bytes()},
      {"a run that failed without an error", LaunchKind::over, Over{.state = RunState::failed}.bytes()},
      {"a run that completed with an error", LaunchKind::over, Over{.has_error = true}.bytes()},
      {"a run that completed without results", LaunchKind::over, Over{.has_results = false}.bytes()},
      {"an empty range of elements", LaunchKind::over, Over{.done = {2, 2}}.bytes()},
      {"ranges in disorder", LaunchKind::over, Over{.done = {2, 3, 0, 1}}.bytes()},
      {"half of an end", LaunchKind::over, Bytes(over.begin(), over.begin() + over.size() / 2)},
  };
  for (const auto& lie : lies) {
    Hearing hearing;
    hearing.hear(LaunchKind::started, started());
    EXPECT_TRUE(hearing.refuses(lie.kind, lie.payload)) << lie.what;
    EXPECT_FALSE(hearing.run().over()) << lie.what;
  }
}

TEST(LaunchedRun, RefusesValuesThatItsOutputsCannotHave) {
  for (const Value& value : {Value(Array<double>(Shape{3, 3})), Value({"a", "b"})}) {
    Hearing hearing;
    hearing.hear(LaunchKind::started, started());
    hearing.hear(LaunchKind::value, value.to_wire());
    EXPECT_TRUE(hearing.refuses(LaunchKind::over, Over{}.bytes()));
  }
}

/// Throws a number at the first chance.
struct ThrowingObserver final : RunObserver {
  void on_progress(FunctionId, const ElementCounts&, TimePoint) override {
    ++calls;
    throw 42;
  }
  int calls = 0;
};

TEST(LaunchedRun, FailsWithWhatItsObserverThrows) {
  const auto observer = std::make_shared<ThrowingObserver>();
  Hearing hearing(observer);
  hearing.hear(LaunchKind::started, started());
  EXPECT_FALSE(hearing.run().wants_cancel());
  hearing.hear(LaunchKind::progress, progress(0, 2));
  EXPECT_TRUE(hearing.run().wants_cancel());
  EXPECT_FALSE(hearing.run().wants_cancel());  // it is cancelled once
  hearing.hear(LaunchKind::progress, progress(0, 1));
  hearing.hear(LaunchKind::over, Over{}.bytes());
  EXPECT_EQ(observer->calls, 1);
  const MapOutcome& outcome = hearing.run().outcome();
  EXPECT_EQ(outcome.state, RunState::failed);
  ASSERT_TRUE(outcome.error);
  EXPECT_NE(std::string(outcome.error->what()).find("42"), std::string::npos) << outcome.error->what();
}

TEST(MessageAssembler, RefusesFramesThatNobodySends) {
  const Bytes numbers(8);
  const auto refused = [](FrameKind kind, std::span<const std::byte> body) {
    MessageAssembler assembler;
    EXPECT_THROW(assembler.take({{}, kind, body, {}}), Bug) << int{kind};
  };
  refused(0, numbers);
  refused(255, numbers);
  refused(static_cast<FrameKind>(LaunchKind::over), std::span(numbers).first(7));
  refused(static_cast<FrameKind>(LaunchKind::part), numbers);
  EXPECT_TRUE(MessageAssembler().take({{}, static_cast<FrameKind>(LaunchKind::over), numbers, {}}));
}

}  // namespace
}  // namespace mpipe
