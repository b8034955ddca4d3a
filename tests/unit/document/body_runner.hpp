// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Calls a body over a block, without a pipeline around it.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/data/value.hpp>
#include <mpipe/pipeline/function_body.hpp>

#include <optional>
#include <string>
#include <vector>

namespace mpipe::test {

/// An argument: a value, whose first `mapped.size()` axes are the external axes named there; the rest is a
/// slice.
struct Argument {
  Value value;
  std::vector<std::size_t> mapped{};
};

struct BlockResult {
  std::vector<std::vector<double>> outputs;
  std::vector<std::optional<Shape>> internal;
  Index completed = 0;
  std::optional<std::string> error;
};

class BodyRunner {
 public:
  BodyRunner(const FunctionBody& body, Shape external, std::vector<Argument> arguments)
      : body_(body), external_(std::move(external)), arguments_(std::move(arguments)) {
    std::vector<ValueType> types;
    for (const Argument& argument : arguments_) {
      ArgumentView view;
      view.type = &argument.value.type();
      view.data = argument.value.data();
      view.offsets = argument.value.offsets();
      const Strides strides = c_strides(argument.value.shape());
      view.strides.assign(external_.size(), 0);
      for (std::size_t k = 0; k < argument.mapped.size(); ++k) view.strides[argument.mapped[k]] = strides[k];
      view.slice_shape.assign(
          argument.value.shape().begin() + static_cast<std::ptrdiff_t>(argument.mapped.size()),
          argument.value.shape().end());
      view.slice_strides.assign(strides.begin() + static_cast<std::ptrdiff_t>(argument.mapped.size()),
                                strides.end());
      types.push_back({view.type, view.slice_shape.size(), false});
      views_.push_back(std::move(view));
    }
    types_ = body_.outputs(types);
  }

  const std::vector<ValueType>& output_types() const { return types_; }

  BlockResult run(IndexRange range, std::uint64_t seed = 7) const {
    BlockResult result;
    std::vector<OutputColumn> columns(body_.output_count());
    result.outputs.resize(columns.size());
    for (std::size_t k = 0; k < columns.size(); ++k) {
      columns[k].type = types_[k].element;
      columns[k].collects_items = types_[k].rank != std::size_t{0};
      result.outputs[k].assign(static_cast<std::size_t>(range.size()), -77.0);
      if (!columns[k].collects_items)
        columns[k].fixed = reinterpret_cast<std::byte*>(result.outputs[k].data());
    }
    BlockCall call{range, &external_, views_, columns, seed, stream_of("out"), 0};
    try {
      body_.call(call);
    } catch (const Error& error) {
      result.error = error.what();
    }
    result.completed = call.completed;
    for (std::size_t k = 0; k < columns.size(); ++k) {
      result.internal.push_back(columns[k].internal);
      if (!columns[k].collects_items) continue;
      const auto* items = reinterpret_cast<const double*>(columns[k].bytes.data());
      result.outputs[k].assign(items, items + columns[k].bytes.size() / sizeof(double));
    }
    return result;
  }

  BlockResult run() const { return run({0, element_count(external_)}); }

 private:
  const FunctionBody& body_;
  Shape external_;
  std::vector<Argument> arguments_;
  std::vector<ArgumentView> views_;
  std::vector<ValueType> types_;
};

}  // namespace mpipe::test
