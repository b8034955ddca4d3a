// SPDX-License-Identifier: BSD-3-Clause
// Loads shared libraries of functions, and checks that they were built for this program.
#include <mpipe/core/error.hpp>
#include <mpipe/document/plugin.hpp>

#include "base/api/file.hpp"
#include "document/api/plugin_function.hpp"
#include "document/text.hpp"
#include "pipeline/api/body_decorator.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

namespace mpipe {
namespace {

struct CloseLibrary {
  void operator()(void* handle) const { dlclose(handle); }
};
using Library = std::unique_ptr<void, CloseLibrary>;

[[noreturn]] void refuse(const fs::path& path, const std::string& problem) {
  throw Error(Category::bad_plugin, fmt::format("the plugin '{}' {}", path.string(), problem));
}

Library open_library(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (!fs::exists(status))
    refuse(path,
           "is not there. Correct the path (a name with a slash is relative to the document), or build the "
           "plugin.");
  if (!fs::is_regular_file(status)) refuse(path, "is not a file. Name the shared library itself.");
  // With a slash: dlopen would search the system's directories for a name without one. RTLD_NOW finds
  // a symbol that is missing here and not in the middle of a run; RTLD_LOCAL lets two plugins have functions
  // of equal names.
  Library library(dlopen((path.has_parent_path() ? path : "." / path).c_str(), RTLD_NOW | RTLD_LOCAL));
  if (!library) {
    const char* const told = dlerror();
    const std::string reason = told != nullptr ? told : "no reason given";
    // What a plugin needs of mpipe is in the program, which must say so to the loader.
    const bool lacks = reason.find("undefined symbol") != std::string::npos;
    refuse(path,
           fmt::format("does not load: {}. It must be a shared library built for this machine against the "
                       "mpipe that loads it{}.",
                       reason,
                       lacks ? "; a program of your own that loads plugins must export its symbols "
                               "(set_target_properties(program PROPERTIES ENABLE_EXPORTS ON), or "
                               "-rdynamic)"
                             : ""));
  }
  return library;
}

/// The ABI is compared before the library may register anything: with another layout of the registry or of
/// values, that call alone could crash. The text of the library need not end with a zero byte.
const PluginEntry& entry_of(const Library& library, const fs::path& path) {
  const void* symbol = dlsym(library.get(), "mpipe_plugin_entry");
  if (symbol == nullptr)
    refuse(path,
           "has no entry point 'mpipe_plugin_entry' (it is a shared library, but not a plugin of mpipe). End "
           "its "
           "source with MPIPE_PLUGIN(registry) { registry.add(..); }.");
  const auto& entry = *static_cast<const PluginEntry*>(symbol);
  const std::string_view abi(entry.abi, strnlen(entry.abi, sizeof(entry.abi)));
  if (abi != MPIPE_PLUGIN_ABI)
    refuse(path,
           fmt::format(
               "was built for another ABI: it has '{}', this program '{}' (they could not exchange values "
               "safely). Build the plugin again with the headers and the compiler of this mpipe.",
               printable(abi, sizeof(entry.abi)), MPIPE_PLUGIN_ABI));
  return entry;
}

/// The body of a function of a plugin, which keeps the promise that the function gave. All functions of a library have its
/// build id: the keys of the document tell them apart.
class PluginBody final : public BodyDecorator {
 public:
  PluginBody(std::map<std::string, std::string> keys, const Function& function)
      : BodyDecorator(function.shared_body()),
        keys_(std::move(keys)),
        thread_safe_(function.is_thread_safe()) {}
  bool thread_safe() const override { return thread_safe_; }
  std::optional<BodyRecipe> recipe() const override { return inner().recipe(); }
  std::map<std::string, std::string> keys() const override {
    std::map<std::string, std::string> all = keys_;
    all.merge(BodyDecorator::keys());
    return all;
  }

