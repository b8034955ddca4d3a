// SPDX-License-Identifier: BSD-3-Clause
// How failures spread: against a plain walk over all elements.
#include "plan/api/lineage.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>

namespace mpipe {
namespace {

double one(double a) { return a; }
double sum_of(ArrayView<const double> a) { return static_cast<double>(a.size()); }
double scaled(ArrayView<const double> a, double b) { return static_cast<double>(a.size()) * b; }

/// a[i], b[j], c[k] -> p[i, j, k]; then all ways to need it.
Pipeline pipeline() {
  return {function("p", [](double a, double b, double c) { return a + b + c; })
              .parameters("a", "b", "c")
              .mapspec("a[i], b[j], c[k] -> p[i, j, k]"),
          function("same", one).parameters("p").mapspec("p[i, j, k] -> same[i, j, k]"),
          function("turned", one).parameters("p").mapspec("p[i, j, k] -> turned[k, i, j]"),
          function("rows", sum_of).parameters("p").mapspec("p[i, :, k] -> rows[k, i]"),
          function("planes", sum_of).parameters("p").mapspec("p[:, j, :] -> planes[j]"),
          function("all", sum_of).parameters("p"),
          function("wider", [](double a, double b) { return a * b; })
              .parameters("planes", "a")
              .mapspec("planes[j], a[i] -> wider[i, j]"),
          function("end", scaled).parameters("wider", "all").mapspec("wider[i, :] -> end[i]")};
}

struct Fixture {
  Pipeline functions = pipeline();
  Plan plan{functions, {{{"a", {1.0, 2.0, 3.0}}, {"b", {1.0, 2.0}}, {"c", {1.0, 2.0, 3.0, 4.0}}}, {}, {}}};
  Lineage lineage{plan};

  OutputId output(const std::string& name) const { return *plan.find_output(name); }
  Shape shape(const std::string& name) const {
    return known_shape(plan.external_shape(plan.output(output(name)).stage));
  }

  /// The elements of an argument's array that one element needs, by trying all.
  RangeSet needed(const PlannedArgument& argument, const MultiIndex& index) const {
    const Shape source = shape(plan.output(*argument.output).name);
    RangeSet needed;
    for (Index k = 0; k < element_count(source); ++k) {
      const MultiIndex at = multi_index(k, source);
      bool fits = true;
      for (std::size_t axis = 0; axis < at.size(); ++axis)
        fits = fits && (!argument.indexed_by[axis] || index[*argument.indexed_by[axis]] == at[axis]);
      if (fits) needed.insert({k, k + 1});
    }
    return needed;
  }

