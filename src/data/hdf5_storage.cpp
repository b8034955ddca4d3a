// SPDX-License-Identifier: BSD-3-Clause
// Looks for everything that a dataset needs beside its own file, before HDF5 puts zeros in its place.
#include "data/hdf5_storage.hpp"

#include <mpipe/core/error.hpp>

#include "data/api/input_file.hpp"
#include "h5/api/h5_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace mpipe::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostName = 4096;
constexpr int kDeepest = 8;
/// So many numbers behind a missing source are looked for: a source there tells of a gap.
constexpr std::uint64_t kLongestGap = 1000;

/// `%b` of a name of sources stands for their number, `%%` for a percent sign.
std::string numbered(const std::string& pattern, std::uint64_t number) {
  std::string name;
  for (std::size_t k = 0; k < pattern.size(); ++k) {
    const bool special = pattern[k] == '%' && k + 1 < pattern.size();
    if (special && pattern[k + 1] == 'b')
      name += std::to_string(number), ++k;
    else if (special && pattern[k + 1] == '%')
      name += '%', ++k;
    else
      name += pattern[k];
  }
  return name;
}

bool is_pattern(const std::string& name) { return numbered(name, 0) != numbered(name, 1); }

/// The folder of the file that has the dataset, by the name that HDF5 opened it with.
fs::path folder_of(const Hdf5Dataset& dataset) { return dataset.holder().parent_path(); }

/// The folder that a variable of HDF5 names for files of datasets; `${ORIGIN}` is that of the dataset.
std::optional<fs::path> folder_of_variable(const char* variable, const Hdf5Dataset& dataset) {
  const char* const value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return {};
  constexpr std::string_view kOrigin = "${ORIGIN}";
  const std::string_view text(value);
  if (!text.starts_with(kOrigin)) return fs::path(text);
  return folder_of(dataset) / fs::path(text.substr(kOrigin.size())).relative_path();
}

