// SPDX-License-Identifier: BSD-3-Clause
// Makes an HDF5 file whose variables and dimensions the netCDF library understands.
#include "store/h5/labelled_file.hpp"

#include <mpipe/core/error.hpp>

#include "base/api/file.hpp"
#include "store/h5/lenient_driver.hpp"
#include "store/run_paths.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace mpipe {
namespace {

/// Objects of a page or more begin on a page: values are written by whole pages.
constexpr hsize_t kAlignFrom = 65536;
constexpr hsize_t kPage = 4096;

H5Handle create_file(const std::filesystem::path& path) {
  // Made here first: where that is not possible, the reason is told better than by HDF5.
  File(path, File::Mode::create);
  const H5Handle access = h5_file_access();
  h5_use_lenient_driver(access.get());
  h5_check(H5Pset_alignment(access.get(), kAlignFrom, kPage), "set the alignment of datasets");
  const H5Handle creation = h5_property_list(H5P_FILE_CREATE);
  constexpr unsigned kOrder = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  h5_check(H5Pset_link_creation_order(creation.get(), kOrder), "keep the order of variables");
  h5_check(H5Pset_attr_creation_order(creation.get(), kOrder), "keep the order of attributes");
  h5_check(H5Pset_obj_track_times(creation.get(), false), "switch time stamps off");
  return {H5Fcreate(path_now(path).c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), &H5Fclose,
          "create '" + path.string() + "'"};
}

/// Texts of the dimension scale specification end in a zero byte.
void write_scale_text(hid_t object, const char* name, const std::string& text) {
  const H5Handle type{H5Tcopy(H5T_C_S1), &H5Tclose, "make a text type"};
  h5_check(H5Tset_size(type.get(), text.size() + 1), "make a text type");
  h5_write_attribute(object, name, type.get(), {}, text.c_str());
}

}  // namespace

LabelledFile::LabelledFile(const std::filesystem::path& path, std::set<std::string> variables)
    : path_(path.string()),
      file_(create_file(path)),
      error_(h5_write_error(file_.get())),
      names_(std::move(variables)) {}

void LabelledFile::check_written() const {
  const int code = *error_;
  if (code == 0) return;
  const bool is_full = code == ENOSPC || code == EDQUOT;
  throw Error(Category::storage_failed,
              fmt::format("cannot write '{}': {}. {}", path_, std::strerror(code),
                          is_full ? "Make room, then start again." : "Check the disk and the file system."));
}

H5Handle LabelledFile::variable_creation() {
  H5Handle creation = h5_property_list(H5P_DATASET_CREATE);
  h5_check(H5Pset_attr_creation_order(creation.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED),
           "keep the order of attributes");
  h5_check(H5Pset_obj_track_times(creation.get(), false), "switch time stamps off");
  return creation;
}

void LabelledFile::write_run_attributes(const std::string& run_id) {
  h5_write_text_attribute(file_.get(), "Conventions", "CF-1.8");
  const std::int32_t version = kFormatVersion;
  h5_write_attribute(file_.get(), kFormatAttribute, H5T_STD_I32LE, {}, &version);
  h5_write_text_attribute(file_.get(), kRunIdAttribute, run_id);
  check_written();
}

H5Handle LabelledFile::add_variable(const VariableSpec& spec, hid_t type, hid_t creation) {
  // Scales first: their order is the order of the dimensions for readers of netCDF.
  std::vector<std::string> names;
  for (std::size_t axis = 0; axis < spec.axes.size(); ++axis) {
    const std::size_t known = names_.all().size();
    const Dimension dimension = names_.dimension(spec.axes[axis], spec.shape[axis]);
    if (names_.all().size() != known) make_scale(dimension);
    names.push_back(dimension.name);
  }
  H5Handle variable = add_dataset(spec, type, creation);
  label_axes(variable.get(), {spec.name, names, spec.shape});
  check_written();
  return variable;
}

void LabelledFile::add_attribute(const std::string& name, const std::string& text) {
  h5_write_text_attribute(file_.get(), name, text);
  check_written();
}

void LabelledFile::write_box(const VariableSpec& spec, hid_t variable, hid_t type, const IndexBox& box,
                             const void* data) {
  if (spec.shape.empty()) return write_data(spec, variable, type, data);
  const Shape extent = box.shape();
  const std::vector<hsize_t> begin(box.begin.begin(), box.begin.end());
  const std::vector<hsize_t> count(extent.begin(), extent.end());
  const H5Handle space = h5_space_of(spec.shape);
  h5_check(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, begin.data(), nullptr, count.data(), nullptr),
           "select a part of '" + spec.name + "'");
  const H5Handle memory = h5_space_of(extent);
  h5_check(H5Dwrite(variable, type, memory.get(), space.get(), H5P_DEFAULT, data),
           "write the dataset '" + spec.name + "' to '" + path_ + "'");
  check_written();
}

