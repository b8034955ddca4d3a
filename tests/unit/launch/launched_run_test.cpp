// SPDX-License-Identifier: BSD-3-Clause
// What rank 0 hears of a run that another rank leads is believed only where it can be true.
#include "launch/launched_run.hpp"

#include <mpipe/pipeline/function.hpp>

#include <gtest/gtest.h>

namespace mpipe {
namespace {

const std::string started =
    R"({"machine": {"ranks": 2, "hosts": ["n"], "cores": 2, "oversubscribed": false, "bound": false,
        "executor": "mpi", "rank0": "schedules"}, "kept": [[0, 0, 0]], "shapes": [null]})";

std::string results(const std::string& done) {
  return R"({"outputs": [[[0, 3], )" + done + R"(, [], [], []]], "functions": {}, "failures": [],
             "failed_elements": 0, "new_failures": 0, "ranks": 2, "wall_seconds": 0.5,
             "busy_workers": 0.5, "busy_all_ranks": 0.5})";
}

std::string over(const std::string& state, const std::string& error, const std::string& results,
                 const std::string& shapes = "[[2]]") {
  return R"({"state": ")" + state + R"(", "exit_code": 0, "error": )" + error +
         R"(, "failures": null, "results": )" + results + R"(, "shapes": )" + shapes + "}";
}

/// A run of one function whose arrays have a length that shows while running.
class Hearing {
 public:
  Hearing() : run_(std::make_shared<const RunData>(data())) {}

  void hear(LaunchKind kind, const std::string& text) { hear(kind, to_bytes(text)); }
  void hear(LaunchKind kind, Bytes payload) { run_.on_message({kind, {0}, 0, std::move(payload)}); }
  bool refuses(LaunchKind kind, const std::string& text) {
    try {
      hear(kind, text);
      return false;
    } catch (const Bug&) {
      return true;
    } catch (const Error& error) {
      return error.category() == Category::rank_lost;
    }
  }
  const LaunchedRun& run() const { return run_; }

 private:
  static RunData data() {
    return {"r",
            Pipeline{function("parts",
                              [](double x) {
                                return std::vector<double>{x, x};
                              })
                         .parameters("x")
                         .mapspec("x[i] -> parts[i, k]")},
            {{"x", {1.0, 2.0, 3.0}}},
            {}};
  }
  LaunchedRun run_;
};

TEST(LaunchedRun, CompletesWithWhatItsLeaderTells) {
  Hearing hearing;
  hearing.hear(LaunchKind::started, started);
  hearing.hear(LaunchKind::progress, "[[0, [3, 0, 0]]]");
  hearing.hear(LaunchKind::value, Value(Array<double>(Shape{3, 2})).to_wire());
  hearing.hear(LaunchKind::over, over("completed", "null", results("[0, 3]")));
  ASSERT_TRUE(hearing.run().over());
  EXPECT_EQ(hearing.run().outcome().results->at("parts").value.shape(), (Shape{3, 2}));
}

TEST(LaunchedRun, RefusesWhatNoLeaderSays) {
  const struct {
    const char* what;
    LaunchKind kind;
    std::string text;
  } lies[] = {
      {"no JSON", LaunchKind::progress, "["},
      {"a second start", LaunchKind::started, started},
      {"progress of another function", LaunchKind::progress, "[[1, [3, 0, 0]]]"},
      {"less than no progress", LaunchKind::progress, "[[0, [-3, 0, 0]]]"},
      {"progress beyond all numbers", LaunchKind::progress, "[[0, [1e300, 0, 0]]]"},
      {"a shape of less than nothing", LaunchKind::resolved, "[[-2]]"},
      {"a failure of nothing", LaunchKind::failure, "{}"},
      {"the end of a run that goes on", LaunchKind::over, over("running", "null", results("[]"))},
      {"a run that failed without an error", LaunchKind::over, over("failed", "null", results("[]"))},
      {"a run that completed without results", LaunchKind::over, over("completed", "null", "null")},
      {"an error of no category", LaunchKind::over, over("failed", R"(["what", "text"])", "null")},
      {"half a range of elements", LaunchKind::over, over("completed", "null", results("[0]"))},
      {"ranges in disorder", LaunchKind::over, over("completed", "null", results("[2, 3, 0, 1]"))},
      {"an end without a state", LaunchKind::over, R"({"results": null})"},
  };
  for (const auto& lie : lies) {
    Hearing hearing;
    hearing.hear(LaunchKind::started, started);
    EXPECT_TRUE(hearing.refuses(lie.kind, lie.text)) << lie.what;
    EXPECT_FALSE(hearing.run().over()) << lie.what;
  }
}

TEST(LaunchedRun, RefusesValuesThatItsOutputsCannotHave) {
  for (const Value& value : {Value(Array<double>(Shape{3, 3})), Value({"a", "b"})}) {
    Hearing hearing;
    hearing.hear(LaunchKind::started, started);
    hearing.hear(LaunchKind::value, value.to_wire());
    EXPECT_TRUE(hearing.refuses(LaunchKind::over, over("completed", "null", results("[0, 3]"))));
  }
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