/// Where HDF5 searches the sources of a virtual dataset, in its order: the folders of the variable of the
/// environment, the folder of the file that has the dataset, the working directory, and the folder in which that
/// file is when links of the file system have been followed.
std::vector<fs::path> folders_of_sources(const Hdf5Dataset& dataset) {
  constexpr const char* kVariable = "HDF5_VDS_PREFIX";
  std::vector<fs::path> folders;
  const char* const value = std::getenv(kVariable);
  for (std::string_view left = value == nullptr ? "" : value; !left.empty();) {
    const std::size_t end = std::min(left.find(':'), left.size());
    if (end > 0) folders.emplace_back(left.substr(0, end));
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  if (const auto chosen = folder_of_variable(kVariable, dataset)) folders.push_back(*chosen);
  folders.push_back(folder_of(dataset));
  folders.emplace_back();
  std::error_code ignored;
  folders.push_back(fs::canonical(dataset.holder(), ignored).parent_path());
  return folders;
}

/// What a virtual dataset takes from one source, or from one after the other.
class Mapping {
 public:
  Mapping(const Hdf5Dataset& dataset, hid_t creation, std::size_t which, int depth)
      : dataset_(dataset),
        file_(h5_name(
            [&](char* to, std::size_t size) { return H5Pget_virtual_filename(creation, which, to, size); })),
        name_(h5_name(
            [&](char* to, std::size_t size) { return H5Pget_virtual_dsetname(creation, which, to, size); })),
        virtual_(H5Pget_virtual_vspace(creation, which), H5Sclose, "read a mapping of a virtual dataset"),
        selected_(H5Pget_virtual_srcspace(creation, which), H5Sclose, "read a mapping of a virtual dataset"),
        depth_(depth) {}

  /// Of the virtual dataset, as far as that is fixed.
  std::optional<hssize_t> points() const {
    const hssize_t points = H5Sget_select_npoints(virtual_);
    if (points < 0 || grows()) return {};
    return points;
  }
  bool grows() const { return growing_axis(virtual_).has_value(); }

  /// Returns how long the mapping is by its sources, where it grows with them.
  std::uint64_t check() const {
    if (!is_pattern(file_) && !is_pattern(name_)) return check_source(file_, name_);
    std::uint64_t count = 0;
    while (exists(count)) {
      check_source(numbered(file_, count), numbered(name_, count));
      ++count;
    }
    // HDF5 ends the dataset before the first source that is missing, wherever that is.
    bool gap = count == 0;
    for (std::uint64_t later = count + 1; !gap && later <= count + kLongestGap; ++later) gap = exists(later);
    if (gap) refuse_missing(numbered(file_, count), numbered(name_, count));
    return count;
  }
  std::string source() const { return numbered(file_, 0); }

 private:
  struct Slab {
    std::array<hsize_t, H5S_MAX_RANK> start{};
    std::array<hsize_t, H5S_MAX_RANK> stride{};
    std::array<hsize_t, H5S_MAX_RANK> count{};
    std::array<hsize_t, H5S_MAX_RANK> block{};
  };

  static std::optional<Slab> slab_of(hid_t space) {
    Slab slab;
    if (H5Sget_select_type(space) != H5S_SEL_HYPERSLABS || H5Sis_regular_hyperslab(space) <= 0 ||
        H5Sget_regular_hyperslab(space, slab.start.data(), slab.stride.data(), slab.count.data(),
                                 slab.block.data()) < 0)
      return {};
    return slab;
  }

  static std::optional<std::size_t> growing_axis(hid_t space) {
    const auto slab = slab_of(space);
    const auto rank = static_cast<std::size_t>(H5Sget_simple_extent_ndims(space));
    for (std::size_t axis = 0; slab && axis < rank; ++axis)
      if (slab->count.at(axis) == H5S_UNLIMITED || slab->block.at(axis) == H5S_UNLIMITED) return axis;
    return {};
  }

  /// How many numbers a source gives: of several, each gives one block along the axis that grows. Those of the
  /// selection in the source are of no use, as HDF5 adapts one of a whole source to what it finds there.
  Index points_of_source() const {
    const auto slab = slab_of(virtual_);
    if (!slab || !grows()) return H5Sget_select_npoints(virtual_);
    const auto rank = static_cast<std::size_t>(H5Sget_simple_extent_ndims(virtual_));
    Index points = 1;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      if (slab->block.at(axis) == H5S_UNLIMITED) return 0;
      const bool once = slab->count.at(axis) == H5S_UNLIMITED;
      points *= static_cast<Index>(slab->block.at(axis) * (once ? 1 : slab->count.at(axis)));
    }
    return points;
  }

  /// Where HDF5 finds a source: of a path that leads nowhere it takes the last part and searches that.
  std::optional<fs::path> find(const std::string& name) const {
    if (name == ".") return dataset_.holder();
    const fs::path path(name);
    std::error_code ignored;
    if (path.is_absolute() && fs::exists(path, ignored)) return path;
    for (const fs::path& folder : folders_of_sources(dataset_)) {
      const fs::path found = folder / (path.is_absolute() ? path.filename() : path);
      if (fs::exists(found, ignored)) return found;
    }
    return {};
  }

  bool exists(std::uint64_t number) const {
    const auto file = find(numbered(file_, number));
    if (!file) return false;
    const H5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make a property list");
    H5Pset_file_locking(access, false, true);
    const H5Handle opened(H5Fopen(file->c_str(), H5F_ACC_RDONLY, access), H5Fclose);
    if (opened < 0) return false;
    const H5Handle dataset(H5Dopen2(opened, numbered(name_, number).c_str(), H5P_DEFAULT), H5Dclose);
    return dataset >= 0;
  }

  [[noreturn]] void refuse_missing(const std::string& file, const std::string& name) const {
    dataset_.refuse(
        fmt::format("is put together of others, of which '{}' in the file '{}' is not there (HDF5 would read "
                    "its fill value "
                    "instead). Put it there.",
                    name, file));
  }

  /// Returns the extent of the axis along which the selection grows.
  std::uint64_t check_source(const std::string& file, const std::string& name) const {
    const auto path = find(file);
    if (!path) refuse_missing(file, name);
    if (depth_ >= kDeepest)
      dataset_.refuse(fmt::format(
          "is put together of virtual datasets, more than {} deep. Copy it (h5repack).", kDeepest));
    const Hdf5Dataset source(*path, name, true, depth_ + 1);
    // Its numbers are taken as they are stored, but places that a run has not computed are no numbers at all.
    check_values(source, dataset_.is_raw());
    const Shape shape = source.shape();
    if (H5Sget_select_type(selected_) == H5S_SEL_ALL) {
      if (element_count(shape) < points_of_source()) refuse_short(file, name, shape);
      return 0;
    }
    const auto growing = growing_axis(selected_);
    std::array<hsize_t, H5S_MAX_RANK> first{}, last{};
    if (static_cast<int>(shape.size()) != H5Sget_simple_extent_ndims(selected_))
      refuse_short(file, name, shape);
    if (!growing && H5Sget_select_bounds(selected_, first.data(), last.data()) < 0) return 0;
    for (std::size_t axis = 0; !growing && axis < shape.size(); ++axis)
      if (last.at(axis) >= static_cast<hsize_t>(shape[axis])) refuse_short(file, name, shape);
    return growing ? static_cast<std::uint64_t>(shape[*growing]) : 0;
  }

  [[noreturn]] void refuse_short(const std::string& file, const std::string& name, const Shape& shape) const {
    dataset_.refuse(
        fmt::format("takes more from '{}' in the file '{}' than its shape {} has (HDF5 would read the fill "
                    "value instead). "
                    "Restore that file.",
                    name, file, to_string(shape)));
  }

  const Hdf5Dataset& dataset_;
  std::string file_;
  std::string name_;
  H5Handle virtual_;
  H5Handle selected_;
  int depth_;
};

