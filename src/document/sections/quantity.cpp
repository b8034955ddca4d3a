// SPDX-License-Identifier: BSD-3-Clause
// Reads amounts of memory and of time with their units.
#include "document/sections/quantity.hpp"

#include "document/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

namespace mpipe::detail {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t size;
};

/// What is counted, and how one writes it. A number without a unit is in the plain one.
struct Quantity {
  const char* what;
  const char* expected;
  std::span<const Unit> units;
  std::string_view plain_unit;
};

constexpr Unit kMemoryUnits[] = {{"B", 1},
                                 {"kB", 1'000},
                                 {"MB", 1'000'000},
                                 {"GB", 1'000'000'000},
                                 {"TB", 1'000'000'000'000},
                                 {"KiB", std::int64_t{1} << 10},
                                 {"MiB", std::int64_t{1} << 20},
                                 {"GiB", std::int64_t{1} << 30},
                                 {"TiB", std::int64_t{1} << 40}};
constexpr Unit kTimeUnits[] = {{"ms", 1'000'000},
                               {"s", 1'000'000'000},
                               {"min", 60'000'000'000},
                               {"h", 3'600'000'000'000},
                               {"d", 86'400'000'000'000}};

constexpr Quantity kMemory{"memory", "an amount of memory such as 2GB, 512MiB or a number of bytes",
                           kMemoryUnits, "B"};
constexpr Quantity kTime{"time", "a time such as 10min, 1.5h, 01:30:00 or a number of seconds", kTimeUnits,
                         "s"};

bool is_digit(char c) { return '0' <= c && c <= '9'; }

std::int64_t size_of(std::string_view unit, const Quantity& quantity, const Yaml& value) {
  if (unit.empty()) unit = quantity.plain_unit;
  std::vector<std::string> names;
  for (const Unit& known : quantity.units) {
    if (known.name == unit) return known.size;
    names.emplace_back(known.name);
  }
  value.refuse(
      fmt::format("'{}' is no unit of {}.{}", printable(unit), quantity.what, suggestion(unit, names)));
}

/// In the smallest unit there is (bytes, nanoseconds), rounded to a whole number of them.
std::int64_t read_quantity(const Yaml& value, const Quantity& quantity) {
  if (!value.is_scalar()) value.refuse_type(quantity.expected);
  const std::string& text = value.text();
  // The first character is looked at, because std::from_chars would also read a minus sign, inf and nan.
  if (text.empty() || !(is_digit(text.front()) || text.front() == '.')) value.refuse_type(quantity.expected);
  long double number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc::invalid_argument) value.refuse_type(quantity.expected);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  const long double amount = std::round(number * static_cast<long double>(size_of(unit, quantity, value)));
  constexpr auto kMost = static_cast<long double>(std::numeric_limits<std::int64_t>::max());
  // A number that is out of range leaves `number` at 0, so its amount alone would not show it.
  if (problem != std::errc{} || amount >= kMost)
    value.refuse(fmt::format("{} is too large: expected {}.", printable(text), quantity.expected),
                 Category::too_large);
  if (amount < 1) value.refuse_type(quantity.expected);
  return static_cast<std::int64_t>(amount);
}

/// `HH:MM:SS` (any number of hours); empty when the text has another form.
std::optional<std::int64_t> clock_seconds(std::string_view text) {
  const auto two_digits = [](std::string_view part) -> std::optional<std::int64_t> {
    if (part.size() != 2 || !is_digit(part[0]) || !is_digit(part[1]) || part[0] > '5') return std::nullopt;
    return 10 * (part[0] - '0') + (part[1] - '0');
  };
  const std::size_t colon = text.find(':');
  if (colon == 0 || text.size() != colon + 6 || text[colon + 3] != ':') return std::nullopt;
  std::int32_t hours = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + colon, hours);
  const auto minutes = two_digits(text.substr(colon + 1, 2));
  const auto rest = two_digits(text.substr(colon + 4));
  constexpr std::int32_t kMostHours = 1'000'000;
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + colon || hours < 0 || hours > kMostHours ||
      !minutes || !rest)
    return std::nullopt;
  return std::int64_t{3600} * hours + 60 * *minutes + *rest;
}

}  // namespace

std::uint64_t read_memory(const Yaml& value) {
  return static_cast<std::uint64_t>(read_quantity(value, kMemory));
}

Duration read_time(const Yaml& value) {
  if (!value.is_scalar() || value.text().find(':') == std::string::npos)
    return Duration(read_quantity(value, kTime));
  const auto on_clock = clock_seconds(value.text());
  if (!on_clock || *on_clock == 0) value.refuse_type(kTime.expected);
  return std::chrono::seconds(*on_clock);
}

}  // namespace mpipe::detail
