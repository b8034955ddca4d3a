// SPDX-License-Identifier: BSD-3-Clause
// Makes results.h5 and segments with all their room, and finds outputs in them.
#include "store/output/result_file.hpp"

#include <mpipe/core/error.hpp>

#include "store/api/result_length.hpp"
#include "store/h5/text_values.hpp"
#include "store/output/chunking.hpp"
#include "store/run_paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace mpipe {
namespace {

constexpr std::size_t kFillBytes = std::size_t{4} << 20;

bool is_complex(const ElementType& type) {
  return type.kind == Kind::complex64 || type.kind == Kind::complex128;
}
bool is_single(const ElementType& type) { return type.kind == Kind::float32 || type.kind == Kind::complex64; }
bool has_nan(const ElementType& type) { return type.kind >= Kind::float32 && type.kind <= Kind::complex128; }
const ElementType& part_type(const ElementType& complex) {
  return element_type(is_single(complex) ? Kind::float32 : Kind::float64);
}

template <class T>
bool all_nan(std::span<const std::byte> bytes) {
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    if (!std::isnan(value)) return false;
  }
  return true;
}

/// How the values of one dataset are kept: contiguous, or the chunks that are needed.
class Storage {
 public:
  Storage(const ElementOrder& order, std::size_t value_bytes, const std::optional<RangeSet>& selected) {
    if (selected) chunk_ = choose_chunk(order, value_bytes, *selected);
    if (!chunk_) return;
    constexpr auto kNoLimit = std::numeric_limits<std::size_t>::max() / 8;
    chunks_ = chunks_of(order, *chunk_, *selected, kNoLimit).value();
    grid_ = DataMap{value_bytes, order.shape(), *chunk_, {}}.grid();
  }

  /// Properties to make the dataset with.
  H5Handle creation(hid_t type, const std::vector<std::byte>& pending) const {
    H5Handle list = LabelledFile::variable_creation();
    h5_check(H5Pset_fill_value(list.get(), type, pending.data()), "set the fill value");
    if (!chunk_) {
      // The values are filled in after the room was taken, by larger writes than HDF5's own.
      h5_check(H5Pset_alloc_time(list.get(), H5D_ALLOC_TIME_EARLY), "set when room is taken");
      h5_check(H5Pset_fill_time(list.get(), H5D_FILL_TIME_NEVER), "set when values are filled in");
      return list;
    }
    const std::vector<hsize_t> extents(chunk_->begin(), chunk_->end());
    h5_check(H5Pset_chunk(list.get(), static_cast<int>(extents.size()), extents.data()),
             "set the shape of chunks");
    h5_check(H5Pset_alloc_time(list.get(), H5D_ALLOC_TIME_INCR), "set when room is taken");
    return list;
  }

  /// Makes the chunks that will be needed: afterwards the metadata of the file does not change any more.
  void allocate_chunks(hid_t dataset, const std::vector<std::byte>& pending) const {
    if (!chunk_) return;
    std::vector<std::byte> values(static_cast<std::size_t>(element_count(*chunk_)) * pending.size());
    for (std::size_t at = 0; at < values.size(); at += pending.size())
      std::memcpy(values.data() + at, pending.data(), pending.size());
    for (const Index number : chunks_) {
      const MultiIndex at = multi_index(number, grid_);
      std::vector<hsize_t> offset(at.size());
      for (std::size_t axis = 0; axis < at.size(); ++axis)
        offset[axis] = static_cast<hsize_t>(at[axis] * (*chunk_)[axis]);
      h5_check(H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, offset.data(), values.size(), values.data()),
               "reserve a chunk");
    }
  }

 private:
  std::optional<Shape> chunk_;
  Shape grid_;
  std::vector<Index> chunks_;
};

/// Makes one dataset for values of `type`, with all the room it needs.
H5Handle add_reserved(LabelledFile& file, const VariableSpec& spec, const ElementType& type,
                      const Storage& storage) {
  const H5Handle file_type = h5_file_type(type);
  const std::vector<std::byte> pending = pending_value(type);
  const H5Handle creation = storage.creation(file_type.get(), pending);
  H5Handle variable = file.add_variable(spec, file_type.get(), creation.get());
  storage.allocate_chunks(variable.get(), pending);
  // Not on integers, which readers would turn into floating point numbers for its sake.
  if (has_nan(type) && !is_complex(type))
    h5_write_attribute(variable.get(), "_FillValue", file_type.get(), {}, pending.data());
  if (type.kind == Kind::boolean) h5_write_text_attribute(variable.get(), "dtype", "bool");
  return variable;
}