void check_sources(const Hdf5Dataset& dataset, hid_t creation, int depth) {
  std::size_t count = 0;
  if (H5Pget_virtual_count(creation, &count) < 0) count = 0;
  hssize_t points = 0;
  bool grows = false;
  std::optional<std::uint64_t> length;
  for (std::size_t k = 0; k < count; ++k) {
    const Mapping mapping(dataset, creation, k, depth);
    const std::uint64_t found = mapping.check();
    points += mapping.points().value_or(0);
    if (!mapping.grows()) continue;
    grows = true;
    if (length.value_or(found) != found)
      dataset.refuse(
          fmt::format("is put together of sources that have unequal lengths ({} and {}, the latter in the "
                      "file '{}'; HDF5 would "
                      "fill up the shorter ones). Complete them.",
                      *length, found, mapping.source()));
    length = found;
  }
  H5D_fill_value_t fill = H5D_FILL_VALUE_UNDEFINED;
  H5Pfill_value_defined(creation, &fill);
  if (!grows && fill != H5D_FILL_VALUE_USER_DEFINED && points < element_count(dataset.shape()))
    dataset.refuse(
        "is put together of others, but some of its places get a value of none (they would read as zero, as "
        "no fill value was "
        "chosen). Map all of it, or give it a fill value.");
}

struct RawFile {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

std::vector<RawFile> raw_files(hid_t creation) {
  std::vector<RawFile> files;
  const int count = H5Pget_external_count(creation);
  for (int k = 0; k < count; ++k) {
    std::string name(kMostName, '\0');
    off_t offset = 0;
    hsize_t size = 0;
    if (H5Pget_external(creation, static_cast<unsigned>(k), name.size() - 1, name.data(), &offset, &size) < 0)
      continue;
    name.resize(std::char_traits<char>::length(name.c_str()));
    files.push_back({name, static_cast<std::uint64_t>(offset), size});
  }
  return files;
}

/// The folder of the environment before relative names of raw files, or nothing.
std::optional<fs::path> chosen_folder(const Hdf5Dataset& dataset) {
  return folder_of_variable("HDF5_EXTFILE_PREFIX", dataset);
}

bool lies_beside(const Hdf5Dataset& dataset, const RawFile& file) {
  std::error_code ignored;
  return fs::path(file.name).is_relative() && fs::exists(folder_of(dataset) / file.name, ignored);
}

fs::path place_of(const Hdf5Dataset& dataset, const RawFile& file) {
  const fs::path path(file.name);
  if (const auto folder = chosen_folder(dataset); folder && path.is_relative()) return *folder / path;
  return lies_beside(dataset, file) ? folder_of(dataset) / path : path;
}

void check_raw_files(const Hdf5Dataset& dataset, hid_t creation) {
  std::uint64_t left = array_bytes(dataset.shape(), H5Tget_size(dataset.type()));
  for (const RawFile& file : raw_files(creation)) {
    const fs::path path = place_of(dataset, file);
    std::error_code problem;
    const std::uintmax_t bytes = fs::file_size(path, problem);
    if (problem)
      dataset.refuse(
          fmt::format("has its numbers in the file '{}', which cannot be read here: {}. Restore that file.",
                      path.string(), problem.message()));
    if (!chosen_folder(dataset) && fs::exists(file.name, problem) &&
        !fs::equivalent(file.name, path, problem))
      dataset.refuse(fmt::format(
          "has its numbers in the file '{}', of which there is one beside it and another one in the "
          "working directory. Remove one, or start elsewhere.",
          file.name));
    const std::uint64_t wanted = std::min(file.size, left);
    if (bytes < file.offset || bytes - file.offset < wanted)
      dataset.refuse(
          fmt::format("has {} bytes from {} on in the file '{}', which has {} (HDF5 would read zeros for the "
                      "rest). Restore that file.",
                      wanted, file.offset, path.string(), bytes));
    left -= wanted;
  }
}

void check_filters(const Hdf5Dataset& dataset, hid_t creation) {
  const int count = H5Pget_nfilters(creation);
  for (int k = 0; k < count; ++k) {
    std::array<char, 256> name{};
    unsigned flags = 0;
    std::size_t values = 0;
    unsigned config = 0;
    const H5Z_filter_t filter = H5Pget_filter2(creation, static_cast<unsigned>(k), &flags, &values, nullptr,
                                               name.size() - 1, name.data(), nullptr);
    const bool available = filter >= 0 && H5Zfilter_avail(filter) > 0 &&
                           H5Zget_filter_info(filter, &config) >= 0 &&
                           (config & H5Z_FILTER_CONFIG_DECODE_ENABLED) != 0;
    if (!available)
      dataset.refuse(
          fmt::format("is packed by the filter {} ('{}'), which is not installed here. Install its plugin "
                      "for HDF5 on all hosts "
                      "(HDF5_PLUGIN_PATH leads to it), or unpack the file where it is (h5repack -f NONE).",
                      static_cast<int>(filter), name.data()));
  }
}

}  // namespace

