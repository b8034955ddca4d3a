// SPDX-License-Identifier: BSD-3-Clause
// Finds out which variables a copy of results has, and what their axes are called.
#include "store/export/export_plan.hpp"

#include <mpipe/core/error.hpp>

#include "store/export/array_elements.hpp"
#include "store/h5/dimension_names.hpp"
#include "store/h5/text_values.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace mpipe {
namespace {

using Axis = std::pair<std::string, Index>;  ///< name and length

bool is_complex(const ElementType& type) {
  return type.kind == Kind::complex64 || type.kind == Kind::complex128;
}

/// What tools take for where the positions of an axis lie.
bool can_be_coordinate(const InputLayout& input) {
  return input.dims.size() == 1 && is_stored(input.value) && !is_complex(input.value.type());
}

Axis axis_of(const InputLayout& input) { return {input.dims[0], input.value.shape()[0]}; }

std::set<Axis> axes_of(const RunReader& reader, const std::vector<std::size_t>& outputs) {
  std::set<Axis> axes;
  for (const std::size_t output : outputs) {
    const OutputLayout& layout = reader.outputs()[output];
    for (std::size_t axis = 0; axis < layout.axes.size(); ++axis)
      axes.insert({layout.axes[axis], layout.shape[axis].value()});
  }
  return axes;
}

/// The inputs that can be the coordinate of each axis. One of the name of its axis is that, whatever others there are.
std::map<Axis, std::vector<std::string>> candidates(const RunReader& reader, const ExportChoice& choice) {
  const std::set<Axis> axes = axes_of(reader, choice.outputs);
  std::map<Axis, std::vector<std::string>> found;
  for (const InputLayout& input : reader.inputs())
    if (can_be_coordinate(input) && axes.contains(axis_of(input)) &&
        (choice.coordinates || input.name == input.dims[0]))
      found[axis_of(input)].push_back(input.name);
  for (auto& [axis, names] : found)
    if (std::find(names.begin(), names.end(), axis.first) != names.end()) names = {axis.first};
  return found;
}

class Planner {
 public:
  Planner(RunReader& reader, const ExportChoice& choice, ComplexNumbers complex)
      : reader_(reader), choice_(choice), complex_(complex), axes_(axes_of(reader, choice.outputs)) {
    for (const auto& [axis, names] : candidates(reader, choice))
      if (names.size() == 1) coordinates_[axis] = names.front();
  }

  std::vector<ExportVariable> plan() {
    for (const bool coordinates : {true, false})
      for (const InputLayout& input : reader_.inputs())
        if (is_coordinate(input) == coordinates) add_input(input);
    for (const std::size_t output : choice_.outputs) add_output(output);
    name_dimensions();
    return std::move(variables_);
  }

 private:
  bool is_coordinate(const InputLayout& input) const {
    if (!can_be_coordinate(input)) return false;
    const auto found = coordinates_.find(axis_of(input));
    return found != coordinates_.end() && found->second == input.name;
  }

  /// Those on axes of the outputs, and single values.
  void add_input(const InputLayout& input) {
    if (!is_stored(input.value)) return;
    for (std::size_t axis = 0; axis < input.dims.size(); ++axis)
      if (!axes_.contains({input.dims[axis], input.value.shape()[axis]})) return;
    ExportVariable made{input.name, input.dims, input.value.shape(), &input.value.type(),
                        is_coordinate(input)};
    if (!input.units.empty()) made.attributes.emplace_back("units", input.units);
    if (!input.long_name.empty()) made.attributes.emplace_back("long_name", input.long_name);
    made.values = [&input](const IndexBox& box) { return slice(input.value, box); };
    add(std::move(made));
  }

  void add_output(std::size_t output) {
    const OutputLayout& layout = reader_.outputs()[output];
    check_type(layout);
    std::vector<ExportVariable> made;
    if (layout.type->kind == Kind::array) {
      made = variables_of_arrays(reader_, output);
    } else {
      made = {{layout.name, layout.axes, known_shape(layout.shape), layout.type}};
      made[0].values = [this_reader = &reader_, output](const IndexBox& box) {
        return this_reader->read_box(output, box);
      };
    }
    describe(layout, made[0]);
    for (ExportVariable& variable : made) add_coordinates(variable);
    const bool is_missing_some =
        reader_.progress(output).done().count() < reader_.element_total(output).value();
    // Arrays behind one another have no place for what is not done.
    if (is_missing_some && made.size() == 1) {
      made[0].states = states_of(output, made[0].shape);
      choose_fill(made[0]);
    }
    if (is_missing_some) made[0].attributes.emplace_back("ancillary_variables", layout.name + "__status");
    for (ExportVariable& variable : made) add(std::move(variable));
    if (is_missing_some) add_states(output);
  }

  static void check_type(const OutputLayout& layout) {
    const ElementType* type = layout.type->kind == Kind::array ? layout.type->item : layout.type;
    if (type->is_numeric() || type->kind == Kind::string) return;
    throw Error(Category::bad_option,
                fmt::format("'{}' has {} ({}), which other tools have no type for. Name the other outputs.",
                            layout.name,
                            type->kind == Kind::object
                                ? "objects, whose bytes only the program that made them understands"
                                : "arrays of arrays",
                            layout.type->name));
  }

