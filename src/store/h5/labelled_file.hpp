// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// An HDF5 file that the netCDF library understands: variables at the root, dimensions with names.
#pragma once

#include "store/h5/dimension_names.hpp"
#include "store/h5/h5.hpp"

#include <memory>

namespace mpipe {

/// A variable to be made.
struct VariableSpec {
  std::string name;
  std::vector<std::string> axes;  ///< as many as extents
  Shape shape;
};

/// A file under construction, by one process. Not thread-safe, as HDF5 is not.
class LabelledFile {
 public:
  /// Makes the file, or empties one that is there. `variables`: all names that variables will or may have.
  LabelledFile(const std::filesystem::path& path, std::set<std::string> variables);
  /// A file that was not closed is useless.
  ~LabelledFile() = default;
  LabelledFile(const LabelledFile&) = delete;
  LabelledFile& operator=(const LabelledFile&) = delete;

  void write_run_attributes(const std::string& run_id);
  /// Makes a dataset and labels its axes. `creation` as made by `variable_creation()`.
  H5Handle add_variable(const VariableSpec& spec, hid_t type, hid_t creation);
  /// As above, writing `data` (of type `type`) at once.
  H5Handle add_values(const VariableSpec& spec, hid_t type, const void* data);
  /// The same of a variable whose values are where the positions of its one axis lie, before anything else is on that:
  /// the axis gets its name.
  H5Handle add_coordinate(const VariableSpec& spec, hid_t type, const void* data);
  /// Writes a part, not empty, of a variable that `add_variable` made.
  void write_box(const VariableSpec& spec, hid_t variable, hid_t type, const IndexBox& box, const void* data);
  /// Gives the whole file an attribute.
  void add_attribute(const std::string& name, const std::string& text);
  /// The name that an axis of this length has in the file.
  std::string dimension_name(const std::string& axis, Index length) {
    return names_.dimension(axis, length).name;
  }
  /// Labels dimensions with what lies on them, and closes.
  void close();

  /// Properties of a dataset: attributes in the order made, no time stamps.
  static H5Handle variable_creation();

 private:
  struct Scale {
    std::string name;
    std::vector<std::pair<std::string, std::uint32_t>> users;  ///< variables, and which of their axes
  };

  H5Handle add_dataset(const VariableSpec& spec, hid_t type, hid_t creation);
  void write_data(const VariableSpec& spec, hid_t variable, hid_t type, const void* data);
  void make_scale(const Dimension& dimension);
  void label_axes(hid_t variable, const VariableSpec& spec);
  void write_users(const Scale& scale);
  /// Throws `Error` (storage_failed) where a write has failed, of which HDF5 is not told.
  void check_written() const;
  hobj_ref_t reference_to(const std::string& name) const;

  std::string path_;
  H5Handle file_;
  std::shared_ptr<const int> error_;  ///< see `h5_write_error`
  DimensionNames names_;
  std::vector<Scale> scales_;
};

}  // namespace mpipe
