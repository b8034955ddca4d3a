// SPDX-License-Identifier: BSD-3-Clause
// Pipeline::run: one element of every needed function, here and now.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/pipeline.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

namespace mpipe {
namespace {

std::string describe_arguments(const FunctionNode& node, std::span<const Value* const> values) {
  std::string text;
  for (std::size_t k = 0; k < values.size(); ++k)
    text += fmt::format("{}{}={}", k == 0 ? "" : ", ", node.parameters[k].name, describe(*values[k]));
  return text;
}

/// One `Pipeline::run`: finds what is needed and whether all of it can be had before any body runs.
class Evaluation {
 public:
  Evaluation(const Pipeline& pipeline, const std::unordered_map<std::string, std::uint32_t>& slots,
             const Inputs& inputs, std::span<const Value> defaults)
      : pipeline_(pipeline),
        inputs_(inputs),
        defaults_(defaults),
        values_(slots.size(), nullptr),
        given_used_(slots.size(), false),
        computed_(slots.size(), false),
        visited_(pipeline.functions().size(), false) {
    for (const auto& [name, value] : inputs) {
      const auto slot = slots.find(name);
      if (slot == slots.end()) {
        unknown_.push_back(name);
      } else {
        values_[slot->second] = &value;
        given_.emplace_back(slot->second, &name);
      }
    }
  }

  /// Puts the function of an output, and those that it needs, into `order_`, producers first.
  void need(FunctionId id, std::uint32_t output_slot) {
    if (!is_new(id, output_slot)) return;
    // The functions from `id` down to the one at hand, each with its next parameter. It is a list and no
    // recursion, as pipelines may be chains of any length.
    std::vector<std::pair<FunctionId, std::size_t>> path{{id, 0}};
    while (!path.empty()) {
      const FunctionId at = path.back().first;
      const auto& parameters = pipeline_.function(at).parameters;
      if (path.back().second == parameters.size()) {
        order_.push_back(at);
        path.pop_back();
        continue;
      }
      const ParameterNode& parameter = parameters[path.back().second++];
      if (parameter.source == Source::bound) continue;
      if (parameter.source == Source::output) {
        if (is_new(parameter.producer, parameter.slot)) path.emplace_back(parameter.producer, 0);
      } else if (values_[parameter.slot] != nullptr) {
        given_used_[parameter.slot] = true;
      } else if (!defaults_[parameter.slot].has_value()) {
        missing_.push_back(parameter.name);
      }
    }
  }

  void check_arguments(const RunOptions& options) const {
    if (!missing_.empty())
      throw Error(Category::missing_input,
                  fmt::format("no value for {}: {}. Give {} as input, or set a default.",
                              missing_.size() == 1 ? "the argument" : "the arguments",
                              fmt::join(missing_, ", "), missing_.size() == 1 ? "it" : "them"),
                  {Subject::Kind::parameter, missing_.front()});
    // What is missing is told before what is unused: a misspelt argument is both, and its absence is what
    // stops the run.
    if (options.allow_unused) return;
    auto unused = unknown_;
    for (const auto& [slot, name] : given_)
      if (!given_used_[slot]) unused.push_back(*name);
    if (!unused.empty())
      throw Error(
          Category::unused_argument,
          fmt::format("unused keyword arguments: {} (what was asked for does not need them). Remove them.",
                      fmt::join(unused, ", ")),
          {Subject::Kind::parameter, unused.front()});
  }

  void compute() {
    std::size_t outputs = 0;
    for (const FunctionId id : order_) outputs += pipeline_.function(id).outputs.size();
    // `values_` points into the results, which therefore must not move when more are added.
    results_.reserve(outputs);
    for (const FunctionId id : order_) call(pipeline_.function(id));
  }

  /// What the caller gave, and what was computed.
  Inputs everything() const {
    Inputs all = inputs_;
    for (const FunctionNode& node : pipeline_.functions())
      for (std::size_t k = 0; k < node.outputs.size(); ++k)
        if (computed_[node.output_slots[k]]) all.emplace(node.outputs[k], *values_[node.output_slots[k]]);
    return all;
  }

