// SPDX-License-Identifier: BSD-3-Clause
// Checks the invariants of a parsed mapspec.
#include "mapspec/text.hpp"

#include <set>

namespace mpipe::detail {
namespace {

/// The checks, in an order in which each can rely on those before it.
class Checker {
 public:
  Checker(const std::vector<ArraySpec>& inputs, const std::vector<ArraySpec>& outputs,
          const MapSpecText& source)
      : inputs_(inputs), outputs_(outputs), source_(source) {}

  void check() const {
    for (std::size_t k = 0; k < inputs_.size(); ++k) check_names(inputs_[k], source_.inputs[k]);
    for (std::size_t k = 0; k < outputs_.size(); ++k) check_names(outputs_[k], source_.outputs[k]);
    if (outputs_.empty())
      refuse(Category::mapspec_syntax, source_.text, source_.text.size(),
             "there is no output. Add '-> y[i]'.");
    check_arrays_differ();
    for (std::size_t k = 0; k < inputs_.size(); ++k)
      check_axes_differ(Category::mapspec_syntax, inputs_[k], source_.inputs[k]);
    for (std::size_t k = 0; k < outputs_.size(); ++k) check_output(outputs_[k], source_.outputs[k]);
    check_axes_are_used();
  }

 private:
  /// Only arrays that were not parsed can fail here.
  void check_names(const ArraySpec& array, const ArrayPlace& place) const {
    if (!is_identifier(array.name))
      fail(place.name, quoted(array.name) + " is not a name. Names are 'name' or 'scope.name'.");
    if (array.axes.empty())
      fail(place.name, "the array " + quoted(array.name) + " has no axes. Leave it out.");
    for (std::size_t k = 0; k < array.rank(); ++k)
      if (array.axes[k] && !is_simple_identifier(*array.axes[k]))
        fail(place.axes[k], quoted(*array.axes[k]) + " is not the name of an axis.");
  }

  void check_arrays_differ() const {
    std::set<std::string_view> inputs;
    for (std::size_t k = 0; k < inputs_.size(); ++k)
      if (!inputs.insert(inputs_[k].name).second)
        fail(source_.inputs[k].name,
             "the input " + quoted(inputs_[k].name) +
                 " is listed twice (a parameter takes one value per call). List it once.");
    std::set<std::string_view> outputs;
    for (std::size_t k = 0; k < outputs_.size(); ++k) {
      const std::string& name = outputs_[k].name;
      if (inputs.count(name) != 0)
        fail(source_.outputs[k].name, quoted(name) +
                                          " is an input and an output (a function cannot compute what it "
                                          "needs). Give the output another name.");
      if (!outputs.insert(name).second)
        fail(source_.outputs[k].name, "the output " + quoted(name) + " is listed twice. List it once.");
    }
  }

  void check_axes_differ(Category category, const ArraySpec& array, const ArrayPlace& place) const {
    std::set<std::string_view> seen;
    for (std::size_t k = 0; k < array.rank(); ++k) {
      if (!array.axes[k] || seen.insert(*array.axes[k]).second) continue;
      refuse(category, source_.text, place.axes[k],
             "the axis " + quoted(*array.axes[k]) + " occurs twice in " + quoted(array.to_string()) +
                 " (an axis name belongs to one position of an array; diagonals are not supported). Use two "
                 "axis names, or take the diagonal in a function.");
    }
  }

  void check_output(const ArraySpec& output, const ArrayPlace& place) const {
    for (std::size_t k = 0; k < output.rank(); ++k)
      if (!output.axes[k])
        refuse(Category::mapspec_output_axes, source_.text, place.axes[k],
               "the output " + quoted(output.name) +
                   " has a ':' (an output is indexed by named axes only). Name the axis; one that no input "
                   "has is made by the function.");
    check_axes_differ(Category::mapspec_output_axes, output, place);
    if (output.axes != outputs_.front().axes)
      refuse(Category::mapspec_output_axes, source_.text, place.name,
             quoted(output.to_string()) + " has other axes than " + quoted(outputs_.front().to_string()) +
                 " (all outputs of one call have the same place in their arrays). Use the same axes in the "
                 "same order, or split the function.");
  }

  /// The outputs have been checked: there is one, all have the same axes, and each axis has a name.
  void check_axes_are_used() const {
    std::set<std::string_view> used;
    for (const auto& axis : outputs_.front().axes) used.insert(*axis);
    for (std::size_t n = 0; n < inputs_.size(); ++n)
      for (std::size_t k = 0; k < inputs_[n].rank(); ++k)
        if (const auto& axis = inputs_[n].axes[k]; axis && used.count(*axis) == 0)
          refuse(Category::mapspec_unused_index, source_.text, source_.inputs[n].axes[k],
                 "the axis " + quoted(*axis) + " of the input " + quoted(inputs_[n].name) +
                     " does not occur in the outputs (results along it would have the same place). Add it to "
                     "the outputs, or write ':' to hand over the whole axis.");
  }

  [[noreturn]] void fail(std::size_t offset, const std::string& problem) const {
    refuse(Category::mapspec_syntax, source_.text, offset, problem);
  }

  const std::vector<ArraySpec>& inputs_;
  const std::vector<ArraySpec>& outputs_;
  const MapSpecText& source_;
};

}  // namespace

void check_invariants(const std::vector<ArraySpec>& inputs, const std::vector<ArraySpec>& outputs,
                      const MapSpecText& source) {
  Checker(inputs, outputs, source).check();
}

}  // namespace mpipe::detail
