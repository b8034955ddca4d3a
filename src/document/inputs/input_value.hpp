// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Values as a document writes them: `3`, `[1, 2]`, `{linspace: [0, 1, 5]}`, `{csv: a.csv, column: x}`.
#pragma once

#include <mpipe/data/value.hpp>

#include "document/yaml_tree.hpp"

#include <string>

namespace mpipe::detail {

/// The form of a value is right as far as that can be seen without reading a file or making an array: keys,
/// their combination, types of their values. Throws `PlacedError`. `files`: values may come from files.
void check_value(const Yaml& spec, bool files);

/// The value; `name` is that of the input (random numbers have a stream of their own for each). Throws
/// `PlacedError`: as `check_value`, bad_input_file, too_large.
Value read_value(const Yaml& spec, const std::string& name);

/// The values of a mapping from names, none of which may come from a file.
Inputs read_values(const Yaml& map, std::string_view what);

// The makers of ranges; `spec` is what stands after the key.
Value read_linspace(const Yaml& spec);
Value read_arange(const Yaml& spec);
Value read_geomspace(const Yaml& spec);
Value read_random(const Yaml& spec, const std::string& name);
/// Keys and types only.
void check_range(std::string_view maker, const Yaml& spec);

/// Why an input from a table is a text, for a message that it should be none: ` In the file, the first cell that is no
/// number is ..`. Empty for other inputs. Throws as `read_value`.
std::string origin_of_texts(const Yaml& spec);

}  // namespace mpipe::detail
