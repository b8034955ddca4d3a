// SPDX-License-Identifier: BSD-3-Clause
// Enumerates the combinations of a sweep, and runs a pipeline for each.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/sweep.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

/// More combinations than anybody wants to hold in memory, each with its values.
constexpr std::size_t kMostCombinations = 10'000'000;

}  // namespace

void Sweep::claim(const std::string& parameter) {
  if (std::find(parameters_.begin(), parameters_.end(), parameter) != parameters_.end())
    throw Error(Category::duplicate_entry,
                fmt::format("the parameter '{}' has several places in one sweep. Keep one.", parameter));
  parameters_.push_back(parameter);
}

Sweep& Sweep::product(std::string parameter, std::vector<Value> values) {
  return zip({{std::move(parameter), std::move(values)}});
}

Sweep& Sweep::zip(std::map<std::string, std::vector<Value>> values) {
  for (const auto& [parameter, list] : values) {
    const auto& [first, first_list] = *values.begin();
    if (list.size() != first_list.size())
      throw Error(Category::dimension_mismatch,
                  fmt::format("'{}' has {} values and '{}' has {}, but they change together. Give as many.",
                              first, first_list.size(), parameter, list.size()));
  }
  // The lengths were checked before the names are claimed, so that a call that is refused for them leaves the
  // sweep as it was.
  for (const auto& [parameter, unused] : values) claim(parameter);
  if (!values.empty()) dimensions_.push_back(std::move(values));
  return *this;
}

Sweep& Sweep::product(const Sweep& other) {
  for (const std::string& parameter : other.parameters_) claim(parameter);
  dimensions_.insert(dimensions_.end(), other.dimensions_.begin(), other.dimensions_.end());
  constants_.insert(other.constants_.begin(), other.constants_.end());
  derivers_.insert(derivers_.end(), other.derivers_.begin(), other.derivers_.end());
  exclusions_.insert(exclusions_.end(), other.exclusions_.begin(), other.exclusions_.end());
  return *this;
}

Sweep& Sweep::constants(const Inputs& values) {
  for (const auto& [parameter, value] : values) {
    claim(parameter);
    constants_.emplace(parameter, value);
  }
  return *this;
}

Sweep& Sweep::derive(std::string parameter, std::function<Value(const Inputs&)> derivation) {
  claim(parameter);
  derivers_.emplace_back(std::move(parameter), std::move(derivation));
  return *this;
}

Sweep& Sweep::exclude(std::function<bool(const Inputs&)> is_excluded) {
  exclusions_.push_back(std::move(is_excluded));
  return *this;
}

std::size_t Sweep::count() const {
  std::size_t count = 1;
  for (const Dimension& dimension : dimensions_) {
    const std::size_t length = dimension.begin()->second.size();
    // The division keeps the product from wrapping around before it can be compared.
    if (length != 0 && count > kMostCombinations / length)
      throw Error(Category::too_large,
                  fmt::format("the sweep has more than {} combinations, which would all be held in memory. "
                              "Map the pipeline over its parameters instead.",
                              kMostCombinations));
    count *= length;
  }
  return count;
}

Inputs Sweep::combination(std::size_t number) const {
  Inputs values = constants_;
  // The last dimension changes fastest, as the innermost of nested loops does.
  for (auto dimension = dimensions_.rbegin(); dimension != dimensions_.rend(); ++dimension) {
    const std::size_t length = dimension->begin()->second.size();
    for (const auto& [parameter, list] : *dimension) values.emplace(parameter, list[number % length]);
    number /= length;
  }
  // Derivations come last and in the order in which they were given, so that each sees all values before it.
  for (const auto& [parameter, derivation] : derivers_) values.emplace(parameter, derivation(values));
  return values;
}

std::vector<Inputs> Sweep::combinations() const {
  std::vector<Inputs> all;
  const std::size_t number = count();
  for (std::size_t k = 0; k < number; ++k) {
    Inputs values = combination(k);
    // Exclusions are asked last, as they may look at derived values too.
    const bool excluded = std::any_of(exclusions_.begin(), exclusions_.end(),
                                      [&](const auto& is_excluded) { return is_excluded(values); });
    if (!excluded) all.push_back(std::move(values));
  }
  return all;
}

std::vector<Inputs> concatenated(const std::vector<Sweep>& sweeps) {
  std::vector<Inputs> all;
  for (const Sweep& sweep : sweeps) {
    auto part = sweep.combinations();
    std::move(part.begin(), part.end(), std::back_inserter(all));
  }
  return all;
}

std::vector<Value> run_sweep(const Pipeline& pipeline, const std::string& output, const Sweep& sweep,
                             const RunOptions& options) {
  std::vector<Value> values;
  for (const Inputs& inputs : sweep.combinations()) values.push_back(pipeline.run(output, inputs, options));
  return values;
}

}  // namespace mpipe
