// SPDX-License-Identifier: BSD-3-Clause
// Reads the keys of a function in another language, and has the plugin of that language make the function.
#include "document/sections/language_section.hpp"

#include "document/sections/keys.hpp"
#include "document/sections/output_types.hpp"
#include "document/text.hpp"

#include <fmt/format.h>

namespace mpipe::detail {
namespace {

constexpr std::string_view kTypes[] = {"float64", "float32", "int64",  "int32",     "int16",
                                       "int8",    "uint64",  "uint32", "uint16",    "uint8",
                                       "bool",    "str",     "object", "complex64", "complex128"};

/// What is to be done where a plugin of a language is not found.
std::string remedy(const std::string& language, const std::string& library) {
  const std::string python =
      language == "python"
          ? " It is built where pybind11, Python and NumPy are (apt-get install pybind11-dev "
            "python3-dev python3-numpy, then configure and build mpipe again)."
          : "";
  return fmt::format("{} If it is built already, name its folder in MPIPE_PLUGIN_PATH (see the plugin {}).",
                     python, library);
}

LanguageMaker find_maker(const Yaml& key, const std::string& language) {
  const std::string library = fmt::format("libmpipe_{}.so", language);
  const auto path = search_plugin(library);
  if (!path)
    key.refuse(
        fmt::format("functions in {} need the plugin {}, which this installation of mpipe does not have.{}",
                    language, library, remedy(language, library)),
        Category::bad_plugin);
  return at_place(key, [&] { return Plugin::load(*path)->language(language); });
}

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
  const LanguageMaker make = find_maker(key, language);
  return at_place(key, [&] { return make(described); });
}

std::optional<std::string> find_language(const Yaml& spec) {
  for (const std::string_view language : kLanguages)
    if (spec.find(language)) return std::string(language);
  return std::nullopt;
}

}  // namespace mpipe::detail
