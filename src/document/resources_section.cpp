// SPDX-License-Identifier: BSD-3-Clause
#include "document/resources_section.hpp"

#include "document/keys.hpp"
#include "document/quantity.hpp"

#include <fmt/format.h>

#include <limits>

namespace mpipe::detail {
namespace {

int read_count(const Yaml& value, int least) {
  const std::string expected = fmt::format("a whole number, {} or more", least);
  const std::int64_t count = read_integer(value, least, expected);
  if (count > std::numeric_limits<int>::max())
    value.refuse(fmt::format("{} is too large: expected {}.", value.text(), expected), Category::too_large);
  return static_cast<int>(count);
}

}  // namespace

Resources read_resources(const Yaml& spec, Resources already) {
  check_keys(spec, kResourceKeys);
  if (const auto ranks = spec.find("ranks")) {
    already.ranks = read_count(*ranks, 1);
    if (already.ranks > 1)
      ranks->refuse(fmt::format("functions with {} ranks are not supported by this version of mpipe: 1 is.",
                                already.ranks),
                    Category::not_supported);
  }
  if (const auto threads = spec.find("threads")) already.threads = read_count(*threads, 1);
  if (const auto gpus = spec.find("gpus")) already.gpus = read_count(*gpus, 0);
  if (const auto memory = spec.find("memory")) already.memory = read_memory(*memory);
  if (const auto time = spec.find("time")) already.time = read_time(*time);
  return already;
}

}  // namespace mpipe::detail
