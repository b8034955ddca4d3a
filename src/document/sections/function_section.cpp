// SPDX-License-Identifier: BSD-3-Clause
// Reads one entry of `functions:` into a function of a pipeline.
#include "document/sections/function_section.hpp"

#include <mpipe/document/expression.hpp>

#include "document/api/plugin_function.hpp"
#include "document/expression/expression_tree.hpp"
#include "document/inputs/input_value.hpp"
#include "document/sections/command_section.hpp"
#include "document/sections/keys.hpp"
#include "document/sections/language_section.hpp"
#include "document/sections/output_types.hpp"
#include "document/sections/resources_section.hpp"
#include "document/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace mpipe::detail {
namespace {

/// Reads the keys of one function.
class FunctionReader {
 public:
  FunctionReader(const Yaml& spec, PluginCache& plugins) : spec_(spec), plugins_(plugins) {}

  FunctionEntry read() {
    // The names come first, as the body is made from them. What the document says of the rest comes behind
    // the body and goes over what a plugin says. The parts are checked against each other once all are there.
    check_keys(spec_, kFunctionKeys);
    read_names();
    Function function = make();
    read_mapping(function);
    read_isolation(function);
    read_values_of(function);
    read_attributes(function);
    check(function);
    // The names of an entry are written without its scope, which is put before them when all have been read.
    // The output names are asked for behind that: places are found by the full ones.
    if (const auto scope = find("scope"))
      at_place(*scope, [&] { function.scope(read_text(*scope, "the name of a scope")); });
    FunctionEntry entry{std::move(function), spec_.place(), {}, expressions_};
    const auto names = entry.function.output_names();
    for (std::size_t k = 0; k < names.size(); ++k)
      entry.outputs.emplace_back(names[k], output_specs_[k].place());
    return entry;
  }

 private:
  std::optional<Yaml> find(std::string_view key) const { return spec_.find(key); }

  // ---- names ----

  void read_names() {
    const auto output = find("output");
    if (!output)
      spec_.refuse(
          "this function has no output. Add the name of its result (output: y), or a list of names.");
    output_specs_ = read_one_or_list(*output, "the name of an output, or a list of names");
    for (const Yaml& name : output_specs_) outputs_.push_back(name.text());
    if (const auto parameters = find("parameters")) {
      if (!parameters->is_sequence()) parameters->refuse_type("a list of names of parameters");
      for (std::size_t k = 0; k < parameters->size(); ++k)
        parameters_.push_back(read_text(parameters->item(k), "the name of a parameter"));
    }
    if (const auto renames = find("renames")) {
      if (!renames->is_map()) renames->refuse_type("a mapping from own names to the names in the pipeline");
      for (std::size_t k = 0; k < renames->size(); ++k)
        renames_[renames->key(k).text()] = read_text(renames->value(k), "the new name");
    }
  }

  // ---- bodies ----

  Function make() {
    std::optional<Yaml> body;
    std::string_view kind;
    for (const std::string_view known : kFunctionKinds) {
      const auto found = find(known);
      if (found && body)
        found->refuse(
            fmt::format("this function has two of '{}', each of which says how it computes. Keep one.",
                        fmt::join(kFunctionKinds, "', '")));
      if (!found) continue;
      body = found;
      kind = known;
    }
    if (!body)
      spec_.refuse(fmt::format(
          "nothing says how '{}' is computed. Add an expression (expr: \"x + 1\"), a program "
          "(command: [./solver, \"{{x}}\"]), a function in Python (python: ./model.py:name), or a "
          "plugin and a function in it.",
          printable(outputs_.front())));
    check_keys_of_kind(spec_, kind);
    if (kind == "expr") return expression();
    if (kind == "command") return command();
    return kind == "plugin" ? plugin_function() : language_function(std::string(kind));
  }

  Function command() {
    CommandSpec spec = read_command(spec_, outputs_, parameters_);
    auto names = spec.parameters;
    Function function(outputs_, make_command_body(std::move(spec)));
    function.parameters(std::move(names));
    if (!renames_.empty()) function.renames(renames_);
    return function;
  }

  Function language_function(const std::string& language) {
    Function function = read_language_function(spec_, language, outputs_, parameters_);
    if (!renames_.empty()) at_place(*find("renames"), [&] { function.update_renames(renames_); });
    return function;
  }

