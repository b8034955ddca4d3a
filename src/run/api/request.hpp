// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What rank 0 was asked to run, as bytes for the other ranks.
#pragma once

#include <mpipe/run/map_options.hpp>

namespace mpipe {

struct Request {
  Inputs inputs;
  MapOptions options;  ///< without the observer
};

/// Throws `Error` (bad_option) where options, or the names of files of inputs, are not UTF-8: run.json and
/// status.json could not hold them.
void check_texts(const Inputs& inputs, const MapOptions& options);
/// Throws as `check_texts`. Chunk sizes that are functions become automatic ones.
Bytes encode_request(const Inputs& inputs, const MapOptions& options);
/// Throws `Error` (bad_input_file) where an input lies in a file that this rank cannot see, and `Bug` for
/// bytes that are no request.
Request decode_request(std::span<const std::byte> bytes);

}  // namespace mpipe
