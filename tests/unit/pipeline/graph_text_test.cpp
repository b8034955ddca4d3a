// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/pipeline/pipeline.hpp>

#include "simple_functions.hpp"
#include "support/expect_error.hpp"

namespace mpipe::test {
namespace {

Pipeline drawn() {
  return Pipeline{combined("y", "x", "b").mapspec("x[i] -> y[i]").defaults({{"b", 2.0}}),
                  combined("s", "y", "k").mapspec("y[i] -> s[i]").bound({{"k", 3.0}})};
}

TEST(GraphText, Dot) {
  const std::string text = to_dot(drawn(), "my \"graph\"");
  EXPECT_TRUE(contains(text, "digraph \"my \\\"graph\\\"\" {"));
  EXPECT_TRUE(contains(text, "i0 [shape=ellipse, style=dashed, label=\"b\\ndefault 2\"];"));
  EXPECT_TRUE(contains(text, "i1 [shape=ellipse, label=\"x\"];"));
  EXPECT_TRUE(contains(text, "f1 [shape=box, label=\"s\\ny[i] -> s[i]\\nk = 3\"];"));
  EXPECT_TRUE(contains(text, "i1 -> f0 [label=\"x[i]\"];"));
  EXPECT_TRUE(contains(text, "f0 -> f1 [label=\"y[i]\"];"));
  EXPECT_EQ(text.find("k\"];"), std::string::npos) << "a bound parameter is no arrow";
}

TEST(GraphText, Mermaid) {
  const std::string text = to_mermaid(drawn());
  EXPECT_EQ(text.rfind("flowchart LR\n", 0), 0U);
  EXPECT_TRUE(contains(text, "  i1([\"x\"])\n"));
  EXPECT_TRUE(contains(text, "  f0[\"y<br/>x[i] -#gt; y[i]\"]\n"));
  EXPECT_TRUE(contains(text, "  f0 -->|\"y[i]\"| f1\n"));
}

}  // namespace
}  // namespace mpipe::test
