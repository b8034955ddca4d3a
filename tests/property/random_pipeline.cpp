// SPDX-License-Identifier: BSD-3-Clause
#include "property/random_pipeline.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace mpipe::property {
namespace {

constexpr Index kMostElements = 60;

template <class T>
bool has(const std::vector<T>& items, const T& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

Index count_of(const Shape& shape) {
  Index count = 1;
  for (const Index extent : shape) count *= extent;
  return count;
}

/// Goes to the next index in C order.
void advance(MultiIndex& index, const Shape& shape) {
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    if (++index[axis] < shape[axis]) return;
    index[axis] = 0;
  }
}

}  // namespace

Code NaiveArray::code_at(const MultiIndex& index) const {
  Index k = 0;
  for (std::size_t axis = 0; axis < index.size(); ++axis) k = k * shape[axis] + index[axis];
  return codes[static_cast<std::size_t>(k)];
}

Code NaiveArray::digest_at(std::size_t k) const {
  const TypeFunctions& functions = functions_of(type);
  return rule ? functions.digest_of_array(*rule, codes[k]) : functions.digest_of(codes[k]);
}

Bytes NaiveArray::encoded_at(std::size_t k) const {
  const TypeFunctions& functions = functions_of(type);
  return rule ? functions.encoded_array(*rule, codes[k]) : functions.encoded(codes[k]);
}

RandomPipeline::RandomPipeline(std::uint64_t seed) : random_(seed) {
  for (const char* axis : {"i", "j", "k"}) extents_[axis] = chance(8) ? 0 : 1 + below(5);
  add_inputs();
  const int wanted = 2 + static_cast<int>(below(5));
  for (int number = 0; number < wanted;) number += add_function(number) ? 1 : 0;
  // Inputs that nobody takes would be refused.
  std::set<std::string> taken;
  for (const Function& function : functions_)
    for (const std::string& name : function.parameter_names()) taken.insert(name);
  std::erase_if(inputs_, [&](const auto& input) { return !taken.contains(input.first); });
}

void RandomPipeline::add_inputs() {
  add_input("seed", Type::uint64, false, 0);
  add_input("codes", Type::uint64, false, 1);
  add_input("table", Type::uint64, false, 2);
  add_input("a", static_cast<Type>(below(kTypes)), false, static_cast<std::size_t>(below(4)));
  add_input("b", static_cast<Type>(below(kTypes)), chance(40), 1);
}

void RandomPipeline::add_input(const std::string& name, Type type, bool ragged, std::size_t rank) {
  NaiveArray array;
  array.type = type;
  if (ragged) array.rule = ArrayRule{Shape(static_cast<std::size_t>(1 + below(2))), true, chance(20)};
  std::vector<std::string> pool{"i", "j", "k"};
  std::shuffle(pool.begin(), pool.end(), random_);
  array.axes.assign(pool.begin(), pool.begin() + static_cast<std::ptrdiff_t>(rank));
  for (const std::string& axis : array.axes) array.shape.push_back(extents_[axis]);
  for (Index k = 0; k < count_of(array.shape); ++k) array.codes.push_back(random_());
  inputs_[name] = functions_of(type).input(array.shape, array.codes, array.rule ? &*array.rule : nullptr);
  arrays_[name] = std::move(array);
  order_.push_back(name);
}

/// Later arrays are more likely: chains get long.
const std::string& RandomPipeline::any_name() {
  const auto count = static_cast<Index>(order_.size());
  return order_[static_cast<std::size_t>(std::max(below(count), below(count)))];
}

void RandomPipeline::index_some(Argument& argument, bool all) {
  argument.indexed.assign(argument.array->axes.size(), false);
  if (!argument.array->has_names) return;
  for (std::size_t axis = 0; axis < argument.indexed.size(); ++axis)
    argument.indexed[axis] = all || chance(50);
  const bool any = has(argument.indexed, true);
  argument.in_mapspec = any || (!argument.indexed.empty() && chance(20));
}

RandomPipeline::Argument RandomPipeline::choose_first() {
  Argument argument;
  argument.name = any_name();
  argument.array = &arrays_.at(argument.name);
  index_some(argument, chance(50));
  return argument;
}

RandomPipeline::Argument RandomPipeline::choose_second() {
  while (true) {
    Argument argument;
    argument.name = any_name();
    argument.array = &arrays_.at(argument.name);
    const NaiveArray& array = *argument.array;
    if (array.type != Type::uint64 || array.rule || !array.has_names) continue;
    index_some(argument, true);
    return argument;
  }
}

