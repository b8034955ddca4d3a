// SPDX-License-Identifier: BSD-3-Clause
// Evaluates expressions that have arrays in them, one node of the tree after the other.
#include "document/expression/array_evaluator.hpp"

#include "document/expression/array_argument.hpp"
#include "document/expression/kernels.hpp"
#include "document/expression/narrowing.hpp"
#include "document/expression/random_draw.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <new>

namespace mpipe::detail {
namespace {

// An array made from a number (`arange(n)`) may not fill the memory: 1 GiB. Arrays made from arrays may be as
// large as those.
constexpr double kMostMade = 134217728;

/// One block on its way through the nodes of the trees, element by element.
class ArrayRun {
 public:
  ArrayRun(const ExpressionTrees& trees, BlockCall& call)
      : trees_(trees), call_(call), nodes_(trees.nodes.size()) {
    arguments_.reserve(call.arguments.size());
    for (const ArgumentView& view : call.arguments) arguments_.emplace_back(view);
    // Children come before their parents, so what a node asks of them is known by then.
    for (NodeId id = 0; id < nodes_.size(); ++id) nodes_[id].varies = varies(id);
  }

  void run() {
    call_.completed = 0;
    RowWalker rows(call_);
    positions_.resize(arguments_.size());
    while (rows.next()) {
      for (Index k = 0; k < rows.length(); ++k) {
        for (std::size_t a = 0; a < arguments_.size(); ++a)
          positions_[a] = rows.position(a) + k * rows.step(a);
        evaluate_element();
        for (std::size_t o = 0; o < call_.outputs.size(); ++o) write(call_.outputs[o], trees_.roots[o]);
        // An element counts once all of its outputs are written. When an expression throws, this number tells
        // the caller which element it was.
        ++call_.completed;
      }
    }
  }

 private:
  /// What a node came to. Its buffer is used again for the next element.
  struct NodeState {
    Quantity result;
    Shape shape;  ///< of arrays that the node makes itself
    Buffer buffer;
    bool varies = true;
    bool done = false;
  };

  bool varies(NodeId id) const {
    const ExpressionNode& node = trees_.nodes[id];
    if (node.op == Op::name) return arguments_[node.index].varies();
    if (node.op == Op::random || node.op == Op::normal) return true;
    for (const NodeId child : trees_.children_of(node))
      if (nodes_[child].varies) return true;
    return false;
  }

  const Quantity& result(NodeId id) const { return nodes_[id].result; }

  void evaluate_element() {
    for (NodeId id = 0; id < nodes_.size(); ++id) {
      NodeState& state = nodes_[id];
      if (state.done) continue;
      try {
        evaluate(id);
      } catch (const std::bad_alloc&) {
        fail(id, "there is not enough memory for this array");
      }
      // What is the same for all elements is computed with the first one, and kept for the nodes above it
      // that vary.
      state.done = !state.varies;
    }
  }

  void evaluate(NodeId id) {
    const ExpressionNode& node = trees_.nodes[id];
    if (is_elementwise(node.op)) return elementwise(id);
    Quantity& out = nodes_[id].result;
    switch (node.op) {
      case Op::number:
        out = scalar(node.number);
        return;
      case Op::name:
        out = arguments_[node.index].at(positions_[node.index]);
        return;
      case Op::random:
      case Op::normal:
        out = scalar(random_draw(node.op, call_, call_.range.begin + call_.completed, node.index));
        return;
      case Op::fail_if:
        return fail_if(id);
      case Op::arange:
        return arange(id);
      case Op::linspace:
        return linspace(id);
      case Op::list:
        return list(id);
      case Op::at:
        return at(id);
      case Op::dim:
        return dim(id);
      case Op::rank:
        out = scalar(operand(id, 0).is_scalar ? 0.0 : static_cast<double>(operand(id, 0).shape->size()));
        return;
      case Op::size:
        out = scalar(static_cast<double>(operand(id, 0).size));
        return;
      default:
        out = scalar(reduction(id));
        return;
    }
  }

  // ---- operations ----

  void elementwise(NodeId id) {
    const auto children = trees_.children_of(trees_.nodes[id]);
    const Quantity* shaped = nullptr;
    Operand operands[3];
    for (std::size_t k = 0; k < children.size(); ++k) {
      const Quantity& value = result(children[k]);
      operands[k] = value.is_scalar ? Operand{&value.number, true} : Operand{value.data, false};
      if (value.is_scalar) continue;
      // Ranks were compared before the run, where they were known; extents are known here only.
      if (shaped != nullptr && *shaped->shape != *value.shape)
        fail(id,
             fmt::format("'{}' cannot combine arrays of the shapes {} and {}", op_name(trees_.nodes[id].op),
                         to_string(*shaped->shape), to_string(*value.shape)));
      if (shaped == nullptr) shaped = &value;
    }
    NodeState& state = nodes_[id];
    const std::span used(operands, children.size());
    if (shaped == nullptr) {
      double number = 0;
      apply_elementwise(trees_.nodes[id].op, used, &number, 1);
      state.result = scalar(number);
      return;
    }
    const Quantity like = *shaped;
    take_buffer_of_child(id, like.size);
    double* out = state.buffer.room(like.size);
    apply_elementwise(trees_.nodes[id].op, used, out, like.size);
    state.result = {.is_scalar = false, .number = 0, .data = out, .shape = like.shape, .size = like.size};
  }