H5Handle LabelledFile::add_values(const VariableSpec& spec, hid_t type, const void* data) {
  const H5Handle creation = variable_creation();
  H5Handle variable = add_variable(spec, type, creation.get());
  write_data(spec, variable.get(), type, data);
  return variable;
}

H5Handle LabelledFile::add_coordinate(const VariableSpec& spec, hid_t type, const void* data) {
  const H5Handle creation = variable_creation();
  H5Handle variable = add_dataset(spec, type, creation.get());
  write_scale_text(variable.get(), "CLASS", "DIMENSION_SCALE");
  write_scale_text(variable.get(), "NAME", spec.name);
  scales_.push_back({names_.add_coordinate(spec.axes.front(), spec.name, spec.shape.front()).name, {}});
  write_data(spec, variable.get(), type, data);
  return variable;
}

H5Handle LabelledFile::add_dataset(const VariableSpec& spec, hid_t type, hid_t creation) {
  const H5Handle space = h5_space_of(spec.shape);
  return {H5Dcreate2(file_.get(), spec.name.c_str(), type, space.get(), H5P_DEFAULT, creation, H5P_DEFAULT),
          &H5Dclose, "create the dataset '" + spec.name + "' in '" + path_ + "'"};
}

void LabelledFile::write_data(const VariableSpec& spec, hid_t variable, hid_t type, const void* data) {
  if (element_count(spec.shape) != 0)
    h5_check(H5Dwrite(variable, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data),
             "write the dataset '" + spec.name + "' to '" + path_ + "'");
  check_written();
}

void LabelledFile::make_scale(const Dimension& dimension) {
  const H5Handle space = h5_space({dimension.length});
  const H5Handle creation = variable_creation();
  // Never written, so that a long axis takes no room.
  h5_check(H5Pset_alloc_time(creation.get(), H5D_ALLOC_TIME_LATE), "set when room is taken");
  const H5Handle scale{H5Dcreate2(file_.get(), dimension.name.c_str(), H5T_IEEE_F32BE, space.get(),
                                  H5P_DEFAULT, creation.get(), H5P_DEFAULT),
                       &H5Dclose, "create the dimension '" + dimension.name + "'"};
  write_scale_text(scale.get(), "CLASS", "DIMENSION_SCALE");
  // The words by which netCDF knows a dimension that has no variable; the length fills ten places at least.
  write_scale_text(
      scale.get(), "NAME",
      fmt::format("This is a netCDF dimension but not a netCDF variable.{:10d}", dimension.length));
  scales_.push_back({dimension.name, {}});
}

hobj_ref_t LabelledFile::reference_to(const std::string& name) const {
  hobj_ref_t reference = 0;
  h5_check(H5Rcreate(&reference, file_.get(), name.c_str(), H5R_OBJECT, H5I_INVALID_HID),
           "refer to '" + name + "'");
  return reference;
}

void LabelledFile::label_axes(hid_t variable, const VariableSpec& spec) {
  if (spec.axes.empty()) return;
  std::vector<hobj_ref_t> references(spec.axes.size());
  std::vector<hvl_t> lists(spec.axes.size());
  for (std::size_t axis = 0; axis < spec.axes.size(); ++axis) {
    references[axis] = reference_to(spec.axes[axis]);
    lists[axis] = {1, &references[axis]};
    for (Scale& scale : scales_)
      if (scale.name == spec.axes[axis])
        scale.users.emplace_back(spec.name, static_cast<std::uint32_t>(axis));
  }
  const H5Handle type{H5Tvlen_create(H5T_STD_REF_OBJ), &H5Tclose, "make a reference type"};
  h5_write_attribute(variable, "DIMENSION_LIST", type.get(), {static_cast<Index>(lists.size())},
                     lists.data());
}

void LabelledFile::write_users(const Scale& scale) {
  struct User {
    hobj_ref_t variable;
    std::int32_t axis;
  };
  // An attribute of more than 64 kB is not possible; readers find their way by DIMENSION_LIST.
  constexpr std::size_t kMaxUsers = 5000;
  if (scale.users.empty() || scale.users.size() > kMaxUsers) return;
  std::vector<User> users;
  for (const auto& [variable, axis] : scale.users)
    users.push_back({reference_to(variable), static_cast<std::int32_t>(axis)});
  const H5Handle type{H5Tcreate(H5T_COMPOUND, sizeof(User)), &H5Tclose, "make a reference type"};
  h5_check(H5Tinsert(type.get(), "dataset", HOFFSET(User, variable), H5T_STD_REF_OBJ),
           "make a reference type");
  h5_check(H5Tinsert(type.get(), "dimension", HOFFSET(User, axis), H5T_NATIVE_INT32),
           "make a reference type");
  const H5Handle object = h5_open_dataset(file_.get(), scale.name);
  h5_write_attribute(object.get(), "REFERENCE_LIST", type.get(), {static_cast<Index>(users.size())},
                     users.data());
}

void LabelledFile::close() {
  // An axis knows all its users only now.
  for (const Scale& scale : scales_) write_users(scale);
  file_.close("close '" + path_ + "'");
  check_written();
}

}  // namespace mpipe
