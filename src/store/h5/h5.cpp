// SPDX-License-Identifier: BSD-3-Clause
// HDF5 calls that throw, and the few attributes, types and spaces that the store uses.
#include "store/h5/h5.hpp"

#include <mpipe/core/error.hpp>

#include "base/api/file_system.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace mpipe {
namespace {

std::vector<hsize_t> h5_extents(const Shape& shape) { return {shape.begin(), shape.end()}; }

hid_t native_type(Kind kind) {
  switch (kind) {
    case Kind::boolean:  // many readers of netCDF know no unsigned bytes
    case Kind::int8:
      return H5T_STD_I8LE;
    case Kind::int16:
      return H5T_STD_I16LE;
    case Kind::int32:
      return H5T_STD_I32LE;
    case Kind::int64:
      return H5T_STD_I64LE;
    case Kind::uint8:
      return H5T_STD_U8LE;
    case Kind::uint16:
      return H5T_STD_U16LE;
    case Kind::uint32:
      return H5T_STD_U32LE;
    case Kind::uint64:
      return H5T_STD_U64LE;
    case Kind::float32:
    case Kind::complex64:
      return H5T_IEEE_F32LE;
    case Kind::float64:
    case Kind::complex128:
      return H5T_IEEE_F64LE;
    default:
      throw Bug("no HDF5 type for strings, arrays and objects");
  }
}

}  // namespace

H5Handle h5_property_list(hid_t list_class) {
  return {H5Pcreate(list_class), &H5Pclose, "make a property list"};
}

H5Handle h5_file_access() {
  H5Handle access = h5_property_list(H5P_FILE_ACCESS);
  h5_check(H5Pset_file_locking(access.get(), 0, 1), "switch file locks off");
  // The sieve buffer would write back bytes around those that were asked for, which another rank may have
  // changed.
  h5_check(H5Pset_sieve_buf_size(access.get(), 0), "switch the sieve buffer off");
  // Closing the file also closes what is open in it; otherwise it would stay open until the last id ends.
  h5_check(H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG), "set how files are closed");
  return access;
}

H5Handle h5_open_for_reading(const std::filesystem::path& path) {
  const H5Handle access = h5_file_access();
  const hid_t file = H5Fopen(path_now(path).c_str(), H5F_ACC_RDONLY, access.get());
  try {
    return {file, &H5Fclose, "open '" + path.string() + "'"};
  } catch (const Error& error) {
    throw Error(
        error.category(),
        std::string(error.what()) +
            " Go on by --resume, which sets a damaged file aside, keeps what journals hold, and computes "
            "the rest again; where there is a backup of the file, put it back before.");
  }
}

H5Handle h5_open_dataset(hid_t file, const std::string& name) {
  return {H5Dopen2(file, name.c_str(), H5P_DEFAULT), &H5Dclose, "open the dataset '" + name + "'"};
}

bool h5_has_link(hid_t location, const std::string& name) {
  return h5_check(H5Lexists(location, name.c_str(), H5P_DEFAULT), "look for '" + name + "'") > 0;
}

H5Handle h5_scalar_space() { return {H5Screate(H5S_SCALAR), &H5Sclose, "make a dataspace"}; }

H5Handle h5_space(const Shape& shape) {
  const std::vector<hsize_t> extents = h5_extents(shape);
  return {H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), &H5Sclose,
          "make a dataspace of shape " + to_string(shape)};
}

H5Handle h5_space_of(const Shape& shape) { return shape.empty() ? h5_scalar_space() : h5_space(shape); }

Shape h5_shape_of(hid_t dataset) {
  const H5Handle space{H5Dget_space(dataset), &H5Sclose, "read the shape of a dataset"};
  const int rank = h5_check(H5Sget_simple_extent_ndims(space.get()), "read the rank of a dataset");
  std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
  h5_check(H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr), "read the shape of a dataset");
  Shape shape;
  for (const hsize_t extent : extents) {
    if (extent > static_cast<hsize_t>(std::numeric_limits<Index>::max()))
      throw Error(Category::storage_failed,
                  "a dataset has an extent that is too large (the file is damaged).");
    shape.push_back(static_cast<Index>(extent));
  }
  // Throws when the product of the extents is too large to count with.
  element_count(shape);
  return shape;
}

H5Handle h5_file_type(const ElementType& type) {
  const hid_t part = native_type(type.kind);
  if (type.kind != Kind::complex64 && type.kind != Kind::complex128)
    return {H5Tcopy(part), &H5Tclose, "make a type"};
  H5Handle compound{H5Tcreate(H5T_COMPOUND, type.size), &H5Tclose, "make a compound type"};
  h5_check(H5Tinsert(compound.get(), "r", 0, part), "make the compound type of complex numbers");
  h5_check(H5Tinsert(compound.get(), "i", type.size / 2, part), "make the compound type of complex numbers");
  return compound;
}

H5Handle h5_text_type() {
  H5Handle type{H5Tcopy(H5T_C_S1), &H5Tclose, "make a text type"};
  h5_check(H5Tset_size(type.get(), H5T_VARIABLE), "make a text type");
  h5_check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "make a text type");
  return type;
}

bool h5_has_type(hid_t dataset, const ElementType& type) {
  const H5Handle found{H5Dget_type(dataset), &H5Tclose, "read the type of a dataset"};
  // Files of earlier versions have unsigned bytes for booleans and marks.
  if (type.kind == Kind::boolean && H5Tequal(found.get(), H5T_STD_U8LE) > 0) return true;
  const H5Handle expected = type.kind == Kind::string ? h5_text_type() : h5_file_type(type);
  return h5_check(H5Tequal(found.get(), expected.get()), "compare types") > 0;
}

void h5_write_text_attribute(hid_t object, const std::string& name, std::string_view text) {
  std::string terminated(text.substr(0, text.find('\0')));
  // An attribute of fixed length has at most 64 kB.
  constexpr std::size_t kLongestFixed = 60000;
  if (terminated.size() > kLongestFixed) {
    const char* pointer = terminated.c_str();
    return h5_write_attribute(object, name, h5_text_type().get(), {}, &pointer);
  }
  // Of fixed length, as the netCDF library writes its texts: its Fortran interface, Octave and NCO read no others.
  const H5Handle type{H5Tcopy(H5T_C_S1), &H5Tclose, "make a text type"};
  h5_check(H5Tset_size(type.get(), std::max<std::size_t>(1, terminated.size())), "make a text type");
  h5_check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "make a text type");
  h5_write_attribute(object, name, type.get(), {}, terminated.c_str());
}

void h5_write_attribute(hid_t object, const std::string& name, hid_t type, const Shape& shape,
                        const void* values) {
  const H5Handle space = h5_space_of(shape);
  const H5Handle attribute{H5Acreate2(object, name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT),
                           &H5Aclose, "create the attribute '" + name + "'"};
  h5_check(H5Awrite(attribute.get(), type, values), "write the attribute '" + name + "'");
}

}  // namespace mpipe
