// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One function as a document writes it.
#pragma once

#include <mpipe/document/plugin.hpp>

#include "document/yaml_tree.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace mpipe::detail {

/// The plugins of one document, each loaded once.
using PluginCache = std::map<std::filesystem::path, std::shared_ptr<const Plugin>>;

struct FunctionEntry {
  Function function;
  Place place;
  std::vector<std::pair<std::string, Place>> outputs;  ///< in the pipeline's names
  std::vector<Yaml> expressions;                       ///< none of a plugin's function
};

/// A function that has passed `Function::check`. Throws `PlacedError`: bad_document, not_supported,
/// bad_plugin, and what `Function` refuses.
FunctionEntry read_function(const Yaml& spec, PluginCache& plugins);

}  // namespace mpipe::detail
