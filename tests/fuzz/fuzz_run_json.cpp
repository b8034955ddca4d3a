// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as the run.json of a run folder: refused with an `Error`, or read, and then what is written of it
// reads as the same.
#include <mpipe/core/error.hpp>

#include "folder/api/run_folder.hpp"
#include "fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mpipe;
  static const fuzz::ScratchFile file("run.json");
  try {
    file.write(std::as_bytes(std::span(data, size)));
    const std::string text = to_json(read_description(file.folder()));
    file.write(std::as_bytes(std::span(text)));
    fuzz::require(to_json(read_description(file.folder())) == text,
                  "a description is written as it was read");
  } catch (const Error&) {
  }
  return 0;
}