  Function expression() {
    const Yaml expr = *find("expr");
    expressions_ = read_one_or_list(expr, "an expression, or a list of them, one per output");
    if (expressions_.size() != outputs_.size())
      expr.refuse(fmt::format("there are {} outputs but {} expressions. Give one for each.", outputs_.size(),
                              expressions_.size()));
    std::vector<std::string> texts;
    for (const Yaml& item : expressions_) texts.push_back(item.text());
    try {
      Function function = expression_function(outputs_, std::move(texts), parameters_, expression_types());
      if (!renames_.empty()) function.renames(renames_);
      return function;
    } catch (const ExpressionError& error) {
      throw PlacedError(expressions_[error.expression()].place_in_text(error.offset()), error.category(),
                        error.what());
    }
  }

  std::vector<const ElementType*> expression_types() const {
    static constexpr std::string_view kTypes[] = {"float64", "float32", "int64",  "int32",
                                                  "int16",   "int8",    "uint64", "uint32",
                                                  "uint16",  "uint8",   "bool",   "complex128"};
    const auto said = read_dtypes(spec_, outputs_, kTypes);
    std::vector<const ElementType*> types;
    for (const std::string& output : outputs_) {
      const auto type = said.find(output);
      types.push_back(type == said.end() ? &element_type(Kind::float64) : find_element_type(type->second));
    }
    return types;
  }

  Function plugin_function() {
    const Yaml plugin = *find("plugin");
    const auto function = find("function");
    if (!function) spec_.refuse("a plugin needs the name of a function in it. Add it (function: name).");
    const auto library =
        at_place(plugin, [&] { return load(read_text(plugin, "the name of a shared library")); });
    const std::string name = read_text(*function, "the name of a function");
    Function own = at_place(*function, [&]() -> const Function& { return library->function(name); });
    // The scope of the entry takes the place of one that the plugin gave.
    if (find("scope")) own.scope("");
    return at_place(spec_, [&] {
      auto parameters = parameters_.empty() ? own.parameter_names() : parameters_;
      auto outputs = outputs_;
      rename(parameters, outputs);
      return detail::plugin_function({{"function", name}}, own, std::move(outputs), std::move(parameters));
    });
  }

  std::shared_ptr<const Plugin> load(const std::string& name) const {
    const std::filesystem::path path = find_plugin(name, spec_.source().folder());
    // Paths and not names tell plugins apart: the same name may lead to different files from different
    // folders.
    auto& plugin = plugins_[path];
    if (!plugin) plugin = Plugin::load(path);
    return plugin;
  }

  /// All at once, so that names may be exchanged: each is looked for among the function's own names.
  void rename(std::vector<std::string>& parameters, std::vector<std::string>& outputs) const {
    const std::vector<std::string> own_parameters = parameters;
    const std::vector<std::string> own_outputs = outputs;
    for (const auto& [own, name] : renames_) {
      const auto parameter = std::find(own_parameters.begin(), own_parameters.end(), own);
      const auto output = std::find(own_outputs.begin(), own_outputs.end(), own);
      if (parameter != own_parameters.end())
        parameters[static_cast<std::size_t>(parameter - own_parameters.begin())] = name;
      else if (output != own_outputs.end())
        outputs[static_cast<std::size_t>(output - own_outputs.begin())] = name;
      else
        find("renames")->refuse(
            fmt::format(
                "the renames name '{}', which is neither a parameter nor an output of the function.{}",
                printable(own), suggestion(own, own_parameters)),
            Category::unknown_name);
    }
  }

  // ---- how it is mapped, and with which values ----

  void read_mapping(Function& function) const {
    if (const auto mapspec = find("mapspec")) {
      const std::string text = read_text(*mapspec, "a mapspec such as \"x[i] -> y[i]\"");
      at_place(*mapspec, [&] { function.mapspec(text); });
    }
    if (const auto cache = find("cache"))
      function.cache(read_integer(*cache, 0, "a number of results to keep, 0 or more"));
    if (const auto shape = find("internal_shape")) function.internal_shape(read_internal_shape(*shape));
    if (const auto resources = find("resources")) read_resources(*resources, function);
  }