  RangeSet blocked(FunctionId id, const std::vector<RangeSet>& bad, bool by_value) const {
    const PlannedFunction& function = *plan.function(id);
    const Shape external = known_shape(plan.external_shape(function.stage));
    RangeSet blocked;
    for (Index k = 0; k < element_count(external); ++k)
      for (const PlannedArgument& argument : function.arguments) {
        if (!argument.output) continue;
        const bool whole = plan.output(*argument.output).mapped &&
                           std::any_of(argument.indexed_by.begin(), argument.indexed_by.end(),
                                       [](const auto& axis) { return !axis; });
        const RangeSet missing =
            needed(argument, multi_index(k, external)).intersection(bad[argument.output->value]);
        if (whole != by_value && !missing.empty()) blocked.insert({k, k + 1});
      }
    return blocked;
  }
};

RangeSet random_elements(Index count, double share, std::mt19937& random) {
  RangeSet elements;
  for (Index k = 0; k < count; ++k)
    if (std::bernoulli_distribution(share)(random)) elements.insert({k, k + 1});
  return elements;
}

TEST(Lineage, blocks_what_needs_a_bad_element_and_nothing_else) {
  const Fixture fixture;
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<RangeSet> bad(fixture.plan.outputs().size());
    for (std::size_t k = 0; k < bad.size(); ++k)
      bad[k] = random_elements(element_count(fixture.shape(fixture.plan.outputs()[k].name)),
                               round % 4 == 0 ? 1.0 : 0.05 * (round % 7), random);
    for (std::uint32_t id = 0; id < fixture.functions.functions().size(); ++id) {
      const Lineage::Blocked blocked = fixture.lineage.blocked({id}, bad);
      const RangeSet by_value = fixture.blocked({id}, bad, true);
      EXPECT_EQ(blocked.by_value, by_value) << id;
      EXPECT_EQ(blocked.by_array, fixture.blocked({id}, bad, false).difference(by_value)) << id;
    }
  }
}

TEST(Lineage, finds_root_causes_through_reductions) {
  const Fixture fixture;
  std::vector<RangeSet> failed(fixture.plan.outputs().size());
  std::vector<RangeSet> blocked(fixture.plan.outputs().size());
  const OutputId p = fixture.output("p");
  const OutputId end = fixture.output("end");
  failed[p.value] = RangeSet{{5, 6}, {13, 14}};  // p[0, 1, 1] and p[1, 1, 1]: both in the plane j = 1
  for (const FunctionId id : fixture.functions.topological_order()) {
    std::vector<RangeSet> lost = failed;
    for (std::size_t k = 0; k < lost.size(); ++k) lost[k] = lost[k].united(blocked[k]);
    const RangeSet all = fixture.lineage.blocked(id, lost).all();
    for (const OutputId output : fixture.plan.function(id)->outputs) blocked[output.value] = all;
  }
  EXPECT_EQ(blocked[fixture.output("planes").value], (RangeSet{{1, 2}}));
  EXPECT_EQ(blocked[end.value], (RangeSet{{0, 3}}));
  const auto causes = fixture.lineage.root_causes(end, 2, failed, blocked);
  for (std::size_t k = 0; k < causes.size(); ++k)
    EXPECT_EQ(causes[k], k == p.value ? failed[k] : RangeSet{}) << k;
  // One row needs one of them only.
  const auto of_row =
      fixture.lineage.root_causes(fixture.output("rows"), linear_index({1, 1}, {4, 3}), failed, blocked);
  EXPECT_EQ(of_row[p.value], (RangeSet{{13, 14}}));
}

TEST(Lineage, of_what_has_no_size_yet_is_all_or_nothing) {
  const Pipeline functions{
      function("n", [](double x) { return x; }).parameters("x").mapspec("x[i] -> n[i]"),
      function("g", [](ArrayView<const double> n) { return std::vector<double>(n.begin(), n.end()); })
          .parameters("n")
          .mapspec("... -> g[k]"),
      function("h", one).parameters("g").mapspec("g[k] -> h[k]"),
      function("mixed", [](double h, double x) { return h * x; })
          .parameters("h", "x")
          .mapspec("h[k], x[i] -> mixed[k, i]"),
      function("s", sum_of).parameters("h")};
  const Plan plan(functions, {{{"x", {1.0, 2.0}}}, {}, {}});
  const Lineage lineage(plan);
  const auto function_of = [&](const char* name) { return functions.producer_of(name); };
  std::vector<RangeSet> lost(plan.outputs().size());
  EXPECT_FALSE(lineage.is_sized(function_of("h")));
  EXPECT_TRUE(lineage.blocked(function_of("h"), lost).all().empty());
  const auto spread = [&](const char* name) {
    const Lineage::Blocked blocked = lineage.blocked(function_of(name), lost);
    lost[plan.find_output(name)->value] = blocked.all();
    return blocked;
  };
  lost[plan.find_output("n")->value] = {{1, 2}};
  EXPECT_EQ(spread("g").by_array, (RangeSet{{0, 1}}));
  for (const char* name : {"h", "mixed"}) EXPECT_EQ(spread(name).by_value, (RangeSet{{0, 1}})) << name;
  EXPECT_EQ(spread("s").by_array, (RangeSet{{0, 1}}));
  std::vector<RangeSet> only_n(plan.outputs().size());
  only_n[plan.find_output("n")->value] = {{1, 2}};
  const auto causes = lineage.root_causes(*plan.find_output("mixed"), 0, only_n, lost);
  EXPECT_EQ(causes[plan.find_output("n")->value], (RangeSet{{1, 2}}));
}

// What it costs goes with the ranges, not with the elements.
TEST(Lineage, takes_a_billion_elements_as_one) {
  const Pipeline functions{function("y", [](double a, double b) { return a + b; })
                               .parameters("a", "b")
                               .mapspec("a[i], b[j] -> y[i, j]"),
                           function("z", one).parameters("y").mapspec("y[i, j] -> z[i, j]"),
                           function("r", sum_of).parameters("y").mapspec("y[i, :] -> r[i]")};
  const Plan plan(functions, {{{"a", linspace(0, 1, 30000)}, {"b", linspace(0, 1, 40000)}}, {}, {}});
  const Lineage lineage(plan);
  std::vector<RangeSet> lost(plan.outputs().size());
  lost[plan.find_output("y")->value] = {{5, 1'200'000'000 - 7}};
  EXPECT_EQ(lineage.blocked(functions.producer_of("z"), lost).by_value, lost[plan.find_output("y")->value]);
  EXPECT_EQ(lineage.blocked(functions.producer_of("r"), lost).by_array, (RangeSet{{0, 30000}}));
}

/// A line of /proc/self/status, in bytes.
std::int64_t memory(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1)) * 1024;
  return 0;
}

// Every second b blocks a column: as many ranges as blocked elements, which are to be there once.
TEST(Lineage, holds_what_a_product_blocks_once) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "what was freed counts, too";
#endif
  constexpr Index kFailures = 50'000;
  constexpr Index kRows = 40;
  const Pipeline functions{function("v", one).parameters("b").mapspec("b[j] -> v[j]"),
                           function("y", [](double a, double v) { return a + v; })
                               .parameters("a", "v")
                               .mapspec("a[i], v[j] -> y[i, j]")};
  const Plan plan(functions, {{{"a", linspace(0, 1, kRows)}, {"b", linspace(0, 1, 2 * kFailures)}}, {}, {}});
  const Lineage lineage(plan);
  std::vector<RangeSet> lost(plan.outputs().size());
  RangeSet& failed = lost[plan.find_output("v")->value];
  for (Index k = 0; k < kFailures; ++k) failed.insert({2 * k, 2 * k + 1});
  // The peak is that of what follows.
  std::ofstream("/proc/self/clear_refs") << "5";
  const std::int64_t before = memory("VmRSS");
  const Lineage::Blocked blocked = lineage.blocked(functions.producer_of("y"), lost);
  const std::int64_t most = memory("VmHWM") - before;
  EXPECT_EQ(blocked.by_value.count(), kRows * kFailures);
  EXPECT_TRUE(blocked.by_array.empty());
  EXPECT_TRUE(blocked.by_value.contains(2 * kFailures * (kRows - 1) + 2));
  EXPECT_FALSE(blocked.by_value.contains(2 * kFailures * (kRows - 1) + 3));
  const auto ranges = static_cast<std::int64_t>(blocked.by_value.ranges().size() * sizeof(IndexRange));
  EXPECT_LT(most, ranges * 3 / 2);
}

}  // namespace
}  // namespace mpipe
