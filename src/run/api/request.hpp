// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What rank 0 was asked to run, as bytes for the other ranks.
#pragma once

#include <mpipe/run/map.hpp>

namespace mpipe {

struct Request {
  Inputs inputs;
  MapOptions options;  ///< without the observer
};

/// Chunk sizes that are functions become automatic ones.
/// Throws `Error` (bad_option) where the options have text that is not UTF-8.
void check_texts(const Inputs& inputs, const MapOptions& options);
/// Throws as `check_texts`.
Bytes encode_request(const Inputs& inputs, const MapOptions& options);
/// Throws `Error` (bad_input_file) where an input lies in a file that this rank cannot see, and `Error`,
/// `Bug` or what the JSON library throws for bytes that are no request.
Request decode_request(std::span<const std::byte> bytes);

}  // namespace mpipe
