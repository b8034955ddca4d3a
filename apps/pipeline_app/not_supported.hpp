// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the interface has, and this version does not: refused as such, never ignored.
#pragma once

#include <CLI/App.hpp>

#include <string>

namespace mpipe::app {

/// Throws `Error` (not_supported): `<what> is not supported by this version of mpipe (0.1.0). <instead>`
[[noreturn]] void refuse_unsupported(const std::string& what, const std::string& instead = {});

/// Options that are recognised, and refused when they are given. They are not in the help.
void add_unsupported_flags(CLI::App& command, const std::vector<std::string>& names);

}  // namespace mpipe::app