 private:
  /// Whether the function that makes this output has to be called and was not seen yet.
  bool is_new(FunctionId id, std::uint32_t output_slot) {
    if (values_[output_slot] != nullptr) {
      given_used_[output_slot] = true;
      return false;
    }
    if (visited_[id.value]) return false;
    visited_[id.value] = true;
    return true;
  }
  void call(const FunctionNode& node);
  void bind(const FunctionNode& node);
  void collect(const FunctionNode& node, std::span<OutputColumn> columns,
               std::span<const std::uint64_t> scalars);

  const Pipeline& pipeline_;
  const Inputs& inputs_;
  std::span<const Value> defaults_;
  std::vector<const Value*> values_;  ///< by slot
  std::vector<bool> given_used_;
  std::vector<bool> computed_;
  std::vector<bool> visited_;
  std::vector<std::pair<std::uint32_t, const std::string*>> given_;
  std::vector<std::string> unknown_;
  std::vector<std::string> missing_;
  std::vector<FunctionId> order_;
  std::vector<Value> results_;  ///< never reallocated: `values_` points into it

  std::vector<const Value*> bound_;  ///< arguments of the call at hand
  std::vector<Value> converted_;
  std::vector<ArgumentView> views_;
};

void Evaluation::bind(const FunctionNode& node) {
  const auto& wanted = node.function.body().parameters();
  const std::size_t count = node.parameters.size();
  bound_.clear();
  converted_.clear();
  // The views point into converted values, and a small one has its bytes inside of it.
  converted_.reserve(count);
  views_.resize(count);
  for (std::size_t k = 0; k < count; ++k) {
    const ParameterNode& parameter = node.parameters[k];
    const Value* value = values_[parameter.slot];
    if (parameter.source == Source::bound)
      value = &node.function.bound_values().at(parameter.name);
    else if (value == nullptr)
      value = &defaults_[parameter.slot];
    if (wanted[k].element != nullptr && value->type() != *wanted[k].element)
      value = &converted_.emplace_back(value->converted(*wanted[k].element));
    const bool fits =
        wanted[k].any_rank || (wanted[k].rank ? value->rank() == *wanted[k].rank : value->rank() >= 1);
    if (!fits)
      throw Error(Category::rank_mismatch,
                  fmt::format("parameter '{}' of function '{}' is {} but {} was given.", parameter.name,
                              node.name(), wanted[k].to_string(), describe(*value)),
                  {Subject::Kind::parameter, parameter.name});
    bound_.push_back(value);
    ArgumentView& view = views_[k];
    view.type = &value->type();
    view.data = value->data();
    view.offsets = value->offsets();
    view.slice_shape = value->shape();
    view.slice_strides = value->is_scalar() ? Strides{} : c_strides(value->shape());
  }
}

void Evaluation::call(const FunctionNode& node) {
  bind(node);
  static const Shape kNoAxes;
  std::vector<ValueType> argument_types;
  for (const Value* value : bound_) argument_types.push_back({&value->type(), value->rank(), false});
  const auto types = node.function.body().outputs(argument_types);
  std::vector<OutputColumn> columns(node.outputs.size());
  std::vector<std::uint64_t> scalars(2 * node.outputs.size());  // room for the largest scalar, a complex128
  for (std::size_t k = 0; k < columns.size(); ++k) {
    columns[k].type = types[k].element;
    columns[k].collects_items = types[k].rank != std::size_t{0};
    // Where scalars are written; a body that returns arrays or texts pushes them into the column and leaves
    // this alone.
    columns[k].fixed = reinterpret_cast<std::byte*>(&scalars[2 * k]);
  }
  BlockCall block{{0, 1}, &kNoAxes,
                  views_, columns,
                  0,      stream_of(node.outputs.front().c_str()),
                  0,      &node.function.resources()};
  try {
    node.function.body().call(block);
  } catch (const std::exception& error) {
    throw Error(Category::function_raised,
                fmt::format("function '{}' failed: {} (called with {})", node.name(), error.what(),
                            describe_arguments(node, bound_)),
                {Subject::Kind::function, node.name()});
  }
  collect(node, columns, scalars);
}

void Evaluation::collect(const FunctionNode& node, std::span<OutputColumn> columns,
                         std::span<const std::uint64_t> scalars) {
  for (std::size_t k = 0; k < columns.size(); ++k) {
    const OutputColumn& column = columns[k];
    const bool scalar_in_place = !column.internal && column.type->fixed_size();
    const std::span<const std::byte> bytes =
        scalar_in_place ? std::as_bytes(scalars.subspan(2 * k, 2)).first(column.type->size)
                        : std::span<const std::byte>(column.bytes);
    std::span<const std::uint64_t> offsets = column.offsets;
    static constexpr std::uint64_t kNoValues[] = {0};
    if (!column.type->fixed_size() && offsets.empty()) offsets = kNoValues;
    results_.push_back(Value::copy_of(*column.type, column.internal.value_or(Shape{}), bytes, offsets));
    // What the caller gave for another output of this function stays what it is.
    const Value*& slot = values_[node.output_slots[k]];
    if (slot != nullptr) continue;
    slot = &results_.back();
    computed_[node.output_slots[k]] = true;
  }
}

/// `run` computes single elements, so nothing that it computes from may have to do with mapspecs, whatever is
/// given.
void refuse_mapped_upstream(const Pipeline& pipeline, FunctionId id) {
  std::set<std::string> arrays;
  for (const FunctionNode& node : pipeline.functions()) {
    if (!node.mapspec) continue;
    for (const ArraySpec& array : node.mapspec->inputs()) arrays.insert(array.name);
    for (const ArraySpec& array : node.mapspec->outputs()) arrays.insert(array.name);
  }
  const FunctionNode& asked = pipeline.function(id);
  const std::vector<bool> needed = pipeline.needed_for({asked.name()});
  for (std::size_t k = 0; k < needed.size(); ++k) {
    if (!needed[k] || k == id.value) continue;
    for (const std::string& output : pipeline.functions()[k].outputs)
      if (arrays.contains(output))
        throw Error(
            Category::run_needs_map,
            fmt::format("'{}' is computed from '{}', which is an array of a mapspec, but `run` computes "
                        "single elements. Use Pipeline::map instead, or run a part of the pipeline "
                        "that begins behind it (Pipeline::subpipeline).",
                        asked.name(), output),
            {Subject::Kind::output, output});
  }
}

/// What was asked for, or the leaves.
std::vector<std::string> asked_for(const Pipeline& pipeline, const std::vector<std::string>& outputs) {
  return outputs.empty() ? pipeline.leaf_outputs() : outputs;
}

}  // namespace

Inputs Pipeline::run_full(const std::vector<std::string>& outputs, const Inputs& inputs,
                          const RunOptions& options) const {
  Evaluation evaluation(*this, graph_->slots, inputs, graph_->defaults);
  for (const std::string& output : asked_for(*this, outputs)) {
    if (inputs.contains(output))
      throw Error(Category::output_given,
                  fmt::format("the output '{}' cannot be asked for and given at once.", output),
                  {Subject::Kind::parameter, output});
    const FunctionId id = producer_of(output);
    refuse_mapped_upstream(*this, id);
    // All that is asked for is gathered first, then checked, then computed: no function of the user is called
    // when an argument of another one is missing.
    evaluation.need(id, graph_->slots.at(output));
  }
  evaluation.check_arguments(options);
  evaluation.compute();
  return evaluation.everything();
}

std::vector<Value> Pipeline::run(const std::vector<std::string>& outputs, const Inputs& inputs,
                                 const RunOptions& options) const {
  const Inputs all = run_full(outputs, inputs, options);
  std::vector<Value> values;
  for (const std::string& output : asked_for(*this, outputs)) values.push_back(all.at(output));
  return values;
}

Value Pipeline::run(const std::string& output, const Inputs& inputs, const RunOptions& options) const {
  return run(std::vector<std::string>{output}, inputs, options).front();
}

}  // namespace mpipe
