// SPDX-License-Identifier: BSD-3-Clause
// Code of the caller that throws an int, on rank 0 while the others wait: every rank gets an `Error`, and the
// same ranks can map again.
#include <mpipe/mpipe.hpp>

#include "support/expect_error.hpp"
#include "support/world.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;
using test::world;

Pipeline twice() {
  return {function("y", [](double x) { return 2 * x; }).parameters("x").mapspec("x[i] -> y[i]"),
          function("total", [](ArrayView<const double> y) {
            double total = 0;
            for (const double each : y) total += each;
            return total;
          }).parameters("y")};
}

Inputs numbers() { return {{"x", linspace(0, 19, 20)}}; }

/// All ranks throw an `Error` of this category that says what was thrown, and go on.
void expect_error_everywhere(const Pipeline& pipeline, const MapOptions& options, Category category,
                             const std::string& who) {
  const std::string message = error_message(category, [&] { map(pipeline, world(), numbers(), options); });
  EXPECT_TRUE(contains(message, "42")) << message;
  EXPECT_TRUE(contains(message, who)) << message;
  const Results results = map(twice(), world(), numbers());
  if (world().is_root()) {
    EXPECT_EQ(results.get<double>("total"), 380.0);
  }
}

TEST(Guard, APoolFactoryThatThrowsAnInt) {
  MapOptions options;
  options.executor = {{"", "own"}};
  options.user_executors["own"] = {
      [](BlockHandler&, const Clock&, const ProcessPlace&) -> std::unique_ptr<Pool> { throw 42; }, false};
  expect_error_everywhere(twice(), options, Category::bad_option, "own");
}

TEST(Guard, AChunkSizeFunctionThatThrowsAnInt) {
  MapOptions options;
  options.chunksizes = {{"y", ChunkSize([](Index) -> Index { throw 42; })}};
  expect_error_everywhere(twice(), options, Category::bad_chunksize, "'y'");
}

/// The rule is asked before the run where it takes inputs only, and in its wave where it takes an output.
TEST(Guard, ARuleForRanksThatThrowsAnInt) {
  if (world().size() < 2) return;
  const auto rule = [](double) -> int { throw 42; };
  const auto body = [](double v, Comm) { return v; };
  const Pipeline of_input{function("y", body).parameters("x").mapspec("x[i] -> y[i]").ranks({"x"}, rule)};
  expect_error_everywhere(of_input, {}, Category::bad_option, "'y'");
  const Pipeline of_output{
      function("x2", [](double x) { return 2 * x; }).parameters("x").mapspec("x[i] -> x2[i]"),
      function("y", body).parameters("x2").mapspec("x2[i] -> y[i]").ranks({"x2"}, rule)};
  expect_error_everywhere(of_output, {}, Category::bad_option, "'y'");
}

/// Throws an int from one of its functions.
class Throwing final : public RunObserver {
 public:
  explicit Throwing(std::string where) : where_(std::move(where)) {}
  void on_start(const Plan&, const MachineInfo&, const std::vector<ElementCounts>&) override { at("start"); }
  void on_progress(FunctionId, const ElementCounts&, TimePoint) override { at("progress"); }
  void on_resolved(const Plan&) override { at("resolved"); }
  void on_failure(const Failure&) override { at("failure"); }
  void on_block_assigned(const BlockWorker&, const Block&, TimePoint) override { at("assigned"); }
  void on_block_done(const BlockWorker&, const Block&, Index, Duration, TimePoint) override { at("done"); }
  void on_tick(TimePoint) override { at("tick"); }
  void on_end(const std::string&, const std::string&) override { at("end"); }

 private:
  void at(const std::string& where) const {
    if (where == where_) throw 42;
  }
  std::string where_;
};

TEST(Guard, AnObserverThatThrowsAnIntAnywhere) {
  for (const char* where : {"start", "progress", "resolved", "assigned", "done", "tick"}) {
    SCOPED_TRACE(where);
    MapOptions options;
    options.observer = std::make_shared<Throwing>(where);
    // Stages do not overlap then, so that there is something to resolve between two waves.
    options.error_handling = "continue";
    expect_error_everywhere(twice(), options, Category::bad_option, "observer");
  }
}

/// An observer hears of failures and of the end where a function fails: it may throw there, too.
TEST(Guard, AnObserverThatThrowsAtAFailure) {
  const Pipeline pipeline{function("y",
                                   [](double x) -> double {
                                     if (x == 3) throw std::domain_error("no value at three");
                                     return x;
                                   })
                              .parameters("x")
                              .mapspec("x[i] -> y[i]")};
  for (const char* where : {"failure", "end"}) {
    SCOPED_TRACE(where);
    MapOptions options;
    options.observer = std::make_shared<Throwing>(where);
    expect_error_everywhere(pipeline, options, Category::bad_option, "observer");
  }
}

}  // namespace
}  // namespace mpipe
