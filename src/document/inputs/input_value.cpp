// SPDX-License-Identifier: BSD-3-Clause
// Finds out in which form an input is written, and reads its value.
#include "document/inputs/input_value.hpp"

#include <mpipe/data/hdf5_input.hpp>

#include "document/inputs/input_files.hpp"
#include "document/sections/keys.hpp"
#include "document/text.hpp"
#include "document/value_builder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <new>

namespace mpipe::detail {
namespace {

/// A way to make a value, told by its key.
struct Maker {
  std::string_view key;
  bool is_file = false;
  std::string_view with;  ///< keys that may stand beside it
};

constexpr Maker kMakers[] = {
    {"data", false, ""},      {"linspace", false, ""}, {"arange", false, ""},
    {"geomspace", false, ""}, {"random", false, ""},   {"csv", true, "column columns dtype"},
    {"json", true, ""},       {"npy", true, ""},       {"hdf5", true, "dataset raw"},
};

constexpr std::string_view kForms =
    "a value (a number, a text, a list, or a mapping such as {linspace: [0, 1, 11]})";

/// Goes through nested lists, whose shape is that of the first items.
class NestedList {
 public:
  explicit NestedList(const Yaml& root) {
    for (Yaml level = root; level.is_sequence(); level = level.item(0)) {
      shape_.push_back(static_cast<Index>(level.size()));
      if (level.size() == 0) break;
    }
    // The shape is complete by now, and every list is held to it: the first items may be the ones that are
    // wrong, but some item has to be the measure.
    walk(root, 0);
  }

  Value value(const Yaml& root) && {
    return at_place(root, [&] { return std::move(builder_).finish(std::move(shape_)); });
  }

 private:
  void walk(const Yaml& at, std::size_t depth) {
    if (depth == shape_.size()) return leaf(at);
    if (!at.is_sequence())
      at.refuse(
          fmt::format("expected a list of {} items here, as before, but found {} (an array is not ragged).",
                      shape_[depth], at.described()));
    if (static_cast<Index>(at.size()) != shape_[depth])
      at.refuse(fmt::format(
          "this list has {} items where the first one at its level has {} (an array is not ragged).",
          at.size(), shape_[depth]));
    for (std::size_t k = 0; k < at.size(); ++k) walk(at.item(k), depth + 1);
  }

  void leaf(const Yaml& at) {
    if (at.is_map()) at.refuse_type("a number, a text, true or false in this list");
    if (at.is_sequence())
      at.refuse(
          "a list stands where the first item of its level is a single value (an array is not ragged).");
    at_place(at, [&] { builder_.add(at.scalar()); });
  }