  /// Large arrays are computed in place where the operand is not needed again: each node is read once per
  /// element, and one that is kept for all elements is not touched.
  void take_buffer_of_child(NodeId id, Index size) {
    NodeState& state = nodes_[id];
    for (const NodeId child : trees_.children_of(trees_.nodes[id])) {
      NodeState& from = nodes_[child];
      if (from.varies != state.varies || from.result.is_scalar || from.result.size != size) continue;
      // Results of names and of `fail_if` lie in memory of others, which is not theirs to give away.
      if (from.buffer.capacity() < size || from.result.data != from.buffer.room(0)) continue;
      state.buffer.swap(from.buffer);
      return;
    }
  }

  void fail_if(NodeId id) {
    const Quantity& condition = operand(id, 0);
    const bool failed = condition.is_scalar ? condition.number != 0
                                            : first_nonzero(condition.data, condition.size) != condition.size;
    if (failed) fail_by_condition(trees_, id);
    // The result is that of the operand and shares its memory; no copy is made of what merely passes.
    nodes_[id].result = operand(id, 1);
  }

  void arange(NodeId id) {
    const Index count = whole_number(id, 0, kMostMade, "elements");
    double* out = make_vector(id, count);
    for (Index k = 0; k < count; ++k) out[k] = static_cast<double>(k);
  }

  void linspace(NodeId id) {
    const double first = number(id, 0);
    const double last = number(id, 1);
    const Index count = whole_number(id, 2, kMostMade, "points");
    double* out = make_vector(id, count);
    const auto intervals = static_cast<double>(count - 1);
    for (Index k = 0; k + 1 < count; ++k)
      out[k] = first + static_cast<double>(k) * (last - first) / intervals;
    // The last point is set and not computed, as no rounding may move it. A single point is the first.
    if (count > 0) out[count - 1] = count == 1 ? first : last;
  }

  void list(NodeId id) {
    const auto children = trees_.children_of(trees_.nodes[id]);
    const Quantity& like = result(children[0]);
    NodeState& state = nodes_[id];
    state.shape.assign(1, static_cast<Index>(children.size()));
    if (!like.is_scalar) state.shape.insert(state.shape.end(), like.shape->begin(), like.shape->end());
    double* out = state.buffer.room(static_cast<Index>(children.size()) * like.size);
    double* to = out;
    for (const NodeId child : children) {
      const Quantity& item = result(child);
      if (item.is_scalar != like.is_scalar || (!like.is_scalar && *item.shape != *like.shape))
        fail(child, "the items of a list have different shapes");
      to = item.is_scalar ? (*to = item.number, to + 1) : std::copy_n(item.data, item.size, to);
    }
    state.result = {.is_scalar = false, .number = 0, .data = out, .shape = &state.shape, .size = to - out};
  }

  void at(NodeId id) {
    const Quantity& array = array_operand(id, 0);
    const Index k = position(id, array.size, "elements");
    nodes_[id].result = scalar(array.data[k]);
  }

  void dim(NodeId id) {
    const Shape& shape = *array_operand(id, 0).shape;
    const Index axis = position(id, static_cast<Index>(shape.size()), "axes");
    nodes_[id].result = scalar(static_cast<double>(shape[static_cast<std::size_t>(axis)]));
  }

  double reduction(NodeId id) {
    const Op op = trees_.nodes[id].op;
    const Quantity& array = array_operand(id, 0);
    if (op == Op::sum) return sum_of(array.data, array.size);
    if (op == Op::mean) return sum_of(array.data, array.size) / static_cast<double>(array.size);
    if (op == Op::product) return product_of(array.data, array.size);
    if (op == Op::dot) {
      const Quantity& other = array_operand(id, 1);
      if (other.size != array.size)
        fail(id, fmt::format("'dot' wants arrays of equal size, but these have {} and {} elements",
                             array.size, other.size));
      return dot_of(array.data, other.data, array.size);
    }
    if (array.size == 0) fail(id, fmt::format("'{}' of an array without elements", op_name(op)));
    return op == Op::smallest ? smallest_of(array.data, array.size) : largest_of(array.data, array.size);
  }

