// SPDX-License-Identifier: BSD-3-Clause
// Reads datasets of other programs: what they hold, where it lies, and their values in memory.
#include "data/hdf5_dataset.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/text.hpp"
#include "data/api/input_file.hpp"
#include "data/hdf5_storage.hpp"
#include "h5/api/h5_name.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>

namespace mpipe::detail {
namespace {

/// The innermost reason that HDF5 gives.
std::string reason() {
  const std::string text = h5_reason(1);
  return text.empty() ? "no reason given" : text;
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

/// What HDF5 calls a real number in the memory of this machine; H5I_INVALID_HID for kinds that are no real
/// numbers.
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

/// A text of fixed length ends at its first zero byte or at its last byte; those that Fortran writes are
/// filled up with spaces instead.
std::string fixed_text(const char* raw, std::size_t size, H5T_str_t padding) {
  std::string text(raw, strnlen(raw, size));
  if (padding == H5T_STR_SPACEPAD) text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace

template <class Action>
void Hdf5Dataset::naming_dataset(const Action& action) const {
  try {
    action();
  } catch (const Error& error) {
    refuse(fmt::format("has {}", error.what()));
  }
}

/// The file is opened before the dataset and, as members are destroyed in reverse order, closed after it.
Hdf5Dataset::Hdf5Dataset(std::filesystem::path file, std::string name, bool raw, int depth)
    : path_(std::move(file)),
      name_(std::move(name)),
      raw_(raw),
      file_(open_file(), H5Fclose),
      id_(open_dataset(H5P_DEFAULT), H5Dclose) {
  if (H5Pget_external_count(creation()) > 0) {
    // An open dataset keeps the folder in which its files are searched, so it is closed and opened again.
    const H5Handle access = external_access(*this);
    id_ = H5Handle();
    id_ = H5Handle(open_dataset(access), H5Dclose);
  }
  check_storage(*this, depth);
  check_values(*this, raw);
  check_written(*this);
  const ElementType* const stored = stored_type();
  if (stored != nullptr)
    naming_dataset([&] { decoding_ = raw ? Hdf5Decoding(*stored) : Hdf5Decoding(id_, *stored); });
}

hid_t Hdf5Dataset::open_file() const {
  // HDF5 would describe a missing file or a directory in terms of its own drivers. This says what is wrong
  // and how to mend it, as for every other input; the stream is closed again before HDF5 opens the file.
  std::array<char, 3> begin{};
  open_input_file(path_).read(begin.data(), begin.size());
  if (std::string_view(begin.data(), begin.size()) == "CDF")
    refuse_file(path_,
                "is in a classic format of netCDF, which is not HDF5. Convert it (nccopy -k nc4 OLD NEW).");
  const hid_t file = H5Fopen(path_.c_str(), H5F_ACC_RDONLY, file_access());
  if (file < 0) refuse_file(path_, fmt::format("cannot be opened as HDF5: {}.", reason()));
  return file;
}

/// Readers never disturb a run that writes the file, nor are disturbed by it.
H5Handle Hdf5Dataset::file_access() const {
  H5Handle access(check(H5Pcreate(H5P_FILE_ACCESS)), H5Pclose);
  check(H5Pset_file_locking(access, false, true));
  return access;
}

hid_t Hdf5Dataset::open_dataset(hid_t access) const {
  const H5Handle with_links(check(access == H5P_DEFAULT ? H5Pcreate(H5P_DATASET_ACCESS) : H5Pcopy(access)),
                            H5Pclose);
  // The files that external links lead to are no less others'.
  check(H5Pset_elink_fapl(with_links, file_access()));
  const hid_t dataset = H5Dopen2(file_, name_.c_str(), with_links);
  if (dataset >= 0) return dataset;
  const std::string why = reason();  // the next call of HDF5 would forget it
  const std::string link = dangling_link(why);
  if (!link.empty()) refuse_file(path_, link);
  refuse_file(path_, fmt::format("has no dataset '{}' that can be opened: {}. {}", printable(name_, 200), why,
                                 absent_output(file_, name_)));
}

/// Which link on the way to the dataset leads nowhere; empty when it is no link that is wrong.
std::string Hdf5Dataset::dangling_link(const std::string& why) const {
  for (std::size_t end = name_.find('/', 1);; end = name_.find('/', end + 1)) {
    const std::string part = name_.substr(0, end);
    H5L_info_t info;
    if (H5Lget_info(file_, part.c_str(), &info, H5P_DEFAULT) < 0) return {};
    if (info.type != H5L_TYPE_HARD && H5Oexists_by_name(file_, part.c_str(), H5P_DEFAULT) <= 0) {
      std::vector<char> target(info.u.val_size + 1);
      if (H5Lget_val(file_, part.c_str(), target.data(), info.u.val_size, H5P_DEFAULT) < 0) return {};
      const char* file = "";
      const char* object = target.data();
      if (info.type == H5L_TYPE_EXTERNAL &&
          H5Lunpack_elink_val(target.data(), info.u.val_size, nullptr, &file, &object) < 0)
        return {};
      // HDF5 follows so many links, and no more, which is how it notices a circle.
      const bool is_circle = why.find("too many") != std::string::npos;
      return fmt::format(
          "has the link '{}', which leads to '{}'{}, and {}. Restore it, or name another dataset.",
          printable(part, 200), printable(object, 200),
          *file == '\0' ? "" : fmt::format(" in the file '{}'", printable(file, 200)),
          is_circle ? "from there back to itself" : "that is not there");
    }
    if (end == std::string::npos) return {};
  }
}

std::filesystem::path Hdf5Dataset::holder() const {
  const std::string name =
      h5_name([&](char* to, std::size_t size) { return id_ < 0 ? -1 : H5Fget_name(id_, to, size); });
  return name.empty() ? path_ : std::filesystem::path(name);
}

void Hdf5Dataset::refuse(const std::string& problem) const {
  const std::filesystem::path file = holder();
  refuse_file(path_,
              fmt::format("has the dataset '{}'{}, which {}", printable(name_, 200),
                          file == path_ ? "" : fmt::format(" (in the file '{}')", file.string()), problem));
}

void Hdf5Dataset::refuse_unread() const { refuse(fmt::format("cannot be read: {}.", reason())); }

bool Hdf5Dataset::is_in_one_file() const {
  const H5Handle made = creation();
  return H5Pget_layout(made) != H5D_VIRTUAL && H5Pget_external_count(made) == 0 && holder() == path_;
}

Shape Hdf5Dataset::shape() const {
  const H5Handle space(check(H5Dget_space(id_)), H5Sclose);
  // A null space has no extents to ask for. It would pass for a single value, and reading it would leave that
  // value unset.
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

const ElementType* Hdf5Dataset::number_type() const { return decoding_ ? &decoding_->type() : nullptr; }

const ElementType* Hdf5Dataset::stored_type() const {
  const H5Handle type = this->type();
  const std::size_t size = H5Tget_size(type);
  switch (check(H5Tget_class(type))) {
    case H5T_INTEGER:
      return integer_type(size, check(H5Tget_sign(type)) == H5T_SGN_2);
    case H5T_FLOAT:
      // HDF5 converts what has two bytes: float32 holds all of it.
      return size == 8 ? &element_type<double>() : size == 4 || size == 2 ? &element_type<float>() : nullptr;
    case H5T_ENUM:
      return is_boolean(type) ? &element_type<bool>() : nullptr;
    case H5T_COMPOUND:
      return complex_type(type);
    default:
      return nullptr;
  }
}

std::string Hdf5Dataset::unread_type() const {
  const H5Handle type = this->type();
  switch (check(H5Tget_class(type))) {
    case H5T_INTEGER:
      return fmt::format("integers of {} bytes", H5Tget_size(type));
    case H5T_FLOAT:
      return fmt::format("floating point numbers of {} bytes (long double?)", H5Tget_size(type));
    case H5T_ENUM:
      return "names of an enumeration";
    case H5T_COMPOUND:
      return "records of several fields (a compound type)";
    case H5T_OPAQUE:
      return "opaque bytes";
    case H5T_VLEN:
      return "lists of varying length (vlen)";
    case H5T_ARRAY:
      return "arrays in each element";
    case H5T_REFERENCE:
      return "references to other datasets";
    case H5T_BITFIELD:
      return "bit fields";
    default:
      return "of a type that is unknown here";
  }
}

/// Whether the type is that of booleans as h5py writes them: an enumeration of FALSE and TRUE over int8.
bool Hdf5Dataset::is_boolean(hid_t type) const {
  if (check(H5Tget_nmembers(type)) != 2 || H5Tget_size(type) != 1) return false;
  std::int8_t no = -1;
  std::int8_t yes = -1;
  return H5Tenum_valueof(type, "FALSE", &no) >= 0 && H5Tenum_valueof(type, "TRUE", &yes) >= 0 && no == 0 &&
         yes == 1;
}

/// The type of complex numbers as h5py writes them, which is a compound of r and i; nullptr for other
/// compounds.
const ElementType* Hdf5Dataset::complex_type(hid_t type) const {
  if (check(H5Tget_nmembers(type)) != 2) return nullptr;
  const int r = H5Tget_member_index(type, "r");
  const int i = H5Tget_member_index(type, "i");
  if (r < 0 || i < 0) return nullptr;
  const H5Handle part(check(H5Tget_member_type(type, static_cast<unsigned>(r))), H5Tclose);
  const H5Handle other(check(H5Tget_member_type(type, static_cast<unsigned>(i))), H5Tclose);
  if (check(H5Tget_class(part)) != H5T_FLOAT || check(H5Tget_class(other)) != H5T_FLOAT) return nullptr;
  return H5Tget_size(part) <= 4 ? &element_type(Kind::complex64) : &element_type(Kind::complex128);
}

H5Handle Hdf5Dataset::memory_type(const ElementType& element) const {
  // Enumerations are not converted to integers, but one of a byte is read as it is.
  if (element.kind == Kind::boolean) return type();
  if (element.kind == Kind::complex64) return complex_memory_type(H5T_NATIVE_FLOAT);
  if (element.kind == Kind::complex128) return complex_memory_type(H5T_NATIVE_DOUBLE);
  return {check(H5Tcopy(native_type(element.kind))), H5Tclose};
}

H5Handle Hdf5Dataset::complex_memory_type(hid_t part) const {
  const std::size_t size = H5Tget_size(part);
  H5Handle type(check(H5Tcreate(H5T_COMPOUND, 2 * size)), H5Tclose);
  check(H5Tinsert(type, "r", 0, part));
  check(H5Tinsert(type, "i", size, part));
  return type;
}

/// Only what lies in the file as it would lie in memory is read without HDF5: in one piece, in the byte order and
/// type of this machine. Booleans are left out, as each of their bytes has to be checked.
std::optional<FileStretch> Hdf5Dataset::stretch(const ElementType& element, const Shape& shape) const {
  if (element.kind == Kind::boolean || decoding_->changes()) return std::nullopt;
  if (H5Pget_layout(creation()) != H5D_CONTIGUOUS || check(H5Tequal(type(), memory_type(element))) == 0)
    return std::nullopt;
  // A dataset that was created and never written has no place in the file yet.
  const haddr_t offset = H5Dget_offset(id_);
  if (offset == HADDR_UNDEF) return std::nullopt;
  return FileStretch::of(path_, offset, array_bytes(shape, element.size));
}

Index Hdf5Dataset::chunk_rows() const {
  const H5Handle made = creation();
  if (H5Pget_layout(made) != H5D_CHUNKED) return 1;
  std::vector<hsize_t> chunk(H5S_MAX_RANK);
  check(H5Pget_chunk(made, H5S_MAX_RANK, chunk.data()));
  return static_cast<Index>(chunk.front());  // at most 2^32 - 1, and not 0
}

void Hdf5Dataset::read_rows(IndexRange rows, const Shape& shape, std::byte* to) const {
  std::vector<hsize_t> start(shape.size(), 0);
  std::vector<hsize_t> extents(shape.begin(), shape.end());
  start.front() = static_cast<hsize_t>(rows.begin);
  extents.front() = static_cast<hsize_t>(rows.size());
  const H5Handle from(check(H5Dget_space(id_)), H5Sclose);
  check(H5Sselect_hyperslab(from, H5S_SELECT_SET, start.data(), nullptr, extents.data(), nullptr));
  const H5Handle memory(check(H5Screate_simple(static_cast<int>(shape.size()), extents.data(), nullptr)),
                        H5Sclose);
  const Index row = element_count({shape.begin() + 1, shape.end()});
  read(memory, from, {rows.begin * row, rows.end * row}, to);
}

void Hdf5Dataset::read_numbers(std::byte* to, Index count) const {
  read(H5S_ALL, H5S_ALL, {0, count}, to);
  if (stored_type()->kind != Kind::boolean) return;
  // HDF5 hands over the bytes of an enumeration without looking at them.
  for (Index k = 0; k < count; ++k)
    if (to[k] > std::byte{1}) refuse("has a boolean that is neither 0 nor 1.");
}

/// `elements` are the numbers of what is read, in C order.
void Hdf5Dataset::read(hid_t memory, hid_t from, IndexRange elements, std::byte* to) const {
  const ElementType& stored = *stored_type();
  const bool decodes = decoding_->changes();
  std::vector<std::byte> bytes(decodes ? static_cast<std::size_t>(elements.size()) * stored.size : 0);
  // HDF5 leaves alone what it has no number for.
  if (!decodes) std::memset(to, 0, static_cast<std::size_t>(elements.size()) * stored.size);
  check(H5Dread(id_, memory_type(stored), memory, from, H5P_DEFAULT, decodes ? bytes.data() : to));
  if (decodes) naming_dataset([&] { decoding_->decode(bytes.data(), elements, to); });
}

bool Hdf5Dataset::has_characters() const {
  const H5Handle type = this->type();
  if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) > 0 || H5Tget_size(type) != 1)
    return false;
  // A terminated text of one byte would be empty, so these are characters; of others the labels of axes tell.
  return H5Tget_strpad(type) == H5T_STR_NULLTERM || H5Aexists(id_, "DIMENSION_LIST") > 0;
}

std::size_t Hdf5Dataset::text_size() const {
  const H5Handle type = this->type();
  return check(H5Tis_variable_str(type)) > 0 ? sizeof(char*) : H5Tget_size(type);
}

std::vector<std::string> Hdf5Dataset::read_texts(std::size_t count) const {
  std::vector<std::string> texts;
  if (count == 0) return texts;
  const H5Handle type = this->type();
  const bool variable = check(H5Tis_variable_str(type)) > 0;
  const H5T_str_t padding = H5Tget_strpad(type);
  const std::size_t size = text_size();
  std::vector<char> raw(count * size);
  check(H5Dread(id_, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw.data()));
  texts.reserve(count);
  for (std::size_t k = 0; k < count; ++k)
    texts.push_back(variable ? variable_text(&raw[k * size]) : fixed_text(&raw[k * size], size, padding));
  // Texts of varying length lie in memory of HDF5, to which `raw` points. It is given back only now that all
  // of them were copied.
  if (variable) {
    const H5Handle space(check(H5Dget_space(id_)), H5Sclose);
    check(H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw.data()));
  }
  return texts;
}

}  // namespace mpipe::detail