  /// The states of the elements of a variable, which may have further axes inside of each.
  std::function<std::vector<ElementStatus>(const IndexBox&)> states_of(std::size_t output,
                                                                       const Shape& shape) const {
    const std::size_t axes = reader_.outputs()[output].axes.size();
    return [this_reader = &reader_, output, axes, rank = shape.size()](const IndexBox& box) {
      const auto own = static_cast<std::ptrdiff_t>(axes);
      const std::vector<ElementStatus> elements = this_reader->states(
          output, {{box.begin.begin(), box.begin.begin() + own}, {box.end.begin(), box.end.begin() + own}});
      if (rank == axes) return elements;
      const Shape extent = box.shape();
      const auto each = static_cast<std::size_t>(element_count({extent.begin() + own, extent.end()}));
      std::vector<ElementStatus> all;
      for (const ElementStatus state : elements) all.insert(all.end(), each, state);
      return all;
    };
  }

  void describe(const OutputLayout& layout, ExportVariable& variable) const {
    if (!layout.mapspec.empty()) variable.attributes.emplace_back("mapspec", layout.mapspec);
    if (!layout.units.empty()) variable.attributes.emplace_back("units", layout.units);
    if (!layout.long_name.empty()) variable.attributes.emplace_back("long_name", layout.long_name);
  }

  /// The inputs on its axes that are no dimensions themselves.
  void add_coordinates(ExportVariable& variable) const {
    std::vector<std::string> names;
    for (const InputLayout& input : reader_.inputs()) {
      if (!can_be_coordinate(input) || is_coordinate(input)) continue;
      for (std::size_t axis = 0; axis < variable.axes.size(); ++axis)
        if (axis_of(input) == Axis(variable.axes[axis], variable.shape[axis])) names.push_back(input.name);
    }
    if (!names.empty())
      variable.attributes.emplace_back("coordinates", fmt::format("{}", fmt::join(names, " ")));
  }

  void add_states(std::size_t output) {
    const OutputLayout& layout = reader_.outputs()[output];
    ExportVariable made{
        layout.name + "__status", {}, reader_.external_shape(output), &element_type(Kind::int8)};
    for (std::size_t axis = 0; axis < layout.axes.size(); ++axis)
      if (layout.external[axis]) made.axes.push_back(layout.axes[axis]);
    made.attributes = {{"long_name", "state of the elements of " + layout.name},
                       {"flag_values", std::vector<std::int8_t>{0, 1, 2, 3}},
                       {"flag_meanings", "pending done failed blocked"}};
    made.values = [progress = &reader_.progress(output), shape = made.shape](const IndexBox& box) {
      std::vector<std::int8_t> marks;
      for (Index k = 0; k < element_count(box.shape()); ++k) {
        MultiIndex at = multi_index(k, box.shape());
        for (std::size_t axis = 0; axis < at.size(); ++axis) at[axis] += box.begin[axis];
        marks.push_back(static_cast<std::int8_t>(progress->status(linear_index(at, shape))));
      }
      return Value(marks).reshaped(box.shape());
    };
    add(std::move(made));
  }

  void add(ExportVariable variable) {
    if (complex_ == ComplexNumbers::in_parts && is_complex(*variable.type)) {
      for (const int part : {0, 1}) add(part_of(variable, part));
      return;
    }
    const bool is_known = std::any_of(variables_.begin(), variables_.end(), [&](const ExportVariable& other) {
      return other.name == variable.name;
    });
    if (is_known)
      throw Error(
          Category::bad_option,
          fmt::format(
              "two variables would be called '{}' (parts of an output have such names). Name the outputs "
              "that you want, without one of the two.",
              variable.name));
    variables_.push_back(std::move(variable));
  }

  void name_dimensions() {
    std::set<std::string> taken;
    for (const ExportVariable& variable : variables_) taken.insert(variable.name);
    DimensionNames names(taken);
    std::map<std::string, std::string> called;
    for (ExportVariable& variable : variables_)
      for (std::size_t axis = 0; axis < variable.axes.size(); ++axis) {
        const std::string own = variable.axes[axis];
        variable.axes[axis] =
            (variable.is_coordinate ? names.add_coordinate(own, variable.name, variable.shape[axis])
                                    : names.dimension(own, variable.shape[axis]))
                .name;
        called[own] = variable.axes[axis];
      }
    for (ExportVariable& variable : variables_)
      for (auto& [name, value] : variable.attributes)
        if (name == "sample_dimension") value = called.at(std::get<std::string>(value));
  }

  RunReader& reader_;
  const ExportChoice& choice_;
  ComplexNumbers complex_;
  std::set<Axis> axes_;
  std::map<Axis, std::string> coordinates_;
  std::vector<ExportVariable> variables_;
};

}  // namespace

std::vector<std::string> axes_without_coordinate(const RunReader& reader, const ExportChoice& choice) {
  std::vector<std::string> axes;
  if (!choice.coordinates) return axes;
  for (const auto& [axis, names] : candidates(reader, choice))
    if (names.size() > 1) axes.push_back(fmt::format("{} ({})", axis.first, fmt::join(names, ", ")));
  return axes;
}

std::vector<ExportVariable> plan_export(RunReader& reader, const ExportChoice& choice,
                                        ComplexNumbers complex) {
  return Planner(reader, choice, complex).plan();
}

std::vector<std::pair<std::string, std::string>> export_attributes() {
  return {{"Conventions", "CF-1.8"}, {"source", fmt::format("mpipe {}", version())}};
}

}  // namespace mpipe
