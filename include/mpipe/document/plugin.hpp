// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Functions in shared libraries: how a library offers them, and how they are loaded.
///
/// A plugin is one source file with this at its end, built as a shared library against the headers of mpipe:
///
///     MPIPE_PLUGIN(registry) {
///       registry.add("heat", mpipe::function("field", heat).parameters("kappa", "steps").thread_safe());
///     }
///
/// and a pipeline document uses it with `plugin: ./libheat.so`, `function: heat`. A plugin may also bring a
/// language, in which documents then write functions (`python: ./model.py:heat`).
#pragma once

#include <mpipe/pipeline/function.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// What must be equal in a plugin and in the program that loads it, for the two to be able to talk at all.
// Raise the number whenever a type that crosses the border changes (Function, FunctionBody, BlockCall,
// ElementType, Value ..).
#define MPIPE_PLUGIN_ABI_NUMBER 8
#define MPIPE_STRING_OF(x) #x
#define MPIPE_VALUE_OF(x) MPIPE_STRING_OF(x)
#ifdef _GLIBCXX_DEBUG
#define MPIPE_PLUGIN_ABI_CONTAINERS "debug"
#else
#define MPIPE_PLUGIN_ABI_CONTAINERS "plain"
#endif
/// `mpipe-plugin-8 gxx-abi-1017 cxx11-abi-1 containers-plain`
#define MPIPE_PLUGIN_ABI \
  "mpipe-plugin-" MPIPE_VALUE_OF(MPIPE_PLUGIN_ABI_NUMBER) " gxx-abi-" MPIPE_VALUE_OF(__GXX_ABI_VERSION) \
  " cxx11-abi-" MPIPE_VALUE_OF(_GLIBCXX_USE_CXX11_ABI) " containers-" MPIPE_PLUGIN_ABI_CONTAINERS

namespace mpipe {

/// A function in a language that a plugin brings, as a document describes it.
struct LanguageFunction {
  std::string code;                     ///< which function it is, in the words of the language
  std::filesystem::path folder;         ///< of the document
  std::vector<std::string> outputs;     ///< its own names, at least one
  std::vector<std::string> parameters;  ///< that it gets, in this order; empty: all that it has
  /// Output -> numpy's name of its type, for those whose type the document says.
  std::map<std::string, std::string> dtypes = {};
  /// Axes of its own that the mapspec or the internal shape names; empty: nobody says, as it is not mapped.
  std::optional<std::size_t> item_rank = {};
  bool vectorize = false;    ///< it takes the arguments of many elements at once, as arrays
  bool thread_safe = false;  ///< it may be called by several threads at once
};

/// Makes a function with the outputs and parameters of its description, and with the defaults of the
/// language; mapspec and the like are added to it. Called by one thread at a time. Throws `Error`.
using LanguageMaker = Function (*)(const LanguageFunction& described);

/// Writes a document with the functions of a pipeline that is written down elsewhere. `place` is taken as
/// seen from the working directory; paths in the document are relative to `folder`, where it will be. Throws
/// `Error`.
using DocumentImporter = std::string (*)(const std::string& place, const std::filesystem::path& folder);

/// Collects what one plugin offers while it registers that.
class PluginRegistry {
 public:
  /// Throws `Error` (bad_plugin) when the name is empty or there already.
  void add(std::string name, Function function);
  /// The same of a language, by the key of functions in documents.
  void add_language(std::string key, LanguageMaker maker);
  /// The same of what writes documents, by the kind of pipelines that it reads.
  void add_importer(std::string kind, DocumentImporter importer);
  const std::map<std::string, Function>& functions() const { return functions_; }
  const std::map<std::string, LanguageMaker>& languages() const { return languages_; }
  const std::map<std::string, DocumentImporter>& importers() const { return importers_; }

 private:
  std::map<std::string, Function> functions_;
  std::map<std::string, LanguageMaker> languages_;
  std::map<std::string, DocumentImporter> importers_;
};

/// What a plugin exports under the name `mpipe_plugin_entry`: data, so that the ABI can be read before any of
/// the plugin's functions is called.
struct PluginEntry {
  char abi[96];
  void (*register_functions)(PluginRegistry& registry);
};

/// A loaded plugin. It stays loaded until the process ends, because functions may outlive this object.
class Plugin {
 public:
  /// Loads the library and lets it register its functions. Throws `Error` (bad_plugin): no such file, the
  /// library does not load, is no plugin, has another ABI, or threw while registering.
  static std::shared_ptr<const Plugin> load(const std::filesystem::path& library);

  const std::filesystem::path& path() const { return path_; }
  const std::map<std::string, Function>& functions() const { return registry_.functions(); }
  /// Throws `Error` (bad_plugin) with the names that there are.
  const Function& function(const std::string& name) const;
  /// Throws `Error` (bad_plugin) when it does not bring this language.
  LanguageMaker language(const std::string& key) const;
  /// Throws `Error` (bad_plugin) when it does not read such pipelines.
  DocumentImporter importer(const std::string& kind) const;

 private:
  explicit Plugin(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
  PluginRegistry registry_;
};

/// Where the plugin that a document calls `name` is: relative to `base` when there is a slash in the name,
/// else in the directories of MPIPE_PLUGIN_PATH (separated by colons), then in ../lib/mpipe/plugins of the
/// running program. Throws `Error` (bad_plugin) with the places that were looked at.
std::filesystem::path find_plugin(const std::string& name, const std::filesystem::path& base);
/// The same for a name without a slash; empty when it is in none of the directories.
std::optional<std::filesystem::path> search_plugin(const std::string& name);
/// Loads the plugin of a language, `libmpipe_LANGUAGE.so`, which is searched likewise. Throws `Error`
/// (bad_plugin) that says what to do where there is none.
std::shared_ptr<const Plugin> load_language(const std::string& language);

/// A plugin's function under the names of a document: its outputs are called `outputs` (as many as it has),
/// its parameters keep their names unless `parameters` (as many as it has) is not empty. Defaults, bound
/// values and the mapspec of the plugin follow the names; everything can be replaced afterwards. Throws
/// `Error` (bad_plugin).
Function renamed_function(const Function& function, std::vector<std::string> outputs,
                          std::vector<std::string> parameters);

}  // namespace mpipe

/// Defines the entry point of a plugin; the block that follows registers its functions. Once per library.
#define MPIPE_PLUGIN(registry)                                                                   \
  static void mpipe_register_functions(::mpipe::PluginRegistry& registry);                       \
  extern "C" {                                                                                   \
  __attribute__((visibility("default"))) extern const ::mpipe::PluginEntry mpipe_plugin_entry;   \
  const ::mpipe::PluginEntry mpipe_plugin_entry = {MPIPE_PLUGIN_ABI, &mpipe_register_functions}; \
  }                                                                                              \
  static void mpipe_register_functions(::mpipe::PluginRegistry& registry)
