// SPDX-License-Identifier: BSD-3-Clause
// Which elements of one run are those of another.
#include "store/reuse/match_runs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace mpipe {
namespace {

using Values = std::vector<double>;
/// New element -> old element.
using Pairs = std::vector<std::pair<Index, Index>>;

OutputLayout output(const std::string& name, const std::vector<std::string>& axes, PartialShape shape,
                    std::size_t internal = 0) {
  OutputLayout layout;
  layout.type = &element_type(Kind::float64);
  layout.name = name;
  layout.axes = axes;
  layout.shape = std::move(shape);
  for (std::size_t axis = 0; axis < axes.size(); ++axis)
    layout.external.push_back(axis + internal < axes.size());
  return layout;
}

void give(RunDescription& run, const std::string& name, const Values& values) {
  const Value value(values);
  run.given.push_back({name, "float64", value.shape(), "", std::to_string(value.digest())});
  InputLayout input;
  input.name = name;
  input.value = value;
  run.inputs.push_back(std::move(input));
}

/// x[i], y[j] -> z[i, j] -> rows[i], columns[j] -> top.
RunDescription grid(const Values& x, const Values& y) {
  RunDescription run;
  const auto m = static_cast<Index>(x.size());
  const auto n = static_cast<Index>(y.size());
  give(run, "x", x);
  give(run, "y", y);
  run.outputs = {output("z", {"i", "j"}, {m, n}), output("rows", {"i"}, {m}), output("columns", {"j"}, {n}),
                 output("top", {}, {})};
  run.functions = {
      {"z", {"z"}, {"x", "y"}, {{"expr", "x + y"}, {"mapspec", "x[i], y[j] -> z[i, j]"}}, {}},
      {"rows", {"rows"}, {"z"}, {{"expr", "sum(z)"}, {"mapspec", "z[i, :] -> rows[i]"}}, {}},
      {"columns", {"columns"}, {"z"}, {{"expr", "sum(z)"}, {"mapspec", "z[:, j] -> columns[j]"}}, {}},
      {"top", {"top"}, {"rows"}, {{"expr", "max(rows)"}}, {}}};
  return run;
}

std::vector<RangeSet> all_done(const RunDescription& run) {
  std::vector<RangeSet> done;
  for (const OutputLayout& layout : run.outputs)
    done.push_back({{0, element_count(known_shape(layout.external_shape()))}});
  return done;
}

Pairs pairs(const OutputMatch& match) {
  Pairs found;
  for (const MatchedRange& range : match.ranges)
    for (Index k = 0; k < range.count; ++k) found.emplace_back(range.now + k, range.old + k);
  EXPECT_EQ(match.count, static_cast<Index>(found.size()));
  return found;
}

std::vector<Pairs> matched(const RunDescription& old, RunDescription now) {
  std::vector<Pairs> found;
  for (const OutputMatch& match : match_runs(old, all_done(old), now)) {
    found.push_back(pairs(match));
    EXPECT_EQ(match.why_not.empty(), match.count > 0);
  }
  return found;
}

std::string why_not(const RunDescription& old, RunDescription now) {
  return match_runs(old, all_done(old), now).front().why_not;
}

TEST(MatchRuns, FindsElementsWhereverTheyAre) {
  const RunDescription old = grid({1, 2}, {5, 6});
  EXPECT_EQ(
      matched(old, old),
      (std::vector<Pairs>{{{0, 0}, {1, 1}, {2, 2}, {3, 3}}, {{0, 0}, {1, 1}}, {{0, 0}, {1, 1}}, {{0, 0}}}));
  // A value that is inserted: rows are what they were, columns are longer.
  EXPECT_EQ(matched(old, grid({1, 9, 2}, {5, 6})),
            (std::vector<Pairs>{{{0, 0}, {1, 1}, {4, 2}, {5, 3}}, {{0, 0}, {2, 1}}, {}, {}}));
  EXPECT_EQ(matched(old, grid({1, 2}, {6, 7})), (std::vector<Pairs>{{{0, 1}, {2, 3}}, {}, {{0, 1}}, {}}));
  // The same values in another order are other arguments of a reduction.
  EXPECT_EQ(matched(old, grid({2, 1}, {5, 6})),
            (std::vector<Pairs>{{{0, 2}, {1, 3}, {2, 0}, {3, 1}}, {{0, 1}, {1, 0}}, {}, {}}));
}

TEST(MatchRuns, AxesMayChangeTheirOrder) {
  const RunDescription old = grid({1, 2}, {5, 6, 7});
  RunDescription now = old;
  now.outputs[0] = output("z", {"j", "i"}, {3, 2});
  now.functions[0].meaning["mapspec"] = "x[i], y[j] -> z[j, i]";
  now.functions[1].meaning["mapspec"] = "z[:, i] -> rows[i]";
  now.functions[2].meaning["mapspec"] = "z[j, :] -> columns[j]";
  const std::vector<Pairs> found = matched(old, now);
  EXPECT_EQ(found[0], (Pairs{{0, 0}, {1, 3}, {2, 1}, {3, 4}, {4, 2}, {5, 5}}));
  EXPECT_EQ(found[1], (Pairs{{0, 0}, {1, 1}}));
  EXPECT_EQ(found[2], (Pairs{{0, 0}, {1, 1}, {2, 2}}));
  EXPECT_EQ(found[3], (Pairs{{0, 0}}));
}

TEST(MatchRuns, ComparesBytes) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(matched(grid({0.0, nan}, {5}), grid({-0.0, nan, 0.0}, {5}))[0], (Pairs{{1, 1}, {2, 0}}));
  // Of an input that is not kept, places count, and only where all of it is the same.
  RunDescription old = grid({1, 2}, {5});
  old.inputs.clear();
  EXPECT_EQ(matched(old, old)[0], (Pairs{{0, 0}, {1, 1}}));
  EXPECT_EQ(matched(old, grid({1, 2, 3}, {5}))[0], Pairs{});
}

