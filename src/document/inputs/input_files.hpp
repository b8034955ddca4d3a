// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Inputs from files. Files are not trusted: sizes in them are checked against the file and the memory before
/// anything is allocated. All throw `Error`: bad_input_file (not there, damaged, of a form that is not read)
/// and too_large, with the file and the place in it.
#pragma once

#include <mpipe/data/value.hpp>

#include "data/api/input_file.hpp"
#include "document/yaml_tree.hpp"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace mpipe::detail {

struct CsvColumns {
  std::vector<std::string> names;
  bool several = false;  ///< `columns`: a 2-D value, even for one
  std::string dtype;     ///< of all cells: str, float64, int64 or bool; empty: what they look like
};

/// The columns that an input with `csv:` names. Throws `PlacedError`.
CsvColumns csv_columns(const Yaml& spec);

/// One column as a 1-D value, or several as (rows, columns). The first line has the names. Quotes as in RFC
/// 4180; empty lines, and lines that begin with #, are skipped. Cells: numbers, true and false, texts; all of one
/// kind, and none that another program could take for another kind.
Value read_csv(const std::filesystem::path& file, const CsvColumns& columns);
/// The first cell that is no number, and where it stands, for messages about a value that turned out to be texts;
/// empty where all are numbers. Throws as `read_csv`.
std::string first_text_of_csv(const std::filesystem::path& file, const CsvColumns& columns);

/// A file that is one JSON value: a number, text, boolean, or nested lists of one kind and regular shape. At
/// most 256 MB. Not-a-number and infinity as Python writes them.
Value read_json(const std::filesystem::path& file);
/// The same of JSON that was parsed already; `from` names it in messages.
Value json_value(const nlohmann::json& root, const std::filesystem::path& from);

/// NumPy's format, versions 1 to 3: booleans, integers, floating point and complex numbers of either byte
/// order.
Value read_npy(const std::filesystem::path& file);

}  // namespace mpipe::detail