/// False when the function would be too large.
bool RandomPipeline::choose_external(Draft& draft) {
  for (const Argument* argument : {&draft.first, &draft.second})
    for (std::size_t axis = 0; axis < argument->indexed.size(); ++axis)
      if (argument->indexed[axis] && !has(draft.external, argument->array->axes[axis]))
        draft.external.push_back(argument->array->axes[axis]);
  std::shuffle(draft.external.begin(), draft.external.end(), random_);
  for (const std::string& axis : draft.external) draft.external_shape.push_back(extents_.at(axis));
  return draft.external.size() <= 3 && count_of(draft.external_shape) <= kMostElements;
}

bool RandomPipeline::add_function(int number) {
  Draft draft;
  draft.first = choose_first();
  draft.second = choose_second();
  if (draft.first.name == draft.second.name || !choose_external(draft)) return false;
  const NaiveArray& array = *draft.first.array;
  const bool whole_element = array.has_names && !has(draft.first.indexed, false);
  if (!array.rule)
    draft.spec.takes = whole_element ? Takes::value : Takes::view;
  else
    draft.spec.takes = whole_element ? Takes::view : Takes::arrays;
  draft.spec.id = random_();
  draft.spec.type = array.type;
  choose_output(draft, number);
  finish(draft);
  return true;
}

void RandomPipeline::choose_output(Draft& draft, int number) {
  FunctionSpec& spec = draft.spec;
  const std::string name = fmt::format("y{}", number);
  spec.outputs = {name};
  // One that takes arrays of arrays gives a code, whatever is asked of it.
  spec.gives = spec.takes == Takes::arrays ? Gives::code : static_cast<Gives>(below(4));
  if (spec.gives == Gives::both) spec.outputs.push_back(name + "_code");
  draft.axes = draft.external;
  draft.is_external.assign(draft.axes.size(), true);
  if (spec.gives == Gives::array) choose_array(draft, number);
}

void RandomPipeline::choose_array(Draft& draft, int number) {
  const bool single = draft.external.empty();
  ArrayRule& rule = draft.spec.rule;
  const auto rank = static_cast<std::size_t>(1 + below(2));
  if (chance(30)) {  // nobody names its axes: of a mapped function, elements are arrays
    rule.ragged = !single;
    rule.any_rank = rule.ragged && chance(20);
    rule.shape.assign(single ? static_cast<std::size_t>(below(5)) : rank, 0);
    for (Index& extent : rule.shape) extent = below(4);
    return;
  }
  for (std::size_t k = 0; k < rank; ++k) {
    std::string axis = fmt::format("n{}_{}", number, k);
    const std::string known(1, "ijk"[below(3)]);
    // Zips with arrays whose length is known; without elements nobody sees the length.
    if (chance(30) && !has(draft.axes, known) && count_of(draft.external_shape) != 0) axis = known;
    if (!extents_.contains(axis)) extents_[axis] = chance(10) ? 0 : 1 + below(3);
    const auto place = below(static_cast<Index>(draft.axes.size()) + 1);
    draft.axes.insert(draft.axes.begin() + place, axis);
    draft.is_external.insert(draft.is_external.begin() + place, false);
  }
  for (std::size_t k = 0; k < draft.axes.size(); ++k)
    if (!draft.is_external[k]) rule.shape.push_back(extents_[draft.axes[k]]);
  choose_declaration(draft);
  if (count_of(draft.external_shape) != 0) return;
  auto extent = rule.shape.begin();
  for (std::size_t k = 0, internal = 0; k < draft.axes.size(); ++k) {
    if (draft.is_external[k]) continue;
    const bool declared = draft.declared && (*draft.declared)[internal++];
    if (!declared) *extent = 0;
    extents_[draft.axes[k]] = *extent++;
  }
}

void RandomPipeline::choose_declaration(Draft& draft) {
  if (chance(50)) return;
  PartialShape declared;
  for (const Index extent : draft.spec.rule.shape)
    declared.push_back(chance(30) ? std::nullopt : std::optional<Index>(extent));
  draft.declared = declared;
}

std::string RandomPipeline::array_text(const Argument& argument) const {
  std::vector<std::string> entries;
  for (std::size_t axis = 0; axis < argument.indexed.size(); ++axis)
    entries.push_back(argument.indexed[axis] ? argument.array->axes[axis] : ":");
  return fmt::format("{}[{}]", argument.name, fmt::join(entries, ", "));
}

std::string RandomPipeline::mapspec(const Draft& draft) const {
  if (draft.axes.empty()) return {};
  std::vector<std::string> inputs;
  for (const Argument* argument : {&draft.first, &draft.second})
    if (argument->in_mapspec && !draft.external.empty()) inputs.push_back(array_text(*argument));
  std::vector<std::string> outputs;
  for (const std::string& output : draft.spec.outputs)
    outputs.push_back(fmt::format("{}[{}]", output, fmt::join(draft.axes, ", ")));
  return fmt::format("{} -> {}", inputs.empty() ? "..." : fmt::format("{}", fmt::join(inputs, ", ")),
                     fmt::join(outputs, ", "));
}

