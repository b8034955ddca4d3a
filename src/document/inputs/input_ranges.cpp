// SPDX-License-Identifier: BSD-3-Clause
// Inputs that are computed: ranges and random numbers.
#include <mpipe/pipeline/function_body.hpp>

#include "document/inputs/input_value.hpp"
#include "document/sections/keys.hpp"
#include "document/value_builder.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace mpipe::detail {
namespace {

constexpr std::string_view kLinspace = "[first, last, number of points]";
constexpr std::string_view kGeomspace = "[first, last, number of points] with limits of one sign, not 0";
constexpr std::string_view kArange = "[start, stop, step] (or [start, stop], or [stop])";
constexpr std::string_view kLimits = "[low, high]";
constexpr std::string_view kMoments = "[mean, standard deviation]";
constexpr std::string_view kCount = "a whole number of values, 0 or more";

void want_items(const Yaml& spec, std::size_t fewest, std::size_t most, std::string_view expected) {
  if (!spec.is_sequence()) spec.refuse_type(expected);
  if (spec.size() < fewest || spec.size() > most)
    spec.refuse(fmt::format("expected {} but found {} items.", expected, spec.size()));
}

double finite(const Yaml& value, std::string_view expected) {
  const double number = read_number(value, expected);
  if (!std::isfinite(number)) value.refuse(fmt::format("expected {}, of finite numbers.", expected));
  return number;
}

struct Interval {
  double first = 0;
  double last = 0;
  Index count = 0;
};

Interval read_interval(const Yaml& spec, std::string_view expected) {
  want_items(spec, 3, 3, expected);
  const Interval interval{finite(spec.item(0), expected), finite(spec.item(1), expected),
                          read_integer(spec.item(2), 0, kCount)};
  if (!std::isfinite(interval.last - interval.first))
    spec.refuse("the distance of the two ends is too large for a double.");
  return interval;
}

/// `count` points, of which `inner` gives those between the ends.
template <class Inner>
Value points_of(const Interval& interval, Inner&& inner) {
  ArrayMaker<double> maker({interval.count});
  double* const points = maker.data();
  for (Index k = 0; k + 1 < interval.count; ++k) points[k] = inner(k);
  // The ends are set and not computed, as no rounding may move them. With a single point, that is the first.
  if (interval.count > 0) points[0] = interval.first;
  if (interval.count > 1) points[interval.count - 1] = interval.last;
  return std::move(maker).finish();
}

Interval read_geometric(const Yaml& spec) {
  const Interval interval = read_interval(spec, kGeomspace);
  const bool one_sign =
      (interval.first > 0 && interval.last > 0) || (interval.first < 0 && interval.last < 0);
  if (!one_sign) spec.refuse(fmt::format("expected {}.", kGeomspace));
  return interval;
}

/// Start, stop, step; as integers when all of them are.
struct Steps {
  std::array<double, 3> numbers{0, 0, 1};
  std::array<std::int64_t, 3> integers{0, 0, 1};
  bool are_integers = true;
};

Steps read_steps(const Yaml& spec) {
  want_items(spec, 1, 3, kArange);
  Steps steps;
  for (std::size_t k = 0; k < spec.size(); ++k) {
    // A single number is the stop; the start is then 0.
    const std::size_t position = spec.size() == 1 ? 1 : k;
    steps.numbers[position] = finite(spec.item(k), kArange);
    const Scalar scalar = spec.item(k).scalar();
    const auto* integer = std::get_if<std::int64_t>(&scalar);
    if (integer != nullptr) steps.integers[position] = *integer;
    steps.are_integers = steps.are_integers && integer != nullptr;
  }
  if (steps.numbers[2] == 0) spec.item(2).refuse("the step is 0 (it would never end).");
  return steps;
}

struct Distribution {
  bool normal = false;
  double a = 0;
  double b = 0;
  Index count = 0;
  std::uint64_t seed = 0;
};

/// Of all 64 bits, as `map: seed` has them: other integers of documents end at 2^63.
std::uint64_t read_seed(const Yaml& seed) {
  constexpr const char* kExpected = "a whole number from 0 to 18446744073709551615";
  const std::string text = seed.is_scalar() ? seed.text() : std::string();
  constexpr std::size_t kDigits = 19;  // of 2^63 - 1
  if (text.size() < kDigits || text.find_first_not_of("0123456789") != std::string::npos)
    return static_cast<std::uint64_t>(read_integer(seed, 0, kExpected));
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{})
    seed.refuse(fmt::format("expected {} but found {}.", kExpected, text.substr(0, 60)));
  return number;
}

