// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Expressions over scalars, computed a few hundred elements at a time: every operation is one loop over
/// registers.
#pragma once

#include <mpipe/pipeline/function_body.hpp>

#include "document/expression/expression_tree.hpp"
#include "document/expression/kernels.hpp"

namespace mpipe::detail {

/// A compiled function of which all parameters and all intermediate values are scalars. Immutable.
class ScalarProgram {
 public:
  /// Precondition: `!trees.has_array_ops`. `trees` must outlive the program.
  explicit ScalarProgram(const ExpressionTrees& trees);

  /// As `FunctionBody::call`. Precondition: all arguments are scalars of real types, all outputs have
  /// `fixed`.
  void run(BlockCall& call) const;

 private:
  friend class ScalarRun;
  using Slot = std::uint32_t;

  struct Instruction {
    enum class Kind : std::uint8_t { elementwise, check, draw, copy };
    Kind kind = Kind::elementwise;
    Op op = Op::number;
    NodeId node = 0;
    std::uint32_t arity = 0;
    Slot out = 0;
    Slot in[3] = {};
  };

  void compile(NodeId id);
  void compile_operation(NodeId id, std::optional<Slot> output);
  Slot take_register();
  /// Registers are used once: whoever reads one frees it.
  void give_back(Slot slot);

  // Slots: arguments, constants, outputs, then as many registers as turn out to be needed.
  const ExpressionTrees& trees_;
  std::vector<double> constants_;
  std::vector<Instruction> instructions_;
  Slot first_constant_ = 0;
  Slot first_output_ = 0;
  Slot first_register_ = 0;
  Slot slots_ = 0;

  // Only while compiling:
  std::vector<Slot> slot_of_;
  std::vector<Slot> free_;
};

}  // namespace mpipe::detail
