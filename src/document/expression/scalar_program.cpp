// SPDX-License-Identifier: BSD-3-Clause
// Compiles expressions of single numbers into a program that runs over a whole block.
#include "document/expression/scalar_program.hpp"

#include <mpipe/pipeline/function_body.hpp>

#include "document/expression/argument_reader.hpp"
#include "document/expression/narrowing.hpp"
#include "document/expression/random_draw.hpp"

#include <algorithm>

namespace mpipe::detail {
namespace {

constexpr Index kChunk =
    512;  // elements per pass over the instructions: registers stay in the first-level cache
constexpr Index kLongRow = 64;  // rows of at least so many elements are read in place

}  // namespace

// ---- compiling
// -------------------------------------------------------------------------------------------------

ScalarProgram::ScalarProgram(const ExpressionTrees& trees) : trees_(trees) {
  first_constant_ = static_cast<Slot>(trees.names.size());
  for (const ExpressionNode& node : trees.nodes)
    if (node.op == Op::number) constants_.push_back(node.number);
  // The layout is settled before anything is compiled: instructions refer to slots of outputs and registers
  // by their final numbers.
  first_output_ = first_constant_ + static_cast<Slot>(constants_.size());
  first_register_ = first_output_ + static_cast<Slot>(trees.roots.size());
  slots_ = first_register_;
  slot_of_.resize(trees.nodes.size());
  Slot constant = first_constant_;
  for (NodeId id = 0; id < trees.nodes.size(); ++id) {
    if (trees.nodes[id].op == Op::number) slot_of_[id] = constant++;
    compile(id);
  }
  slot_of_ = {};
  free_ = {};
}

void ScalarProgram::compile(NodeId id) {
  const ExpressionNode& node = trees_.nodes[id];
  // The root of an expression writes to its output right away; only a name, a number or a checked value has
  // to be copied there.
  const bool is_root = trees_.roots[node.expression] == id;
  const Slot output = first_output_ + node.expression;
  if (node.op == Op::name) {
    slot_of_[id] = node.index;
  } else if (node.op == Op::fail_if) {
    const auto children = trees_.children_of(node);
    Instruction check{.kind = Instruction::Kind::check, .node = id};
    check.in[0] = slot_of_[children[0]];
    instructions_.push_back(check);
    give_back(check.in[0]);
    slot_of_[id] = slot_of_[children[1]];
  } else if (node.op != Op::number) {
    compile_operation(id, is_root ? std::optional(output) : std::nullopt);
    return;
  }
  if (!is_root) return;
  Instruction copy{.kind = Instruction::Kind::copy, .node = id, .out = output};
  copy.in[0] = slot_of_[id];
  instructions_.push_back(copy);
  give_back(copy.in[0]);
}

void ScalarProgram::compile_operation(NodeId id, std::optional<Slot> output) {
  const ExpressionNode& node = trees_.nodes[id];
  const bool draws = node.op == Op::random || node.op == Op::normal;
  Instruction instruction{
      .kind = draws ? Instruction::Kind::draw : Instruction::Kind::elementwise, .op = node.op, .node = id};
  for (const NodeId child : trees_.children_of(node)) {
    instruction.in[instruction.arity++] = slot_of_[child];
    // Operands are given back before the result takes its register, so it may take one of theirs: kernels can
    // write over an operand.
    give_back(slot_of_[child]);
  }
  instruction.out = output ? *output : take_register();
  slot_of_[id] = instruction.out;
  instructions_.push_back(instruction);
}

ScalarProgram::Slot ScalarProgram::take_register() {
  if (free_.empty()) return slots_++;
  const Slot slot = free_.back();
  free_.pop_back();
  return slot;
}

void ScalarProgram::give_back(Slot slot) {
  if (slot >= first_register_) free_.push_back(slot);
}

// ---- running
// ---------------------------------------------------------------------------------------------------

/// One block on its way through a program, chunk by chunk.
class ScalarRun {
 public:
  ScalarRun(const ScalarProgram& program, BlockCall& call)
      : program_(program), call_(call), rows_(call), capacity_(std::min(kChunk, call.range.size())) {
    const std::size_t arguments = call.arguments.size();
    operands_.resize(program.slots_);
    // One piece of memory for everything, which never grows: `operands_` points into it.
    buffers_.resize((arguments + program.slots_ - program.first_register_) *
                    static_cast<std::size_t>(capacity_));
    for (const ArgumentView& argument : call.arguments) {
      readers_.push_back(reader_for(*argument.type));
      constant_.push_back(
          std::all_of(argument.strides.begin(), argument.strides.end(), [](Index s) { return s == 0; }));
    }
    for (const OutputColumn& column : call.outputs)
      doubles_.emplace_back(column.type->kind == Kind::float64 ? 0 : static_cast<std::size_t>(capacity_));
    for (std::size_t k = 0; k < program.constants_.size(); ++k)
      operands_[program.first_constant_ + k] = {&program.constants_[k], true};
  }

