// SPDX-License-Identifier: BSD-3-Clause
// Writes a copy of results as a NetCDF-4 file.
#include "base/api/file.hpp"
#include "store/export/export_plan.hpp"
#include "store/h5/labelled_file.hpp"
#include "store/h5/text_values.hpp"

namespace mpipe {
namespace {

H5Handle type_in_file(const ExportVariable& variable) {
  return variable.type->kind == Kind::string ? h5_text_type() : h5_file_type(*variable.type);
}

void write_attributes(hid_t object, const ExportVariable& variable) {
  if (variable.fill)
    h5_write_attribute(object, "_FillValue", type_in_file(variable).get(), {}, variable.fill->data());
  // As xarray marks them: the format has no such type.
  if (variable.type->kind == Kind::boolean) h5_write_text_attribute(object, "dtype", "bool");
  for (const auto& [name, value] : variable.attributes) {
    if (const auto* text = std::get_if<std::string>(&value)) {
      h5_write_text_attribute(object, name, *text);
    } else {
      const auto& numbers = std::get<std::vector<std::int8_t>>(value);
      h5_write_attribute(object, name, H5T_STD_I8LE, {static_cast<Index>(numbers.size())}, numbers.data());
    }
  }
}

/// Hands on what HDF5 takes as the values of a box.
void with_data(const ExportVariable& variable, const IndexBox& box,
               const std::function<void(const void*)>& write) {
  const Value values = variable.read(box);
  if (variable.type->kind != Kind::string) return write(values.data());
  const TextPointers texts = text_pointers(values).value();  // checked by `read`
  write(texts.pointers.data());
}

void add_variable(LabelledFile& file, const ExportVariable& variable) {
  const VariableSpec spec{variable.name, variable.axes, variable.shape};
  const H5Handle type = type_in_file(variable);
  if (variable.is_coordinate)
    return with_data(variable, whole(variable.shape), [&](const void* data) {
      write_attributes(file.add_coordinate(spec, type.get(), data).get(), variable);
    });
  const H5Handle creation = LabelledFile::variable_creation();
  const H5Handle dataset = file.add_variable(spec, type.get(), creation.get());
  write_attributes(dataset.get(), variable);
  for (const IndexBox& box : boxes_of(variable))
    with_data(variable, box,
              [&](const void* data) { file.write_box(spec, dataset.get(), type.get(), box, data); });
}

}  // namespace

void export_netcdf(RunReader& reader, const ExportChoice& choice, const std::filesystem::path& path) {
  const std::vector<ExportVariable> variables = plan_export(reader, choice, ComplexNumbers::in_parts);
  std::set<std::string> names;
  for (const ExportVariable& variable : variables) names.insert(variable.name);
  TemporaryFile temporary(path);
  {
    const H5Turn turn;
    LabelledFile file(temporary.path(), std::move(names));
    for (const auto& [name, text] : export_attributes()) file.add_attribute(name, text);
    for (const ExportVariable& variable : variables) add_variable(file, variable);
    file.close();
  }
  File(temporary.path(), File::Mode::update).sync();
  temporary.keep(true);
}

}  // namespace mpipe
