// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What every fuzz target is made of. A target is the function that libFuzzer calls with bytes; the same
/// function is compiled with a `main` that feeds it the files of its corpus (replay.cpp).
///
/// What a reader of untrusted bytes may do: return, or throw `Error` (or `Bug`, where it says so). Anything
/// else, and any property that a target finds broken, ends the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace mpipe::fuzz {

/// Says what does not hold and aborts, so that the fuzzer keeps the input.
[[noreturn]] void broken(std::string_view property);

inline void require(bool holds, std::string_view property) {
  if (!holds) broken(property);
}

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A number in the text may be large enough to make a legal, but huge array: five digits in a row, or an
/// exponent.
bool has_large_number(std::string_view text);

/// A file in memory where there is such a thing, for readers that want a path. Removed at the end.
class ScratchFile {
 public:
  explicit ScratchFile(const char* name);
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  void write(std::span<const std::byte> bytes) const;
  const char* path() const { return path_; }
  const char* folder() const { return folder_; }

 private:
  char folder_[64];
  char path_[128];
};

}  // namespace mpipe::fuzz
