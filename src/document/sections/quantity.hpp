// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Amounts of memory and of time, with their units.
#pragma once

#include <mpipe/core/clock.hpp>

#include "document/yaml_tree.hpp"

#include <cstdint>

namespace mpipe::detail {

/// A number of bytes, at least 1: `2GB`, `1.5 GiB`, `4096`. Throws `PlacedError` (bad_document, too_large).
std::uint64_t read_memory(const Yaml& value);

/// A time above 0: `10min`, `1.5 h`, `90` (seconds), `01:30:00`. Throws `PlacedError` (bad_document,
/// too_large).
Duration read_time(const Yaml& value);

}  // namespace mpipe::detail
