// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The keys of a document. docs/pipeline.schema.json has the same ones, which a test compares.
#pragma once

#include "document/yaml_tree.hpp"

#include <span>
#include <string_view>

namespace mpipe::detail {

/// The keys that one kind of mapping may have.
struct KeySet {
  std::string_view where;  ///< `a function`
  std::span<const std::string_view> known;
  std::span<const std::string_view> later;  ///< refused with not_supported: they are keys of later versions
};

extern const KeySet kDocumentKeys;
extern const KeySet kFunctionKeys;
extern const KeySet kResourceKeys;
extern const KeySet kInputKeys;   ///< of an input that is not written out: `{linspace: [0, 1, 5]}`
extern const KeySet kRetryKeys;   ///< of `retries:` of a command
extern const KeySet kRandomKeys;  ///< of `random:`
extern const KeySet kMapKeys;
extern const KeySet kRunKeys;

/// Languages in which a function may be written, each a key of functions. A plugin brings the language.
inline constexpr std::string_view kLanguages[] = {"python"};

/// Keys that go with some kinds of functions only, and those kinds.
struct KeyOfKinds {
  std::string_view key;
  std::span<const std::string_view> kinds;
};
std::span<const KeyOfKinds> keys_of_kinds();

/// The keys that say how a function computes; each function has one of them.
inline constexpr std::string_view kFunctionKinds[] = {"expr", "command", "python", "plugin"};

/// Refuses keys of `function` that do not go with its kind.
void check_keys_of_kind(const Yaml& function, std::string_view kind);

/// `map` is a mapping and has no other keys. Throws `PlacedError` (bad_document, with a suggestion;
/// not_supported).
void check_keys(const Yaml& map, const KeySet& keys);

}  // namespace mpipe::detail
