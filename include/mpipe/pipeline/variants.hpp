// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Pipelines of which some functions are there in several variants.
#pragma once

#include <mpipe/pipeline/pipeline.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace mpipe {

/// Functions of which some are alternatives: those with `Function::variant`. Choosing a variant of a group
/// drops the functions of its other variants; functions without variants are always there. Immutable.
class VariantPipeline {
 public:
  /// `defaults`: group -> variant to take where nothing is chosen. Throws `Error` (unknown_name) when there
  /// is nothing to choose, or a default is no variant.
  explicit VariantPipeline(std::vector<Function> functions, Variants defaults = {});

  /// The variants of every group, also of those where one only is left.
  std::map<std::string, std::set<std::string>> variants() const;

  /// With the variants chosen; other groups stay open. Throws `Error` (unknown_name).
  [[nodiscard]] VariantPipeline with_variant(const Variants& chosen) const;
  /// The same for a variant whose name occurs in one group only; otherwise throws `Error` (unknown_name).
  [[nodiscard]] VariantPipeline with_variant(const std::string& name) const;

  /// The pipeline of what was chosen, with the defaults for the rest. Throws `Error` (unknown_name) when a
  /// group of several variants is left, and what `Pipeline` does.
  Pipeline pipeline() const;

 private:
  void check_known(const Variants& chosen) const;
  std::vector<Function> chosen_functions(const Variants& chosen) const;

  std::vector<Function> functions_;
  Variants defaults_;
};

}  // namespace mpipe
