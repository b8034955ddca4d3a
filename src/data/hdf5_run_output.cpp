// SPDX-License-Identifier: BSD-3-Clause
// Knows variables that have no values, or not all: dimensions of netCDF, and outputs of runs that are not complete.
#include "core/api/text.hpp"
#include "data/api/input_file.hpp"
#include "data/hdf5_storage.hpp"
#include "h5/api/h5_attribute.hpp"
#include "h5/api/h5_name.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace mpipe::detail {
namespace {

/// In results.h5 (docs/formats.md): the attribute that all of them have, and how the marks of an output are named.
constexpr const char* kRunFormat = "mpipe_format";
constexpr std::string_view kMarks = "__status";
constexpr std::array<std::string_view, 7> kParts{"",        "__re",     "__im",   "__count",
                                                 "__shape", "__offset", "__bytes"};
constexpr std::uint8_t kDone = 1;

/// The marks of the output that a variable belongs to, as one of its parts or as a whole; empty: no output.
std::string marks_of(hid_t file, std::string name) {
  if (H5Aexists(file, kRunFormat) <= 0) return {};
  name.erase(0, name.find_first_not_of('/'));
  for (const std::string_view part : kParts) {
    if (!name.ends_with(part)) continue;
    const std::string marks = name.substr(0, name.size() - part.size()) + std::string(kMarks);
    if (H5Lexists(file, marks.c_str(), H5P_DEFAULT) > 0) return marks;
  }
  return {};
}

std::string name_in_file(const Hdf5Dataset& dataset) {
  return h5_name([&](char* to, std::size_t size) { return H5Iget_name(dataset.id(), to, size); });
}

/// netCDF stores a variable that has the name of a dimension, and is no coordinate of it, under another name.
std::string hidden_variable(const Hdf5Dataset& dataset) {
  std::string name = name_in_file(dataset);
  name.insert(name.rfind('/') + 1, "_nc4_non_coord_");
  const H5Handle file(H5Iget_file_id(dataset.id()), H5Fclose, "find the file of a dataset");
  return H5Lexists(file, name.c_str(), H5P_DEFAULT) > 0 ? name : std::string();
}

/// Finds which variable of an output a dataset is that was opened by another name: a link leads to it.
struct OutputSearch {
  haddr_t wanted = HADDR_UNDEF;
  std::string found;

  static herr_t look(hid_t file, const char* link, const H5L_info_t*, void* data) {
    auto& search = *static_cast<OutputSearch*>(data);
    const std::string_view name(link);
    if (!name.ends_with(kMarks)) return 0;
    for (const std::string_view part : kParts) {
      const std::string variable =
          std::string(name.substr(0, name.size() - kMarks.size())) + std::string(part);
      H5O_info_t info;
      if (H5Lexists(file, variable.c_str(), H5P_DEFAULT) <= 0 ||
          H5Oget_info_by_name(file, variable.c_str(), &info, H5P_DEFAULT) < 0 || info.addr != search.wanted)
        continue;
      search.found = variable;
      return 1;
    }
    return 0;
  }
};

/// The name of a dataset as an output, or a part of one, in a file of results; its own where it is none.
std::string output_name(hid_t file, const Hdf5Dataset& dataset) {
  std::string name = name_in_file(dataset);
  H5O_info_t info;
  if (H5Aexists(file, kRunFormat) <= 0 || !marks_of(file, name).empty() ||
      H5Oget_info(dataset.id(), &info) < 0)
    return name;
  OutputSearch search{info.addr, {}};
  H5Literate(file, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, &OutputSearch::look, &search);
  return search.found.empty() ? name : search.found;
}

/// Refuses an output that lacks elements, with what computes them.
void check_marks(const Hdf5Dataset& dataset, const std::string& name) {
  const Hdf5Dataset marks(dataset.holder(), name, true);
  const Shape shape = marks.shape();
  check_fits(shape, 1);
  std::vector<std::byte> states(static_cast<std::size_t>(element_count(shape)));
  marks.read_numbers(states.data(), element_count(shape));
  constexpr std::size_t kShown = 5;
  std::vector<std::string> shown;
  Index missing = 0;
  bool has_failed = false;
  for (std::size_t k = 0; k < states.size(); ++k) {
    const auto state = static_cast<std::uint8_t>(states[k]);
    has_failed = has_failed || state >= 2;
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
      "({}) before you use its results.",
      fmt::join(shown, ", "),
      missing > static_cast<Index>(kShown) ? fmt::format(" and {} more", missing - static_cast<Index>(kShown))
                                           : "",
      has_failed ? "--resume --retry-failed, as what failed is not computed again otherwise" : "--resume"));
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
  if (h5_read_text_attribute(dataset.id(), "NAME").starts_with(kDimension)) {
    const std::string variable = hidden_variable(dataset);
    if (!variable.empty())
      dataset.refuse(
          fmt::format("is a dimension of netCDF; the variable of this name, which it is no coordinate of, "
                      "is stored as '{}'. Name that.",
                      printable(variable, 200)));
    dataset.refuse(
        fmt::format("is a dimension of netCDF without a variable: it has a length, but no values (HDF5 would "
                    "read zeros). Write "
                    "the coordinates out, as in {{arange: [0, {}, 1]}}, or name a variable.",
                    fmt::join(dataset.shape(), ", ")));
  }
  if (raw) return;
  // Links lead to outputs of runs as well, under names of their own and in other files.
  const H5Handle file(H5Iget_file_id(dataset.id()), H5Fclose, "find the file of a dataset");
  const std::string name = output_name(file, dataset);
  const std::string marks = marks_of(file, name);
  if (marks.empty()) return;
  check_marks(dataset, marks);
  const std::string count = name + "__count";
  if (H5Lexists(file, count.c_str(), H5P_DEFAULT) > 0)
    dataset.refuse(
        fmt::format("has the values of arrays of unequal lengths one behind another, divided by '{}'. Ask "
                    "for them as they are stored "
                    "(raw: true), and for '{}' too.",
                    count, count));
}

}  // namespace mpipe::detail
