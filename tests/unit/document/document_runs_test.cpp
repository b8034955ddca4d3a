// SPDX-License-Identifier: BSD-3-Clause
// Several runs of one document.
#include "document_text.hpp"

#include <gtest/gtest.h>

namespace mpipe::test {
namespace {

const char* const kText = R"(
functions:
- {output: y, expr: "a * x", mapspec: "x[i] -> y[i]"}
inputs: {x: [1, 2, 3], a: 1}
map: {max_concurrent: 2}
runs:
- {name: plain}
- {name: steep, inputs: {a: 10}}
- {name: grid, inputs: {a: [1, 2], x: [5]}, axes: {a: j}}
)";

double input_a(const Document& document) {
  return document.inputs_for_map(document.pipeline(), {}).at("a").as<double>();
}

TEST(DocumentRuns, HaveTheirInputsOverThoseOfTheDocument) {
  const Document document = parse(kText);
  EXPECT_EQ(document.runs(), (std::vector<std::string>{"plain", "steep", "grid"}));
  const Document steep = document.of_run(1);
  EXPECT_EQ(steep.name(), "steep");
  EXPECT_TRUE(steep.runs().empty());
  EXPECT_EQ(input_a(steep), 10);
  EXPECT_EQ(input_a(document.of_run(0)), 1);
  EXPECT_EQ(input_a(document), 1);
  EXPECT_EQ(steep.load_inputs({"x"}).at("x").count(), 3);
}

TEST(DocumentRuns, HaveAxesOfTheirOwn) {
  const Document document = parse(kText);
  EXPECT_EQ(document.of_run(2).pipeline().mapspecs().at(0), "x[i], a[j] -> y[i, j]");
  EXPECT_EQ(document.of_run(1).pipeline().mapspecs().at(0), document.pipeline().mapspecs().at(0));
}

TEST(DocumentRuns, WhatIsSetGoesOverAllRuns) {
  Document document = parse(kText);
  document.set_input("a=7");
  EXPECT_EQ(input_a(document.of_run(0)), 7);
  EXPECT_EQ(input_a(document.of_run(1)), 7);
}

TEST(DocumentRuns, InputsOfFilesGoOverRuns) {
  const Folder folder;
  Document document = parse(kText);
  document.add_inputs(folder.write("more.yaml", "a: 8\n"));
  EXPECT_EQ(input_a(document.of_run(1)), 8);
}

TEST(DocumentRuns, WhatARunDoesNotNeedIsRefusedInItsPlace) {
  const Document document =
      parse("functions: [{output: y, expr: x}]\nruns:\n- {name: a, inputs: {x: 1, z: 2}}\n");
  const Document run = document.of_run(0);
  EXPECT_TRUE(contains(error_message(Category::extra_input, [&] { run.inputs_for_map(run.pipeline(), {}); }),
                       "doc.yaml:3:28: no function takes the input 'z'"));
  EXPECT_THROW(document.of_run(1), std::out_of_range);
}

}  // namespace
}  // namespace mpipe::test
