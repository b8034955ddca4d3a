// SPDX-License-Identifier: BSD-3-Clause
// What may differ between two starts of a run, and how it is told what must not.
#include "store/api/run_description.hpp"
#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;
using Names = std::set<std::string>;

OutputLayout output(const std::string& name, PartialShape shape = {5}) {
  OutputLayout layout;
  layout.type = &element_type(Kind::float64);
  layout.name = name;
  layout.axes.assign(shape.size(), "i");
  layout.external.assign(shape.size(), true);
  layout.shape = std::move(shape);
  return layout;
}

/// x -> y -> z, and w beside them.
RunDescription three() {
  RunDescription run;
  run.run_id = "0123456789abcdef";
  run.created = "2026-01-31T12:00:00Z";
  run.outputs = {output("y"), output("z"), output("w")};
  run.functions = {
      {"y", {"y"}, {"x"}, {{"expr", "x + 1"}, {"mapspec", "x[i] -> y[i]"}}, {}},
      {"z", {"z"}, {"y", "b"}, {{"types", "(float64, float64) -> (float64)"}}, {{"libz.so", "11"}}},
      {"w", {"w"}, {"x"}, {{"bound c", "3"}}, {{"libz.so", "11"}}}};
  run.functions[1].meaning["command"] = "['./m.sh', '{x}']";
  for (const std::size_t k : {1, 2}) run.functions[k].meaning["place"] = "11 + 0x10";
  run.given = {{"x", "float64", {5}, "[1, 2, 3, 4, 5]", "abcd"}, {"b", "int64", {}, "2", "ef01"}};
  return run;
}

std::vector<std::string> names(const std::vector<OutputLayout>& outputs) {
  std::vector<std::string> all;
  for (const OutputLayout& output : outputs) all.push_back(output.name);
  return all;
}

