// SPDX-License-Identifier: BSD-3-Clause
// What a whole document comes to: functions, inputs, the map section, and what is given beside it.
#include "document_text.hpp"
#include "options/api/option_values.hpp"

#include <gtest/gtest.h>

namespace mpipe::test {
namespace {

constexpr const char* kWing = R"yaml(mpipe: 1                # the version
name: wing
functions:
  - output: cd
    expr: "0.02 + alpha^2 / 300 + 1 / sqrt(reynolds)"
    mapspec: "reynolds[i], alpha[j] -> cd[i, j]"
  - output: mean_cd
    expr: mean(cd)
    mapspec: "cd[i, :] -> mean_cd[i]"
inputs:
  reynolds: [1e5, 3e5, 1e6]
  alpha: {linspace: [0, 10, 101]}
map:
  run_folder: runs/wing
  storage: {"": hdf5, mean_cd: memory}
  executor: {"": mpi, cd: "threads:4"}
  chunksizes: {"": auto, cd: 8}
  error_handling: continue
  max_concurrent: 2
  seed: 42
)yaml";

TEST(Document, IsReadAsAWhole) {
  const Document document = parse(kWing);
  EXPECT_EQ(document.name(), "wing");
  EXPECT_EQ(document.text(), kWing);
  EXPECT_EQ(document.file(), "doc.yaml");
  EXPECT_EQ(document.functions().size(), 2U);
  EXPECT_EQ(document.input_names(), (std::vector<std::string>{"alpha", "reynolds"}));
  const Pipeline pipeline = document.pipeline();
  EXPECT_EQ(pipeline.root_args(), (std::vector<std::string>{"alpha", "reynolds"}));
  EXPECT_EQ(pipeline.mapspecs(),
            (std::vector<std::string>{"reynolds[i], alpha[j] -> cd[i, j]", "cd[i, :] -> mean_cd[i]"}));
  const Inputs inputs = document.inputs_for_map(pipeline, {});
  EXPECT_EQ(inputs.at("alpha").count(), 101);
  EXPECT_EQ(inputs.at("reynolds").as<std::vector<double>>(), (std::vector<double>{1e5, 3e5, 1e6}));
}

using Texts = std::map<std::string, std::string>;

/// The values of an option by output.
Texts texts(const OptionValues& values, std::string_view option) {
  Texts texts;
  for (const auto& [output, value] : values.by_output(option)) texts[output] = value.text;
  return texts;
}

TEST(Document, MapSection) {
  const Document document = parse(kWing);
  const OptionValues& map = document.map();
  EXPECT_EQ(map.text("run_folder"), "runs/wing");
  EXPECT_EQ(texts(map, "storage"), (Texts{{"", "hdf5"}, {"mean_cd", "memory"}}));
  EXPECT_EQ(texts(map, "executor"), (Texts{{"", "mpi"}, {"cd", "threads:4"}}));
  EXPECT_EQ(texts(map, "chunksizes"), (Texts{{"", "auto"}, {"cd", "8"}}));
  EXPECT_EQ(map.text("error_handling"), "continue");
  EXPECT_EQ(map.number("max_concurrent"), 2U);
  EXPECT_EQ(map.number("seed"), 42U);
  EXPECT_EQ(map.by_output("seed").at("").by, "doc.yaml:20:9");
}

TEST(Document, APlainValueIsTheDefaultOfAllOutputs) {
  const Document document = with_rest("map: {storage: memory, executor: sequential, chunksizes: 5}");
  EXPECT_EQ(texts(document.map(), "storage"), (Texts{{"", "memory"}}));
  EXPECT_EQ(texts(document.map(), "executor"), (Texts{{"", "sequential"}}));
  EXPECT_EQ(texts(document.map(), "chunksizes"), (Texts{{"", "5"}}));
  EXPECT_FALSE(document.map().has("run_folder"));
  EXPECT_FALSE(document.map().has("error_handling"));
  EXPECT_EQ(document.map().number("seed"), 0U) << "the value of the table";
}

TEST(Document, ASeedMayExceedTheIntegersOfYaml) {
  EXPECT_EQ(with_rest("map: {seed: 18446744073709551615}").map().number("seed"), ~std::uint64_t{0});
  EXPECT_TRUE(
      contains(error_message(Category::bad_option, [] { with_rest("map: {seed: 18446744073709551616}"); }),
               "'18446744073709551616' is not a whole number"));
}

TEST(Document, JsonIsRead) {
  const Document document = parse(
      "{\"mpipe\": 1,\n\t\"functions\": [{\"output\": \"y\", \"expr\": \"x * 2\"}],\n\t\"inputs\":{\"x\":[1, "
      "2.5]}}");
  EXPECT_EQ(document.load_inputs({"x"}).at("x").as<std::vector<double>>(), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(document.name(), "doc");
}

TEST(Document, KeepsOfEachRunADocumentOfItsOwn) {
  const Document document = parse(R"(name: "wing # 5"
functions:
  - {output: y, expr: 'x + a', mapspec: "x[i] -> y[i]"}   # a comment
inputs: {x: &grid [1, 2.50, 0x1F, .inf], a: "text: \"yes\"", z: {data: *grid}, no: "5"}
map:
runs:
  - name: one
  - {name: two, inputs: {a: -3}}
)");
  const DocumentRecord one = document.record_of_run(0);
  const DocumentRecord two = document.record_of_run(1);
  EXPECT_EQ(one.beginning, two.beginning) << "of which there are to be no copies";
  EXPECT_EQ(
      *two.beginning + two.rest,
      "{name: \"wing # 5\",\n functions: [{output: y, expr: \"x + a\", mapspec: \"x[i] -> y[i]\"}],\n "
      "inputs: {x: [1, 2.50, 0x1F, .inf], a: \"text: \\\"yes\\\"\", z: {data: [1, 2.50, 0x1F, .inf]}, no: "
      "\"5\"},\n map: null,\n runs: [{name: two, inputs: {a: -3}}]}\n");
  const Document again = parse(*two.beginning + two.rest);
  EXPECT_EQ(again.runs(), std::vector<std::string>{"two"});
  EXPECT_EQ(again.of_run(0).load_inputs({"a"}).at("a").as<std::int64_t>(), -3);
  EXPECT_EQ(again.load_inputs({"x"}).at("x").as<std::vector<double>>(),
            document.load_inputs({"x"}).at("x").as<std::vector<double>>());
  EXPECT_EQ(again.load_inputs({"no"}).at("no").as<std::string>(), "5") << "a text stays one";
}

TEST(Document, IsReadFromAFile) {
  const Folder folder;
  const Document document = Document::load(folder.write("some.yaml", kWing));
  EXPECT_EQ(document.file(), folder.path() / "some.yaml");
  EXPECT_EQ(document.text(), kWing);
}

TEST(Document, AByteOrderMarkAndWindowsLineEndsAreFine) {
  const Document document = parse(
      "\xEF\xBB\xBF"
      "functions:\r\n- output: y\r\n  expr: x + 1\r\ninputs:\r\n  x: 3\r\n");
  EXPECT_EQ(document.load_inputs({"x"}).at("x").as<std::int64_t>(), 3);
  EXPECT_EQ(document.place_of("x")->to_string(), "doc.yaml:5:3");
}

TEST(Document, AnchorsAndAliases) {
  const Document document = with_rest("inputs: {x: &grid [1, 2], z: *grid}");
  EXPECT_EQ(document.load_inputs({"z"}).at("z").as<std::vector<double>>(), (std::vector<double>{1, 2}));
}

TEST(Document, EmptySectionsAreFine) {
  const Document document = with_rest("inputs:\nmap:\n");
  EXPECT_TRUE(document.input_names().empty());
}

TEST(Document, CanBeMoved) {
  Document document = with_rest("inputs: {x: 1}");
  Document moved = std::move(document);
  document = with_rest("inputs: {z: 1}");
  EXPECT_EQ(moved.input_names(), std::vector<std::string>{"x"});
  EXPECT_EQ(document.input_names(), std::vector<std::string>{"z"});
}

// ---- inputs from the command line and other files
// ----------------------------------------------------------------

double number(const Document& document, const std::string& name) {
  return document.load_inputs({name}).at(name).as<double>();
}

TEST(DocumentInputs, SetGoesOverFilesAndThoseOverTheDocument) {
  const Folder folder;
  const auto file = folder.write("more.yaml", "a: 20\nb: 20\n");
  for (const bool set_first : {true, false}) {
    Document document = with_rest("inputs: {a: 10, b: 10, x: 10}");
    if (set_first) document.set_input("a=30");
    document.add_inputs(file);
    if (!set_first) document.set_input("a=30");
    EXPECT_EQ(number(document, "a"), 30);
    EXPECT_EQ(number(document, "b"), 20);
    EXPECT_EQ(number(document, "x"), 10);
  }
}

TEST(DocumentInputs, SetTakesTheSyntaxOfInputs) {
  Document document = with_rest("");
  document.set_input("x=[[1, 2], [3, 4]]");
  EXPECT_EQ(document.load_inputs({"x"}).at("x").shape(), (Shape{2, 2}));
  document.set_input("x={linspace: [0, 1, 3]}");
  EXPECT_EQ(document.load_inputs({"x"}).at("x").as<std::vector<double>>(), (std::vector<double>{0, 0.5, 1}));
  document.set_input("x=abc");
  EXPECT_EQ(document.load_inputs({"x"}).at("x").as<std::string>(), "abc");
  document.set_input("x=-1.5");
  EXPECT_EQ(number(document, "x"), -1.5);
}

TEST(DocumentInputs, FilesAreRelativeToWhatNamesThem) {
  const Folder folder;
  std::filesystem::create_directory(folder.path() / "sub");
  folder.write("sub/x.csv", "x\n1\n2\n");
  const auto more = folder.write("sub/more.yaml", "x: {csv: x.csv, column: x}\n");
  Document document =
      Document::parse("functions: [{output: y, expr: x + z}]\ninputs: {z: {csv: sub/x.csv, column: x}}\n",
                      folder.path() / "doc.yaml");
  document.add_inputs(more);
  EXPECT_EQ(document.load_inputs({"x"}).at("x").count(), 2);
  EXPECT_EQ(document.load_inputs({"z"}).at("z").count(), 2);
}

TEST(DocumentInputs, OnlyWhatIsAskedForIsRead) {
  const Document document = with_rest("inputs: {x: 1, z: {csv: not_there.csv, column: z}}");
  EXPECT_EQ(document.load_inputs({"x", "not_given"}).size(), 1U);
}

// ---- what a run needs
// --------------------------------------------------------------------------------------------

constexpr const char* kChain = R"yaml(functions:
- {output: a, expr: "x + 1"}
- {output: b, expr: "a * y"}
- {output: c, expr: "w + 0"}
inputs:
  x: 1
  y: 2
  w: 3
)yaml";

TEST(NeededInputs, OfAMap) {
  const Document document = parse(kChain);
  const Pipeline pipeline = document.pipeline();
  EXPECT_EQ(document.inputs_for_map(pipeline, {}).size(), 3U);
  const Inputs some = document.inputs_for_map(pipeline, {"a"});
  EXPECT_EQ(some.size(), 1U);
  EXPECT_TRUE(some.contains("x"));
}

TEST(NeededInputs, WhatNothingNeedsIsRefused) {
  const Document extra = with_rest("inputs:\n  x: 1\n  xx: 2\n");
  EXPECT_EQ(
      error_message(Category::extra_input, [&] { extra.inputs_for_map(extra.pipeline(), {}); }),
      "doc.yaml:5:3: no function takes the input 'xx'. Did you mean 'x'? Correct the name or remove it.");
  EXPECT_EQ(extra.inputs_for_map(extra.pipeline(), {"y"}).size(), 1U) << "with a selection it is left out";

  Document chain = parse(kChain);
  chain.set_input("y=5");
  EXPECT_TRUE(
      contains(error_message(Category::extra_input, [&] { chain.inputs_for_map(chain.pipeline(), {"a"}); }),
               "--set:1:3: the input 'y' is not needed for what is computed"));
  chain.set_input("a=5");
  EXPECT_TRUE(
      contains(error_message(Category::extra_input, [&] { chain.inputs_for_map(chain.pipeline(), {}); }),
               "--set:1:3: the input 'a' is an output of a function, which computes it"));
}

TEST(NeededInputs, WhatIsMissingIsToldWithThePlaceOfItsFunction) {
  const Document document = parse(
      "functions:\n- {output: y, expr: x + z}\n- {output: w, expr: y + d, defaults: {d: 1}}\n"
      "inputs: {x: 1}\n");
  EXPECT_TRUE(contains(
      error_message(Category::missing_input, [&] { document.inputs_for_map(document.pipeline(), {}); }),
      "doc.yaml:2:3: Missing inputs: z (no function makes them"));
}

TEST(NeededInputs, OfARun) {
  Document document = parse(kChain);
  const Pipeline pipeline = document.pipeline();
  EXPECT_EQ(document.inputs_for_run(pipeline, {"b"}).size(), 2U);
  document.set_input("a=100");
  const Inputs given = document.inputs_for_run(pipeline, {"b"});
  EXPECT_EQ(given.size(), 2U);
  EXPECT_TRUE(given.contains("a") && given.contains("y"));
  EXPECT_EQ(pipeline.run<double>("b", given), 200);
  EXPECT_TRUE(
      contains(error_message(Category::extra_input, [&] { document.inputs_for_run(pipeline, {"c"}); }),
               "the input 'a'"));
}

// ---- scopes and axes
// ------------------------------------------------------------------------------------------------------

constexpr const char* kScoped =
    "functions:\n"
    "- {output: y, expr: a * x, scope: foo, mapspec: 'x[i] -> y[i]', defaults: {a: 2}}\n"
    "- {output: t, expr: p + 1, renames: {p: foo.y}, mapspec: 'foo.y[i] -> t[i]'}\n"
    "inputs:\n"
    "  foo: {x: {linspace: [0, 1, 3]}}\n";

TEST(Scopes, StandBeforeAllNamesOfAFunction) {
  const Document document = parse(kScoped);
  const Pipeline pipeline = document.pipeline();
  EXPECT_EQ(pipeline.mapspecs(), (std::vector<std::string>{"foo.x[i] -> foo.y[i]", "foo.y[i] -> t[i]"}));
  EXPECT_EQ(pipeline.defaulted_args(), std::vector<std::string>{"foo.a"});
  EXPECT_EQ(document.place_of("foo.y")->to_string(), "doc.yaml:2:12");
}

TEST(Scopes, HoldInputsTogether) {
  Document document = parse(kScoped);
  const Pipeline pipeline = document.pipeline();
  const Inputs inputs = document.inputs_for_map(pipeline, {});
  ASSERT_EQ(inputs.size(), 1U);
  EXPECT_EQ(inputs.at("foo.x"), linspace(0, 1, 3));
  document.set_input("foo={x: [5], a: 3}");
  EXPECT_EQ(document.inputs_for_map(pipeline, {}).at("foo.x"), Value(Array<std::int64_t>{5}));
  document.set_input("foo.a=4");
  EXPECT_EQ(document.inputs_for_map(pipeline, {}).at("foo.a").as<std::int64_t>(), 4);
  EXPECT_EQ(document.place_of("foo.x")->to_string(), "--set:1:6");
}

TEST(Axes, AreAddedToParameters) {
  const auto mapspecs = [](const std::string& axes) {
    return parse(
               "functions:\n- {output: y, expr: x + b, mapspec: 'x[i] -> y[i]'}\n- {output: s, expr: "
               "sum(y)}\naxes: " +
               axes + "\n")
        .pipeline()
        .mapspecs();
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(mapspecs("{b: j}"), (Names{"x[i], b[j] -> y[i, j]", "y[:, j] -> s[j]"}));
  EXPECT_EQ(mapspecs("{b: 'j, k'}"), (Names{"x[i], b[j, k] -> y[i, j, k]", "y[:, j, k] -> s[j, k]"}));
  EXPECT_EQ(mapspecs("{b: [j, k]}"), mapspecs("{b: 'j, k'}"));
  EXPECT_EQ(mapspecs("{b: j, x: k}"), (Names{"x[i, k], b[j] -> y[i, j, k]", "y[:, j, k] -> s[j, k]"}));
  EXPECT_EQ(mapspecs("{}"), Names{"x[i] -> y[i]"});
}

// ---- places
// ------------------------------------------------------------------------------------------------------

TEST(Places, OfNamesAndOfKeysOfTheMapSection) {
  const Document document = parse(kWing);
  EXPECT_EQ(document.place_of("alpha")->to_string(), "doc.yaml:12:3");
  EXPECT_EQ(document.place_of("mean_cd")->to_string(), "doc.yaml:7:13");
  EXPECT_FALSE(document.place_of("nobody"));
}

TEST(Places, ColumnsCountCharacters) {
  EXPECT_TRUE(contains(error_message(Category::bad_document, [] { parse("{name: 'äöü', nam: 1}"); }),
                       "doc.yaml:1:15: 'nam'"));
}

TEST(Places, OfErrorsOfOthers) {
  const Document document = parse(kWing);
  const Error placed =
      document.located(Error(Category::rank_mismatch, "got 3 for `alpha[i]` of function 'cd'.",
                             {Subject::Kind::parameter, "alpha"}));
  EXPECT_STREQ(placed.what(), "doc.yaml:12:3: got 3 for `alpha[i]` of function 'cd'.");
  EXPECT_EQ(placed.category(), Category::rank_mismatch);
  EXPECT_STREQ(document.located(placed).what(), placed.what()) << "a place is not told twice";
  const Error of_mapspec(Category::function_raised,
                         "the mapspec 'reynolds[i], alpha[j] -> cd[i, j]' is wrong",
                         {Subject::Kind::parameter, "reynolds"});
  EXPECT_TRUE(contains(document.located(of_mapspec).what(), "doc.yaml:11:3: "));
  const Error unknown(Category::bad_option, "it's 'nothing' of the document",
                      {Subject::Kind::output, "nothing"});
  EXPECT_STREQ(document.located(unknown).what(), unknown.what());
}

TEST(Places, OfAnInputAreNotBlamedForAnOptionOfItsName) {
  const Document document = parse(kWing);
  for (const Subject::Kind kind : {Subject::Kind::option, Subject::Kind::output, Subject::Kind::axis}) {
    const Error error(Category::bad_option, "there is no executor 'alpha'.", {kind, "alpha"});
    EXPECT_STREQ(document.located(error).what(), error.what());
  }
}

}  // namespace
}  // namespace mpipe::test
