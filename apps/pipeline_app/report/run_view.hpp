// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One run as its folder tells of it, for the sections of a report.
#pragma once

#include <mpipe/folder/status.hpp>
#include <mpipe/store/run_reader.hpp>

#include "folder/api/failure_log.hpp"
#include "store/api/run_description.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace mpipe::app {

struct RunView {
  std::string name;  ///< of one of several runs, else of the folder
  std::string id;    ///< begins the addresses of its parts within the page: letters and digits
  std::filesystem::path folder;
  RunDescription description;
  RunStatus status;
  RunReader reader;
  std::vector<LoggedFailure>
      failures;  ///< what is noted of elements that failed, some of which may be done since

  /// Throws `Error` (folder_refused, storage_failed) when there is no run, or it cannot be read.
  RunView(std::string name, std::string id, const std::filesystem::path& folder);

  /// Elements of an output that this run is to compute; nothing while its shape is not known.
  std::optional<Index> wanted(std::size_t output) const;
  /// Of those, the ones that are neither done nor failed nor blocked.
  Index pending(std::size_t output) const;
};

/// HTML: how the run ended or goes, where and when.
std::string overview_html(const RunView& run);
/// HTML: a table of the outputs, with how much of each is done.
std::string outputs_html(const RunView& run);
/// HTML: a drawing of the functions and their inputs, and a table of them.
std::string functions_html(const RunView& run);
/// HTML: which elements failed, and why where that is noted, and how many are blocked; empty when there are none.
std::string failures_html(const RunView& run);
/// HTML: a table of the values that went in.
std::string inputs_html(const RunView& run);
/// HTML: the document that describes the pipeline, and by what it was computed.
std::string document_html(const RunView& run);

/// HTML: a bar of what is done, failed and blocked of `wanted` elements.
std::string progress_html(const ElementStates& states, std::optional<Index> wanted);

}  // namespace mpipe::app