  static PartialShape read_internal_shape(const Yaml& spec) {
    PartialShape shape;
    for (const Yaml& item :
         read_one_or_list(spec, "an extent (a whole number, or \"?\"), or a list of them")) {
      if (item.text() == "?")
        shape.emplace_back();
      else
        shape.emplace_back(
            read_integer(item, 0, "an extent: a whole number, 0 or more, or \"?\" when it is not known"));
    }
    return shape;
  }

  void read_isolation(Function& function) const {
    const auto spec = find("isolation");
    if (!spec) return;
    const std::string kind = read_word(*spec, {"none", "process"}, "none or process");
    function.isolation(kind == "process" ? Isolation::process : Isolation::none);
  }

  /// What the document says goes over what a plugin says of its own.
  void read_values_of(Function& function) const {
    Inputs defaults = function.default_values();
    Inputs bound = function.bound_values();
    if (const auto spec = find("defaults"))
      for (auto& [name, value] : read_values(*spec, "a mapping from parameters to their defaults")) {
        // A parameter with a default may be given as an input, which a value that the plugin bound would
        // forbid.
        bound.erase(name);
        defaults[name] = value;
      }
    if (const auto spec = find("bound"))
      for (auto& [name, value] : read_values(*spec, "a mapping from parameters to their values")) {
        // A plugin's own default gives way to a bound value. One that the document gives beside it stays, so
        // that the check of the function refuses the contradiction.
        if (!find("defaults") || !find("defaults")->find(name)) defaults.erase(name);
        bound[name] = value;
      }
    function.defaults(std::move(defaults)).bound(std::move(bound));
  }

  void read_attributes(Function& function) const {
    const auto names = function.output_names();
    for (const char* key : {"units", "long_name"}) {
      const auto spec = find(key);
      if (!spec) continue;
      if (spec->is_scalar()) {
        if (names.size() > 1)
          spec->refuse("the function has several outputs: expected a mapping from outputs to texts.");
        function.attribute(names.front(), key, spec->text());
        continue;
      }
      if (!spec->is_map()) spec->refuse_type("a text, or a mapping from outputs to texts");
      for (std::size_t k = 0; k < spec->size(); ++k) {
        const std::string& name = spec->key(k).text();
        if (std::find(names.begin(), names.end(), name) == names.end())
          spec->key(k).refuse(
              fmt::format("'{}' is no output of this function.{}", printable(name), suggestion(name, names)),
              Category::unknown_name);
        function.attribute(name, key, read_text(spec->value(k), "a text"));
      }
    }
  }

  /// `Function::check`, with the place of the key that its complaint is about.
  void check(const Function& function) const {
    try {
      function.check();
    } catch (const Error& error) {
      const auto key = find(blamed_key(error));
      throw PlacedError(key ? key->place() : spec_.place(), error.category(), error.what());
    }
  }

  /// Errors of a function know no document. Their category, and where that is not enough their words, tell
  /// which key made them.
  std::string_view blamed_key(const Error& error) const {
    const std::string_view text = error.what();
    switch (error.category()) {
      case Category::mapspec_name_mismatch:
      case Category::bound_in_mapspec:
        return "mapspec";
      case Category::default_and_bound:
        return "bound";
      case Category::rename_collision:
        return "renames";
      case Category::bad_option:
        if (text.find("cache") != std::string_view::npos) return "cache";
        return text.find("isolated") != std::string_view::npos ? "isolation" : "resources";
      case Category::type_mismatch:
        return "resources";
      case Category::unknown_name:
        if (text.starts_with("the defaults")) return "defaults";
        if (text.starts_with("the bound")) return "bound";
        if (text.starts_with("renames")) return "renames";
        return "parameters";
      case Category::bad_identifier:
        return text.find("of a parameter") != std::string_view::npos && find("parameters") ? "parameters"
                                                                                           : "output";
      default:
        return "output";
    }
  }

  Yaml spec_;
  PluginCache& plugins_;
  std::vector<Yaml> output_specs_;
  std::vector<Yaml> expressions_;
  std::vector<std::string> outputs_;
  std::vector<std::string> parameters_;
  std::map<std::string, std::string> renames_;
};

}  // namespace

FunctionEntry read_function(const Yaml& spec, PluginCache& plugins) {
  return FunctionReader(spec, plugins).read();
}

}  // namespace mpipe::detail