void add_marks(LabelledFile& file, const OutputLayout& output, const std::optional<RangeSet>& selected) {
  const Shape extents = location_order(output).outer();
  const ElementOrder outer(extents, std::vector<bool>(extents.size(), true));
  const Storage marks(outer, 1, selected);
  const std::vector<std::byte> pending(1);
  const H5Handle creation = marks.creation(H5T_STD_I8LE, pending);
  const H5Handle status = add_status_variable(file, output, creation.get());
  marks.allocate_chunks(status.get(), pending);
  if (!output.in_own_files()) return;
  h5_write_text_attribute(status.get(), kElementsAttribute, std::string(kElementFolder) + "/" + output.name);
  if (!output.mapspec.empty()) h5_write_text_attribute(status.get(), "mapspec", output.mapspec);
}

void add_output(LabelledFile& file, const RunLayout& layout, const OutputLayout& output) {
  // Their files are found again whatever is selected, so that all have room for a mark.
  if (output.in_own_files()) return add_marks(file, output, std::nullopt);
  const ElementOrder order = element_order(output);
  const VariableSpec spec{output.name, output.axes, order.shape()};
  const Storage storage(order, output.type->size, output.selected);
  write_output_attributes(add_reserved(file, spec, *output.type, storage).get(), layout, output);
  if (is_complex(*output.type)) {
    for (const char* part : {"re", "im"}) {
      const VariableSpec part_spec{output.name + "__" + part, output.axes, order.shape()};
      const Storage part_storage(order, output.type->size / 2, output.selected);
      const H5Handle variable = add_reserved(file, part_spec, part_type(*output.type), part_storage);
      write_output_attributes(variable.get(), layout, output);
    }
  }
  add_marks(file, output, output.selected);
}

/// An input of the name of its axis tells where the positions on it lie, as netCDF has it. Tools expect numbers or
/// texts there, and none that are missing.
bool is_coordinate(const InputLayout& input) {
  return input.dims == std::vector<std::string>{input.name} && is_stored(input.value) &&
         !is_complex(input.value.type());
}

void add_input(LabelledFile& file, const InputLayout& input) {
  const VariableSpec spec{input.name, input.dims, input.value.shape()};
  const auto add = [&](hid_t type, const void* data) {
    return is_coordinate(input) ? file.add_coordinate(spec, type, data) : file.add_values(spec, type, data);
  };
  H5Handle variable;
  if (input.value.type().kind == Kind::string) {
    const std::optional<TextPointers> texts = text_pointers(input.value);
    if (!texts) return;  // bytes that are no text cannot be shown as such
    variable = add(h5_text_type().get(), texts->pointers.data());
  } else if (input.value.type().is_numeric()) {
    const H5Handle type = h5_file_type(input.value.type());
    variable = add(type.get(), input.value.data());
    if (input.value.type().kind == Kind::boolean) h5_write_text_attribute(variable.get(), "dtype", "bool");
  } else {
    return;
  }
  if (!input.units.empty()) h5_write_text_attribute(variable.get(), "units", input.units);
  if (!input.long_name.empty()) h5_write_text_attribute(variable.get(), "long_name", input.long_name);
}

/// Writes pending values all over a contiguous dataset of a floating type.
void fill_contiguous(File& file, const DataMap& map, const std::vector<std::byte>& value) {
  if (!map.contiguous() || map.chunks.empty()) return;
  // No more than the dataset takes: a run may have a thousand small ones.
  std::vector<std::byte> pattern(std::min<std::uint64_t>(kFillBytes, map.chunk_bytes()));
  for (std::size_t at = 0; at < pattern.size(); at += value.size())
    std::memcpy(pattern.data() + at, value.data(), value.size());
  const std::uint64_t end = map.chunks[0].address + map.chunk_bytes();
  for (std::uint64_t at = map.chunks[0].address; at < end; at += pattern.size())
    file.write_at(at, std::span(pattern).first(
                          static_cast<std::size_t>(std::min<std::uint64_t>(pattern.size(), end - at))));
}

/// Before HDF5 makes the file as long: where the file system has no files of that length, nothing has begun yet.
void check_length(const fs::path& path, const FileContents& contents) {
  File file(path, File::Mode::create);
  const std::string problem = length_problem(file, *contents.layout, contents.outputs);
  if (!problem.empty()) throw Error(Category::storage_failed, problem);
}

