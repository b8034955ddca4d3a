// SPDX-License-Identifier: BSD-3-Clause
// Maps of parts of pipelines, and of pipelines that were edited, on any number of ranks.
#include <mpipe/mpipe.hpp>

#include "support/expect_error.hpp"
#include "support/world.hpp"

#include <gtest/gtest.h>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;
using test::world;

Results run(const Pipeline& pipeline, const Inputs& inputs, const MapOptions& options = {}) {
  return map(pipeline, world(), inputs, options);
}

std::vector<std::string> outputs_of(const Results& results) {
  std::vector<std::string> names;
  for (const auto& [name, unused] : results.outputs) names.push_back(name);
  return names;
}

/// y = 2 x, z = y + d over x[i]; s is the sum of z, u = s e.
Pipeline line() {
  return {
      function("y", [](double x) { return 2 * x; }).parameters("x").mapspec("x[i] -> y[i]"),
      function("z", [](double y, double d) { return y + d; }).parameters("y", "d").mapspec("y[i] -> z[i]"),
      function("s",
               [](ArrayView<const double> z) {
                 double sum = 0;
                 for (const double value : z) sum = sum / 2 + value;  // depends on the order
                 return sum;
               })
          .parameters("z"),
      function("u", [](double s, double e) { return s * e; }).parameters("s", "e")};
}

MapOptions part(std::vector<std::string> outputs = {}) {
  MapOptions options;
  options.auto_subpipeline = true;
  options.outputs = std::move(outputs);
  return options;
}

TEST(Parts, IntermediateResultsAreInputs) {
  const Results results = run(line(), {{"y", {1.0, 2.0, 3.0}}, {"d", 1.0}}, part({"s"}));
  EXPECT_EQ(outputs_of(results), (std::vector<std::string>{"s", "z"}));
  if (world().is_root()) {
    EXPECT_EQ(results.get<double>("s"), 6.0);
  }
  const Results rest = run(line(), {{"s", 4.0}, {"e", 2.0}}, part());
  EXPECT_EQ(outputs_of(rest), std::vector<std::string>{"u"});
}

TEST(Parts, RefuseWhatIsTooMuchOrTooLittle) {
  EXPECT_TRUE(contains(error_message(Category::extra_input,
                                     [] {
                                       run(line(), {{"x", {1.0}}, {"y", {1.0}}, {"d", 1.0}}, part({"z"}));
                                     }),
                       "y"));
  error_message(Category::subpipeline_inputs, [] { run(line(), {{"y", {1.0}}}, part()); });
  error_message(Category::extra_input, [] {
    run(line(), {{"y", {1.0}}, {"d", 1.0}, {"q", 1.0}}, part({"z"}));
  });
  error_message(Category::missing_input, [] { run(line(), {{"y", {1.0}}, {"d", 1.0}}); });
  error_message(Category::unknown_output, [] { run(line(), {{"y", {1.0}}, {"d", 1.0}}, part({"zz"})); });
  error_message(Category::rank_mismatch, [] {
    run(line(), {{"y", Array<double>(Shape{1, 2})}, {"d", 1.0}}, part({"z"}));
  });
}

TEST(Parts, NestedFunctionsGiveTheSame) {
  const Inputs inputs{{"x", linspace(0, 1, 700)}, {"d", 0.5}};
  MapOptions options;
  options.outputs = {"s"};
  const Results apart = run(line(), inputs, options);
  const Results nested = run(line().nest({"y", "z"}, {"z"}), inputs, options);
  EXPECT_EQ(outputs_of(nested), (std::vector<std::string>{"s", "z"}));
  EXPECT_EQ(nested.functions.at("z").calls, 700);
  if (world().is_root()) {
    EXPECT_EQ(nested.value("z"), apart.value("z"));
    EXPECT_EQ(nested.value("s"), apart.value("s"));
  }
}

TEST(Parts, AddedAxesAndScopes) {
  const Pipeline pipeline = line().add_mapspec_axis({"d"}, "k").update_scope("w", {"*"}, {"s"});
  MapOptions options;
  options.outputs = {"w.s"};
  const Results results =
      run(pipeline, flatten({{"w", Inputs{{"x", {1.0, 2.0}}, {"d", {0.0, 10.0}}}}}), options);
  if (world().is_root()) {
    EXPECT_EQ(results.value("w.s").as<std::vector<double>>(), (std::vector<double>{5, 20}));
  }
}

}  // namespace
}  // namespace mpipe