H5Handle external_access(const Hdf5Dataset& dataset) {
  H5Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose, "make a property list");
  const H5Handle creation = dataset.creation();
  const std::vector<RawFile> files = raw_files(creation);
  if (!chosen_folder(dataset) && std::any_of(files.begin(), files.end(),
                                             [&](const RawFile& file) { return lies_beside(dataset, file); }))
    H5Pset_efile_prefix(access, "${ORIGIN}");
  return access;
}

void check_written(const Hdf5Dataset& dataset) {
  const H5Handle creation = dataset.creation();
  H5D_fill_time_t time = H5D_FILL_TIME_IFSET;
  H5D_fill_value_t fill = H5D_FILL_VALUE_DEFAULT;
  H5Pget_fill_time(creation, &time);
  H5Pfill_value_defined(creation, &fill);
  const Shape shape = dataset.shape();
  const bool has_fill = time != H5D_FILL_TIME_NEVER && fill != H5D_FILL_VALUE_UNDEFINED;
  if (has_fill || element_count(shape) == 0 || H5Pget_external_count(creation) > 0) return;
  std::string missing;
  if (H5Pget_layout(creation) == H5D_CHUNKED) {
    std::array<hsize_t, H5S_MAX_RANK> chunk{};
    H5Pget_chunk(creation, static_cast<int>(shape.size()), chunk.data());
    hsize_t wanted = 1;
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      wanted *= (static_cast<hsize_t>(shape[axis]) + chunk.at(axis) - 1) / chunk.at(axis);
    const H5Handle space(H5Dget_space(dataset.id()), H5Sclose, "read the shape of a dataset");
    hsize_t written = 0;
    if (H5Dget_num_chunks(dataset.id(), space, &written) < 0) written = 0;
    if (written < wanted) missing = fmt::format("has {} of its {} chunks only", written, wanted);
  } else {
    H5D_space_status_t status = H5D_SPACE_STATUS_NOT_ALLOCATED;
    H5Dget_space_status(dataset.id(), &status);
    const bool is_stored = H5Pget_layout(creation) != H5D_CONTIGUOUS || status == H5D_SPACE_STATUS_ALLOCATED;
    if (!is_stored) missing = "was never written";
  }
  if (!missing.empty())
    dataset.refuse(
        missing +
        ", and nothing stands for what is not there, as it was made without fill values (NC_NOFILL; HDF5 "
        "would hand over whatever is in the memory). Write all of it.");
}

void check_storage(const Hdf5Dataset& dataset, int depth) {
  const H5Handle creation = dataset.creation();
  check_filters(dataset, creation);
  if (H5Pget_layout(creation) == H5D_VIRTUAL) check_sources(dataset, creation, depth);
  if (H5Pget_external_count(creation) > 0) check_raw_files(dataset, creation);
}

}  // namespace mpipe::detail
