// SPDX-License-Identifier: BSD-3-Clause
// Knows variables that have no values, or not all: dimensions of netCDF, and outputs of runs that are not complete.
#include "data/api/input_file.hpp"
#include "data/hdf5_storage.hpp"
#include "h5/api/h5_attribute.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace mpipe::detail {
namespace {

/// In results.h5 (docs/formats.md): the attribute that all of them have, and how the marks of an output are named.
constexpr const char* kRunFormat = "mpipe_format";
constexpr std::string_view kMarks = "__status";
constexpr std::uint8_t kDone = 1;

/// The marks of the output that a variable belongs to, as one of its parts or as a whole; empty: no output.
std::string marks_of(hid_t file, std::string name) {
  if (H5Aexists(file, kRunFormat) <= 0) return {};
  name.erase(0, name.find_first_not_of('/'));
  for (const std::string_view part : {"", "__re", "__im", "__count", "__shape", "__offset", "__bytes"}) {
    if (!name.ends_with(part)) continue;
    const std::string marks = name.substr(0, name.size() - part.size()) + std::string(kMarks);
    if (H5Lexists(file, marks.c_str(), H5P_DEFAULT) > 0) return marks;
  }
  return {};
}

void check_marks(const Hdf5Dataset& dataset, const std::string& name) {
  const Hdf5Dataset marks(dataset.path(), name, true);
  const Shape shape = marks.shape();
  check_fits(shape, 1);
  std::vector<std::byte> states(static_cast<std::size_t>(element_count(shape)));
  marks.read_numbers(states.data(), element_count(shape));
  constexpr std::size_t kShown = 5;
  std::vector<std::string> shown;
  Index missing = 0;
  for (std::size_t k = 0; k < states.size(); ++k) {
    const auto state = static_cast<std::uint8_t>(states[k]);
    if (state == kDone || ++missing > static_cast<Index>(kShown)) continue;
    const std::string index =
        shape.empty() ? "its value" : index_to_string(multi_index(static_cast<Index>(k), shape));
    shown.push_back(fmt::format("{} {}", index,
                                state == 0   ? "is pending"
                                : state == 2 ? "failed"
                                             : "is blocked by a failure"));
  }
  if (missing == 0) return;
  dataset.refuse(fmt::format(
      "is an output of a run that is not complete: {}{} (there are no values). Go on with that run "
      "(--resume) "
      "before you use its results.",
      fmt::join(shown, ", "),
      missing > static_cast<Index>(kShown) ? fmt::format(" and {} more", missing - static_cast<Index>(kShown))
                                           : ""));
}

}  // namespace

std::string absent_output(hid_t file, const std::string& name) {
  if (marks_of(file, name).empty()) return {};
  return "It is an output of a run which is not complete, or which keeps its elements in files of their own. "
         "Go on with that run (--resume), "
         "or export it.";
}

void check_values(const Hdf5Dataset& dataset, bool raw) {
  constexpr std::string_view kDimension = "This is a netCDF dimension but not a netCDF variable";
  if (h5_read_text_attribute(dataset.id(), "NAME").starts_with(kDimension))
    dataset.refuse(
        fmt::format("is a dimension of netCDF without a variable: it has a length, but no values (HDF5 would "
                    "read zeros). Write "
                    "the coordinates out, as in {{arange: [0, {}, 1]}}, or name a variable.",
                    fmt::join(dataset.shape(), ", ")));
  if (raw) return;
  const std::string marks = marks_of(dataset.file_id(), dataset.name());
  if (marks.empty()) return;
  check_marks(dataset, marks);
  const std::string count = dataset.name() + "__count";
  if (H5Lexists(dataset.file_id(), count.c_str(), H5P_DEFAULT) > 0)
    dataset.refuse(
        fmt::format("has the values of arrays of unequal lengths one behind another, divided by '{}'. Ask "
                    "for them as they are stored "
                    "(raw: true), and for '{}' too.",
                    count, count));
}

}  // namespace mpipe::detail
