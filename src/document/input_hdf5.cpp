// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/core/error.hpp>

#include "document/input_files.hpp"
#include "document/text.hpp"
#include "document/value_builder.hpp"

#include <fmt/format.h>
#include <hdf5.h>

#include <complex>
#include <cstring>
#include <optional>
#include <utility>

namespace mpipe::detail {
namespace {

namespace fs = std::filesystem;

/// HDF5 prints nothing: its errors are in what is thrown.
class Quiet {
 public:
  Quiet() {
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Quiet() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

/// An id that is closed at the end of its life.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }  // NOLINT(google-explicit-constructor): stands for the id

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

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

class Hdf5Reader {
 public:
  Hdf5Reader(const fs::path& file, const std::string& dataset) : path_(file), name_(dataset) {}

  Value read() {
    { open_input_file(path_); }
    const Handle access(check(H5Pcreate(H5P_FILE_ACCESS)), H5Pclose);
    // Readers never disturb a run that writes the file, nor are disturbed by it.
    check(H5Pset_file_locking(access, false, true));
    const Handle file(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access), H5Fclose);
    if (file < 0) refuse_file(path_, fmt::format("cannot be opened as HDF5: {}.", reason()));
    const Handle dataset(H5Dopen2(file, name_.c_str(), H5P_DEFAULT), H5Dclose);
    if (dataset < 0)
      refuse_file(
          path_, fmt::format("has no dataset '{}' that can be opened: {}.", printable(name_, 200), reason()));
    const Shape shape = shape_of(dataset);
    const Handle type(check(H5Dget_type(dataset)), H5Tclose);
    if (check(H5Tget_class(type)) == H5T_STRING) return read_texts(dataset, type, shape);
    const ElementType* const element = number_type(type);
    if (element == nullptr)
      refuse("has values of a type that is not read. Use numbers, true and false, or texts.");
    return read_numbers(dataset, *element, shape);
  }

 private:
  template <class T>
  T check(T result) const {
    if (result < 0) refuse(fmt::format("cannot be read: {}.", reason()));
    return result;
  }
  [[noreturn]] void refuse(const std::string& problem) const {
    refuse_file(path_, fmt::format("has the dataset '{}', which {}", printable(name_, 200), problem));
  }

  Shape shape_of(hid_t dataset) const {
    const Handle space(check(H5Dget_space(dataset)), H5Sclose);
    if (check(H5Sget_simple_extent_type(space)) == H5S_NULL)
      refuse("is empty (a null space). Store an array.");
    const int rank = check(H5Sget_simple_extent_ndims(space));
    std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
    check(H5Sget_simple_extent_dims(space, extents.data(), nullptr));
    Shape shape;
    constexpr hsize_t kMost = hsize_t{1} << 62U;
    for (const hsize_t extent : extents) {
      if (extent > kMost)
        throw Error(Category::too_large, fmt::format("the dataset '{}' has an axis of {}.", name_, extent));
      shape.push_back(static_cast<Index>(extent));
    }
    return shape;
  }

  const ElementType* number_type(hid_t type) const {
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

  static const ElementType* integer_type(std::size_t size, bool is_signed) {
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

  /// h5py's booleans: an enumeration of FALSE and TRUE over int8.
  bool is_boolean(hid_t type) const {
    if (check(H5Tget_nmembers(type)) != 2 || H5Tget_size(type) != 1) return false;
    std::int8_t no = -1;
    std::int8_t yes = -1;
    return H5Tenum_valueof(type, "FALSE", &no) >= 0 && H5Tenum_valueof(type, "TRUE", &yes) >= 0 && no == 0 &&
           yes == 1;
  }

  /// h5py's complex numbers: a compound of r and i.
  const ElementType* complex_type(hid_t type) const {
    if (check(H5Tget_nmembers(type)) != 2) return nullptr;
    const int r = H5Tget_member_index(type, "r");
    const int i = H5Tget_member_index(type, "i");
    if (r < 0 || i < 0) return nullptr;
    const Handle part(check(H5Tget_member_type(type, static_cast<unsigned>(r))), H5Tclose);
    const Handle other(check(H5Tget_member_type(type, static_cast<unsigned>(i))), H5Tclose);
    if (check(H5Tget_class(part)) != H5T_FLOAT || check(H5Tget_class(other)) != H5T_FLOAT) return nullptr;
    return H5Tget_size(part) <= 4 ? &element_type(Kind::complex64) : &element_type(Kind::complex128);
  }

  Handle memory_type(const ElementType& type) const {
    switch (type.kind) {
      case Kind::int8:
        return copy(H5T_NATIVE_INT8);
      case Kind::int16:
        return copy(H5T_NATIVE_INT16);
      case Kind::int32:
        return copy(H5T_NATIVE_INT32);
      case Kind::int64:
        return copy(H5T_NATIVE_INT64);
      case Kind::uint8:
        return copy(H5T_NATIVE_UINT8);
      case Kind::uint16:
        return copy(H5T_NATIVE_UINT16);
      case Kind::uint32:
        return copy(H5T_NATIVE_UINT32);
      case Kind::uint64:
        return copy(H5T_NATIVE_UINT64);
      case Kind::float32:
        return copy(H5T_NATIVE_FLOAT);
      case Kind::float64:
        return copy(H5T_NATIVE_DOUBLE);
      case Kind::complex64:
        return complex_memory_type(H5T_NATIVE_FLOAT);
      case Kind::complex128:
        return complex_memory_type(H5T_NATIVE_DOUBLE);
      default:
        throw Bug("read_hdf5: a type without a type in memory");
    }
  }
  Handle copy(hid_t type) const { return {check(H5Tcopy(type)), H5Tclose}; }

  Handle complex_memory_type(hid_t part) const {
    const std::size_t size = H5Tget_size(part);
    Handle type(check(H5Tcreate(H5T_COMPOUND, 2 * size)), H5Tclose);
    check(H5Tinsert(type, "r", 0, part));
    check(H5Tinsert(type, "i", size, part));
    return type;
  }

  /// Where the values lie, when they lie in the file as they would in memory: then they need not be read now.
  std::optional<FileStretch> stretch_of(hid_t dataset, const ElementType& element, const Shape& shape) const {
    const std::uint64_t bytes = array_bytes(shape, element.size);
    if (bytes < smallest_mapped_input || element.kind == Kind::boolean) return std::nullopt;
    const Handle creation(check(H5Dget_create_plist(dataset)), H5Pclose);
    const Handle type(check(H5Dget_type(dataset)), H5Tclose);
    if (H5Pget_layout(creation) != H5D_CONTIGUOUS || H5Pget_external_count(creation) != 0 ||
        check(H5Tequal(type, memory_type(element))) == 0)
      return std::nullopt;
    const haddr_t offset = H5Dget_offset(dataset);
    if (offset == HADDR_UNDEF || offset % element.size != 0) return std::nullopt;
    return FileStretch::of(path_, offset, bytes);
  }

  Value read_numbers(hid_t dataset, const ElementType& element, const Shape& shape) const {
    if (auto stretch = stretch_of(dataset, element, shape))
      return Value::from_file(element, shape, std::move(*stretch));
    check_fits(shape, element.size);
    const std::size_t bytes = static_cast<std::size_t>(element_count(shape)) * element.size;
    std::shared_ptr<std::byte[]> values(new std::byte[bytes]);
    if (bytes != 0) {
      // Enumerations are not converted to integers, but one of a byte is read as it is.
      const Handle type = element.kind == Kind::boolean ? Handle(check(H5Dget_type(dataset)), H5Tclose)
                                                        : memory_type(element);
      check(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.get()));
    }
    if (element.kind == Kind::boolean)
      for (std::size_t k = 0; k < bytes; ++k)
        if (values[k] > std::byte{1}) refuse("has a boolean that is neither 0 nor 1.");
    return Value::from_bytes(element, shape, std::move(values));
  }

  Value read_texts(hid_t dataset, hid_t type, const Shape& shape) const {
    const bool variable = check(H5Tis_variable_str(type)) > 0;
    const std::size_t size = variable ? sizeof(char*) : H5Tget_size(type);
    check_fits(shape, size + sizeof(std::string));
    const auto count = static_cast<std::size_t>(element_count(shape));
    std::vector<char> raw(count * size);
    if (count != 0) check(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw.data()));
    std::vector<std::string> texts;
    texts.reserve(count);
    for (std::size_t k = 0; k < count; ++k)
      texts.push_back(variable ? variable_text(&raw[k * size]) : fixed_text(&raw[k * size], size, type));
    if (variable && count != 0) {
      const Handle space(check(H5Dget_space(dataset)), H5Sclose);
      check(H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw.data()));
    }
    if (shape.empty()) return texts.front();
    return Value(texts).reshaped(shape);
  }

  static std::string variable_text(const char* raw) {
    const char* text = nullptr;
    std::memcpy(&text, raw, sizeof(text));
    return text == nullptr ? std::string() : std::string(text);
  }

  std::string fixed_text(const char* raw, std::size_t size, hid_t type) const {
    std::string text(raw, strnlen(raw, size));
    if (check(H5Tget_strpad(type)) == H5T_STR_SPACEPAD) text.erase(text.find_last_not_of(' ') + 1);
    return text;
  }

  const fs::path& path_;
  const std::string& name_;
};

}  // namespace

Value read_hdf5(const fs::path& file, const std::string& dataset) {
  const Quiet quiet;
  return Hdf5Reader(file, dataset).read();
}

}  // namespace mpipe::detail
