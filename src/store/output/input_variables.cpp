// SPDX-License-Identifier: BSD-3-Clause
// Reads inputs from results.h5, and compares them with those of the run.
#include "store/output/input_variables.hpp"

#include <mpipe/core/error.hpp>

#include "store/h5/text_values.hpp"
#include "store/output/variable_values.hpp"

#include <algorithm>

namespace mpipe {
namespace {

/// The type of the values of a variable that has no description but itself.
const ElementType& type_of_variable(hid_t dataset, const std::string& name) {
  // Truth values are stored as bytes, so that only this attribute tells them from numbers.
  if (h5_read_text_attribute(dataset, "dtype") == "bool") return element_type(Kind::boolean);
  for (auto kind = static_cast<int>(Kind::int8); kind <= static_cast<int>(Kind::string); ++kind)
    if (h5_has_type(dataset, element_type(static_cast<Kind>(kind))))
      return element_type(static_cast<Kind>(kind));
  throw Error(Category::storage_failed,
              "the variable '" + name + "' has a type that mpipe does not make (the file is damaged).");
}

}  // namespace

Value read_input_variable(hid_t file, const std::string& name, std::uint64_t file_size) {
  const H5Handle dataset = h5_open_dataset(file, name);
  const ElementType& type = type_of_variable(dataset.get(), name);
  const Shape shape = h5_shape_of(dataset.get());
  const Index count = element_count(shape);
  if (!type.fixed_size()) {
    OutputLayout layout;
    layout.name = name;
    layout.type = &type;
    layout.axes.resize(shape.size());
    layout.external.assign(shape.size(), true);
    layout.shape = partial(shape);
    const EncodedValues values = read_variable_output(file, layout, RangeSet{{0, count}}, file_size);
    return Value::copy_of(type, shape, values.bytes, values.offsets);
  }
  if (count > static_cast<Index>(file_size / type.size))
    throw Error(Category::storage_failed,
                "the variable '" + name + "' is longer than its file (the file is damaged).");
  std::vector<std::byte> bytes(static_cast<std::size_t>(count) * type.size);
  const H5Handle memory = h5_file_type(type);
  if (!bytes.empty())
    h5_check(H5Dread(dataset.get(), memory.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()),
             "read '" + name + "'");
  return Value::copy_of(type, shape, bytes);
}

bool inputs_match(const fs::path& folder, const RunLayout& layout) {
  const H5Turn turn;
  const File there(results_path(folder), File::Mode::read);
  const H5Handle file = h5_open_for_reading(results_path(folder));
  return std::all_of(layout.inputs.begin(), layout.inputs.end(), [&](const InputLayout& input) {
    return !is_stored(input.value) ||
           (h5_has_link(file.get(), input.name) &&
            read_input_variable(file.get(), input.name, there.size()) == input.value);
  });
}

}  // namespace mpipe
