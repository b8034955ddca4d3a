// SPDX-License-Identifier: BSD-3-Clause
// A page that would become too large leaves things out, and says so.
#include "report/page.hpp"

#include <mpipe/mpipe.hpp>

#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

namespace mpipe::app {
namespace {

double twice(double x) { return 2 * x; }

void make_run(const std::filesystem::path& folder) {
  const Pipeline pipeline{function("y", twice).parameters("x").mapspec("x[i] -> y[i]")};
  MapOptions options;
  options.run_folder = folder.string();
  pipeline.map(Communicator(), {{"x", arange(5.0)}}, options);
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST(Page, that_is_large_leaves_out_figures_and_runs) {
  const test::TemporaryFolder folder;
  for (const char* name : {"one", "two"}) make_run(folder / name);
  const std::vector<ReportedRun> runs{{"one", folder / "one"}, {"two", folder / "two"}};
  const Report whole = make_report("both", runs);
  EXPECT_TRUE(whole.problems.empty());
  EXPECT_EQ(count(whole.html, "class=\"curve"), 2u);
  EXPECT_EQ(count(whole.html, "Left out"), 0u);
  const Report small = make_report("both", runs, 0);
  EXPECT_EQ(count(small.html, "Left out"), 2u);
  EXPECT_EQ(count(small.html, "class=\"curve"), 0u);
  EXPECT_EQ(count(small.html, "<article"), count(small.html, "</article>"));
  const Report one = make_report("one", {runs.front()}, 0);
  EXPECT_EQ(count(one.html, "Not drawn"), 1u);
  EXPECT_TRUE(one.html.starts_with(kReportBeginning));
}

}  // namespace
}  // namespace mpipe::app
