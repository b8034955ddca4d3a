// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What flags, MPIPE_* variables and the document together say about a `map`: a flag goes before a variable,
/// that before the document, and that before the default.
#pragma once

#include <mpipe/document/document.hpp>
#include <mpipe/run/map.hpp>

#include "map_flags.hpp"

#include <functional>

namespace mpipe::app {

/// `std::getenv`, or what a test takes for it.
using Environ = std::function<const char*(const char*)>;

/// The options of `map`, without observer, command line and document text. Throws `Error`: bad_option,
/// bad_chunksize, not_supported; each names the flag, the variable, or the place in the document.
MapOptions map_options(const MapFlags& flags, const Environ& environment, const Document& document);

/// What the flag or the variable says, or `fallback`. An empty variable says nothing.
std::string chosen(const std::optional<std::string>& flag, const char* variable, const Environ& environment,
                   const std::string& fallback);

/// `--max-print`: at most so many values are printed. Throws `Error` (bad_option).
Index max_print(const std::optional<std::string>& flag, const Environ& environment);

/// How many of several runs at a time. Throws `Error` (bad_option).
int max_concurrent(const MapFlags& flags, const Environ& environment, const Document& document);

/// `i=3`, `i=0:10:2`, `i=3,j=1`. Throws `Error` (bad_option).
FixedIndices parse_fixed(const std::vector<std::string>& flags);

}  // namespace mpipe::app
