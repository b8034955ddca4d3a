// SPDX-License-Identifier: BSD-3-Clause
// Random numbers by counting: a block of four is the Philox cipher of seed, stream and element.
#include <mpipe/pipeline/function_body.hpp>

#include "core/api/hash.hpp"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>

namespace mpipe {

void Random::refill() {
  r123::Philox4x64::ctr_type counter{{counter_[0], counter_[1], counter_[2], counter_[3]}};
  r123::Philox4x64::key_type key{{key_[0], key_[1]}};
  const auto block = r123::Philox4x64{}(counter, key);
  block_ = {block[0], block[1], block[2], block[3]};
  ++counter_[0];
  used_ = 0;
}

double Random::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  // `uniform` may give 0, which has no logarithm; 1 minus it is never 0.
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  // Two uniform numbers give two normal ones (Box and Muller); the second is kept for the next call.
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

std::uint64_t stream_of(const char* first_output) { return fnv1a(first_output); }

}  // namespace mpipe
