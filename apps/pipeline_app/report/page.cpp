// SPDX-License-Identifier: BSD-3-Clause
// Puts the sections of a report together.
#include "report/page.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/core/version.hpp>

#include "report/figures.hpp"
#include "report/markup.hpp"
#include "report/run_view.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

namespace mpipe::app {
namespace {

/// What the page may do is said in the page: nothing but show itself.
constexpr const char* kHead = R"html(<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{}</title>
<style>
{}</style>
</head>
<body>
<svg class="hidden" aria-hidden="true"><defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M1 0V6"/></pattern></defs></svg>
)html";

/// Pixels along each axis of a plane, so that the pictures of a page stay below 1.5 MB together.
Index plane_side(int planes) {
  if (planes <= 12) return 256;
  return planes <= 48 ? 128 : 64;
}

class Page {
 public:
  Page(std::string title, const std::vector<ReportedRun>& runs, std::size_t most_bytes)
      : title_(std::move(title)), runs_(runs), most_bytes_(most_bytes) {}

  Report make() {
    text_ = std::string(kReportBeginning) + fmt::format(kHead, escaped(title_), report_style());
    if (runs_.size() == 1)
      add_single(RunView(runs_.front().name, "r0", runs_.front().folder));
    else
      add_several();
    text_ +=
        fmt::format("<footer>Made by pipeline_app {} at {:%Y-%m-%dT%H:%M:%SZ}.</footer>\n</body>\n</html>\n",
                    version(), fmt::gmtime(std::time(nullptr)));
    return {std::move(text_), std::move(problems_)};
  }

 private:
  void add_single(RunView run) {
    side_ = plane_side(planes_of(run));
    text_ +=
        fmt::format("<header><h1>{}</h1>{}</header>\n<main>\n", escaped(run.name), state_html(run.status));
    add_run(run);
    text_ += "</main>\n";
  }

  void add_several() {
    int planes = 0;
    std::string rows;
    for (std::size_t k = 0; k < runs_.size(); ++k) rows += summary_row(k, planes);
    side_ = plane_side(planes);
    text_ += fmt::format("<header><h1>{}</h1></header>\n<main>\n", escaped(title_));
    section("Runs", table_html({"run", "state", "#progress"}, rows));
    for (std::size_t k = 0; k < runs_.size(); ++k) add_one_of_several(k);
    text_ += "</main>\n";
  }

  std::string summary_row(std::size_t k, int& planes) const {
    const std::string name = fmt::format("<a href=\"#r{}\">{}</a>", k, escaped(runs_[k].name));
    try {
      const RunView run(runs_[k].name, "", runs_[k].folder);
      planes += planes_of(run);
      return fmt::format("<tr><td>{}</td><td>{}</td>{}</tr>\n", name, state_html(run.status),
                         number_cell(fmt::format("{:.1f} %", 100 * run.status.progress_fraction())));
    } catch (const Error&) {  // its own section says why
      return fmt::format("<tr><td>{}</td><td>cannot be read</td><td></td></tr>\n", name);
    }
  }

  void add_one_of_several(std::size_t k) {
    const std::string id = fmt::format("r{}", k);
    text_ += fmt::format("<article id=\"{}\">\n<header><h1>{}</h1>", id, escaped(runs_[k].name));
    if (is_large()) {
      text_ +=
          "</header>\n<p class=\"note\">Left out, as the page is large already. Make a page of this run "
          "alone.</p>\n</article>\n";
      return;
    }
    try {
      RunView run(runs_[k].name, id, runs_[k].folder);
      text_ += state_html(run.status) + "</header>\n";
      add_run(run);
    } catch (const Error& error) {
      text_ += "</header>\n" + tell_problem(error);
    }
    text_ += "</article>\n";
  }

  static std::string state_html(const RunStatus& status) {
    Index failed = 0;
    for (const OutputStatus& output : status.outputs) failed += output.failed;
    // Of a run that failed nobody expects that elements did not.
    const bool is_failed = status.state == RunState::failed;
    const bool is_fine = status.state == RunState::completed && failed == 0;
    return fmt::format("<span class=\"state {}\">{}{}</span>",
                       is_fine                   ? "good"
                       : is_failed || failed > 0 ? "bad"
                                                 : "open",
                       to_string(status.state), failed > 0 && !is_failed ? ", with failures" : "");
  }

  static int planes_of(const RunView& run) {
    int planes = 0;
    for (std::size_t k = 0; k < run.reader.outputs().size(); ++k) planes += plane_count(run.reader, k);
    return planes;
  }

  void section(const char* title, const std::string& html) {
    if (!html.empty()) text_ += fmt::format("<section><h2>{}</h2>\n{}</section>\n", title, html);
  }

  void add_run(RunView& run) {
    text_ += fmt::format("<section>\n{}</section>\n", overview_html(run));
    section("Outputs", outputs_html(run));
    section("Failures", failures_html(run));
    add_figures(run);
    section("Functions", functions_html(run));
    section("Inputs", inputs_html(run));
    section("How it was made", document_html(run));
  }

  void add_figures(RunView& run) {
    text_ += "<section><h2>Results</h2>\n";
    for (std::size_t k = 0; k < run.reader.outputs().size(); ++k) {
      const OutputLayout& output = run.reader.outputs()[k];
      text_ += fmt::format("<h3 id=\"{}-output{}\">{}</h3>\n", run.id, k, escaped(output.name));
      if (!output.mapspec.empty())
        text_ += fmt::format("<p class=\"mapspec\">{}</p>\n", escaped(output.mapspec));
      text_ += figures_of(run, k);
    }
    text_ += "</section>\n";
  }

  /// An output that is damaged does not hide the others.
  std::string figures_of(RunView& run, std::size_t output) {
    if (is_large())
      return "<p class=\"note\">Not drawn, as the page is large already. pipeline_app show prints it.</p>\n";
    try {
      return figures_html(run.reader, output, side_);
    } catch (const Error& error) {
      return tell_problem(error);
    }
  }

  bool is_large() const { return text_.size() > most_bytes_; }

  std::string tell_problem(const Error& error) {
    problems_.emplace_back(error.what());
    return fmt::format("<pre class=\"message\">{}</pre>\n", escaped(shortened(error.what(), 10'000)));
  }

  std::string title_;
  const std::vector<ReportedRun>& runs_;
  std::size_t most_bytes_;
  std::string text_;
  std::vector<std::string> problems_;
  Index side_ = 0;
};

}  // namespace

Report make_report(const std::string& title, const std::vector<ReportedRun>& runs, std::size_t most_bytes) {
  return Page(title, runs, most_bytes).make();
}

}  // namespace mpipe::app
