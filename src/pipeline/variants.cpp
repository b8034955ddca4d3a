// SPDX-License-Identifier: BSD-3-Clause
// Chooses among the variants of functions, and makes a pipeline of those that were chosen.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/variants.hpp>

#include "core/api/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace mpipe {
namespace {

std::string described(const std::string& group) {
  return group.empty() ? "the variants" : fmt::format("the variants of '{}'", group);
}

}  // namespace

VariantPipeline::VariantPipeline(std::vector<Function> functions, Variants defaults)
    : functions_(std::move(functions)), defaults_(std::move(defaults)) {
  if (variants().empty())
    throw Error(
        Category::unknown_name,
        "no function has a variant, so there is nothing to choose. Use a Pipeline, or Function::variant.");
  check_known(defaults_);
}

std::map<std::string, std::set<std::string>> VariantPipeline::variants() const {
  std::map<std::string, std::set<std::string>> groups;
  for (const Function& function : functions_)
    for (const auto& [group, variant] : function.variants()) groups[group].insert(variant);
  return groups;
}

void VariantPipeline::check_known(const Variants& chosen) const {
  const auto groups = variants();
  for (const auto& [group, variant] : chosen) {
    const auto found = groups.find(group);
    if (found == groups.end()) {
      std::vector<std::string> known;
      for (const auto& [name, unused] : groups) known.push_back(name);
      throw Error(Category::unknown_name, fmt::format("no function has variants of a group '{}'.{}", group,
                                                      did_you_mean(group, known)));
    }
    if (!found->second.contains(variant))
      throw Error(Category::unknown_name,
                  fmt::format("'{}' is not among {}: {}.{}", variant, described(group),
                              fmt::join(found->second, ", "),
                              did_you_mean(variant, {found->second.begin(), found->second.end()})));
  }
}

std::vector<Function> VariantPipeline::chosen_functions(const Variants& chosen) const {
  std::vector<Function> functions = functions_;
  std::erase_if(functions, [&](const Function& function) {
    return std::any_of(function.variants().begin(), function.variants().end(), [&](const auto& of) {
      const auto found = chosen.find(of.first);
      return found != chosen.end() && found->second != of.second;
    });
  });
  return functions;
}

VariantPipeline VariantPipeline::with_variant(const Variants& chosen) const {
  check_known(chosen);
  VariantPipeline narrowed(*this);
  narrowed.functions_ = chosen_functions(chosen);
  // What was chosen becomes the default too: an older default may name a variant that is gone now.
  for (const auto& [group, variant] : chosen) narrowed.defaults_[group] = variant;
  return narrowed;
}

VariantPipeline VariantPipeline::with_variant(const std::string& name) const {
  std::vector<std::string> groups;
  std::set<std::string> known;
  for (const auto& [group, names] : variants()) {
    if (names.contains(name)) groups.push_back(group);
    known.insert(names.begin(), names.end());
  }
  if (groups.empty())
    throw Error(Category::unknown_name,
                fmt::format("there is no variant '{}', only {}.{}", name, fmt::join(known, ", "),
                            did_you_mean(name, {known.begin(), known.end()})));
  if (groups.size() > 1)
    throw Error(Category::unknown_name,
                fmt::format("'{}' is a variant of several groups ({}). Name the group.", name,
                            fmt::join(groups, ", ")));
  return with_variant(Variants{{groups.front(), name}});
}

Pipeline VariantPipeline::pipeline() const {
  std::vector<Function> functions = chosen_functions(defaults_);
  std::map<std::string, std::set<std::string>> open;
  for (const Function& function : functions)
    for (const auto& [group, variant] : function.variants()) open[group].insert(variant);
  // A group of which a single variant is left needs no choice, whether it was chosen or had only one.
  for (const auto& [group, names] : open)
    if (names.size() > 1)
      throw Error(
          Category::unknown_name,
          fmt::format("nothing is chosen of {} ({}), and there is no default. Choose one (with_variant).",
                      described(group), fmt::join(names, ", ")));
  return Pipeline(std::move(functions));
}

}  // namespace mpipe
