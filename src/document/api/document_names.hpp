// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The names in a document, for those who complete what somebody types: from its text alone.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace mpipe {

/// Sorted, each once, and only what can be a name: letters, digits, `_` and dots.
struct DocumentNames {
  std::vector<std::string> outputs;
  std::vector<std::string> inputs;
  std::vector<std::string> axes;
};

/// What the text of a document names. No plugin is loaded, no other language started and no other file opened,
/// so names that only these know are missing; entries that are wrong are passed over, as a document is often
/// looked at while it is written. Local. Throws `Error` (bad_document) where it is no regular file, larger than
/// 1 MiB (which would keep somebody at a prompt waiting), or no YAML.
DocumentNames document_names(const std::filesystem::path& file);

}  // namespace mpipe
