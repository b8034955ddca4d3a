// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/pipeline/sweep.hpp>

#include "simple_functions.hpp"
#include "support/expect_error.hpp"

namespace mpipe::test {
namespace {

std::vector<Inputs> expected(const std::vector<std::pair<double, double>>& pairs) {
  std::vector<Inputs> all;
  for (const auto& [a, b] : pairs) all.push_back({{"a", a}, {"b", b}});
  return all;
}

TEST(Sweep, TheLastDimensionChangesFastest) {
  EXPECT_EQ(Sweep().product("a", {1.0, 2.0}).product("b", {5.0, 6.0}).combinations(),
            expected({{1, 5}, {1, 6}, {2, 5}, {2, 6}}));
}

TEST(Sweep, ZippedParametersChangeTogether) {
  const auto all =
      Sweep().product("c", {0.0, 1.0}).zip({{"a", {1.0, 2.0}}, {"b", {5.0, 6.0}}}).combinations();
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[1], (Inputs{{"a", 2.0}, {"b", 6.0}, {"c", 0.0}}));
  EXPECT_EQ(all[2], (Inputs{{"a", 1.0}, {"b", 5.0}, {"c", 1.0}}));
  error_message(Category::dimension_mismatch, [] { Sweep().zip({{"a", {1.0}}, {"b", {1.0, 2.0}}}); });
}

TEST(Sweep, ConstantsDerivedValuesAndExclusions) {
  const Sweep sweep =
      Sweep()
          .product("a", {1.0, 2.0, 3.0})
          .constants({{"k", 10.0}})
          .derive("b",
                  [](const Inputs& in) { return Value(in.at("a").as<double>() * in.at("k").as<double>()); })
          .exclude([](const Inputs& in) { return in.at("b").as<double>() == 20.0; });
  const auto all = sweep.combinations();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1], (Inputs{{"a", 3.0}, {"b", 30.0}, {"k", 10.0}}));
}

TEST(Sweep, SweepsCombine) {
  const Sweep a = Sweep().product("a", {1.0, 2.0});
  EXPECT_EQ(Sweep(a).product(Sweep().product("b", {5.0})).combinations(), expected({{1, 5}, {2, 5}}));
  const auto both =
      concatenated({Sweep(a).constants({{"b", 0.0}}), Sweep().constants({{"a", 7.0}, {"b", 8.0}})});
  EXPECT_EQ(both, expected({{1, 0}, {2, 0}, {7, 8}}));
  error_message(Category::duplicate_entry, [&] { Sweep(a).product(a); });
}

TEST(Sweep, NothingTimesSomethingIsNothing) {
  EXPECT_TRUE(Sweep().product("a", {}).product("b", {1.0}).combinations().empty());
  EXPECT_EQ(Sweep().combinations().size(), 1U) << "one combination of no parameters";
}

TEST(Sweep, TooManyAreRefusedBeforeTheyAreMade) {
  Sweep sweep;
  const std::vector<Value> values(1000, 1.0);
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h"}) sweep.product(name, values);
  error_message(Category::too_large, [&] { sweep.combinations(); });
}

TEST(Sweep, RunsAPipeline) {
  const Pipeline pipeline{combined("c", "a", "b")};
  const auto values = run_sweep(pipeline, "c", Sweep().product("a", {1.0, 2.0}).constants({{"b", 1.0}}));
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[1].as<double>(), 0.0);
}

}  // namespace
}  // namespace mpipe::test