void RandomPipeline::finish(Draft& draft) {
  Function function = functions_of(draft.spec.type).function(draft.spec);
  function.parameters(draft.first.name, draft.second.name).thread_safe();
  const std::string spec = mapspec(draft);
  if (!spec.empty()) function.mapspec(spec);
  text_ += fmt::format("{}({}, {}) takes {} of type {} gives {}: {}\n", draft.spec.outputs.front(),
                       draft.first.name, draft.second.name, static_cast<int>(draft.spec.takes),
                       static_cast<int>(draft.spec.type), static_cast<int>(draft.spec.gives), spec);
  if (draft.declared) {
    text_ += "  declared " + to_string(*draft.declared) + "\n";
    if (chance(50)) {
      function.internal_shape(*draft.declared);
    } else {
      internal_shapes_.emplace(draft.spec.outputs.front(), *draft.declared);
      if (chance(50)) function.internal_shape(PartialShape(draft.declared->size(), Index{77}));
    }
  }
  functions_.push_back(std::move(function));
  for (const std::string& axis : draft.external)
    if (!has(external_axes_, axis)) external_axes_.push_back(axis);
  interpret(draft);
}

/// What the first argument of an element is, as its digest.
Code RandomPipeline::digest_of_first(const Draft& draft, const MultiIndex& element) const {
  const NaiveArray& array = *draft.first.array;
  MultiIndex at(array.shape.size(), 0);
  Shape slice;
  std::vector<std::size_t> free;
  for (std::size_t axis = 0; axis < at.size(); ++axis) {
    if (!draft.first.indexed[axis]) {
      free.push_back(axis);
      slice.push_back(array.shape[axis]);
      continue;
    }
    const auto found = std::find(draft.external.begin(), draft.external.end(), array.axes[axis]);
    at[axis] = element[static_cast<std::size_t>(found - draft.external.begin())];
  }
  const auto digest_here = [&] {
    Index k = 0;
    for (std::size_t axis = 0; axis < at.size(); ++axis) k = k * array.shape[axis] + at[axis];
    return array.digest_at(static_cast<std::size_t>(k));
  };
  if (free.empty() && array.has_names) return digest_here();
  Code code = 11;
  for (const Index extent : slice) code = mix(code, static_cast<Code>(extent));
  MultiIndex within(slice.size(), 0);
  for (Index k = 0; k < count_of(slice); ++k, advance(within, slice)) {
    for (std::size_t axis = 0; axis < free.size(); ++axis) at[free[axis]] = within[axis];
    code = mix(code, digest_here());
  }
  return code;
}

/// Computes the outputs by plain loops.
void RandomPipeline::interpret(const Draft& draft) {
  const FunctionSpec& spec = draft.spec;
  NaiveArray values;
  values.type = spec.type;
  values.axes = draft.axes;
  if (spec.rule.ragged) values.rule = spec.rule;
  for (const std::string& axis : draft.axes) values.shape.push_back(extents_.at(axis));
  const bool items = spec.gives == Gives::array && !spec.rule.ragged;
  if (items && draft.axes.empty()) {
    values.shape = spec.rule.shape;
    values.axes.resize(values.shape.size());
    values.has_names = false;
  }
  NaiveArray codes = values;
  codes.type = Type::uint64;
  codes.rule.reset();
  MultiIndex at(values.shape.size(), 0);
  for (Index k = 0; k < count_of(values.shape); ++k, advance(at, values.shape)) {
    MultiIndex element(draft.external.size(), 0);
    Index item = 0;
    for (std::size_t axis = 0; axis < at.size(); ++axis) {
      const auto found = std::find(draft.external.begin(), draft.external.end(), values.axes[axis]);
      if (values.has_names && draft.is_external[axis])
        element[static_cast<std::size_t>(found - draft.external.begin())] = at[axis];
      else
        item = item * values.shape[axis] + at[axis];
    }
    MultiIndex of_second;
    for (const std::string& axis : draft.second.array->axes)
      of_second.push_back(element[static_cast<std::size_t>(
          std::find(draft.external.begin(), draft.external.end(), axis) - draft.external.begin())]);
    const Code call = code_of_call(spec, digest_of_first(draft, element),
                                   make<Code>(draft.second.array->code_at(of_second)));
    const Code value = code_of_value(call);
    values.codes.push_back(items ? code_of_item(value, item) : value);
    codes.codes.push_back(code_of_code(call));
  }
  const bool only_code = spec.gives == Gives::code;
  arrays_[spec.outputs.front()] = outputs_[spec.outputs.front()] = only_code ? codes : values;
  order_.push_back(spec.outputs.front());
  if (spec.outputs.size() == 1) return;
  arrays_[spec.outputs.back()] = outputs_[spec.outputs.back()] = codes;
  order_.push_back(spec.outputs.back());
}

}  // namespace mpipe::property