  void run() {
    call_.completed = 0;
    while (load_chunk()) {
      for (const Instruction& instruction : program_.instructions_) execute(instruction);
      // The outputs of the chunk are complete before it is counted, and it is counted before a failure is
      // told: the elements before the one that failed are kept.
      store_uniform_outputs();
      const std::optional<std::size_t> refused = narrow_outputs();
      call_.completed += count_;
      if (refused) refuse(*refused);
      if (failed_) fail_by_condition(program_.trees_, *failed_);
    }
  }

 private:
  using Instruction = ScalarProgram::Instruction;
  using Slot = ScalarProgram::Slot;

  double* argument_buffer(std::size_t a) { return buffers_.data() + a * static_cast<std::size_t>(capacity_); }

  double* destination(Slot slot) {
    if (slot < program_.first_register_) {
      const std::size_t output = slot - program_.first_output_;
      OutputColumn& column = call_.outputs[output];
      if (column.type->kind != Kind::float64) return doubles_[output].data();
      return reinterpret_cast<double*>(column.fixed) + call_.completed;
    }
    return argument_buffer(call_.arguments.size() + slot - program_.first_register_);
  }

  /// Finds the next elements and their arguments: a part of one long row, or several short rows.
  bool load_chunk() {
    count_ = 0;
    if (taken_ == row_length_ && !next_row()) return false;
    if (row_length_ - taken_ >= kLongRow || row_length_ - taken_ == call_.range.size() - call_.completed) {
      count_ = std::min(row_length_ - taken_, capacity_);
      for (std::size_t a = 0; a < readers_.size(); ++a) load_in_place(a);
      taken_ += count_;
      return true;
    }
    do {
      const Index length = std::min(row_length_ - taken_, capacity_ - count_);
      for (std::size_t a = 0; a < readers_.size(); ++a)
        // What is the same for the whole block is read with the first row of a chunk only.
        if (!constant_[a] || count_ == 0) read(a, argument_buffer(a) + count_, constant_[a] ? 1 : length);
      taken_ += length;
      count_ += length;
    } while (count_ < capacity_ && (taken_ < row_length_ || next_row()));
    for (std::size_t a = 0; a < readers_.size(); ++a) operands_[a] = {argument_buffer(a), constant_[a]};
    return true;
  }

  bool next_row() {
    taken_ = 0;
    row_length_ = 0;
    if (!rows_.next()) return false;
    row_length_ = rows_.length();
    return true;
  }

  void load_in_place(std::size_t a) {
    const ArgumentView& argument = call_.arguments[a];
    if (rows_.step(a) == 1 && argument.type->kind == Kind::float64) {
      operands_[a] = {reinterpret_cast<const double*>(argument.data) + rows_.position(a) + taken_, false};
      return;
    }
    const bool uniform = rows_.step(a) == 0;
    read(a, argument_buffer(a), uniform ? 1 : count_);
    operands_[a] = {argument_buffer(a), uniform};
  }

  void read(std::size_t a, double* out, Index length) {
    const Index step = rows_.step(a);
    readers_[a](call_.arguments[a].data, rows_.position(a) + taken_ * step, step, out, length);
  }

