// SPDX-License-Identifier: BSD-3-Clause
// Computes several functions as one: values between them stay in memory, block by block.
#include "pipeline/nested_body.hpp"

#include <mpipe/core/error.hpp>

#include "pipeline/edge_types.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>

namespace mpipe::detail {
namespace {

/// How many elements are computed at a time when `done` of them are complete. The number grows, so that
/// little is computed in vain behind an element that fails (at most a sixteenth of what is done), but only as
/// far as the values stay in the cache on their way from function to function.
Index chunk_after(Index done) { return std::clamp<Index>(done / 16, 1, 256); }

using From = NestedBody::Argument::From;

}  // namespace

NestedBody::NestedBody(std::vector<Part> parts, const std::vector<std::string>& parameters,
                       std::size_t outputs)
    : parts_(std::move(parts)),
      parameters_(parameters.size(), ValueType{nullptr, std::nullopt, true}),
      outputs_(outputs) {
  for (Part& part : parts_) {
    const auto& wanted = part.node.function.body().parameters();
    for (std::size_t k = 0; k < part.arguments.size(); ++k) {
      Argument& argument = part.arguments[k];
      if (argument.from == From::outside)
        merge_parameter(parameters[argument.number], argument.number, wanted[k]);
      // Bound values are converted here, once for all calls. Values whose elements are arrays stay as they
      // are.
      if (argument.from == From::bound && wanted[k].element != nullptr &&
          argument.bound.type().kind != Kind::array)
        argument.bound = argument.bound.converted(*wanted[k].element);
    }
  }
}

/// Makes the type of a parameter the narrower of what it was and what another function wants. Two types of
/// which neither holds the other cannot both be met by one value.
void NestedBody::merge_parameter(const std::string& name, std::size_t number, const ValueType& wanted) {
  ValueType& merged = parameters_[number];
  const bool elements_fit =
      merged.element == nullptr || wanted.element == nullptr || *merged.element == *wanted.element;
  const auto holds = [](const ValueType& outer, const ValueType& inner) {  // inner's ranks are among outer's
    if (outer.any_rank || inner.any_rank) return outer.any_rank;
    return outer.rank ? inner.rank == outer.rank : !inner.rank || *inner.rank >= 1;
  };
  if (!elements_fit || !(holds(merged, wanted) || holds(wanted, merged)))
    throw Error(
        Category::type_mismatch,
        fmt::format("functions that want '{}' as {} and as {} cannot be nested into one, which has it "
                    "as one parameter. Change one of the types.",
                    name, merged.to_string(), wanted.to_string()));
  if (merged.element == nullptr) merged.element = wanted.element;
  if (!holds(merged, wanted)) return;
  merged.rank = wanted.rank;
  merged.any_rank = wanted.any_rank;
}

std::vector<std::vector<ValueType>> NestedBody::infer(std::span<const ValueType> arguments) const {
  std::vector<std::vector<ValueType>> types;
  for (const Part& part : parts_) {
    std::vector<ValueType> given;
    for (std::size_t k = 0; k < part.arguments.size(); ++k) {
      const Argument& argument = part.arguments[k];
      if (argument.from == From::bound)
        given.push_back({&argument.bound.type(), argument.bound.rank(), false});
      else
        given.push_back(argument.from == From::outside ? arguments[argument.number]
                                                       : types[argument.number][argument.output]);
      given.back() = opened(given.back());
      if (argument.from == From::inside)
        // An edge inside is held to the same rule as one between functions of a pipeline, which no longer
        // sees it.
        check_argument(part.node, part.node.parameters[k].name, given.back(),
                       part.node.function.body().parameters()[k]);
    }
    types.push_back(part.node.function.body().outputs(given));
  }
  return types;
}

std::vector<ValueType> NestedBody::outputs(std::span<const ValueType> arguments) const {
  const auto all = infer(arguments);
  std::vector<ValueType> kept(outputs_);
  for (std::size_t p = 0; p < parts_.size(); ++p)
    for (std::size_t k = 0; k < parts_[p].kept.size(); ++k)
      if (const auto place = parts_[p].kept[k]) kept[*place] = all[p][k];
  return kept;
}

bool NestedBody::thread_safe() const {
  return std::all_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.node.function.is_thread_safe(); });
}

bool NestedBody::draws_random_numbers() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.node.function.body().draws_random_numbers(); });
}

bool NestedBody::takes_communicator() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.node.function.body().takes_communicator(); });
}

std::string NestedBody::identity() const {
  std::string text = "nested:";
  for (const Part& part : parts_)
    text += fmt::format(" {}({}) {};", fmt::join(part.node.outputs, ","),
                        fmt::join(part.node.function.parameter_names(), ","),
                        part.node.function.body().identity());
  return text;
}

