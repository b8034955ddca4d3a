// SPDX-License-Identifier: BSD-3-Clause
#include "output.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace mpipe::app {

void print_result(const std::string& text) {
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written)
    throw Error(Category::storage_failed,
                fmt::format("the results cannot be written to standard output: {}. Check where it goes to.",
                            std::strerror(errno)));
}

// One call each, so that lines of several ranks do not mix.
void print_error(const std::string& text) {
  fmt::print(stderr, "{}", fmt::format("pipeline_app: error: {}\n", text));
  std::fflush(stderr);
}

void print_note(const std::string& text) {
  fmt::print(stderr, "{}", fmt::format("pipeline_app: {}\n", text));
  std::fflush(stderr);
}

}  // namespace mpipe::app
