// SPDX-License-Identifier: BSD-3-Clause
// Elements that an earlier run has stored are not computed again; and what is told to a sink.
#include "base/api/file.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_folder.hpp"
#include "unit/exec/local_run.hpp"

#include <memory>
#include <set>
#include <stdexcept>

namespace mpipe {
namespace {

using test::LocalRun;
using test::NotingSink;
using test::numbered;
using Calls = std::multiset<int>;

// x -> y -> z in one stage, with a note of every call.
struct Chain {
  explicit Chain(BlockSink* sink = nullptr, int y_fails_at = -1, int z_fails_at = -1) {
    const auto tens = [log = y_calls, y_fails_at](int x) {
      log->insert(x);
      if (x == y_fails_at) throw std::runtime_error("y fails");
      return x * 10;
    };
    const auto hundreds = [log = z_calls, z_fails_at](int x, int) {
      log->insert(x);
      if (x == z_fails_at) throw std::runtime_error("z fails");
      return std::to_string(x * 100);
    };
    run = std::make_unique<LocalRun>(
        std::vector<Function>{function("y", tens).parameters("x").mapspec("x[i] -> y[i]"),
                              function("z", hundreds).parameters("x", "y").mapspec("x[i], y[i] -> z[i]")},
        Inputs{{"x", numbered<int>({10})}}, sink);
    run->arrays.prepare(run->output("y"));
    run->arrays.prepare(run->output("z"));
  }

  // As a resume does it: what is stored is in the arrays before the wave begins.
  void prepare(const RangeSet& y_stored, const RangeSet& z_stored) {
    std::vector<RangeSet> stored(run->plan.outputs().size());
    stored[run->output("y").value] = y_stored;
    stored[run->output("z").value] = z_stored;
    for (const IndexRange& range : y_stored.ranges()) {
      const std::vector<int> values(static_cast<std::size_t>(range.size()), -1);
      std::memcpy(run->array("y").destination(range.begin), values.data(), values.size() * sizeof(int));
      run->array("y").mark(range);
    }
    for (const IndexRange& range : z_stored.ranges()) {
      const Value texts(std::vector<std::string>(static_cast<std::size_t>(range.size()), "stored"));
      run->array("z").put(range, {texts.data(), texts.byte_size()},
                          {texts.offsets(), static_cast<std::size_t>(texts.count()) + 1});
    }
    run->runner.prepare_wave(0, stored);
  }

