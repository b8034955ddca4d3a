// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <mpipe/comm/communicator.hpp>

#include "golden/case_pipeline.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace golden {

/// What is used where a case says null.
struct Settings {
  std::string storage;   ///< empty: memory
  std::string executor;  ///< empty: what the library does by default
};

/// Collective: every rank brings the same case. Returns, on rank 0, the first difference; empty when there is
/// none. `folder`: an empty folder for the case's run folders.
std::string run_case(const mpipe::Communicator& comm, const Json& golden_case, const Settings& settings,
                     const std::filesystem::path& folder);

}  // namespace golden
