// SPDX-License-Identifier: BSD-3-Clause
// What a map says, and how it ends, where shapes turn out wrong while it runs or an observer throws: the same on
// any number of ranks.
#include <mpipe/pipeline/pipeline.hpp>
#include <mpipe/run/map.hpp>

#include "support/expect_error.hpp"
#include "support/simulated_ranks.hpp"

#include <gtest/gtest.h>

namespace mpipe::test {
namespace {

std::vector<double> rows(double n) { return std::vector<double>(static_cast<std::size_t>(n), n); }

std::pair<std::vector<double>, std::vector<double>> rows_of_two(double n) { return {rows(2), rows(n)}; }

/// The text of the error of this category that a map ends with on each of some ranks.
std::string text_of_error(int ranks, Category category, const Pipeline& pipeline, const Inputs& inputs,
                          const MapOptions& options = {}) {
  std::string text;
  simulate_ranks(ranks, 1, [&](const Communicator& comm) {
    const std::string told = error_message(category, [&] { map(pipeline, comm, inputs, options); });
    if (comm.is_root()) text = told;
  });
  return text;
}

Results results_of(int ranks, const Pipeline& pipeline, const Inputs& inputs, const MapOptions& options) {
  Results results;
  simulate_ranks(ranks, 1, [&](const Communicator& comm) {
    Results of_rank = map(pipeline, comm, inputs, options);
    if (comm.is_root()) results = std::move(of_rank);
  });
  return results;
}

TEST(SimulatedFailures, AnElementOfAnotherLengthIsNamedWithItsArguments) {
  const Pipeline pipeline{function("x", rows).parameters("n").mapspec("n[i] -> x[i, k]")};
  MapOptions options;
  options.chunksizes = {{"", 1}};
  for (const int ranks : {1, 2, 3}) {
    SCOPED_TRACE(ranks);
    const std::string text = text_of_error(ranks, Category::internal_shape_mismatch, pipeline,
                                           {{"n", {2.0, 2.0, 2.0, 3.0, 2.0, 2.0}}}, options);
    // Which of two ranks is told to differ depends on who comes first.
    EXPECT_TRUE(contains(text, "x[3]: an element has the shape (3,)") || ranks > 1) << text;
    EXPECT_TRUE(contains(text, "function 'x' failed at x[")) << text;
    EXPECT_TRUE(contains(text, "called with n=3") || contains(text, "called with n=2")) << text;
    EXPECT_TRUE(contains(text, "; on rank ") && contains(text, ", " + host_name() + ")")) << text;
  }
}

TEST(SimulatedFailures, OutputsOfOneCallHaveEqualAxes) {
  const Pipeline pipeline{
      function({"p", "q"}, rows_of_two).parameters("n").mapspec("n[i] -> p[i, k], q[i, k]"),
      function("s", [](ArrayView<const double> q) { return q[0]; })
          .parameters("q")
          .mapspec("q[i, :] -> s[i]")};
  const Inputs inputs{{"n", {2.0, 5.0, 2.0, 4.0}}};
  MapOptions options;
  for (const int ranks : {1, 3}) {
    SCOPED_TRACE(ranks);
    options.error_handling = "raise";
    const std::string text = text_of_error(ranks, Category::function_raised, pipeline, inputs, options);
    EXPECT_TRUE(contains(text, "(2,) for 'p' and (5,) for 'q'") ||
                contains(text, "(2,) for 'p' and (4,) for 'q'"))
        << text;
    EXPECT_TRUE(contains(text, "failed at p[1]") || contains(text, "failed at p[3]")) << text;
    options.error_handling = "continue";
    const Results results = results_of(ranks, pipeline, inputs, options);
    EXPECT_EQ(results.at("p").failed, (RangeSet{{1, 2}, {3, 4}}));
    EXPECT_EQ(results.at("s").blocked, (RangeSet{{1, 2}, {3, 4}}));
    EXPECT_EQ(results.at("s").done, (RangeSet{{0, 1}, {2, 3}}));
  }
}

/// g is as long as n says, and zipped with b; h is zipped with what cannot be made.
Pipeline late_zip() {
  return {function("g", rows).parameters("n").mapspec("... -> g[j]"),
          function("z", [](double g, double b) { return g + b; })
              .parameters("g", "b")
              .mapspec("g[j], b[j] -> z[j]"),
          function("h", [](double g, double z) { return g + z; })
              .parameters("g", "z")
              .mapspec("g[j], z[j] -> h[j]"),
          function("s", [](ArrayView<const double> z) { return z[0]; }).parameters("z"),
          function("t", [](ArrayView<const double> g) { return g[0]; }).parameters("g")};
}

TEST(SimulatedFailures, AZipThatTurnsOutWrongIsTheFailureOfItsFunction) {
  MapOptions options;
  for (const int ranks : {1, 3})
    for (const std::size_t length : {2U, 4U}) {
      SCOPED_TRACE(ranks);
      SCOPED_TRACE(length);
      const Inputs inputs{{"n", 3.0}, {"b", std::vector<double>(length, 1.0)}};
      options.error_handling = "raise";
      const std::string text = text_of_error(ranks, Category::function_raised, late_zip(), inputs, options);
      EXPECT_TRUE(contains(text, "function 'z' failed: the arrays along the axis 'j'")) << text;
      EXPECT_TRUE(contains(text, "called with g=array of shape (3,), b=")) << text;
      options.error_handling = "continue";
      const Results results = results_of(ranks, late_zip(), inputs, options);
      const RangeSet all{{0, static_cast<Index>(length)}};
      EXPECT_EQ(results.at("z").failed, all);
      EXPECT_EQ(results.at("h").blocked, all);
      EXPECT_EQ(results.at("s").blocked.count(), 1);
      EXPECT_EQ(results.get<double>("t"), 3.0);
      ASSERT_EQ(results.failures.size(), 1U);
      EXPECT_EQ(results.failures.front().output, "z");
    }
}

TEST(SimulatedFailures, AZipOfTwoGeneratorsToo) {
  const Pipeline pipeline{function("g", rows).parameters("n").mapspec("... -> g[j]"),
                          function("b", rows).parameters("m").mapspec("... -> b[j]"),
                          function("z", [](double g, double b) { return g + b; })
                              .parameters("g", "b")
                              .mapspec("g[j], b[j] -> z[j]"),
                          function("s", [](ArrayView<const double> z) { return z[0]; }).parameters("z")};
  MapOptions options;
  options.error_handling = "continue";
  for (const int ranks : {1, 3}) {
    const Results results = results_of(ranks, pipeline, {{"n", 3.0}, {"m", 2.0}}, options);
    EXPECT_EQ(results.at("z").failed, (RangeSet{{0, 2}})) << "b comes first";
    EXPECT_EQ(results.at("s").blocked.count(), 1);
    EXPECT_EQ(results.get<std::vector<double>>("g"), rows(3));
  }
}

/// A selection beyond an axis whose length shows while running ends the run on all ranks.
TEST(SimulatedFailures, ASelectionThatTurnsOutWrong) {
  const Pipeline pipeline{function("g", rows).parameters("n").mapspec("... -> g[j]"),
                          function("z", [](double g) { return g; }).parameters("g").mapspec("g[j] -> z[j]")};
  MapOptions options;
  options.fixed = {{"j", Index{5}}};
  for (const int ranks : {1, 2, 3})
    EXPECT_TRUE(contains(text_of_error(ranks, Category::index_out_of_bounds, pipeline, {{"n", 3.0}}, options),
                         "position 5 along 'j'"));
}

/// Throws an int or an exception from one of its functions.
class Throwing final : public RunObserver {
 public:
  Throwing(std::string where, bool number) : where_(std::move(where)), number_(number) {}
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
    if (where != where_) return;
    if (number_) throw 42;
    throw std::domain_error("thrown 42");
  }
  std::string where_;
  bool number_;
};

TEST(SimulatedFailures, NothingThatAnObserverThrowsKeepsARankWaiting) {
  const Inputs inputs{{"n", 3.0}, {"b", {1.0, 2.0}}};
  for (const int ranks : {2, 3})
    for (const bool number : {false, true})
      for (const char* error_handling : {"raise", "continue"})
        for (const char* where :
             {"start", "progress", "resolved", "failure", "assigned", "done", "tick", "end"}) {
          if (std::string(error_handling) == "continue" && std::string(where) == "end") continue;
          SCOPED_TRACE(where);
          MapOptions options;
          options.error_handling = error_handling;
          options.observer = std::make_shared<Throwing>(where, number);
          const std::string text = text_of_error(ranks, Category::bad_option, late_zip(), inputs, options);
          EXPECT_TRUE(contains(text, "observer") && contains(text, "42")) << text;
        }
}

}  // namespace
}  // namespace mpipe::test
