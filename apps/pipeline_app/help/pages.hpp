// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The files about the program that are made from its own table of commands: a test compares them with what is
/// published, and `MPIPE_WRITE_DOCS=1` writes them (docs/contributing.md).
#pragma once

#include "command_tree.hpp"

#include <string>

namespace mpipe::app {

std::string manual_page(const ProgramText& program);      ///< in man(7), for docs/man
std::string bash_completion(const ProgramText& program);  ///< to be sourced by bash 4.4 or newer
std::string zsh_completion(const ProgramText& program);   ///< a function of zsh's completion system
std::string fish_completion(const ProgramText& program);

}  // namespace mpipe::app
