// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The pages of `--help`.
#pragma once

#include <CLI/App.hpp>

#include <string>

namespace mpipe::app {

/// The page of the program, or of one of its commands, in lines of at most 100 characters; fewer on a narrow
/// terminal.
std::string help_text(const CLI::App& app);

/// `there is no command 'mpa'. Did you mean 'map'?`
std::string no_such_command(const CLI::App& app, const std::string& name);

}  // namespace mpipe::app
