// SPDX-License-Identifier: BSD-3-Clause
// Refuses what later versions will have, by its name.
#include "not_supported.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/core/version.hpp>

#include <fmt/format.h>

namespace mpipe::app {
namespace {

constexpr const char* kNotInHelp = "";  // a group without a name is not shown

}  // namespace

void refuse_unsupported(const std::string& what, const std::string& instead) {
  throw Error(Category::not_supported, fmt::format("{} is not supported by this version of mpipe ({}).{}{}",
                                                   what, version(), instead.empty() ? "" : " ", instead));
}

void add_unsupported_flags(CLI::App& command, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    command
        .add_flag_callback(
            name, [name] { refuse_unsupported("the option " + name); }, "")
        ->group(kNotInHelp);
}

}  // namespace mpipe::app