Distribution read_distribution(const Yaml& spec) {
  check_keys(spec, kRandomKeys);
  const auto uniform = spec.find("uniform");
  const auto normal = spec.find("normal");
  const auto count = spec.find("n");
  if (uniform.has_value() == normal.has_value() || !count)
    spec.refuse(
        "random numbers need {uniform: [low, high], n: 10} or {normal: [mean, standard deviation], n: 10}.");
  Distribution distribution;
  distribution.normal = normal.has_value();
  const std::string_view expected = normal ? kMoments : kLimits;
  const Yaml& numbers = normal ? *normal : *uniform;
  want_items(numbers, 2, 2, expected);
  distribution.a = finite(numbers.item(0), expected);
  distribution.b = finite(numbers.item(1), expected);
  if (uniform && distribution.b < distribution.a) numbers.refuse("the upper limit lies below the lower one.");
  if (normal && distribution.b < 0) numbers.refuse("the standard deviation is negative.");
  distribution.count = read_integer(*count, 0, kCount);
  if (const auto seed = spec.find("seed")) distribution.seed = read_seed(*seed);
  return distribution;
}

}  // namespace

Value read_linspace(const Yaml& spec) {
  const Interval interval = read_interval(spec, kLinspace);
  const auto intervals = static_cast<double>(std::max<Index>(interval.count - 1, 1));
  return points_of(interval, [&](Index k) {
    return interval.first + static_cast<double>(k) * (interval.last - interval.first) / intervals;
  });
}

Value read_geomspace(const Yaml& spec) {
  const Interval interval = read_geometric(spec);
  const double sign = interval.first > 0 ? 1.0 : -1.0;
  const double from = std::log10(std::fabs(interval.first));
  const double to = std::log10(std::fabs(interval.last));
  const auto intervals = static_cast<double>(std::max<Index>(interval.count - 1, 1));
  return points_of(interval, [&](Index k) {
    return sign * std::pow(10.0, from + static_cast<double>(k) * (to - from) / intervals);
  });
}

Value read_arange(const Yaml& spec) {
  const Steps steps = read_steps(spec);
  const auto& whole = steps.integers;
  const auto& numbers = steps.numbers;
  return steps.are_integers ? integer_range(whole[0], whole[1], whole[2])
                            : number_range(numbers[0], numbers[1], numbers[2]);
}

Value read_random(const Yaml& spec, const std::string& name) {
  const Distribution distribution = read_distribution(spec);
  const std::uint64_t stream = stream_of(name.c_str());
  ArrayMaker<double> maker({distribution.count});
  for (Index k = 0; k < distribution.count; ++k) {
    // Each value has its own place in the stream of its input. So it depends neither on how many values there
    // are nor on what else the document draws.
    Random random(distribution.seed, stream, static_cast<std::uint64_t>(k));
    maker.data()[k] = distribution.normal
                          ? distribution.a + distribution.b * random.normal()
                          : distribution.a + (distribution.b - distribution.a) * random.uniform();
  }
  return std::move(maker).finish();
}

void check_range(std::string_view maker, const Yaml& spec) {
  if (maker == "linspace") read_interval(spec, kLinspace);
  if (maker == "geomspace") read_geometric(spec);
  if (maker == "arange") read_steps(spec);
  if (maker == "random") read_distribution(spec);
}

}  // namespace mpipe::detail
