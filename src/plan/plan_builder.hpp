// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The steps by which a `Plan` is built.
#pragma once

#include <mpipe/plan/plan.hpp>

#include <set>

namespace mpipe {

/// Builds a `Plan` step by step; one use.
class PlanBuilder {
 public:
  PlanBuilder(Plan& plan, PlanRequest request);
  void build();

 private:
  void check_inputs() const;
  void check_arrays() const;
  void infer_types();
  void plan_outputs();
  void plan_output(const FunctionNode& node, FunctionId id, std::size_t position);
  void check_internal_shapes() const;
  std::optional<PartialShape> declared_internal_shape(const FunctionNode& node) const;
  static void declare_internal_shape(const FunctionNode& node, const std::string& output,
                                     const PartialShape& declared, ArrayLayout& layout);
  void plan_arguments(FunctionId id);
  void find_waiting();
  bool has_to_wait(const PlannedFunction& function) const;
  PlannedArgument plan_argument(const FunctionNode& node, std::size_t position,
                                const std::vector<std::string>& axes);
  std::size_t constant_for(const FunctionNode& node, const ParameterNode& parameter, const ValueType& wanted);
  const Value& root_value(const std::string& name) const;
  void assign_stage(PlannedFunction& function);
  bool may_join(const PlannedFunction& function, const Stage& stage) const;
  bool reads_same_elements(const PlannedFunction& function, const PlannedArgument& argument) const;
  void list_readers();
  void check_fixed() const;
  void check_fixed_bounds(const std::string& axis, Index index) const;
  void check_not_reduced(const std::string& axis) const;

  /// Needed functions, producers first.
  std::vector<FunctionId> needed() const;
  bool is_needed(FunctionId id) const { return needed_[id.value]; }

  Plan& plan_;
  const Pipeline& pipeline_;
  PlanRequest request_;
  std::vector<bool> needed_;
  std::map<std::string, ValueType> types_;
};

}  // namespace mpipe
