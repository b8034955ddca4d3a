// SPDX-License-Identifier: BSD-3-Clause
// Reads amounts of memory and of time with their units, and moments.
#include "core/api/quantity.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/suggest.hpp"
#include "core/api/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mpipe {
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
constexpr const char* kMoment =
    "a time from now on such as 90, 30min or 1-12:00:00, or a moment such as 2026-12-01T08:00 or @1764576000";

bool is_digit(char c) { return '0' <= c && c <= '9'; }

[[noreturn]] void refuse(std::string_view text, const char* expected) {
  throw Error(Category::bad_option, fmt::format("expected {} but found '{}'.", expected, printable(text)));
}

std::int64_t size_of(std::string_view unit, const Quantity& quantity) {
  if (unit.empty()) unit = quantity.plain_unit;
  std::vector<std::string> names;
  for (const Unit& known : quantity.units) {
    if (known.name == unit) return known.size;
    names.emplace_back(known.name);
  }
  const std::string near = did_you_mean(unit, names);
  throw Error(Category::bad_option,
              fmt::format("'{}' is no unit of {}.{}", printable(unit), quantity.what,
                          near.empty() ? fmt::format(" There are: {}.", fmt::join(names, ", ")) : near));
}

/// In the smallest unit there is (bytes, nanoseconds), rounded to a whole number of them.
std::int64_t parse_quantity(std::string_view text, const Quantity& quantity) {
  // The first character is looked at, because std::from_chars would also read a minus sign, inf and nan.
  if (text.empty() || !(is_digit(text.front()) || text.front() == '.')) refuse(text, quantity.expected);
  long double number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc::invalid_argument) refuse(text, quantity.expected);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  const long double amount = std::round(number * static_cast<long double>(size_of(unit, quantity)));
  constexpr auto kMost = static_cast<long double>(std::numeric_limits<std::int64_t>::max());
  // A number that is out of range leaves `number` at 0, so its amount alone would not show it.
  if (problem != std::errc{} || amount >= kMost)
    throw Error(Category::too_large,
                fmt::format("{} is too large: expected {}.", printable(text), quantity.expected));
  if (amount < 1) refuse(text, quantity.expected);
  return static_cast<std::int64_t>(amount);
}

/// A whole number of at least `digits` digits and at most `most`; empty when the text is anything else.
std::optional<std::int64_t> whole_number(std::string_view text, std::size_t digits, std::int64_t most) {
  std::int64_t number = 0;
  if (text.size() < digits || text.empty() || !is_digit(text.front())) return std::nullopt;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || number > most)
    return std::nullopt;
  return number;
}

/// `HH:MM:SS` (any number of hours) or `DAYS-HH:MM:SS`; empty when the text has another form.
std::optional<std::int64_t> clock_seconds(std::string_view text) {
  constexpr std::int64_t kMostHours = 1'000'000;
  std::int64_t days = 0;
  if (const std::size_t dash = text.find('-'); dash != std::string_view::npos) {
    const auto number = whole_number(text.substr(0, dash), 1, kMostHours / 24);
    if (!number) return std::nullopt;
    days = *number;
    text.remove_prefix(dash + 1);
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.size() != colon + 6 || text[colon + 3] != ':')
    return std::nullopt;
  const auto hours = whole_number(text.substr(0, colon), 1, kMostHours);
  const auto minutes = whole_number(text.substr(colon + 1, 2), 2, 59);
  const auto seconds = whole_number(text.substr(colon + 4), 2, 59);
  if (!hours || !minutes || !seconds) return std::nullopt;
  return 86400 * days + 3600 * *hours + 60 * *minutes + *seconds;
}

/// `YYYY-MM-DDTHH:MM[:SS]` in local time; empty when the text has another form.
std::optional<WallTime> calendar_moment(const std::string& text) {
  std::tm fields{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M", &fields);
  if (end != nullptr && *end == ':') end = ::strptime(end, ":%S", &fields);
  if (end == nullptr || *end != '\0') return std::nullopt;
  fields.tm_isdst = -1;  // let the system find out whether it is summer time
  const std::time_t seconds = std::mktime(&fields);
  if (seconds == -1) return std::nullopt;
  return std::chrono::system_clock::from_time_t(seconds);
}

}  // namespace

std::uint64_t parse_memory(std::string_view text) {
  return static_cast<std::uint64_t>(parse_quantity(text, kMemory));
}

std::optional<double> parse_share(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  constexpr double kWhole = 100;
  const std::string_view digits = text.substr(0, text.size() - 1);
  double percent = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), percent);
  if (problem != std::errc{} || end != digits.data() + digits.size() || !(percent > 0 && percent <= kWhole))
    refuse(text, "a share above 0% and of 100% at most");
  return percent / kWhole;
}

Duration parse_time(std::string_view text) {
  if (text.find(':') == std::string_view::npos) return Duration(parse_quantity(text, kTime));
  const auto on_clock = clock_seconds(text);
  if (!on_clock || *on_clock == 0) refuse(text, kTime.expected);
  return std::chrono::seconds(*on_clock);
}

WallTime parse_moment(std::string_view text, WallTime now) {
  if (text.starts_with('@')) {
    constexpr std::int64_t kMostSeconds = std::int64_t{1}
                                          << 33;  // the year 2242; nanoseconds fit far beyond it
    const auto seconds = whole_number(text.substr(1), 1, kMostSeconds);
    if (!seconds) refuse(text, kMoment);
    return WallTime(std::chrono::seconds(*seconds));
  }
  if (text.find('T') != std::string_view::npos) {
    const auto moment = calendar_moment(std::string(text));
    if (!moment) refuse(text, kMoment);
    return *moment;
  }
  if (text.empty() || !is_digit(text.front())) refuse(text, kMoment);
  return now + std::chrono::duration_cast<WallTime::duration>(parse_time(text));
}

std::pair<std::int64_t, std::int64_t> parse_part(std::string_view text) {
  constexpr std::int64_t kMost = 1'000'000;
  const auto number_of = [](std::string_view digits) {
    std::int64_t number = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size() ? number : 0;
  };
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::int64_t number = number_of(text.substr(0, slash));
  const std::int64_t of = number_of(text.substr(std::min(slash + 1, text.size())));
  if (number >= 1 && number <= of && of <= kMost) return {number, of};
  throw Error(
      Category::bad_option,
      fmt::format(
          "'{}' is not part K of N. Write 2/4 for the second of four parts; K goes from 1 to N, and N "
          "to {}.",
          printable(text), kMost));
}

}  // namespace mpipe