  // ---- operands and results ----

  static Quantity scalar(double number) { return {.is_scalar = true, .number = number}; }

  const Quantity& operand(NodeId id, std::size_t k) const {
    return result(trees_.children_of(trees_.nodes[id])[k]);
  }

  const Quantity& array_operand(NodeId id, std::size_t k) const {
    const Quantity& value = operand(id, k);
    if (value.is_scalar)
      fail(id, fmt::format("'{}' wants an array, but gets the single number {}", op_name(trees_.nodes[id].op),
                           value.number));
    return value;
  }

  double number(NodeId id, std::size_t k) const {
    const Quantity& value = operand(id, k);
    if (!value.is_scalar)
      fail(id, fmt::format("'{}' wants a single number, but gets an array of shape {}",
                           op_name(trees_.nodes[id].op), to_string(*value.shape)));
    return value.number;
  }

  Index whole_number(NodeId id, std::size_t k, double most, const char* what) const {
    const double value = number(id, k);
    const auto name = op_name(trees_.nodes[id].op);
    if (!(value >= 0) || value != std::floor(value))
      fail(id, fmt::format("'{}' cannot have {} {}: the number must be whole and not negative", name, value,
                           what));
    if (value > most)
      fail(id, fmt::format("'{}' with {} {} is too large (the memory for it is limited to {} {})", name,
                           value, what, most, what));
    return static_cast<Index>(value);
  }

  Index position(NodeId id, Index extent, const char* what) const {
    const double value = number(id, 1);
    if (!(value >= 0) || value != std::floor(value) || value >= static_cast<double>(extent))
      fail(id, fmt::format("'{}' with the index {} is out of range: there are {} {}, numbered from 0",
                           op_name(trees_.nodes[id].op), value, extent, what));
    return static_cast<Index>(value);
  }

  double* make_vector(NodeId id, Index count) {
    NodeState& state = nodes_[id];
    double* out = state.buffer.room(count);
    state.shape.assign(1, count);
    state.result = {.is_scalar = false, .number = 0, .data = out, .shape = &state.shape, .size = count};
    return out;
  }

  void write(OutputColumn& column, NodeId root) {
    const Quantity& value = result(root);
    // Of elements that are arrays themselves the column's type is that of an array, and this one that of its items.
    const ElementType& type = column.type->kind == Kind::array ? *column.type->item : *column.type;
    const std::byte* bytes = converted(value, root, type);
    // The caller says by the column in which of three ways it takes values: as items of a larger array, as
    // encoded elements, or in place, where it counts on single numbers.
    if (column.collects_items && (!value.is_scalar || column.item_rank || column.fixed == nullptr)) {
      column.push_items(shape_of(value), bytes);
    } else if (column.fixed == nullptr) {
      Bytes encoded;
      write_shape(shape_of(value), encoded);
      append(encoded, bytes, static_cast<std::size_t>(value.size) * type.size);
      column.push_encoded(encoded);
    } else if (value.is_scalar) {
      std::memcpy(column.fixed + static_cast<std::size_t>(call_.completed) * type.size, bytes, type.size);
    } else {
      throw Error(Category::internal_shape_rank,
                  fmt::format("the expression '{}' gave an array of shape {} where a single number was "
                              "expected. Name its axes "
                              "in the mapspec, or reduce it.",
                              trees_.texts[static_cast<std::size_t>(&column - call_.outputs.data())],
                              to_string(*value.shape)));
    }
  }

  static Shape shape_of(const Quantity& value) { return value.is_scalar ? Shape{} : *value.shape; }

  /// The values as `type`: where they are, when that is float64, else in memory that the next call overwrites.
  const std::byte* converted(const Quantity& value, NodeId root, const ElementType& type) {
    const double* doubles = value.is_scalar ? &value.number : value.data;
    if (type.kind == Kind::float64) return reinterpret_cast<const std::byte*>(doubles);
    converted_.resize(static_cast<std::size_t>(value.size) * type.size);
    const Index held = narrow(doubles, value.size, type, converted_.data());
    if (held != value.size) refuse_value(trees_, root, doubles[held], type);
    return converted_.data();
  }

  [[noreturn]] void fail(NodeId id, const std::string& problem) const { fail_element(trees_, id, problem); }

  const ExpressionTrees& trees_;
  BlockCall& call_;
  std::vector<ArrayArgument> arguments_;
  std::vector<NodeState> nodes_;
  std::vector<Index> positions_;
  Bytes converted_;
};

}  // namespace

void evaluate_arrays(const ExpressionTrees& trees, BlockCall& call) { ArrayRun(trees, call).run(); }

}  // namespace mpipe::detail
