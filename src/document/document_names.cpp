// SPDX-License-Identifier: BSD-3-Clause
// Collects the names of outputs, inputs and axes from the text of a document, without running any of it.
#include "document/api/document_names.hpp"

#include <mpipe/mapspec/mapspec.hpp>

#include "document/expression/expression_tree.hpp"
#include "document/yaml_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace mpipe {
namespace {

using detail::Yaml;

constexpr std::uintmax_t kLargest = std::uintmax_t{1} << 20;

/// What an entry of another shape than expected has: nothing.
std::vector<std::string> texts_of(const std::optional<Yaml>& spec) {
  std::vector<std::string> texts;
  if (spec && spec->is_scalar()) texts.push_back(spec->text());
  for (std::size_t k = 0; spec && spec->is_sequence() && k < spec->size(); ++k)
    if (spec->item(k).is_scalar()) texts.push_back(spec->item(k).text());
  return texts;
}

std::vector<std::string> keys_of(const std::optional<Yaml>& spec) {
  std::vector<std::string> keys;
  for (std::size_t k = 0; spec && spec->is_map() && k < spec->size(); ++k)
    keys.push_back(spec->key(k).text());
  return keys;
}

class NameCollector {
 public:
  void add_function(const Yaml& spec) {
    if (!spec.is_map()) return;
    scope_.clear();
    renames_.clear();
    for (const std::string& scope : texts_of(spec.find("scope"))) scope_ = scope + ".";
    if (const auto renames = spec.find("renames"); renames && renames->is_map())
      for (std::size_t k = 0; k < renames->size(); ++k)
        if (renames->value(k).is_scalar()) renames_[renames->key(k).text()] = renames->value(k).text();
    for (const std::string& name : texts_of(spec.find("output"))) outputs_.insert(final_name(name));
    for (const std::string& name : texts_of(spec.find("parameters"))) inputs_.insert(final_name(name));
    for (const std::string& name : keys_of(spec.find("defaults"))) inputs_.insert(scoped(name));
    for (const std::string& name : keys_of(spec.find("bound"))) bound_.insert(scoped(name));
    for (const std::string& text : texts_of(spec.find("mapspec"))) passing_over([&] { add_mapspec(text); });
    passing_over([&] { add_expressions(texts_of(spec.find("expr"))); });
  }

  /// The inputs of a scope may stand together below its name.
  void add_inputs(const Yaml& spec) {
    for (std::size_t k = 0; spec.is_map() && k < spec.size(); ++k) {
      const std::string& name = spec.key(k).text();
      if (!scopes_.contains(name + ".")) {
        inputs_.insert(name);
        continue;
      }
      for (const std::string& inner : keys_of(spec.value(k)))
        inputs_.insert(fmt::format("{}.{}", name, inner));
    }
  }

  DocumentNames names() const {
    DocumentNames names;
    const auto add = [](const std::string& name, std::vector<std::string>& to) {
      if (is_name(name)) to.push_back(name);
    };
    for (const std::string& name : outputs_) add(name, names.outputs);
    for (const std::string& name : inputs_)
      if (!outputs_.contains(name) && !bound_.contains(name)) add(name, names.inputs);
    for (const std::string& name : axes_) add(name, names.axes);
    return names;
  }

 private:
  template <class Action>
  static void passing_over(Action action) {
    try {
      action();
    } catch (const Error&) {  // half of a mapspec or of an expression has no names yet
    }
  }

  /// Names of documents are offered to shells, so that nothing that a shell could read otherwise is one.
  static bool is_name(const std::string& name) {
    constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";
    return !name.empty() && name.find_first_not_of(kAllowed) == std::string::npos;
  }

  std::string scoped(const std::string& name) {
    if (scope_.empty() || name.find('.') != std::string::npos) return name;
    scopes_.insert(scope_);
    return scope_ + name;
  }

  std::string final_name(const std::string& own) {
    const auto renamed = renames_.find(own);
    return scoped(renamed == renames_.end() ? own : renamed->second);
  }

  void add_mapspec(const std::string& text) {
    const MapSpec mapspec = MapSpec::parse(text);
    for (const ArraySpec& array : mapspec.inputs()) {
      inputs_.insert(scoped(array.name));
      add_axes(array);
    }
    for (const ArraySpec& array : mapspec.outputs()) add_axes(array);
  }

  void add_axes(const ArraySpec& array) {
    for (const auto& axis : array.axes)
      if (axis) axes_.insert(*axis);
  }

  void add_expressions(std::vector<std::string> texts) {
    if (texts.empty()) return;
    for (const std::string& name : detail::parse_expressions(std::move(texts), {}).names)
      inputs_.insert(final_name(name));
  }

  // Of the function that is looked at.
  std::string scope_;  ///< with a dot behind it
  std::map<std::string, std::string> renames_;
  // Of the document.
  std::set<std::string> scopes_;
  std::set<std::string> outputs_;
  std::set<std::string> inputs_;
  std::set<std::string> bound_;
  std::set<std::string> axes_;
};

}  // namespace

DocumentNames document_names(const std::filesystem::path& file) {
  std::error_code error;
  // The size is asked for only of a regular file: a pipe would keep a reader waiting.
  if (std::filesystem::is_regular_file(file, error) && std::filesystem::file_size(file, error) > kLargest)
    throw Error(Category::bad_document,
                fmt::format("{}: the document is larger than 1 MiB, so its names are not looked for.",
                            file.string()));
  const Yaml root = detail::YamlTree::parse(detail::SourceText::read(file));
  NameCollector collector;
  if (!root.is_map()) return {};
  if (const auto functions = root.find("functions"); functions && functions->is_sequence())
    for (std::size_t k = 0; k < functions->size(); ++k) collector.add_function(functions->item(k));
  if (const auto inputs = root.find("inputs")) collector.add_inputs(*inputs);
  return collector.names();
}

}  // namespace mpipe
