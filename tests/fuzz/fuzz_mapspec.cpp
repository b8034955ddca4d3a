// SPDX-License-Identifier: BSD-3-Clause
// Any text as a mapspec: refused with an `Error`, or read, and then its canonical text says the same.
#include <mpipe/core/error.hpp>
#include <mpipe/mapspec/mapspec.hpp>

#include "fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mpipe;
  std::optional<MapSpec> spec;
  try {
    spec = MapSpec::parse(fuzz::text(data, size));
  } catch (const Error&) {
    return 0;
  }
  const std::string canonical = spec->to_string();
  const MapSpec again = MapSpec::parse(canonical);
  fuzz::require(again.to_string() == canonical, "the canonical text of a mapspec reads as itself");
  fuzz::require(again.output_axes() == spec->output_axes(), "the canonical text has the same axes");
  return 0;
}
