// SPDX-License-Identifier: BSD-3-Clause
// Runs that go on after failures: a failing element costs itself and what needs it.
#include "unit/exec/local_run.hpp"

#include <functional>
#include <map>
#include <stdexcept>
#include <thread>

namespace mpipe {
namespace {

using test::LocalRun;
using test::numbered;

const BlockRunnerOptions goes_on{
    .seed = 3, .place = CallPlace{"", 2, ""}, .host = "node2", .keep_going = true};

/// Ten times the number, but for those that `fails` accepts; counts its calls.
Function mapped(const char* output, const char* input, std::function<bool(int)> fails, int* calls = nullptr) {
  const auto body = [fails, output, calls](int x) {
    if (calls != nullptr) ++*calls;
    if (fails(x)) throw std::domain_error(std::string(output) + " fails");
    return x * 10;
  };
  return function(output, body).parameters(input).mapspec(std::string(input) + "[i] -> " + output + "[i]");
}

bool never(int) { return false; }

RangeSet failed_of(const BlockReport& report, std::uint32_t function) {
  for (const FailedElements& failed : report.failed)
    if (failed.function.value == function) return failed.elements;
  return {};
}

TEST(BlockRunnerContinue, loses_nothing_but_the_element) {
  for (Index begin = 0; begin < 8; ++begin)
    for (Index end = begin + 1; end <= 8; ++end)
      for (const unsigned bad : {0U, 1U, 8U, 0x18U, 0x81U, 0x55U, 0xffU}) {
        int calls = 0;
        const auto is_bad = [bad](int x) { return (bad >> x & 1U) != 0; };
        LocalRun run({mapped("y", "x", is_bad, &calls)}, {{"x", numbered<int>({8})}}, nullptr, goes_on);
        run.runner.prepare_wave(0, {});
        const BlockReport report = run.compute("y", begin, end);
        RangeSet failed;
        for (Index k = begin; k < end; ++k)
          if (is_bad(static_cast<int>(k))) failed.insert({k, k + 1});
        EXPECT_FALSE(report.failure.has_value());
        EXPECT_EQ(report.completed, end - begin);
        EXPECT_EQ(failed_of(report, 0), failed);
        EXPECT_EQ(report.details.size(), static_cast<std::size_t>(failed.count()));
        EXPECT_EQ(run.array("y").have(), RangeSet({{begin, end}}).difference(failed));
        EXPECT_EQ(calls, end - begin) << "each element is called once";
        EXPECT_EQ(run.runner.costs()[0].calls, calls);
        const RangeSet have = run.array("y").have();
        for (const IndexRange& range : have.ranges())
          for (Index k = range.begin; k < range.end; ++k)
            EXPECT_EQ(decode<int>(run.array("y").piece({k, k + 1}).bytes), 10 * k);
      }
}

TEST(BlockRunnerContinue, skips_in_the_stage_what_needs_a_failed_element) {
  int of_z = 0;
  int of_w = 0;
  LocalRun run({mapped("y", "x", [](int x) { return x == 2; }),
                mapped(
                    "z", "y", [](int y) { return y == 50; }, &of_z),
                mapped("u", "x", never), mapped("w", "z", never, &of_w)},
               {{"x", numbered<int>({8})}}, nullptr, goes_on);
  run.runner.prepare_wave(0, {});
  const BlockReport report = run.compute("y", 0, 8);
  if (run.stage_of("u") != run.stage_of("y")) run.compute("u", 0, 8);
  EXPECT_EQ(failed_of(report, 0), (RangeSet{{2, 3}}));
  EXPECT_EQ(failed_of(report, 1), (RangeSet{{5, 6}}));
  EXPECT_EQ(report.failed.size(), 2U) << "what is blocked has not failed";
  EXPECT_EQ(run.array("y").have(), (RangeSet{{0, 2}, {3, 8}}));
  EXPECT_EQ(run.array("z").have(), (RangeSet{{0, 2}, {3, 5}, {6, 8}}));
  EXPECT_EQ(run.array("u").have(), (RangeSet{{0, 8}}));
  EXPECT_EQ(run.array("w").have(), (RangeSet{{0, 2}, {3, 5}, {6, 8}}));
  EXPECT_EQ(of_z, 7);
  EXPECT_EQ(of_w, 6);
  ASSERT_EQ(report.details.size(), 2U);
  EXPECT_EQ(report.details[1].output, "z");
  EXPECT_EQ(report.details[1].element, 5);
  EXPECT_EQ(report.details[1].arguments, "y=50");
  EXPECT_EQ(report.details[1].rank, 2);
}

// Values that vary in size are read per block, from pieces without gaps.
TEST(BlockRunnerContinue, goes_around_gaps_of_texts) {
  const auto text = [](int x) {
    if (x % 3 == 1) throw std::runtime_error("no text");
    return std::string(static_cast<std::size_t>(x), 'x');
  };
  LocalRun run({function("t", text).parameters("x").mapspec("x[i] -> t[i]"),
                function("n", [](const std::string& t) { return static_cast<int>(t.size()); })
                    .parameters("t")
                    .mapspec("t[i] -> n[i]")},
               {{"x", numbered<int>({8})}}, nullptr, goes_on);
  run.runner.prepare_wave(0, {});
  const BlockReport report = run.compute("n", 0, 8);
  EXPECT_EQ(failed_of(report, 0), (RangeSet{{1, 2}, {4, 5}, {7, 8}}));
  EXPECT_EQ(run.array("n").have(), (RangeSet{{0, 1}, {2, 4}, {5, 7}}));
  EXPECT_EQ(run.value("n").as<std::vector<int>>(), (std::vector<int>{0, 0, 2, 3, 0, 5, 6, 0}));
}

TEST(BlockRunnerContinue, does_not_call_what_is_lost_already) {
  int calls = 0;
  LocalRun run({mapped("y", "x", never, &calls)}, {{"x", numbered<int>({8})}}, nullptr, goes_on);
  const std::vector<RangeSet> lost{{{3, 6}}};
  run.runner.prepare_wave(0, {}, lost);
  const BlockReport report = run.compute("y", 0, 8);
  EXPECT_TRUE(report.failed.empty());
  EXPECT_EQ(run.array("y").have(), (RangeSet{{0, 3}, {6, 8}}));
  EXPECT_EQ(calls, 5);
}

// Which of two shapes is wrong would depend on the order, so that ends the run; a declared one decides.
TEST(BlockRunnerContinue, ends_where_undeclared_shapes_differ) {
  const auto body = [](int x) { return std::vector<int>(x == 2 ? 5 : 2, x); };
  for (const bool declared : {false, true}) {
    Function rows = function("r", body).parameters("x").mapspec("x[i] -> r[i, k]");
    if (declared) rows.internal_shape({2});
    LocalRun run({rows}, {{"x", numbered<int>({4})}}, nullptr, goes_on);
    run.runner.prepare_wave(0, {});
    const BlockReport report = run.compute("r", 0, 4);
    EXPECT_EQ(report.failure.has_value(), !declared);
    EXPECT_EQ(failed_of(report, 0), declared ? RangeSet({{2, 3}}) : RangeSet());
    EXPECT_EQ(run.array("r").have(), declared ? RangeSet({{0, 2}, {3, 4}}) : RangeSet({{0, 2}}));
  }
}

TEST(BlockRunnerContinue, describes_a_bounded_number_of_failures) {
  LocalRun run({mapped("y", "x", [](int x) { return x % 2 == 0; })}, {{"x", numbered<int>({1000})}}, nullptr,
               goes_on);
  run.runner.prepare_wave(0, {});
  const BlockReport first = run.compute("y", 0, 150);
  const BlockReport second = run.compute("y", 150, 1000);
  EXPECT_EQ(first.details.size(), 75U);
  EXPECT_EQ(second.details.size(), kMaxFailureDetails - 75);
  EXPECT_EQ(failed_of(second, 0).count(), 425);
}

TEST(BlockRunnerRetries, try_again_so_often_with_the_same_random_numbers) {
  for (const bool keep_going : {false, true})
    for (const int retries : {0, 1, 2, 3}) {
      std::map<int, int> tries;
      std::map<int, double> drawn;
      bool same = true;
      const auto flaky = [&](int x, Random random) {
        const double number = random.uniform();
        same = same && drawn.try_emplace(x, number).first->second == number;
        if (++tries[x] <= x) throw std::runtime_error("not yet");  // x fails x times
        return number;
      };
      LocalRun run({function("y", flaky).parameters("x").mapspec("x[i] -> y[i]")}, {{"x", {0, 2, 1, -1}}},
                   nullptr, {.seed = 5, .keep_going = keep_going, .retries = retries});
      run.runner.prepare_wave(0, {});
      const BlockReport report = run.compute("y", 0, 4);
      EXPECT_TRUE(same);
      EXPECT_EQ(tries[2], std::min(retries, 2) + 1);
      EXPECT_EQ(report.failure.has_value(), !keep_going && retries < 2);
      if (keep_going) {
        EXPECT_EQ(run.array("y").have(), retries == 0   ? RangeSet({{0, 1}, {3, 4}})
                                         : retries == 1 ? RangeSet({{0, 1}, {2, 4}})
                                                        : RangeSet({{0, 4}}));
      }
    }
}

TEST(BlockRunnerRetries, tell_the_function_which_try_it_is) {
  std::vector<std::string> seen;
  const auto flaky = [&](int x, const Attempt& attempt) {
    seen.push_back(std::to_string(x) + "." + std::to_string(attempt.number) + " " + attempt.message);
    if (x == 2 && attempt.number < 3) throw std::runtime_error("no " + std::to_string(attempt.number));
    return attempt.type.size();
  };
  LocalRun run({function("y", flaky).parameters("x").mapspec("x[i] -> y[i]")}, {{"x", {1, 2, 3}}}, nullptr,
               {.retries = 2});
  run.runner.prepare_wave(0, {});
  run.compute("y", 0, 3);
  EXPECT_EQ(seen, (std::vector<std::string>{"1.1 ", "2.1 ", "2.2 no 1", "2.3 no 2", "3.1 "}));
  EXPECT_EQ(run.array("y").have(), RangeSet({{0, 3}}));
}

TEST(BlockRunnerStop, leaves_the_element_pending_and_ends_the_block) {
  for (const bool keep_going : {false, true}) {
    int calls = 0;
    const auto waits = [&](int x, StopToken stop) {
      ++calls;
      if (x == 3 && stop.stop_requested()) throw Stopped();
      return x;
    };
    LocalRun run({function("y", waits).parameters("x").mapspec("x[i] -> y[i]"),
                  function("z", [](int y) { return 10 * y; }).parameters("y").mapspec("y[i] -> z[i]")},
                 {{"x", {1, 2, 3, 4}}}, nullptr, {.keep_going = keep_going, .retries = 2});
    run.runner.stop_calls_at(SteadyClock().now());
    run.runner.prepare_wave(0, {});
    const BlockReport report = run.compute("y", 0, 4);
    EXPECT_TRUE(report.stopped);
    EXPECT_FALSE(report.failure);
    EXPECT_TRUE(report.failed.empty());
    EXPECT_EQ(report.completed, 2);
    EXPECT_EQ(calls, 3) << "it is not tried again";
    for (const char* output : {"y", "z"}) EXPECT_EQ(run.array(output).have(), RangeSet({{0, 2}}));
  }
}

TEST(BlockRunnerStop, is_a_failure_where_nobody_asked_for_it) {
  const auto stops = [](int) -> int { throw Stopped("enough"); };
  LocalRun run({function("y", stops).parameters("x").mapspec("x[i] -> y[i]")}, {{"x", {1}}});
  run.runner.stop_calls_at(SteadyClock().now() + std::chrono::hours(1));
  run.runner.prepare_wave(0, {});
  const BlockReport report = run.compute("y", 0, 1);
  EXPECT_FALSE(report.stopped);
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.failure->category, Category::function_raised);
  EXPECT_EQ(report.failure->message, "enough (though nothing had told it to)");
}

TEST(BlockRunnerCost, finds_the_long_call_among_short_ones) {
  const auto body = [](int x) {
    if (x == 40) std::this_thread::sleep_for(std::chrono::milliseconds(30));
    return x;
  };
  LocalRun run({function("y", body).parameters("x").mapspec("x[i] -> y[i]")}, {{"x", numbered<int>({64})}});
  run.runner.prepare_wave(0, {});
  for (Index begin = 0; begin < 64; begin += 16) run.compute("y", begin, begin + 16);
  const FunctionCost& cost = run.runner.costs()[0];
  EXPECT_EQ(cost.calls, 64);
  EXPECT_GE(cost.longest, std::chrono::milliseconds(25));
  EXPECT_LE(cost.longest, cost.busy);
}

// ---- caching

struct Counted {
  int calls = 0;
};

Function cached(Counted& counted, Index entries) {
  return function({"n", "t", "v"},
                  [&counted](int a, const std::string& b, ArrayView<const double> row) {
                    ++counted.calls;
                    if (a == 9) throw std::runtime_error("nine");
                    return std::tuple(a * 10 + static_cast<int>(b.size()), b + "!",
                                      std::vector<double>{row[0], row[0] * a});
                  })
      .parameters("a", "b", "row")
      .mapspec("a[i], b[i], row[i, :] -> n[i], t[i], v[i]")
      .cache(entries);
}

Inputs repeating() {
  return {{"a", {1, 2, 1, 1, 9, 2, 9, 1}},
          {"b", Value(std::vector<std::string>{"x", "yy", "x", "z", "", "yy", "", "x"})},
          {"row", Array<double>(
                      {8, 2}, std::vector<double>{1, 0, 2, 0, 1, 0, 1, 0, 1, 0, 2, 0, 1, 0, 1, 5}.begin())}};
}

TEST(BlockRunnerCache, evaluates_equal_arguments_once) {
  Counted plain;
  Counted kept;
  LocalRun without({cached(plain, 0)}, repeating(), nullptr, goes_on);
  LocalRun with({cached(kept, 100)}, repeating(), nullptr, goes_on);
  for (LocalRun* run : {&without, &with}) {
    run->runner.prepare_wave(0, {});
    run->compute("n", 0, 3);
    run->compute("n", 3, 8);
  }
  EXPECT_EQ(plain.calls, 8);
  EXPECT_EQ(kept.calls, 6) << "elements 2 and 5 repeat others; failures are not kept, and row 7 differs";
  EXPECT_EQ(with.runner.costs()[0].calls, 6);
  for (const char* output : {"n", "t", "v"}) {
    EXPECT_EQ(with.array(output).have(), (RangeSet{{0, 4}, {5, 6}, {7, 8}}));
    EXPECT_EQ(with.value(output).to_wire(), without.value(output).to_wire()) << output;
  }
}

TEST(BlockRunnerCache, forgets_what_was_not_used_for_longest) {
  for (const auto& [entries, expected] : std::map<Index, int>{{1, 6}, {2, 4}, {3, 3}}) {
    int calls = 0;
    LocalRun run({mapped("y", "x", never, &calls).cache(entries)}, {{"x", {1, 2, 1, 3, 1, 2}}});
    run.runner.prepare_wave(0, {});
    run.compute("y", 0, 6);
    EXPECT_EQ(calls, expected) << entries << " entries";
    EXPECT_EQ(run.value("y").as<std::vector<int>>(), (std::vector<int>{10, 20, 10, 30, 10, 20}));
  }
}

}  // namespace
}  // namespace mpipe