TEST(RunGrowth, NamesWhatDiffersAndBothValues) {
  struct Case {
    std::function<void(RunDescription&)> change;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases{
      {[](auto& run) { run.seed = 7; }, {"seed", "0", "7"}},
      {[](auto& run) { run.functions[0].meaning["expr"] = "x + 2"; },
       {"expr of function 'y'", "x + 1", "x + 2", "--redo y"}},
      {[](auto& run) { run.functions[0].meaning["mapspec"] = "x[k] -> y[k]"; },
       {"mapspec of function 'y'", "x[i] -> y[i]", "x[k] -> y[k]"}},
      {[](auto& run) { run.functions[0].meaning.erase("mapspec"); }, {"mapspec of function 'y'", "nothing"}},
      {[](auto& run) { run.functions[2].meaning["bound c"] = "4"; }, {"bound c of function 'w'", "3", "4"}},
      {[](auto& run) { run.functions[1].code["libz.so"] = run.functions[2].code["libz.so"] = "22"; },
       {"'z', 'w'", "libz.so (11)", "libz.so (22)", "--redo z --redo w"}},
      {[](auto& run) { run.functions[1].meaning["command"] = "['./m.sh', '{x}', '2']"; },
       {"command of function 'z'", "['./m.sh', '{x}']", "['./m.sh', '{x}', '2']", "--redo z"}},
      {[](auto& run) { run.functions[1].meaning.erase("command"); }, {"command of function 'z'", "nothing"}},
      {[](auto& run) { run.functions[2].meaning["threads"] = "4"; },
       {"threads of function 'w'", "nothing", "4"}},
      {[](auto& run) { run.functions[1].meaning["place"] = "11 + 0x20"; },
       {"code of function 'z'", "libz.so (11), at 11 + 0x10 in", "now libz.so (11), at 11 + 0x20",
        "--redo z"}},
      {[](auto& run) { run.given[0].digest = "dcba"; }, {"value of input 'x'", "abcd", "dcba"}},
      {[](auto& run) { run.given[1].digest = "77", run.given[1].text = "3"; },
       {"value of input 'b' (taken by 'z') is 2 in the run folder, and now 3"}},
      {[](auto& run) { run.given[0].shape = {6}; }, {"shape of input 'x'", "(5,)", "(6,)"}},
      {[](auto& run) { run.given[1].dtype = "float64"; }, {"type of input 'b'", "int64", "float64"}},
      {[](auto& run) { run.outputs[0].shape = {6}; }, {"shape of output 'y'", "(5,)", "(6,)"}},
      {[](auto& run) { run.outputs[0].type = &element_type(Kind::int32); }, {"type of output 'y'", "int32"}},
  };
  for (const Case& each : cases) {
    RunDescription now = three();
    each.change(now);
    const std::string message = error_message(Category::resume_mismatch, [&] { grow(three(), now, {}); });
    for (const std::string& part : each.parts) EXPECT_TRUE(contains(message, part));
  }
}

TEST(RunGrowth, WhatDoesNotChangeTheResultsMayDiffer) {
  RunDescription now = three();
  now.run_id = "fedcba9876543210";
  now.created = "2026-02-01T12:00:00Z";
  now.document += "# a comment\n";
  now.outputs[0].storage = StorageKind::memory;
  now.outputs[1].storage = StorageKind::file;
  now.functions[1].code = {{"libmoved.so", "11"}};
  std::reverse(now.functions.begin(), now.functions.end());
  std::reverse(now.outputs.begin(), now.outputs.end());
  const RunGrowth growth = grow(three(), now, {});
  EXPECT_EQ(growth.run.run_id, three().run_id);
  EXPECT_EQ(growth.run.created, three().created);
  EXPECT_EQ(growth.run.document, now.document);
  EXPECT_EQ(names(growth.run.outputs), names(three().outputs));
  EXPECT_EQ(growth.run.outputs[0].storage, StorageKind::memory);
  EXPECT_EQ(growth.run.outputs[1].storage, StorageKind::hdf5) << "values stay where they are";
  EXPECT_TRUE(growth.dropped.empty());
}

TEST(RunGrowth, OutputsAreAddedAndKept) {
  RunDescription first = three();
  first.outputs.pop_back();
  first.functions.pop_back();
  RunDescription now = three();
  now.outputs = {output("new"), now.outputs[2]};
  now.functions = {{"new", {"new"}, {"z", "more"}, {{"expr", "z"}}, {}}, now.functions[2]};
  now.given = {{"more", "float64", {}, "1", "00"}};
  const RunDescription run = grow(first, now, {}).run;
  EXPECT_EQ(names(run.outputs), (std::vector<std::string>{"y", "z", "new", "w"}));
  EXPECT_EQ(run.outputs[0].selected, RangeSet{}) << "no room is needed for what is not computed";
  EXPECT_FALSE(run.outputs[2].selected.has_value());
  EXPECT_EQ(run.functions.size(), 4u);
  EXPECT_EQ(run.given.size(), 3u);
  // All of it can go on from there.
  EXPECT_EQ(grow(run, three(), {}).run.outputs.size(), 4u);
}

/// An earlier version did not write what its bodies are, so that a run of it is compared as that version compared it.
TEST(RunGrowth, WhatAnEarlierVersionDidNotWriteIsNotCompared) {
  RunDescription stored = three();
  for (RunDescription::Function& function : stored.functions)
    for (const char* key : {"command", "place"}) function.meaning.erase(key);
  RunDescription now = three();
  now.functions[1].meaning["threads"] = "4";
  const RunDescription run = grow(stored, now, {}).run;
  EXPECT_EQ(run.functions[1].meaning, now.functions[1].meaning) << "from here on they are compared";
  error_message(Category::resume_mismatch, [&] { grow(run, three(), {}); });
}

/// A log, say, that the program writes and that is a word of it.
TEST(RunGrowth, AFileThatTheProgramMadeIsNoDifference) {
  RunDescription now = three();
  now.functions[1].meaning["file /scratch/log"] = "ab";
  const RunDescription run = grow(three(), now, {}).run;
  grow(now, three(), {});
  now.functions[1].meaning["file /scratch/log"] = "cd";
  EXPECT_TRUE(contains(error_message(Category::resume_mismatch, [&] { grow(run, now, {}); }),
                       "the file /scratch/log of function 'z' in the pipeline is ab"));
}

/// The place of a function in code that was built anew says nothing: the code is refused, once.
TEST(RunGrowth, PlacesCountInOneBuildOnly) {
  RunDescription now = three();
  for (const std::size_t k : {1, 2}) {
    now.functions[k].code["libz.so"] = "22";
    now.functions[k].meaning["place"] = "22 + 0x30";
  }
  const std::string message = error_message(Category::resume_mismatch, [&] { grow(three(), now, {}); });
  EXPECT_TRUE(contains(message, "libz.so (11) in the run folder, and now libz.so (22)")) << message;
}

/// y and q are made by one function, in this order, from the expressions a and b.
RunDescription two_of_one() {
  RunDescription run;
  run.outputs = {output("y"), output("q")};
  run.functions = {{"y", {"y", "q"}, {"x"}, {{"expr", "a, b"}}, {}}};
  return run;
}

TEST(RunGrowth, AnOutputThatMovesToAnotherFunctionIsRefused) {
  const auto function = [](const std::vector<std::string>& outputs, const std::string& expr) {
    return RunDescription::Function{outputs.front(), outputs, {"x"}, {{"expr", expr}}, {}};
  };
  const auto run_of = [](const std::vector<RunDescription::Function>& functions) {
    RunDescription run;
    run.functions = functions;
    for (const auto& each : functions)
      for (const std::string& name : each.outputs) run.outputs.push_back(output(name));
    return run;
  };
  struct Case {
    RunDescription stored, now;
    std::vector<std::string> parts;
    std::string redo;
  };
  const RunDescription alone = run_of({function({"q"}, "7*x")});
  const RunDescription apart = run_of({function({"y"}, "a"), function({"q"}, "b")});
  const Case cases[] = {
      {two_of_one(), alone, {"makes 'q'", "[y, q] in the run folder, and now [q]", "--redo q"}, "q"},
      {two_of_one(), run_of({function({"q", "y"}, "b, a")}), {"makes 'q'", "[y, q]", "[q, y]"}, "q"},
      {two_of_one(), run_of({function({"y", "q", "r"}, "a, b, c")}), {"makes 'y'", "[y, q, r]"}, "y"},
      {apart, run_of({function({"r", "q"}, "c, b")}), {"makes 'q'", "[q]", "[r, q]"}, "q"},
      {alone, two_of_one(), {"makes 'q'", "[q]", "[y, q]"}, "y"}};
  for (const Case& each : cases) {
    const std::string message =
        error_message(Category::resume_mismatch, [&] { grow(each.stored, each.now, {}); });
    for (const std::string& part : each.parts) EXPECT_TRUE(contains(message, part)) << message;
    // Computed anew, each output has one maker, and the next start has nothing to say.
    const RunDescription redone = grow(each.stored, each.now, {each.redo}).run;
    Names makers;
    for (const auto& made : redone.functions)
      for (const std::string& name : made.outputs) EXPECT_TRUE(makers.insert(name).second) << name;
    EXPECT_EQ(grow(redone, each.now, {}).run.outputs.size(), redone.outputs.size());
  }
}

TEST(RunGrowth, AnInputIsNotComputedLater) {
  RunDescription now = three();
  now.outputs.push_back(output("x"));
  now.functions.push_back({"x", {"x"}, {"b"}, {{"expr", "arange(b)"}}, {}});
  now.given.erase(now.given.begin());
  for (const std::vector<std::string>& redo : {std::vector<std::string>{}, {"x"}})
    EXPECT_TRUE(contains(error_message(Category::resume_mismatch, [&] { grow(three(), now, redo); }),
                         "'x' is an input of the run in the run folder, and now it is computed"));
}

TEST(RunGrowth, AnOutputIsNotGivenLater) {
  RunDescription now = three();
  now.given.push_back({"y", "float64", {5}, "[1, 2, 3, 4, 5]", "abcd"});
  now.outputs.erase(now.outputs.begin());
  now.functions.erase(now.functions.begin());
  EXPECT_TRUE(contains(error_message(Category::resume_mismatch, [&] { grow(three(), now, {}); }), "'y'"));
}

TEST(RunGrowth, WhatIsRedoneMayDifferWithAllThatNeedsIt) {
  RunDescription now = three();
  now.functions[0].meaning["expr"] = "x + 2";
  now.outputs[1].shape = {7};
  const RunGrowth growth = grow(three(), now, {"y"});
  EXPECT_EQ(growth.dropped, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(growth.run.outputs[1].shape, (PartialShape{7}));
  EXPECT_EQ(growth.run.functions[0].meaning.at("expr"), "x + 2");
  // The functions of now decide what needs what, also of those that this start does not compute.
  RunDescription alone = now;
  alone.outputs = {now.outputs[0]};
  alone.functions = {now.functions[0]};
  const RunGrowth of_one = grow(three(), alone, {"y"});
  EXPECT_EQ(of_one.dropped, (std::vector<std::size_t>{0, 1}));
  EXPECT_FALSE(of_one.run.outputs[1].rank_known) << "its shape may be another one, too";
}

TEST(RunGrowth, ShapesThatWereFoundAreKept) {
  RunDescription first = three();
  first.outputs[0] = output("y", {5, 3});
  RunDescription now = three();
  now.outputs[0] = output("y", {5, std::nullopt});
  EXPECT_EQ(grow(first, now, {}).run.outputs[0].shape, (PartialShape{5, 3}));
  now.outputs[0] = output("y", {});
  now.outputs[0].rank_known = false;
  EXPECT_EQ(grow(first, now, {}).run.outputs[0].shape, (PartialShape{5, 3}));
}

TEST(RunGrowth, OfManyFunctionsTakesTimeInProportion) {
  RunDescription run;
  for (int k = 0; k < 100'000; ++k) {
    const std::string name = "y" + std::to_string(k);
    run.outputs.push_back(output(name));
    run.functions.push_back({name, {name}, {"y" + std::to_string(k - 1)}, {{"expr", "1"}}, {}});
  }
  EXPECT_EQ(grow(run, run, {"y0"}).dropped.size(), 100'000u);
}

TEST(RunGrowth, AShardGoesOnAsItselfOrAsAllOfTheSweep) {
  RunDescription stored = three();
  stored.shard = "1/2";
  RunDescription now = three();
  now.shard = "1/2";
  EXPECT_EQ(grow(stored, now, {}).run.shard, "1/2");
  EXPECT_EQ(grow(stored, three(), {}).run.shard, "");
  now.shard = "2/2";
  const auto told = [&](const RunDescription& earlier) {
    return error_message(Category::resume_mismatch, [&] { grow(earlier, now, {}); });
  };
  EXPECT_TRUE(
      contains(told(stored), "the shard (the part of the sweep) is 1/2 in the run folder, and now 2/2"));
  EXPECT_TRUE(contains(told(three()), "is all of it in the run folder, and now 2/2"));
}

TEST(RunMerge, HasTheOutputsOfAll) {
  RunDescription first = three();
  first.shard = "1/2";
  RunDescription second = three();
  second.shard = "2/2";
  // A run of some outputs, one of which has shown its shape.
  first.outputs.pop_back();
  first.functions.pop_back();
  first.outputs[0].shape = {std::nullopt};
  const RunDescription merged = merge_descriptions({{"a", first}, {"b", second}});
  EXPECT_EQ(names(merged.outputs), (std::vector<std::string>{"y", "z", "w"}));
  EXPECT_EQ(merged.outputs[0].shape, PartialShape{5});
  EXPECT_EQ(merged.functions.size(), 3U);
  EXPECT_EQ(merged.shard, "");
  // Also in the other order: the second has less.
  EXPECT_EQ(merge_descriptions({{"b", second}, {"a", first}}).outputs[0].shape, PartialShape{5});
  for (const OutputLayout& output : merged.outputs)
    EXPECT_FALSE(output.selected) << "all of it may be computed";
}

TEST(RunMerge, NamesWhatDiffersAndWhere) {
  RunDescription other = three();
  other.given[0].digest = "dcba";
  const auto message = [&] {
    return error_message(Category::resume_mismatch, [&] {
      merge_descriptions({{"a", three()}, {"b", three()}, {"c", other}});
    });
  };
  for (const char* part :
       {"cannot merge", "the value of input 'x'", "digest abcd in 'a', and in 'c'", "digest dcba"})
    EXPECT_TRUE(contains(message(), part));
  other = three();
  other.functions[0].meaning["expr"] = "x + 2";
  EXPECT_TRUE(
      contains(message(), "the expr of function 'y' in the pipeline is x + 1 in 'a', and in 'c' x + 2"));
}

}  // namespace
}  // namespace mpipe
