// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Files, datasets, spaces, types and attributes of HDF5 as the store uses them.
#pragma once

#include <mpipe/data/element_type.hpp>

#include "h5/api/h5_attribute.hpp"
#include "h5/api/h5_handle.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe {

H5Handle h5_property_list(hid_t list_class);
/// File access without locks: readers never disturb a run, nor are disturbed by one.
H5Handle h5_file_access();
H5Handle h5_open_for_reading(const std::filesystem::path& path);
H5Handle h5_open_dataset(hid_t file, const std::string& name);
bool h5_has_link(hid_t location, const std::string& name);

H5Handle h5_scalar_space();
H5Handle h5_space(const Shape& shape);
/// Also for shape `{}`.
H5Handle h5_space_of(const Shape& shape);
/// Throws when a value there cannot be an extent.
Shape h5_shape_of(hid_t dataset);

/// The type in the file of a numeric kind: little-endian, complex as compound (r, i), booleans as int8.
H5Handle h5_file_type(const ElementType& type);
/// Text of any length, in UTF-8.
H5Handle h5_text_type();
/// Whether the dataset has exactly the type that `h5_file_type` gives.
bool h5_has_type(hid_t dataset, const ElementType& type);

void h5_write_text_attribute(hid_t object, const std::string& name, std::string_view text);
void h5_write_attribute(hid_t object, const std::string& name, hid_t type, const Shape& shape,
                        const void* values);

}  // namespace mpipe
