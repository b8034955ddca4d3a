// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Making and opening the files that hold the values of outputs: results.h5, and one segment per output whose
/// shape came late. Both are made by one process, complete with the room for all values, and renamed into
/// place.
#pragma once

#include "store/h5/data_map.hpp"
#include "store/h5/labelled_file.hpp"

#include <array>

namespace mpipe {

/// Where the values of one output of fixed size lie in a file.
struct DatasetLocation {
  ElementOrder order;
  DataMap values;
  DataMap status;                               ///< one byte per element
  std::optional<std::array<DataMap, 2>> parts;  ///< real and imaginary parts of complex values, once more
};

void pack(ByteWriter& packer, const DatasetLocation& location);
DatasetLocation unpack_location(ByteReader& unpacker, const OutputLayout& output);

/// Of the marks of elements. In a file they are bytes, as booleans are.
inline const ElementType& mark_type() { return element_type(Kind::boolean); }

/// True when the values of this output go into preallocated datasets: of fixed size, and all extents known.
/// Of an output with a file per element the marks alone do, as soon as the external extents are known.
bool has_location(const OutputLayout& output);
/// The order in its place: there, elements that have files of their own are without values. Precondition:
/// `has_location`.
ElementOrder location_order(const OutputLayout& output);
ElementOrder element_order(const OutputLayout& output);
/// The shape of each element, or nullopt while it is not known.
std::optional<Shape> internal_shape(const OutputLayout& output);
/// The shape of each element became known. Precondition: of as many axes as are inside of elements, where the
/// rank is known.
void set_internal_shape(const Shape& internal, OutputLayout& output);

/// The bytes of one pending value: not-a-number for floating and complex types, else zero.
std::vector<std::byte> pending_value(const ElementType& type);
/// Whether `bytes` (values of `type`) are all pending values, or the type has none to tell by.
bool all_pending(const ElementType& type, std::span<const std::byte> bytes);

/// What goes into a file.
struct FileContents {
  const RunLayout* layout = nullptr;
  std::vector<std::size_t> outputs;  ///< positions in `layout`, each with `has_location`
  bool inputs = false;
  bool sync = true;  ///< the disk has all of it when it is made
  /// Adds more variables, when set.
  std::function<void(LabelledFile&)> more;
};

/// Makes the file, with all its room reserved and pending values in it. Throws `Error` (storage_failed) when
/// there is not enough room; what is at `path` then is for the caller to remove.
void make_result_file(const fs::path& path, const FileContents& contents);

/// Throws `Error` (resume_mismatch) when the file is of another run.
void check_run_id(hid_t file, const fs::path& path, const std::string& run_id);
/// Finds an output in a file, or returns nullopt when it is not there. Throws `Error` (resume_mismatch) when
/// it has another shape or type there, (storage_failed) when its layout is one that mpipe does not make.
std::optional<DatasetLocation> find_location(hid_t file, const OutputLayout& output, std::uint64_t file_size);

/// `mapspec`, `coordinates` and the other attributes of an output.
void write_output_attributes(hid_t variable, const RunLayout& layout, const OutputLayout& output);
/// Makes the dataset of marks.
H5Handle add_status_variable(LabelledFile& file, const OutputLayout& output, hid_t creation);

/// The names of the axes that elements are numbered over.
std::vector<std::string> outer_dims(const OutputLayout& output);

}  // namespace mpipe