void reserve_and_fill(const fs::path& path, const FileContents& contents) {
  File file(path, File::Mode::update);
  const std::uint64_t size = file.size();
  // For contiguous datasets HDF5 has only made the file longer. A full disk is found here, before the run,
  // and costs no result.
  file.reserve(size);
  // The room is there: from here on a full disk is no matter any more. Values are filled in by plain writes.
  const H5Handle h5 = h5_open_for_reading(path);
  for (const std::size_t k : contents.outputs) {
    const OutputLayout& output = contents.layout->outputs[k];
    if (!has_nan(*output.type) || output.in_own_files()) continue;  // zeros are there already
    const DatasetLocation location = find_location(h5.get(), output, size).value();
    fill_contiguous(file, location.values, pending_value(*output.type));
    if (!location.parts) continue;
    for (const DataMap& part : *location.parts)
      fill_contiguous(file, part, pending_value(part_type(*output.type)));
  }
  // Before the rename that makes it results.h5.
  if (contents.sync) file.sync();
}

void check_dataset(hid_t dataset, const OutputLayout& output, const ElementType& type, const Shape& shape) {
  if (h5_has_type(dataset, type) && h5_shape_of(dataset) == shape) return;
  throw Error(
      Category::resume_mismatch,
      fmt::format(
          "the results file has '{}' with another shape or type than {} of {} (it belongs to another run). "
          "Choose another run folder.",
          output.name, to_string(shape), type.name));
}

DataMap find_dataset(hid_t file, const std::string& name, const OutputLayout& output, const ElementType& type,
                     const Shape& shape, std::uint64_t file_size) {
  const H5Handle dataset = h5_open_dataset(file, name);
  check_dataset(dataset.get(), output, type, shape);
  return read_data_map(dataset.get(), type.size, file_size);
}

/// The file is told all names at the start, so that no dimension takes one that a variable added later needs. A
/// segment has the variables of its outputs, and never any other.
std::set<std::string> names_of(const FileContents& contents) {
  if (contents.inputs) return all_variable_names(*contents.layout);
  std::set<std::string> names;
  for (const std::size_t k : contents.outputs)
    for (std::string& name : variable_names(contents.layout->outputs[k])) names.insert(std::move(name));
  return names;
}

}  // namespace

bool has_location(const OutputLayout& output) {
  // A dataset cannot be made before its whole shape is known. Marks need the external extents only.
  if (!output.in_own_files()) return output.type->fixed_size() && output.shape_known();
  return is_known(output.external_shape());
}

ElementOrder location_order(const OutputLayout& output) {
  if (!output.in_own_files()) return element_order(output);
  Shape shape = known_shape(output.external_shape());
  std::vector<bool> external(shape.size(), true);
  // An internal axis of length 0 makes elements without values: such outputs have marks in the file only.
  shape.push_back(0);
  external.push_back(false);
  return {std::move(shape), std::move(external)};
}

ElementOrder element_order(const OutputLayout& output) {
  return {known_shape(output.shape), output.external};
}

std::optional<Shape> internal_shape(const OutputLayout& output) {
  if (!output.internal_known()) return std::nullopt;
  return known_shape(output.internal_shape());
}

void set_internal_shape(const Shape& internal, OutputLayout& output) {
  if (!output.rank_known) output.set_internal_rank(output.name, internal.size());
  output.set_internal_shape(partial(internal));
}

std::vector<std::string> outer_dims(const OutputLayout& output) {
  std::vector<std::string> dims;
  for (std::size_t axis = 0; axis < output.axes.size(); ++axis)
    if (output.external[axis]) dims.push_back(output.axes[axis]);
  return dims;
}

std::vector<std::byte> pending_value(const ElementType& type) {
  std::vector<std::byte> value(type.size);
  if (!has_nan(type)) return value;
  const float single = std::numeric_limits<float>::quiet_NaN();
  const double twofold = std::numeric_limits<double>::quiet_NaN();
  const std::size_t step = is_single(type) ? sizeof single : sizeof twofold;
  for (std::size_t at = 0; at < value.size(); at += step)
    std::memcpy(value.data() + at, is_single(type) ? static_cast<const void*>(&single) : &twofold, step);
  return value;
}

bool all_pending(const ElementType& type, std::span<const std::byte> bytes) {
  if (!has_nan(type)) return true;
  return is_single(type) ? all_nan<float>(bytes) : all_nan<double>(bytes);
}

