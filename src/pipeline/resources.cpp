// SPDX-License-Identifier: BSD-3-Clause
// Resources in the words of documents.
#include <mpipe/pipeline/function_body.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace mpipe {
namespace {

struct Unit {
  std::int64_t size;
  const char* name;
};

/// In the largest unit of which it is a whole number.
template <std::size_t N>
std::string in_units(std::int64_t amount, const Unit (&largest_first)[N]) {
  for (const Unit& unit : largest_first)
    if (amount % unit.size == 0) return fmt::format("{}{}", amount / unit.size, unit.name);
  return fmt::format("{}", amount);
}

std::string memory_text(std::uint64_t bytes) {
  static constexpr Unit kUnits[] = {{1'000'000'000'000, "TB"},
                                    {std::int64_t{1} << 40, "TiB"},
                                    {1'000'000'000, "GB"},
                                    {std::int64_t{1} << 30, "GiB"},
                                    {1'000'000, "MB"},
                                    {std::int64_t{1} << 20, "MiB"},
                                    {1000, "kB"},
                                    {std::int64_t{1} << 10, "KiB"},
                                    {1, "B"}};
  if (std::in_range<std::int64_t>(bytes)) return in_units(static_cast<std::int64_t>(bytes), kUnits);
  return fmt::format("{}B", bytes);
}

std::string time_text(Duration time) {
  static constexpr Unit kUnits[] = {{86'400'000'000'000, "d"},
                                    {3'600'000'000'000, "h"},
                                    {60'000'000'000, "min"},
                                    {1'000'000'000, "s"},
                                    {1'000'000, "ms"}};
  // A time that is no whole number of the smallest unit is written as a fraction of seconds, so that it reads
  // back as it was.
  if (time % std::chrono::milliseconds(1) != Duration::zero()) return fmt::format("{}s", seconds(time));
  return in_units(time.count(), kUnits);
}

}  // namespace

std::string to_string(const Resources& needs) {
  std::vector<std::string> parts;
  if (needs.ranks != 1) parts.push_back(fmt::format("ranks {}", needs.ranks));
  if (needs.threads > 0) parts.push_back(fmt::format("threads {}", needs.threads));
  if (needs.gpus > 0) parts.push_back(fmt::format("gpus {}", needs.gpus));
  if (needs.memory > 0) parts.push_back("memory " + memory_text(needs.memory));
  if (needs.time > Duration::zero()) parts.push_back("time " + time_text(needs.time));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace mpipe