  Shape shape_;
  ValueBuilder builder_;
};

std::vector<std::string> maker_keys(bool files) {
  std::vector<std::string> keys;
  for (const Maker& maker : kMakers)
    if (files || !maker.is_file) keys.emplace_back(maker.key);
  return keys;
}

/// The one maker in a mapping, and nothing beside it that it does not know.
const Maker& maker_of(const Yaml& spec) {
  check_keys(spec, kInputKeys);
  const Maker* found = nullptr;
  for (const Maker& maker : kMakers) {
    if (!spec.find(maker.key)) continue;
    if (found != nullptr)
      spec.refuse(fmt::format("'{}' and '{}' both say what the value is. Keep one.", found->key, maker.key));
    found = &maker;
  }
  if (found == nullptr)
    spec.refuse(fmt::format("this does not say what the value is. Add one of: {}.",
                            fmt::join(maker_keys(true), ", ")));
  for (std::size_t k = 0; k < spec.size(); ++k) {
    const std::string& key = spec.key(k).text();
    const bool belongs = (" " + std::string(found->with) + " ").find(" " + key + " ") != std::string::npos;
    if (key != found->key && !belongs)
      spec.key(k).refuse(fmt::format("'{}' does not go with '{}'.", key, found->key));
  }
  return *found;
}

/// Paths are relative to the document in which they stand, wherever the program was started.
std::filesystem::path file_of(const Yaml& spec, const Yaml& path) {
  return spec.source().folder() / read_text(path, "a file");
}

Value make_value(const Maker& maker, const Yaml& spec, const std::string& name) {
  const Yaml argument = *spec.find(maker.key);
  if (maker.key == "data") return read_value(argument, name);
  if (maker.key == "linspace") return read_linspace(argument);
  if (maker.key == "arange") return read_arange(argument);
  if (maker.key == "geomspace") return read_geomspace(argument);
  if (maker.key == "random") return read_random(argument, name);
  const std::filesystem::path file = file_of(spec, argument);
  if (maker.key == "csv") return read_csv(file, csv_columns(spec));
  if (maker.key == "json") return read_json(file);
  if (maker.key == "npy") return read_npy(file);
  // That there is a dataset was seen by `check_value`.
  const auto raw = spec.find("raw");
  return read_hdf5(file, spec.find("dataset")->text(), raw && read_boolean(*raw));
}

}  // namespace

CsvColumns csv_columns(const Yaml& spec) {
  static constexpr std::string_view kTypes[] = {"str", "float64", "int64", "bool"};
  CsvColumns columns;
  const auto one = spec.find("column");
  const auto several = spec.find("columns");
  if (one.has_value() == several.has_value())
    spec.refuse(
        "a csv file needs the name of a column (column: x), or of several for a 2-D input (columns: [x, "
        "y]).");
  columns.several = several.has_value();
  if (const auto dtype = spec.find("dtype")) {
    const std::string expected =
        fmt::format("the type of the cells, which is one of {}", fmt::join(kTypes, ", "));
    columns.dtype = read_text(*dtype, expected);
    if (std::find(std::begin(kTypes), std::end(kTypes), columns.dtype) == std::end(kTypes))
      dtype->refuse_type(expected);
  }
  if (one) columns.names.push_back(read_text(*one, "the name of a column"));
  if (several) {
    if (!several->is_sequence()) several->refuse_type("a list of names of columns");
    for (const Yaml& name : read_one_or_list(*several, "a list of names of columns"))
      columns.names.push_back(name.text());
  }
  return columns;
}

void check_value(const Yaml& spec, bool files) {
  if (spec.is_null() || (spec.is_scalar() && std::holds_alternative<std::monostate>(spec.scalar())))
    spec.refuse_type(kForms);
  if (!spec.is_map()) return;
  const Maker& maker = maker_of(spec);
  const Yaml argument = *spec.find(maker.key);
  if (maker.is_file && !files)
    spec.refuse(
        fmt::format("values from files are for inputs only. Write the value out, or make it an input."));
  if (maker.is_file) {
    // Only the form is looked at: a document can be checked where its files are not.
    if (read_text(argument, "the path of a file").empty()) argument.refuse("expected the path of a file.");
    if (maker.key == "csv") csv_columns(spec);
    if (maker.key == "hdf5" && !spec.find("dataset"))
      spec.refuse("an HDF5 file needs the name of a dataset in it (dataset: /group/name).");
    if (maker.key == "hdf5") read_text(*spec.find("dataset"), "the name of a dataset");
    if (const auto raw = spec.find("raw")) read_boolean(*raw);
  } else if (maker.key == "data") {
    if (argument.is_map()) argument.refuse_type("a number, a text or a list");
    check_value(argument, files);
  } else {
    check_range(maker.key, argument);
  }
}

Value read_value(const Yaml& spec, const std::string& name) {
  check_value(spec, true);
  return at_place(spec, [&] {
    try {
      if (spec.is_map()) return make_value(maker_of(spec), spec, name);
      return NestedList(spec).value(spec);
    } catch (const std::filesystem::filesystem_error& error) {  // the file went away meanwhile
      throw Error(Category::bad_input_file, error.what());
    } catch (const std::bad_alloc&) {
      throw Error(Category::too_large, "there is not enough memory for this value. Make it smaller.");
    }
  });
}

std::string origin_of_texts(const Yaml& spec) {
  const auto csv = spec.is_map() ? spec.find("csv") : std::nullopt;
  if (!csv) return {};
  const std::string first = first_text_of_csv(file_of(spec, *csv), csv_columns(spec));
  return first.empty() ? std::string() : fmt::format(" In the table, {}.", first);
}

Inputs read_values(const Yaml& map, std::string_view what) {
  if (!map.is_map()) map.refuse_type(what);
  Inputs values;
  for (std::size_t k = 0; k < map.size(); ++k) {
    check_value(map.value(k), false);
    values.emplace(map.key(k).text(), read_value(map.value(k), map.key(k).text()));
  }
  return values;
}

}  // namespace mpipe::detail