void pack(ByteWriter& packer, const DatasetLocation& location) {
  pack(packer, location.values);
  pack(packer, location.status);
  packer.put<std::uint8_t>(location.parts ? 1 : 0);
  if (location.parts)
    for (const DataMap& part : *location.parts) pack(packer, part);
}

DatasetLocation unpack_location(ByteReader& unpacker, const OutputLayout& output) {
  DatasetLocation location;
  location.order = location_order(output);
  location.values = unpack_data_map(unpacker);
  location.status = unpack_data_map(unpacker);
  if (unpacker.get<std::uint8_t>() != 0) {
    DataMap real = unpack_data_map(unpacker);
    location.parts = {std::move(real), unpack_data_map(unpacker)};
  }
  return location;
}

void make_result_file(const fs::path& path, const FileContents& contents) {
  check_length(path, contents);
  const H5Turn turn;
  LabelledFile file(path, names_of(contents));
  file.write_run_attributes(contents.layout->run_id);
  // Coordinates come first: they are the dimensions of all others on their axes.
  for (const bool coordinates : {true, false})
    if (contents.inputs)
      for (const InputLayout& input : contents.layout->inputs)
        if (is_coordinate(input) == coordinates) add_input(file, input);
  for (const std::size_t k : contents.outputs)
    add_output(file, *contents.layout, contents.layout->outputs[k]);
  if (contents.more) contents.more(file);
  // HDF5 is done with the file before others write to it.
  file.close();
  reserve_and_fill(path, contents);
}

void check_run_id(hid_t file, const fs::path& path, const std::string& run_id) {
  if (h5_read_text_attribute(file, kRunIdAttribute) == run_id) return;
  throw Error(
      Category::resume_mismatch,
      fmt::format(
          "'{}' was not made by this run (its run id is another one). Choose another run folder, or move "
          "the file away.",
          path.string()));
}

std::optional<DatasetLocation> find_location(hid_t file, const OutputLayout& output,
                                             std::uint64_t file_size) {
  const std::string status = output.name + "__status";
  if (!has_location(output) || !h5_has_link(file, output.in_own_files() ? status : output.name))
    return std::nullopt;
  DatasetLocation location;
  location.order = location_order(output);
  const Shape& shape = location.order.shape();
  location.status = find_dataset(file, status, output, mark_type(), location.order.outer(), file_size);
  if (output.in_own_files()) {
    location.values = {1, shape, shape, {}};
    return location;
  }
  location.values = find_dataset(file, output.name, output, *output.type, shape, file_size);
  if (is_complex(*output.type)) {
    const ElementType& part = part_type(*output.type);
    location.parts = {find_dataset(file, output.name + "__re", output, part, shape, file_size),
                      find_dataset(file, output.name + "__im", output, part, shape, file_size)};
  }
  return location;
}

void write_output_attributes(hid_t variable, const RunLayout& layout, const OutputLayout& output) {
  if (!output.mapspec.empty()) h5_write_text_attribute(variable, "mapspec", output.mapspec);
  if (!output.units.empty()) h5_write_text_attribute(variable, "units", output.units);
  if (!output.long_name.empty()) h5_write_text_attribute(variable, "long_name", output.long_name);
  std::string coordinates;
  for (const InputLayout& input : layout.inputs) {
    if (input.dims.size() != 1 || is_coordinate(input) || !is_stored(input.value)) continue;
    const auto axis = std::find(output.axes.begin(), output.axes.end(), input.dims[0]);
    if (axis == output.axes.end()) continue;
    const std::optional<Index> length = output.shape[static_cast<std::size_t>(axis - output.axes.begin())];
    if (length == input.value.shape()[0]) coordinates += (coordinates.empty() ? "" : " ") + input.name;
  }
  if (!coordinates.empty()) h5_write_text_attribute(variable, "coordinates", coordinates);
}

H5Handle add_status_variable(LabelledFile& file, const OutputLayout& output, hid_t creation) {
  const VariableSpec spec{output.name + "__status", outer_dims(output), known_shape(output.external_shape())};
  H5Handle status = file.add_variable(spec, H5T_STD_I8LE, creation);
  h5_write_text_attribute(status.get(), "long_name", "state of the elements of " + output.name);
  const std::array<std::uint8_t, 4> values{0, 1, 2, 3};
  h5_write_attribute(status.get(), "flag_values", H5T_STD_I8LE, {4}, values.data());
  h5_write_text_attribute(status.get(), "flag_meanings", "pending done failed blocked");
  return status;
}

}  // namespace mpipe
