// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Addresses of functions in a form that means the same in all processes of one program: which of the loaded
/// modules (the program or a shared library), and how far from where it was loaded.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include "base/api/code_modules.hpp"

#include <cstdint>
#include <vector>

namespace mpipe::detail {

struct CodeAddress {
  std::uint32_t module = no_module;
  std::uint64_t offset = 0;
  static constexpr std::uint32_t no_module = 0xffffffff;
};

/// Where functions are. Immutable; for any thread.
class CodeMap {
 public:
  /// For one process.
  CodeMap();
  /// Collective. Numbers the modules as rank 0 has them; throws the same `Error` (bad_option) on all ranks
  /// when they do not run the same program. Libraries may differ, until somebody wants to call a function in
  /// one.
  explicit CodeMap(const Communicator& comm);

  /// Throws `Error` (bad_option) when `code` is in no module that all ranks have.
  CodeAddress locate(const void* code) const;
  /// Throws `Bug` when there is no code at `address`.
  const void* resolve(CodeAddress address) const;

 private:
  struct Entry {
    CodeModule module;    ///< without code where this process does not have it
    bool shared = false;  ///< all ranks have the same
  };
  std::vector<Entry> entries_;
};

}  // namespace mpipe::detail