  void execute(const Instruction& instruction) {
    switch (instruction.kind) {
      case Instruction::Kind::elementwise:
        return compute(instruction);
      case Instruction::Kind::check:
        return check(instruction);
      case Instruction::Kind::draw:
        return draw(instruction);
      case Instruction::Kind::copy: {
        const Operand from = operands_[instruction.in[0]];
        double* out = destination(instruction.out);
        std::copy_n(from.data, from.uniform ? std::min<Index>(count_, 1) : count_, out);
        operands_[instruction.out] = {out, from.uniform};
      }
    }
  }

  void compute(const Instruction& instruction) {
    // All three are read, whatever the number of operands: what is not used is slot 0.
    const std::array in{operands_[instruction.in[0]], operands_[instruction.in[1]],
                        operands_[instruction.in[2]]};
    const std::span operands = std::span(in).first(instruction.arity);
    const bool uniform =
        std::all_of(operands.begin(), operands.end(), [](const Operand& o) { return o.uniform; });
    double* out = destination(instruction.out);
    apply_elementwise(instruction.op, operands, out, uniform ? std::min<Index>(count_, 1) : count_);
    operands_[instruction.out] = {out, uniform};
  }

  /// Cuts the chunk before the first element that fails; the rest is still computed for those before it.
  void check(const Instruction& instruction) {
    const Operand condition = operands_[instruction.in[0]];
    // After an earlier check no element may be left; then even a uniform value is not looked at.
    const Index looked_at = condition.uniform ? std::min<Index>(count_, 1) : count_;
    const Index first = first_nonzero(condition.data, looked_at);
    if (first == looked_at) return;
    count_ = first;
    failed_ = instruction.node;
  }

  void draw(const Instruction& instruction) {
    double* out = destination(instruction.out);
    const Index first = call_.range.begin + call_.completed;
    const std::uint32_t number = program_.trees_.nodes[instruction.node].index;
    for (Index k = 0; k < count_; ++k) out[k] = random_draw(instruction.op, call_, first + k, number);
    operands_[instruction.out] = {out, false};
  }

  void store_uniform_outputs() {
    for (Slot slot = program_.first_output_; slot < program_.first_register_; ++slot)
      if (operands_[slot].uniform && count_ > 1) {
        double* out = destination(slot);
        std::fill_n(out + 1, count_ - 1, *out);
      }
  }

  /// Moves outputs of other types than float64 to their columns. Cuts the chunk before the first element with a
  /// value that its type cannot hold, and returns the output that has it.
  std::optional<std::size_t> narrow_outputs() {
    std::optional<std::size_t> refused;
    for (std::size_t o = 0; o < call_.outputs.size(); ++o) {
      const OutputColumn& column = call_.outputs[o];
      if (column.type->kind == Kind::float64) continue;
      std::byte* out = column.fixed + static_cast<std::size_t>(call_.completed) * column.type->size;
      const Index held = narrow(doubles_[o].data(), count_, *column.type, out);
      if (held == count_) continue;
      count_ = held;
      refused = o;
    }
    return refused;
  }

  [[noreturn]] void refuse(std::size_t output) const {
    refuse_value(program_.trees_, program_.trees_.roots[output],
                 doubles_[output][static_cast<std::size_t>(count_)], *call_.outputs[output].type);
  }

  const ScalarProgram& program_;
  BlockCall& call_;
  RowWalker rows_;
  Index capacity_;
  Index row_length_ = 0;
  Index taken_ = 0;  ///< of the row
  Index count_ = 0;  ///< elements in the chunk that have not failed
  std::vector<Operand> operands_;
  std::vector<double> buffers_;
  std::vector<std::vector<double>> doubles_;  ///< of a chunk, for outputs that are no float64
  std::vector<ReadRun> readers_;
  std::vector<bool> constant_;  ///< arguments that are the same for the whole block
  std::optional<NodeId> failed_;
};

void ScalarProgram::run(BlockCall& call) const {
  if (!call.range.empty()) ScalarRun(*this, call).run();
}

}  // namespace mpipe::detail
