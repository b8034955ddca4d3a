// SPDX-License-Identifier: BSD-3-Clause
// Opens a dataset of an HDF5 file for reading, and finds its type, shape and chunks.
#include "data/hdf5_dataset.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/text.hpp"
#include "data/api/input_file.hpp"

#include <fmt/format.h>

#include <cstring>

namespace mpipe::detail {
namespace {

std::recursive_mutex& turns() {
  static std::recursive_mutex mutex;
  return mutex;
}

/// The innermost reason that HDF5 gives.
std::string reason() {
  std::string text;
  const auto keep_first = [](unsigned, const H5E_error2_t* error, void* to) -> herr_t {
    auto& out = *static_cast<std::string*>(to);
    if (out.empty() && error->desc != nullptr) out = error->desc;
    return 0;
  };
  if (H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &text) < 0 || text.empty()) return "no reason given";
  return text;
}

const ElementType* integer_type(std::size_t size, bool is_signed) {
  switch (size) {
    case 1:
      return &element_type(is_signed ? Kind::int8 : Kind::uint8);
    case 2:
      return &element_type(is_signed ? Kind::int16 : Kind::uint16);
    case 4:
      return &element_type(is_signed ? Kind::int32 : Kind::uint32);
    case 8:
      return &element_type(is_signed ? Kind::int64 : Kind::uint64);
    default:
      return nullptr;
  }
}

/// HDF5's name of a real number in memory, or none.
hid_t native_type(Kind kind) {
  switch (kind) {
    case Kind::int8:
      return H5T_NATIVE_INT8;
    case Kind::int16:
      return H5T_NATIVE_INT16;
    case Kind::int32:
      return H5T_NATIVE_INT32;
    case Kind::int64:
      return H5T_NATIVE_INT64;
    case Kind::uint8:
      return H5T_NATIVE_UINT8;
    case Kind::uint16:
      return H5T_NATIVE_UINT16;
    case Kind::uint32:
      return H5T_NATIVE_UINT32;
    case Kind::uint64:
      return H5T_NATIVE_UINT64;
    case Kind::float32:
      return H5T_NATIVE_FLOAT;
    case Kind::float64:
      return H5T_NATIVE_DOUBLE;
    default:
      return H5I_INVALID_HID;
  }
}

std::string variable_text(const char* raw) {
  const char* text = nullptr;
  std::memcpy(&text, raw, sizeof(text));
  return text == nullptr ? std::string() : std::string(text);
}

std::string fixed_text(const char* raw, std::size_t size, H5T_str_t padding) {
  std::string text(raw, strnlen(raw, size));
  if (padding == H5T_STR_SPACEPAD) text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace

Hdf5Turn::Hdf5Turn() : lock_(turns()) {
  H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Hdf5Turn::~Hdf5Turn() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }

Hdf5Dataset::Hdf5Dataset(std::filesystem::path file, std::string name)
    : path_(std::move(file)),
      name_(std::move(name)),
      file_(open_file(), H5Fclose),
      id_(open_dataset(), H5Dclose) {}

hid_t Hdf5Dataset::open_file() const {
  { open_input_file(path_); }
  const Hdf5Id access(check(H5Pcreate(H5P_FILE_ACCESS)), H5Pclose);
  // Readers never disturb a run that writes the file, nor are disturbed by it.
  check(H5Pset_file_locking(access, false, true));
  const hid_t file = H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access);
  if (file < 0) refuse_file(path_, fmt::format("cannot be opened as HDF5: {}.", reason()));
  return file;
}

hid_t Hdf5Dataset::open_dataset() const {
  const hid_t dataset = H5Dopen2(file_, name_.c_str(), H5P_DEFAULT);
  if (dataset < 0)
    refuse_file(path_,
                fmt::format("has no dataset '{}' that can be opened: {}.", printable(name_, 200), reason()));
  return dataset;
}

void Hdf5Dataset::refuse(const std::string& problem) const {
  refuse_file(path_, fmt::format("has the dataset '{}', which {}", printable(name_, 200), problem));
}

void Hdf5Dataset::refuse_unread() const { refuse(fmt::format("cannot be read: {}.", reason())); }

Shape Hdf5Dataset::shape() const {
  const Hdf5Id space(check(H5Dget_space(id_)), H5Sclose);
  if (check(H5Sget_simple_extent_type(space)) == H5S_NULL) refuse("is empty (a null space). Store an array.");
  const int rank = check(H5Sget_simple_extent_ndims(space));
  std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
  check(H5Sget_simple_extent_dims(space, extents.data(), nullptr));
  Shape shape;
  constexpr hsize_t kMost = hsize_t{1} << 62U;
  for (const hsize_t extent : extents) {
    if (extent > kMost)
      throw Error(Category::too_large,
                  fmt::format("the dataset '{}' has an axis of {}.", printable(name_, 200), extent));
    shape.push_back(static_cast<Index>(extent));
  }
  return shape;
}

const ElementType* Hdf5Dataset::number_type() const {
  const Hdf5Id type = this->type();
  const std::size_t size = H5Tget_size(type);
  switch (check(H5Tget_class(type))) {
    case H5T_INTEGER:
      return integer_type(size, check(H5Tget_sign(type)) == H5T_SGN_2);
    case H5T_FLOAT:
      return size == 8 ? &element_type<double>() : size == 4 ? &element_type<float>() : nullptr;
    case H5T_ENUM:
      return is_boolean(type) ? &element_type<bool>() : nullptr;
    case H5T_COMPOUND:
      return complex_type(type);
    default:
      return nullptr;
  }
}

/// h5py's booleans: an enumeration of FALSE and TRUE over int8.
bool Hdf5Dataset::is_boolean(hid_t type) const {
  if (check(H5Tget_nmembers(type)) != 2 || H5Tget_size(type) != 1) return false;
  std::int8_t no = -1;
  std::int8_t yes = -1;
  return H5Tenum_valueof(type, "FALSE", &no) >= 0 && H5Tenum_valueof(type, "TRUE", &yes) >= 0 && no == 0 &&
         yes == 1;
}

/// h5py's complex numbers: a compound of r and i.
const ElementType* Hdf5Dataset::complex_type(hid_t type) const {
  if (check(H5Tget_nmembers(type)) != 2) return nullptr;
  const int r = H5Tget_member_index(type, "r");
  const int i = H5Tget_member_index(type, "i");
  if (r < 0 || i < 0) return nullptr;
  const Hdf5Id part(check(H5Tget_member_type(type, static_cast<unsigned>(r))), H5Tclose);
  const Hdf5Id other(check(H5Tget_member_type(type, static_cast<unsigned>(i))), H5Tclose);
  if (check(H5Tget_class(part)) != H5T_FLOAT || check(H5Tget_class(other)) != H5T_FLOAT) return nullptr;
  return H5Tget_size(part) <= 4 ? &element_type(Kind::complex64) : &element_type(Kind::complex128);
}

Hdf5Id Hdf5Dataset::memory_type(const ElementType& element) const {
  // Enumerations are not converted to integers, but one of a byte is read as it is.
  if (element.kind == Kind::boolean) return type();
  if (element.kind == Kind::complex64) return complex_memory_type(H5T_NATIVE_FLOAT);
  if (element.kind == Kind::complex128) return complex_memory_type(H5T_NATIVE_DOUBLE);
  return {check(H5Tcopy(native_type(element.kind))), H5Tclose};
}

Hdf5Id Hdf5Dataset::complex_memory_type(hid_t part) const {
  const std::size_t size = H5Tget_size(part);
  Hdf5Id type(check(H5Tcreate(H5T_COMPOUND, 2 * size)), H5Tclose);
  check(H5Tinsert(type, "r", 0, part));
  check(H5Tinsert(type, "i", size, part));
  return type;
}

std::optional<FileStretch> Hdf5Dataset::stretch(const ElementType& element, const Shape& shape) const {
  if (element.kind == Kind::boolean) return std::nullopt;
  const Hdf5Id creation(check(H5Dget_create_plist(id_)), H5Pclose);
  if (H5Pget_layout(creation) != H5D_CONTIGUOUS || H5Pget_external_count(creation) != 0 ||
      check(H5Tequal(type(), memory_type(element))) == 0)
    return std::nullopt;
  const haddr_t offset = H5Dget_offset(id_);
  if (offset == HADDR_UNDEF || offset % element.size != 0) return std::nullopt;
  return FileStretch::of(path_, offset, array_bytes(shape, element.size));
}

Index Hdf5Dataset::chunk_rows() const {
  const Hdf5Id creation(check(H5Dget_create_plist(id_)), H5Pclose);
  if (H5Pget_layout(creation) != H5D_CHUNKED) return 1;
  std::vector<hsize_t> chunk(H5S_MAX_RANK);
  check(H5Pget_chunk(creation, H5S_MAX_RANK, chunk.data()));
  return static_cast<Index>(chunk.front());  // at most 2^32 - 1, and not 0
}

void Hdf5Dataset::read_rows(IndexRange rows, const Shape& shape, const ElementType& element, void* to) const {
  std::vector<hsize_t> start(shape.size(), 0);
  std::vector<hsize_t> extents(shape.begin(), shape.end());
  start.front() = static_cast<hsize_t>(rows.begin);
  extents.front() = static_cast<hsize_t>(rows.size());
  const Hdf5Id from(check(H5Dget_space(id_)), H5Sclose);
  check(H5Sselect_hyperslab(from, H5S_SELECT_SET, start.data(), nullptr, extents.data(), nullptr));
  const Hdf5Id memory(check(H5Screate_simple(static_cast<int>(shape.size()), extents.data(), nullptr)),
                      H5Sclose);
  check(H5Dread(id_, memory_type(element), memory, from, H5P_DEFAULT, to));
}

void Hdf5Dataset::read_numbers(const ElementType& element, std::byte* to, Index count) const {
  check(H5Dread(id_, memory_type(element), H5S_ALL, H5S_ALL, H5P_DEFAULT, to));
  if (element.kind != Kind::boolean) return;
  for (Index k = 0; k < count; ++k)
    if (to[k] > std::byte{1}) refuse("has a boolean that is neither 0 nor 1.");
}

std::size_t Hdf5Dataset::text_size() const {
  const Hdf5Id type = this->type();
  return check(H5Tis_variable_str(type)) > 0 ? sizeof(char*) : H5Tget_size(type);
}

std::vector<std::string> Hdf5Dataset::read_texts(std::size_t count) const {
  std::vector<std::string> texts;
  if (count == 0) return texts;
  const Hdf5Id type = this->type();
  const bool variable = check(H5Tis_variable_str(type)) > 0;
  const H5T_str_t padding = H5Tget_strpad(type);
  const std::size_t size = text_size();
  std::vector<char> raw(count * size);
  check(H5Dread(id_, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw.data()));
  texts.reserve(count);
  for (std::size_t k = 0; k < count; ++k)
    texts.push_back(variable ? variable_text(&raw[k * size]) : fixed_text(&raw[k * size], size, padding));
  if (variable) {
    const Hdf5Id space(check(H5Dget_space(id_)), H5Sclose);
    check(H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw.data()));
  }
  return texts;
}

}  // namespace mpipe::detail
