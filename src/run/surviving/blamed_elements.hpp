// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Elements of which ranks have died, as rank 0 tells the others.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/core/failure.hpp>

#include "run/run_setup.hpp"

#include <span>
#include <vector>

namespace mpipe {

struct BlamedElement {
  FunctionId function;  ///< the first of its stage
  Failure failure;      ///< without the name of an output
};

/// Rank 0: those in the stages of a wave, from `setup.losses`.
Bytes encode_blamed(const RunSetup& setup, std::size_t wave);
std::vector<BlamedElement> decode_blamed(std::span<const std::byte> bytes);

}  // namespace mpipe
