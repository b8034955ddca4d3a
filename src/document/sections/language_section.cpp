// SPDX-License-Identifier: BSD-3-Clause
// Reads the keys of a function in another language, and has the plugin of that language make the function.
#include "document/sections/language_section.hpp"

#include "document/api/plugin_function.hpp"
#include "document/sections/keys.hpp"
#include "document/sections/output_types.hpp"
namespace mpipe::detail {
namespace {

constexpr std::string_view kTypes[] = {"float64", "float32", "int64",  "int32",     "int16",
                                       "int8",    "uint64",  "uint32", "uint16",    "uint8",
                                       "bool",    "str",     "object", "complex64", "complex128"};

}  // namespace

Function read_language_function(const Yaml& spec, const std::string& language,
                                const std::vector<std::string>& outputs,
                                const std::vector<std::string>& parameters) {
  const Yaml key = *spec.find(language);
  LanguageFunction described{
      read_text(key, "the name of a function"), spec.source().folder(), outputs, parameters,
      read_dtypes(spec, outputs, kTypes),       read_item_rank(spec)};
  if (const auto vectorize = spec.find("vectorize")) {
    described.vectorize = read_boolean(*vectorize);
    if (described.vectorize && !spec.find("mapspec"))
      vectorize->refuse(
          "a function without a mapspec has one element only. Add a mapspec, or remove 'vectorize'.");
  }
  if (const auto safe = spec.find("thread_safe")) described.thread_safe = read_boolean(*safe);
  return at_place(key, [&] {
    const Function made = load_language(language)->language(language)(described);
    // Files are known by their texts: they may be moved.
    std::map<std::string, std::string> keys{{language, described.code.substr(described.code.rfind('/') + 1)}};
    if (described.vectorize) keys["vectorize"] = "true";
    return plugin_function(std::move(keys), made, outputs, {});
  });
}

std::optional<std::string> find_language(const Yaml& spec) {
  for (const std::string_view language : kLanguages)
    if (spec.find(language)) return std::string(language);
  return std::nullopt;
}

}  // namespace mpipe::detail
