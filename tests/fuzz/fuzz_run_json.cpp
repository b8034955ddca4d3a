// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as the run.json of a run folder: refused with an `Error`, or read, and then what is written of it
// reads as the same.
#include <mpipe/core/error.hpp>

#include "fuzz/fuzz_target.hpp"
#include "store/api/run_description.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mpipe;
  const std::string given(fuzz::text(data, size));
  // With the right checksum, as somebody would make it who means harm; without it nothing is read at all.
  for (const std::string& text : {given, with_checksum("{\n" + given)}) {
    try {
      const std::string written = to_json(description_from_json(text, "run.json"));
      fuzz::require(to_json(description_from_json(written, "run.json")) == written,
                    "a description is written as it was read");
    } catch (const Error&) {
    }
  }
  return 0;
}