  std::shared_ptr<Calls> y_calls = std::make_shared<Calls>();
  std::shared_ptr<Calls> z_calls = std::make_shared<Calls>();
  std::unique_ptr<LocalRun> run;
};

TEST(BlockRunnerStored, elements_are_skipped) {
  Chain chain;
  chain.prepare({{2, 4}, {7, 8}}, {{0, 3}});
  EXPECT_EQ(chain.run->compute("y", 0, 5).completed, 5);
  EXPECT_EQ(chain.run->compute("y", 5, 10).completed, 5);
  EXPECT_EQ(*chain.y_calls, (Calls{0, 1, 4, 5, 6, 8, 9}));
  EXPECT_EQ(*chain.z_calls, (Calls{3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(chain.run->value("y").as<std::vector<int>>(),
            (std::vector<int>{0, 10, -1, -1, 40, 50, 60, -1, 80, 90}));
  EXPECT_EQ(chain.run->value("z").as<std::vector<std::string>>(),
            (std::vector<std::string>{"stored", "stored", "stored", "300", "400", "500", "600", "700", "800",
                                      "900"}));
}

TEST(BlockRunnerStored, blocks_may_need_no_call_at_all) {
  Chain chain;
  chain.prepare({{0, 10}}, {{0, 10}});
  const BlockReport report = chain.run->compute("y", 3, 7);
  EXPECT_EQ(report.completed, 4);
  EXPECT_FALSE(report.failure.has_value());
  EXPECT_TRUE(chain.y_calls->empty());
  EXPECT_TRUE(chain.z_calls->empty());
}

TEST(BlockRunnerStored, stored_values_are_read_by_the_rest_of_the_stage) {
  LocalRun run({function("y", [](int x) { return x * 10; }).parameters("x").mapspec("x[i] -> y[i]"),
                function("z", [](int y) { return y + 1; }).parameters("y").mapspec("y[i] -> z[i]")},
               {{"x", numbered<int>({4})}});
  run.arrays.prepare(run.output("y"));
  const std::vector<int> stored_y{70, 71};
  std::memcpy(run.array("y").destination(1), stored_y.data(), stored_y.size() * sizeof(int));
  run.array("y").mark({1, 3});
  std::vector<RangeSet> stored(2);
  stored[run.output("y").value] = {{1, 3}};
  run.runner.prepare_wave(0, stored);
  EXPECT_EQ(run.compute("z", 0, 4).completed, 4);
  EXPECT_EQ(run.value("z").as<std::vector<int>>(), (std::vector<int>{1, 71, 72, 31}));
}

TEST(BlockRunnerStored, failures_count_the_stored_elements_before_them) {
  Chain chain(nullptr, 6);
  chain.prepare({{1, 3}, {5, 6}}, {{0, 10}});
  const BlockReport report = chain.run->compute("y", 0, 10);
  EXPECT_EQ(report.completed, 6);  // of which three were stored
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->element, 6);
  EXPECT_EQ(*chain.y_calls, (Calls{0, 3, 4, 6}));
}

// What comes after a failed function of the stage does all that is left in front of the failure, however many
// pieces that is: it is reported complete.
TEST(BlockRunnerStored, all_gaps_before_a_failure_are_filled) {
  Chain chain(nullptr, 7);
  chain.prepare({}, {{1, 2}, {3, 4}, {8, 9}});
  const BlockReport report = chain.run->compute("y", 0, 10);
  EXPECT_EQ(report.completed, 7);
  EXPECT_EQ(*chain.z_calls, (Calls{0, 2, 4, 5, 6}));
  EXPECT_TRUE(chain.run->array("z").have().contains(IndexRange{0, 7}));

  Chain other(nullptr, -1, 4);
  other.prepare({{1, 2}}, {{1, 2}, {3, 4}});
  EXPECT_EQ(other.run->compute("y", 0, 10).completed, 4);
  EXPECT_EQ(*other.z_calls, (Calls{0, 2, 4}));  // and not beyond it
}

TEST(BlockRunnerStored, several_outputs_are_skipped_where_all_are_there) {
  std::multiset<int> calls;
  const auto both = [&calls](int x) {
    calls.insert(x);
    return std::pair(x, -x);
  };
  LocalRun run({function({"a", "b"}, both).parameters("x").mapspec("x[i] -> a[i], b[i]")},
               {{"x", numbered<int>({6})}});
  run.runner.prepare_wave(0, {RangeSet{{0, 4}}, RangeSet{{2, 6}}});
  EXPECT_EQ(run.compute("a", 0, 6).completed, 6);
  EXPECT_EQ(calls, (std::multiset<int>{0, 1, 4, 5}));
}

TEST(BlockRunnerStored, the_sink_hears_of_new_elements_only) {
  NotingSink sink;
  Chain chain(&sink);
  chain.prepare({{2, 4}}, {{0, 9}});
  const BlockReport report = chain.run->compute("y", 1, 10);
  const OutputId y = chain.run->output("y");
  const OutputId z = chain.run->output("z");
  EXPECT_EQ(sink.notes, (std::vector<NotingSink::Note>{{y, {1, 2}}, {y, {4, 10}}, {z, {9, 10}}}));
  EXPECT_EQ(report.journal_bytes, 3000U);
}

// Threads have no sink of their own: what they computed is told afterwards.
TEST(BlockRunnerStored, append_tells_a_sink_of_new_elements_only) {
  NotingSink sink;
  Chain chain;
  chain.prepare({{2, 4}}, {{0, 9}});
  const BlockReport report = chain.run->compute("y", 1, 10);
  EXPECT_EQ(report.journal_bytes, 0U);
  chain.run->runner.append(report.block, sink);
  const OutputId y = chain.run->output("y");
  const OutputId z = chain.run->output("z");
  EXPECT_EQ(sink.notes, (std::vector<NotingSink::Note>{{y, {1, 2}}, {y, {4, 10}}, {z, {9, 10}}}));
}

TEST(BlockRunnerStored, append_after_a_failure_tells_what_is_there) {
  NotingSink sink;
  Chain chain(nullptr, 5);
  chain.prepare({}, {});
  const BlockReport report = chain.run->compute("y", 2, 10);
  chain.run->runner.append(report.block, sink);
  EXPECT_EQ(sink.notes, (std::vector<NotingSink::Note>{{chain.run->output("y"), {2, 5}},
                                                       {chain.run->output("z"), {2, 5}}}));
}

// A sink that cannot keep its promise: nobody may be told that the element is done.
TEST(BlockRunnerStored, what_a_sink_throws_is_not_the_failure_of_the_function) {
  class FullSink final : public BlockSink {
   public:
    void append(OutputId, IndexRange, const PartialArray&) override {
      throw Error(Category::storage_failed, "the disk is full");
    }
    std::uint64_t journal_bytes() const override { return 0; }
  } sink;
  LocalRun run({function("y", [](int x) { return x; }).parameters("x").mapspec("x[i] -> y[i]")},
               {{"x", {1, 2}}}, &sink);
  run.runner.prepare_wave(0, {});
  const BlockReport report =
      compute_guarded(run.runner, {.id = 1, .stage = {0}, .range = {0, 2}}, {.rank = 1, .host = "node1"});
  EXPECT_EQ(report.completed, 0);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->category, Category::storage_failed);
  EXPECT_EQ(report.failure->message, "the disk is full");
}

TEST(BlockRunnerStored, ValuesOfAFileThatWasCutBecomeNoResults) {
  const test::TemporaryFolder folder;
  LocalRun run(
      {function("y", [](int x) { return 1.0 + x; }).parameters("x").mapspec("x[i] -> y[i]"),
       function("sum", [](const Array<double>& y) { return y[50'000] + y[99'999]; }).parameters("y")},
      {{"x", numbered<int>({100'000})}});
  run.runner.prepare_wave(0, {});
  run.compute("y", 0, 100'000);
  File file(folder.path() / "values", File::Mode::create);
  file.write_at(0, run.array("y").piece({0, 100'000}).bytes);
  run.array("y").look_into(file, 0, {{0, 100'000}});
  run.runner.prepare_wave(1, {});
  run.compute("sum", 0, 1);
  EXPECT_EQ(decode<double>(run.array("sum").piece({0, 1}).bytes), 50'001.0 + 100'000.0);
  file.resize(600'000);
  const std::string said = test::error_message(Category::storage_failed, [&] { run.compute("sum", 0, 1); });
  EXPECT_NE(said.find("cut or replaced"), std::string::npos) << said;
}

}  // namespace
}  // namespace mpipe