TEST(MatchRuns, OnlyWhatIsDoneAndSelectedCounts) {
  const RunDescription old = grid({1, 2, 3}, {5});
  RunDescription now = old;
  now.outputs[0].selected = RangeSet{{1, 3}};
  std::vector<RangeSet> done = all_done(old);
  done[0] = RangeSet{{0, 2}};
  const std::vector<OutputMatch> matches = match_runs(old, done, now);
  EXPECT_EQ(pairs(matches[0]), (Pairs{{1, 1}}));
  // What needs it was computed all the same.
  EXPECT_EQ(matches[1].count, 3);
}

TEST(MatchRuns, RandomNumbersBelongToPlaces) {
  RunDescription old = grid({1, 2}, {5});
  old.functions[0].draws_random_numbers = true;
  RunDescription now = grid({1, 9, 2}, {5});
  now.functions[0].draws_random_numbers = true;
  const std::vector<Pairs> found = matched(old, now);
  EXPECT_EQ(found[0], (Pairs{{0, 0}}));
  EXPECT_EQ(found[1], (Pairs{{0, 0}}));
  now.seed = 3;
  EXPECT_EQ(why_not(old, now), "it draws random numbers, and the seed is 0 there, and 3 here");
}

TEST(MatchRuns, SaysWhyThereIsNothing) {
  const RunDescription old = grid({1, 2}, {5});
  const auto why = [&](const std::function<void(RunDescription&)>& change) {
    RunDescription now = old;
    change(now);
    return why_not(old, now);
  };
  EXPECT_EQ(why([](auto& now) { now.functions[0].meaning["expr"] = "x - y"; }),
            "the expr is x + y there, and x - y here");
  EXPECT_EQ(why([](auto& now) { now.functions[0].code["libz.so"] = "11"; }),
            "the code is nothing there, and libz.so (11) here");
  EXPECT_EQ(why([](auto& now) { now.functions[0].body = "f"; }),
            "the function in that code is nothing there, and f here");
  EXPECT_EQ(why([](auto& now) {
              now.functions[0].parameters = {"y", "x"};
            }),
            "the parameter list is x, y there, and y, x here");
  EXPECT_EQ(why([](auto& now) { now.outputs[0].type = &element_type(Kind::int32); }),
            "the type of 'z' is float64 there, and int32 here");
  EXPECT_EQ(why([](auto& now) { now.functions[0].name = "a", now.functions[0].outputs = {"z"}; }),
            "that run has no such function");
  RunDescription other = grid({3}, {5});
  other.given[0].text = "[3]";
  EXPECT_NE(why_not(old, other).find("the input 'x' is"), std::string::npos);
}

TEST(MatchRuns, AnElementThatIsTakenTellsTheShapeOfAll) {
  const auto made_of = [](const Values& x, const PartialShape& shape) {
    RunDescription run;
    give(run, "x", x);
    run.outputs = {output("a", {"i", "k"}, shape, 1), output("b", {"i", "k"}, shape)};
    run.functions = {{"a", {"a"}, {"x"}, {{"expr", "f(x)"}, {"mapspec", "x[i] -> a[i, k]"}}, {}},
                     {"b", {"b"}, {"a"}, {{"expr", "2 * a"}, {"mapspec", "a[i, k] -> b[i, k]"}}, {}}};
    return run;
  };
  const RunDescription old = made_of({1, 2}, {2, 3});
  RunDescription now = made_of({2, 7}, {2, std::nullopt});
  now.outputs[1].shape = {2, std::nullopt};
  const std::vector<OutputMatch> matches = match_runs(old, all_done(old), now);
  EXPECT_EQ(pairs(matches[0]), (Pairs{{0, 1}}));
  EXPECT_EQ(pairs(matches[1]), (Pairs{{0, 3}, {1, 4}, {2, 5}}));
  EXPECT_EQ(now.outputs[0].shape, (PartialShape{2, 3}));
  EXPECT_EQ(now.outputs[1].shape, (PartialShape{2, 3}));
}

}  // namespace
}  // namespace mpipe