std::string NestedBody::formula(std::span<const std::string> parameters) const {
  std::string text;
  for (const Part& part : parts_) {
    // Names inside are those of the functions, and of their outputs; only what comes from outside is renamed.
    std::vector<std::string> names = part.node.function.parameter_names();
    for (std::size_t k = 0; k < names.size(); ++k) {
      const Argument& argument = part.arguments[k];
      if (argument.from == Argument::From::outside) names[k] = parameters[argument.number];
      if (argument.from == Argument::From::bound)
        names[k] = fmt::format("[{:016x}]", argument.bound.digest());
    }
    const std::string formula = part.node.function.body().formula(names);
    text += fmt::format("{} = {}; ", fmt::join(part.node.outputs, ", "),
                        formula.empty() ? fmt::format("code({})", fmt::join(names, ", ")) : formula);
  }
  return text;
}

BodyCode NestedBody::code() const {
  BodyCode all;
  for (const Part& part : parts_) {
    const BodyCode code = part.node.function.body().code();
    all.places.insert(all.places.end(), code.places.begin(), code.places.end());
    all.captures.insert(all.captures.end(), code.captures.begin(), code.captures.end());
    all.sources.insert(all.sources.end(), code.sources.begin(), code.sources.end());
  }
  return all;
}

/// `command of y`: of the function inside that makes `y`.
std::map<std::string, std::string> NestedBody::keys() const {
  std::map<std::string, std::string> all;
  for (const Part& part : parts_)
    for (const auto& [key, text] : keys_of(part.node.function.body()))
      all.emplace(fmt::format("{} of {}", key, part.node.name()), text);
  return all;
}

namespace {

/// One call of a nested body.
class NestedCall {
 public:
  NestedCall(const NestedBody& body, BlockCall& call) : body_(body), call_(call), types_(argument_types()) {
    for (std::size_t p = 0; p < body.parts().size(); ++p) make_columns(p);
  }
  /// Gives the columns of kept outputs back to the caller, also when an element has failed: the elements
  /// before it are complete, and the caller takes them from there.
  ~NestedCall() {
    for (std::size_t p = 0; p < columns_.size(); ++p)
      for (std::size_t k = 0; k < columns_[p].size(); ++k)
        if (const auto place = body_.parts()[p].kept[k]) {
          columns_[p][k].fixed = fixed_[p][k];
          call_.outputs[*place] = std::move(columns_[p][k]);
        }
  }
  NestedCall(const NestedCall&) = delete;
  NestedCall& operator=(const NestedCall&) = delete;

  /// Computes a part of the block; returns how many of its elements are complete. When it is not all of them,
  /// `failure` is what the next one failed with.
  Index compute(IndexRange range) {
    const Index begin = range.begin;
    for (std::size_t p = 0; p < body_.parts().size() && !range.empty(); ++p) {
      prepare_columns(p, range);
      BlockCall inner = call_;
      inner.range = range;
      inner.arguments = bind(p, range);
      inner.outputs = columns_[p];
      inner.stream = body_.parts()[p].stream;
      inner.completed = 0;
      if (range.begin != call_.range.begin) inner.attempt = nullptr;
      try {
        body_.parts()[p].node.function.body().call(inner);
      } catch (...) {
        // No element behind a failed one counts as complete, but those before it may: the later functions get
        // only these, and a failure of theirs, which lies further in front, replaces this one.
        failure = std::current_exception();
        range.end = range.begin + inner.completed;
      }
    }
    return range.end - begin;
  }

  std::exception_ptr failure;

 private:
  std::vector<std::vector<ValueType>> argument_types() const {
    std::vector<ValueType> types;
    for (const ArgumentView& view : call_.arguments)
      types.push_back(opened({view.type, view.slice_shape.size(), false}));
    return body_.infer(types);
  }

  void make_columns(std::size_t p) {
    const NestedBody::Part& part = body_.parts()[p];
    auto& columns = columns_.emplace_back(part.kept.size());
    fixed_.emplace_back(columns.size(), nullptr);
    values_before_.emplace_back(columns.size(), 0);
    buffers_.emplace_back(columns.size());
    for (std::size_t k = 0; k < columns.size(); ++k) {
      if (part.kept[k]) {
        // An output that is kept goes straight to the caller's column, without a copy; `~NestedCall` moves
        // the column back.
        columns[k] = std::move(call_.outputs[*part.kept[k]]);
        fixed_[p][k] = columns[k].fixed;
        continue;
      }
      const ValueType& type = types_[p][k];
      if (type.element == nullptr || (!type.rank && type.any_rank))
        throw Error(Category::type_mismatch,
                    fmt::format("the type of '{}' inside of a nested function cannot be found (it depends on "
                                "arrays of unknown rank). Keep its function out of the nested one.",
                                part.node.outputs[k]));
      columns[k].type = type.rank == std::size_t{0} ? type.element : &array_type(*type.element);
    }
  }

