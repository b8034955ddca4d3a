// SPDX-License-Identifier: BSD-3-Clause
// Functions that take the resources of the call as a parameter.
#include <mpipe/pipeline/pipeline.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

namespace mpipe {
namespace {

using test::error_message;

Resources some(int threads, std::uint64_t memory) {
  Resources needs;
  needs.threads = threads;
  needs.memory = memory;
  return needs;
}

std::string told(double x, const Resources& has) {
  return std::to_string(static_cast<int>(x)) + ": " + to_string(has);
}

TEST(ResourcesParameter, HasNoNameAndIsFilledIn) {
  const Pipeline pipeline{function("y", told).parameters("x").resources(some(3, 2'000'000))};
  EXPECT_EQ(pipeline.run<std::string>("y", {{"x", 7.0}}), "7: threads 3, memory 2MB");
  const Pipeline without{function("y", told).parameters("x")};
  EXPECT_EQ(without.run<std::string>("y", {{"x", 7.0}}), "7: ");
}

TEST(ResourcesParameter, IsNoRandomNumber) {
  EXPECT_FALSE(function("y", told).body().draws_random_numbers());
  const auto both = function("y", [](Resources, Random random) { return random.uniform(); });
  EXPECT_TRUE(both.body().draws_random_numbers());
  EXPECT_NO_THROW(function("y", told).parameters("x").cache(3).check());
}

TEST(ResourcesParameter, OfANestedFunctionIsTheMostOfItsParts) {
  const Pipeline pipeline{
      function("y", told).parameters("x").mapspec("x[i] -> y[i]").resources(some(3, 1000)),
      function("z", [](const std::string& y, const Resources& has) { return y + " / " + to_string(has); })
          .parameters("y")
          .mapspec("y[i] -> z[i]")
          .resources(some(1, 5000))
          .isolation(Isolation::process)};
  const Pipeline nested = pipeline.nest({"y", "z"}, {"z"});
  const Function& function = nested.functions().front().function;
  EXPECT_EQ(function.resources(), some(3, 5000));
  EXPECT_EQ(function.isolation(), Isolation::process);
  EXPECT_EQ(nested.run<std::string>("z", {{"x", 7.0}}), "7: threads 3, memory 5kB / threads 3, memory 5kB");
}

TEST(ResourcesParameter, TimesOfNestedFunctionsAddUp) {
  Resources first;
  first.time = std::chrono::seconds(20);
  Resources second;
  second.time = std::chrono::seconds(50);
  const auto needs = [&](const Resources& a, const Resources& b) {
    const Pipeline pipeline{function("y", [](double x) { return x; }).parameters("x").resources(a),
                            function("z", [](double y) { return y; }).parameters("y").resources(b)};
    return pipeline.nest({"y", "z"}, {"z"}).functions().front().function.resources().time;
  };
  EXPECT_EQ(needs(first, second), std::chrono::seconds(70));
  EXPECT_EQ(needs(first, {}), Duration::zero()) << "one of them may take as long as it likes";
}

TEST(ResourcesParameter, DevicesAreGivenOutByTheRun) {
  Resources needs;
  needs.gpus = 1;
  needs.devices = {3};
  const auto message = error_message(Category::bad_option, [&] { function("y", told).resources(needs); });
  EXPECT_NE(message.find("function 'y' names the devices that it wants"), std::string::npos) << message;
}

}  // namespace
}  // namespace mpipe
