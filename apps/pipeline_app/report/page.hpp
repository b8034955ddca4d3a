// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A report of runs as one page: HTML that needs no network, no script and no other file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe::app {

/// What every report begins with, so that one can be told from other files.
inline constexpr std::string_view kReportBeginning =
    "<!doctype html>\n<!-- made by pipeline_app report -->\n";

/// A run to be reported.
struct ReportedRun {
  std::string name;
  std::filesystem::path folder;
};

struct Report {
  std::string html;
  std::vector<std::string> problems;  ///< what could not be read; the page says the same in its place
};

/// A page that is larger gets no more figures, and no more runs: a browser, and who reads it, have to cope with it.
inline constexpr std::size_t kMostReportBytes = std::size_t{8} << 20;

/// The page about one run, or about several, each with a section of its own. Memory goes with what is drawn, not with what is
/// stored. Throws `Error` (folder_refused, storage_failed) when there is one run and it cannot be opened.
Report make_report(const std::string& title, const std::vector<ReportedRun>& runs,
                   std::size_t most_bytes = kMostReportBytes);

/// The style of the page, for light and dark screens and for paper.
std::string_view report_style();

}  // namespace mpipe::app