  void prepare_columns(std::size_t p, IndexRange range) {
    for (std::size_t k = 0; k < columns_[p].size(); ++k) {
      OutputColumn& column = columns_[p][k];
      const std::size_t size = column.type->size;
      const bool is_fixed = column.type->fixed_size() && !column.collects_items;
      if (body_.parts()[p].kept[k]) {
        if (is_fixed)
          column.fixed = fixed_[p][k] + static_cast<std::size_t>(range.begin - call_.range.begin) * size;
        // Kept columns grow from chunk to chunk. What the functions behind this one take begins behind the
        // values of the chunks before.
        values_before_[p][k] = values_in(column);
        continue;
      }
      // A value that nobody keeps is needed for this chunk only.
      column.clear();
      if (!is_fixed) continue;
      buffers_[p][k].resize(static_cast<std::size_t>(range.size()) * size);
      column.fixed = buffers_[p][k].data();
    }
  }

  static Index values_in(const OutputColumn& column) {
    if (!column.type->fixed_size())
      return column.offsets.empty() ? 0 : static_cast<Index>(column.offsets.size()) - 1;
    return column.collects_items ? static_cast<Index>(column.bytes.size() / column.type->size) : 0;
  }

  /// The arguments of a part for the elements of `range`; valid until the next call.
  std::span<const ArgumentView> bind(std::size_t p, IndexRange range) {
    const NestedBody::Part& part = body_.parts()[p];
    views_.clear();
    converted_.clear();
    // The views point into these values, and a small value has its bytes inside of it: the vector must not
    // move them.
    converted_.reserve(part.arguments.size());
    for (std::size_t k = 0; k < part.arguments.size(); ++k) {
      const NestedBody::Argument& argument = part.arguments[k];
      if (argument.from == From::outside)
        views_.push_back(call_.arguments[argument.number]);
      else if (argument.from == From::bound)
        views_.push_back(view_of(argument.bound));
      else
        views_.push_back(view_of(argument.number, argument.output, range,
                                 part.node.function.body().parameters()[k].element));
    }
    return views_;
  }

  ArgumentView view_of(const Value& value) const {
    ArgumentView view;
    view.type = &value.type();
    view.data = value.data();
    view.offsets = value.offsets();
    view.strides.assign(call_.external->size(), 0);
    view.slice_shape = value.shape();
    if (!value.is_scalar()) view.slice_strides = c_strides(value.shape());
    return view;
  }

  /// What a part before has made for the elements of `range`.
  ArgumentView view_of(std::size_t p, std::size_t k, IndexRange range, const ElementType* wanted) {
    const OutputColumn& column = columns_[p][k];
    Index per_element = 1;
    ArgumentView view;
    if (column.internal) {
      view.slice_shape = *column.internal;
      view.slice_strides = c_strides(view.slice_shape);
      per_element = element_count(view.slice_shape);
    }
    const bool is_fixed = column.type->fixed_size() && !column.collects_items;
    view.type = column.type;
    view.data = is_fixed ? column.fixed : column.bytes.data();
    view.offsets = column.type->fixed_size() ? nullptr : column.offsets.data();
    view.strides = c_strides(*call_.external);
    for (Index& stride : view.strides) stride *= per_element;
    // Bodies number elements as the run does, while the column begins with the first of the chunk. The origin
    // makes up for the difference, and may be below zero.
    view.origin = values_before_[p][k] - range.begin * per_element;
    if (wanted == nullptr || *wanted == *column.type || column.type->kind == Kind::array) return view;
    const auto first = static_cast<std::size_t>(values_before_[p][k]) * column.type->size;
    const auto count = range.size() * per_element;
    const Value& value = converted_.emplace_back(
        Value::copy_of(*column.type, {count},
                       std::span(view.data + first, static_cast<std::size_t>(count) * column.type->size))
            .converted(*wanted));
    view.type = &value.type();
    view.data = value.data();
    view.origin = -range.begin * per_element;
    return view;
  }

  const NestedBody& body_;
  BlockCall& call_;
  std::vector<std::vector<ValueType>> types_;
  // By part and output.
  std::vector<std::vector<OutputColumn>> columns_;
  std::vector<std::vector<std::byte*>> fixed_;     ///< where the block of a kept output begins
  std::vector<std::vector<Index>> values_before_;  ///< in the columns of kept outputs, of earlier elements
  std::vector<std::vector<std::vector<std::byte>>> buffers_;
  std::vector<ArgumentView> views_;
  std::vector<Value> converted_;
};

}  // namespace

void NestedBody::call(BlockCall& call) const {
  call.completed = 0;
  NestedCall nested(*this, call);
  while (call.completed < call.range.size()) {
    const Index begin = call.range.begin + call.completed;
    const Index end = std::min(call.range.end, begin + chunk_after(call.completed));
    call.completed += nested.compute({begin, end});
    // It is thrown only now, when `completed` says which element has failed.
    if (nested.failure) std::rethrow_exception(nested.failure);
  }
}

}  // namespace mpipe::detail