 private:
  std::map<std::string, std::string> keys_;
  bool thread_safe_;
};

/// Default and bound values of a function are kept by the names of its parameters, so they follow when those
/// change.
Inputs renamed_keys(const Inputs& values, const std::map<std::string, std::string>& names) {
  Inputs result;
  for (const auto& [name, value] : values) result.emplace(names.at(name), value);
  return result;
}

void check_count(const char* what, const std::vector<std::string>& own,
                 const std::vector<std::string>& given) {
  if (own.size() != given.size())
    throw Error(
        Category::bad_plugin,
        fmt::format(
            "the plugin's function has {} {} ({}) but the document names {} ({}). Name all of them, in "
            "the function's order.",
            own.size(), what, fmt::join(own, ", "), given.size(), fmt::join(given, ", ")));
}

}  // namespace

void PluginRegistry::add(std::string name, Function function) {
  if (name.empty()) throw Error(Category::bad_plugin, "a plugin registers a function without a name.");
  if (functions_.contains(name))
    throw Error(Category::bad_plugin,
                fmt::format("a plugin registers two functions called '{}'. Rename one.", name));
  functions_.emplace(std::move(name), std::move(function));
}

void PluginRegistry::add_language(std::string key, LanguageMaker maker) {
  if (key.empty()) throw Error(Category::bad_plugin, "a plugin registers a language without a name.");
  if (!languages_.emplace(key, maker).second)
    throw Error(Category::bad_plugin, fmt::format("a plugin registers the language '{}' twice.", key));
}

void PluginRegistry::add_importer(std::string kind, DocumentImporter importer) {
  if (!importers_.emplace(kind, importer).second)
    throw Error(Category::bad_plugin, fmt::format("a plugin registers two importers of '{}'.", kind));
}

std::shared_ptr<const Plugin> Plugin::load(const fs::path& path) {
  Library library = open_library(path);
  const PluginEntry& entry = entry_of(library, path);
  // From here on code of the plugin runs, and what it leaves behind (functions, types, exceptions) may be
  // used at any time: it is never unloaded.
  static_cast<void>(library.release());
  std::shared_ptr<Plugin> plugin(new Plugin(path));
  std::string problem;
  try {
    // This is code of others, which may throw anything; here it is known which plugin it was.
    entry.register_functions(plugin->registry_);
    return plugin;
  } catch (const std::exception& error) {
    problem = error.what();
  } catch (...) {
    problem = "an exception of an unknown type";
  }
  refuse(path, fmt::format("threw while it registered its functions: {}", problem));
}

const Function& Plugin::function(const std::string& name) const {
  const auto found = functions().find(name);
  if (found != functions().end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, unused] : functions()) names.push_back(known);
  refuse(path_, fmt::format("has no function '{}'.{}", name,
                            names.empty() ? " It registers none." : detail::suggestion(name, names)));
}

LanguageMaker Plugin::language(const std::string& key) const {
  const auto found = registry_.languages().find(key);
  if (found == registry_.languages().end())
    refuse(path_, fmt::format("does not bring the language '{}', for which it was loaded.", key));
  return found->second;
}

DocumentImporter Plugin::importer(const std::string& kind) const {
  const auto found = registry_.importers().find(kind);
  if (found == registry_.importers().end())
    refuse(path_, fmt::format("does not read pipelines of '{}', for which it was loaded.", kind));
  return found->second;
}

namespace {

/// Where plugins without a slash in their names are searched. The variable comes before the directory beside
/// the program, so that one's own plugin goes over an installed one of that name.
std::vector<fs::path> plugin_places() {
  std::vector<fs::path> places;
  if (const char* list = std::getenv("MPIPE_PLUGIN_PATH")) {
    std::string_view rest(list);
    while (!rest.empty()) {
      const std::string_view place = rest.substr(0, rest.find(':'));
      if (!place.empty()) places.emplace_back(place);
      rest.remove_prefix(std::min(rest.size(), place.size() + 1));
    }
  }
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  if (!program.empty()) places.push_back((program.parent_path() / "../lib/mpipe/plugins").lexically_normal());
  return places;
}

}  // namespace

