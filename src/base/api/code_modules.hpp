// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The program and the libraries that are loaded, and what addresses in them mean to other processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mpipe::detail {

/// The program or a shared library, as loaded.
struct CodeModule {
  struct Segment {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
  };
  std::string name;      ///< its file; empty for the program
  std::string identity;  ///< the linker's build id, or a hash of code and constants
  std::uintptr_t base = 0;
  std::vector<Segment> code;  ///< what can be executed

  bool contains(std::uintptr_t address) const;
};

/// The modules of this process, the program first.
std::vector<CodeModule> loaded_modules();

/// The module that has this code, or nullptr.
const CodeModule* module_of(const std::vector<CodeModule>& modules, const void* code);
/// `build id + offset`: the same text in every process that runs the same code.
std::string place_of_code(const std::vector<CodeModule>& modules, const void* code);
/// Bytes of an object as hexadecimal digits, in words. A word that is an address in this process is told as a
/// place in the code, or where it is one of data as `*`: it would differ between processes that are alike.
std::string portable_bytes(const std::vector<CodeModule>& modules, std::span<const std::byte> bytes);

}  // namespace mpipe::detail
