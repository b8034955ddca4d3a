// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The values of an output as pictures and numbers within a page.
#pragma once

#include <mpipe/store/run_reader.hpp>

#include <string>

namespace mpipe::app {

/// How many pictures of planes an output asks for.
int plane_count(const RunReader& reader, std::size_t output);

/// HTML: charts, pictures and single values of an output, each with a caption that says what was left out; or a sentence that
/// says why there is none. A plane has at most `plane_side` pixels along each axis. Throws `Error` (storage_failed) when the
/// values cannot be read.
std::string figures_html(RunReader& reader, std::size_t output, Index plane_side);

}  // namespace mpipe::app