std::optional<fs::path> search_plugin(const std::string& name) {
  std::error_code ignored;
  for (const fs::path& place : plugin_places())
    if (fs::exists(place / name, ignored)) return place / name;
  return std::nullopt;
}

fs::path find_plugin(const std::string& name, const fs::path& base) {
  if (name.empty()) throw Error(Category::bad_plugin, "the plugin's name is empty. Name a shared library.");
  if (name.find('/') != std::string::npos) {
    // Folders as the system finds them, and the name as it was given.
    const fs::path path = base / name;
    return resolve_path(path.parent_path()) / path.filename();
  }
  if (auto found = search_plugin(name)) return *std::move(found);
  std::vector<std::string> searched;
  for (const fs::path& place : plugin_places()) searched.push_back(place.string());
  throw Error(
      Category::bad_plugin,
      fmt::format(
          "the plugin '{}' is in none of the directories that are searched ({}). Set MPIPE_PLUGIN_PATH, or "
          "write its path with a slash (./{}).",
          name, fmt::join(searched, ", "), name));
}

std::shared_ptr<const Plugin> load_language(const std::string& language) {
  const std::string library = fmt::format("libmpipe_{}.so", language);
  const auto path = search_plugin(library);
  if (path) return Plugin::load(*path);
  throw Error(
      Category::bad_plugin,
      fmt::format(
          "functions in {} need the plugin {}, which this installation of mpipe does not have.{} If it is "
          "built already, name its folder in MPIPE_PLUGIN_PATH.",
          language, library,
          language == "python" ? " It is built where pybind11, Python and NumPy are (apt-get install "
                                 "pybind11-dev python3-dev python3-numpy, then configure and build mpipe "
                                 "again)."
                               : ""));
}

Function detail::plugin_function(std::map<std::string, std::string> keys, const Function& function,
                                 std::vector<std::string> outputs, std::vector<std::string> parameters) {
  const auto own_outputs = function.output_names();
  const auto own_parameters = function.parameter_names();
  if (parameters.empty()) parameters = own_parameters;
  check_count("outputs", own_outputs, outputs);
  check_count("parameters", own_parameters, parameters);
  std::map<std::string, std::string> names;
  for (std::size_t k = 0; k < outputs.size(); ++k) names[own_outputs[k]] = outputs[k];
  for (std::size_t k = 0; k < parameters.size(); ++k) names[own_parameters[k]] = parameters[k];

  Function result(std::move(outputs), std::make_shared<const PluginBody>(std::move(keys), function));
  if (function.rank_rule()) {
    RankRule rule{{}, function.rank_rule()->body};
    // Positions are the same under both sets of names, so they lead from the rule's own names to the new
    // ones.
    for (const std::size_t k : function.rank_rule_positions()) rule.parameters.push_back(parameters[k]);
    result.ranks(std::move(rule));
  }
  result.parameters(std::move(parameters));
  result.defaults(renamed_keys(function.default_values(), names));
  result.bound(renamed_keys(function.bound_values(), names));
  if (function.mapspec()) result.mapspec(function.mapspec()->renamed(names).to_string());
  result.cache(function.cache_entries()).resources(function.resources()).isolation(function.isolation());
  if (function.declared_internal_shape()) result.internal_shape(*function.declared_internal_shape());
  for (const auto& [output, texts] : function.attributes())
    for (const auto& [key, text] : texts) result.attribute(names.at(output), key, text);
  return result;
}

Function renamed_function(const Function& function, std::vector<std::string> outputs,
                          std::vector<std::string> parameters) {
  return detail::plugin_function({}, function, std::move(outputs), std::move(parameters));
}

}  // namespace mpipe
