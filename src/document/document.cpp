// SPDX-License-Identifier: BSD-3-Clause
// Reads a document into functions, inputs, options and runs, and finds the places of errors in it.
#include <mpipe/document/document.hpp>

#include "document/expression/expression_tree.hpp"
#include "document/flow_text.hpp"
#include "document/inputs/input_value.hpp"
#include "document/sections/function_section.hpp"
#include "document/sections/keys.hpp"
#include "document/sections/map_section.hpp"
#include "document/text.hpp"
#include "document/yaml_tree.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace mpipe {

namespace fs = std::filesystem;
using detail::PlacedError;
using detail::SourceText;
using detail::Yaml;
using detail::YamlTree;

struct Document::State {
  enum class From : std::uint8_t { document, run, file, command_line };  // later ones go over earlier ones
  struct Input {
    Yaml spec;
    Place place;  ///< of its name
    From from = From::document;
  };

  fs::path file;
  std::shared_ptr<const std::string> text;  ///< shared by copies, which are as many as there are runs
  std::string name;
  OptionValues map;
  std::vector<Function> functions;
  std::vector<Yaml> expressions;
  std::vector<std::pair<Yaml, std::string>> axes;  ///< parameter, and what is added to it
  std::set<std::string> scopes;
  std::map<std::string, Place> outputs;
  std::map<std::string, Place> parameters;  ///< of the first function that takes it
  Place functions_place;
  std::map<std::string, Input> inputs;
  std::set<std::string> files;  ///< that places may name
  /// Shared by copies, too.
  struct Runs {
    std::vector<Yaml> specs;
    std::vector<std::string> names;
    /// What the record of each run begins with; null where that would be too long.
    std::shared_ptr<const std::string> beginning;
  };
  std::shared_ptr<const Runs> runs = std::make_shared<const Runs>();
  std::optional<Pipeline> whole;  ///< the functions with the axes, when it was asked for

  static std::unique_ptr<State> of(SourceText source, const fs::path& file);
  void read(const Yaml& root);
  void read_functions(const Yaml& spec);
  void read_axes(const Yaml& spec);
  void read_runs(const Yaml& spec, const Yaml& root);
  void read_run(const Yaml& spec);
  void read_inputs(const Yaml& spec, From from);
  void read_input(const std::string& name, const Yaml& value, const Place& place, From from,
                  std::set<std::string>& seen);
  void add_input(const std::string& input, Input value);
  void check_needed(const Pipeline& pipeline, const std::set<std::string>& needed, bool everything) const;
  void check_missing(const Pipeline& pipeline, const std::set<std::string>& needed) const;
  std::optional<Place> place_of(const std::string& of) const;
  std::optional<Place> place_of_subject(const Subject& subject) const;
  std::optional<Place> place_of_error(const Error& error) const;
};

namespace {

/// The name of a run becomes a folder inside of the run folder: without slashes and leading dots it cannot
/// lead out of that, and without a leading dash no command takes it for a flag.
bool is_folder_name(const std::string& name) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
  constexpr std::size_t kLongest = 100;
  return !name.empty() && name.size() <= kLongest && name.front() != '-' && name.front() != '.' &&
         name.find_first_not_of(kAllowed) == std::string::npos;
}

}  // namespace

// ---- reading
// -----------------------------------------------------------------------------------------------------

std::unique_ptr<Document::State> Document::State::of(SourceText source, const fs::path& file) {
  auto state = std::make_unique<State>();
  state->file = file;
  state->text = std::make_shared<const std::string>(source.text());
  state->files.insert(source.name());
  state->read(YamlTree::parse(std::move(source)));
  return state;
}

void Document::State::read(const Yaml& root) {
  check_keys(root, detail::kDocumentKeys);
  if (const auto version = root.find("mpipe"))
    if (detail::read_integer(*version, 1, "the version of the document's format, which is 1") != 1)
      version->refuse(
          fmt::format("the format version {} is not supported by this version of mpipe, which reads 1.",
                      version->text()),
          Category::not_supported);
  name = file.stem().string();
  if (const auto given = root.find("name")) name = detail::read_text(*given, "a name");
  const auto spec = root.find("functions");
  if (!spec) root.refuse("there are no functions. Add a list of them (functions: ..).");
  // The functions come before everything that names them: their parameters tell which names of inputs are
  // scopes, and their outputs which ones the map section may name.
  read_functions(*spec);
  if (const auto given = root.find("axes"); given && !given->is_null()) read_axes(*given);
  if (const auto given = root.find("inputs"); given && !given->is_null()) read_inputs(*given, From::document);
  if (const auto given = root.find("map"); given && !given->is_null()) {
    std::vector<std::string> names;
    for (const auto& [output, unused] : outputs) names.push_back(output);
    map = detail::read_map_section(*given, names);
  }
  // Runs are last, because each of them is tried out on top of all the others.
  if (const auto given = root.find("runs"); given && !given->is_null()) read_runs(*given, root);
}

namespace {

/// Of a record, which aliases that are written out could make as long as they like.
constexpr std::size_t kLongestRecord = 16 * 1024 * 1024;

/// All of a document but its runs, up to where these begin.
std::shared_ptr<const std::string> beginning_of_records(const Yaml& root) {
  std::string text = "{";
  for (std::size_t k = 0; k < root.size(); ++k) {
    if (root.key(k).text() == "runs") continue;
    text += root.key(k).text() + ": ";
    if (!detail::append_flow_text(root.value(k), kLongestRecord, text)) return nullptr;
    text += ",\n ";
  }
  return std::make_shared<const std::string>(text + "runs: [");
}

}  // namespace

/// Every run is read once here, so that what is wrong with the last of them is found before the first one
/// computes. The values go into a copy and are forgotten: `of_run` reads them again, over what was set since.
void Document::State::read_runs(const Yaml& spec, const Yaml& root) {
  if (!spec.is_sequence() || spec.size() == 0) spec.refuse_type("a list of runs, at least one");
  auto read = std::make_shared<Runs>();
  std::set<std::string> seen;
  for (std::size_t k = 0; k < spec.size(); ++k) {
    const Yaml run = spec.item(k);
    check_keys(run, detail::kRunKeys);
    const auto given = run.find("name");
    if (!given) run.refuse("the run has no name, which its folder gets. Add one (name: ..).");
    const std::string of_run = detail::read_text(*given, "the name of a run");
    if (!is_folder_name(of_run))
      given->refuse(
          fmt::format("'{}' cannot be the name of a run, which its folder gets: use letters, digits, "
                      "_, - and ., not starting with - or a dot.",
                      printable(of_run)));
    if (!seen.insert(of_run).second)
      given->refuse(
          fmt::format("there is a run '{}' already (they would have the same folder). Rename one.", of_run));
    State(*this).read_run(run);
    read->specs.push_back(run);
    read->names.push_back(of_run);
  }
  read->beginning = beginning_of_records(root);
  runs = std::move(read);
}

void Document::State::read_run(const Yaml& spec) {
  if (const auto given = spec.find("axes"); given && !given->is_null()) {
    read_axes(*given);
    whole.reset();  // which a run without axes of its own shares with the document
  }
  if (const auto given = spec.find("inputs"); given && !given->is_null()) read_inputs(*given, From::run);
}

void Document::State::read_functions(const Yaml& spec) {
  if (!spec.is_sequence() || spec.size() == 0) spec.refuse_type("a list of functions, at least one");
  functions_place = spec.place();
  // All functions of a document share it: a library that several of them name registers its functions once.
  detail::PluginCache plugins;
  for (std::size_t k = 0; k < spec.size(); ++k) {
    detail::FunctionEntry entry = detail::read_function(spec.item(k), plugins);
    for (const auto& [output, place] : entry.outputs) {
      const auto [first, is_new] = outputs.emplace(output, place);
      if (!is_new)
        throw PlacedError(
            place, Category::duplicate_output,
            fmt::format(
                "the output '{}' is there already, at {} (nobody could say which one is meant). Rename one.",
                output, first->second.to_string()));
    }
    for (const std::string& parameter : entry.function.parameter_names()) {
      // The place of the first function that takes it stays, however many others do.
      parameters.emplace(parameter, entry.place);
      if (const std::size_t dot = parameter.find('.'); dot != std::string::npos)
        scopes.insert(parameter.substr(0, dot));
    }
    expressions.insert(expressions.end(), entry.expressions.begin(), entry.expressions.end());
    functions.push_back(std::move(entry.function));
  }
}

void Document::State::read_axes(const Yaml& spec) {
  if (!spec.is_map()) spec.refuse_type("a mapping from parameters to the axes that they get");
  for (std::size_t k = 0; k < spec.size(); ++k) {
    std::vector<std::string> added;
    for (const Yaml& axis : detail::read_one_or_list(spec.value(k), "the name of an axis, or a list of them"))
      added.push_back(axis.text());
    axes.emplace_back(spec.key(k), fmt::format("{}", fmt::join(added, ", ")));
  }
}

void Document::State::read_inputs(const Yaml& spec, From from) {
  if (!spec.is_map()) spec.refuse_type("a mapping from names to values");
  std::set<std::string> seen;
  for (std::size_t k = 0; k < spec.size(); ++k) {
    const Yaml key = spec.key(k);
    if (!is_identifier(key.text()))
      key.refuse(
          fmt::format(
              "'{}' cannot be the name of an input: use letters, digits and _, not starting with a digit.",
              printable(key.text())),
          Category::bad_identifier);
    read_input(key.text(), spec.value(k), key.place(), from, seen);
  }
}

/// One value, or those of a scope: `foo: {a: 1}` is `foo.a: 1`. `seen`: names of the same list so far.
void Document::State::read_input(const std::string& input, const Yaml& value, const Place& place, From from,
                                 std::set<std::string>& seen) {
  if (scopes.contains(input) && value.is_map()) {
    for (std::size_t k = 0; k < value.size(); ++k) {
      const Yaml key = value.key(k);
      const std::string full = input + "." + key.text();
      if (!is_identifier(full))
        key.refuse(
            fmt::format("'{}' cannot be the name of an input in the scope '{}': use letters, digits and "
                        "_, not starting with a digit.",
                        printable(key.text()), input),
            Category::bad_identifier);
      read_input(full, value.value(k), key.place(), from, seen);
    }
    return;
  }
  if (!seen.insert(input).second)
    throw PlacedError(place, Category::scope_conflict,
                      fmt::format("Conflicting definitions for '{}': it is given both by its full name and "
                                  "inside of its scope. Give it once.",
                                  input));
  detail::check_value(value, true);
  add_input(input, {value, place, from});
}

/// What is said later wins among equals only: `of_run` reads the inputs of a run after `--set` and `--inputs`
/// were added, and must not go over those.
void Document::State::add_input(const std::string& input, Input value) {
  const auto found = inputs.find(input);
  if (found == inputs.end())
    inputs.emplace(input, std::move(value));
  else if (found->second.from <= value.from)
    found->second = std::move(value);
}

Document Document::load(const fs::path& file) { return Document(State::of(SourceText::read(file), file)); }

Document Document::parse(std::string text, const fs::path& file) {
  return Document(State::of(SourceText(file.string(), std::move(text), file.parent_path()), file));
}

Document::Document(std::unique_ptr<State> state) : state_(std::move(state)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

const fs::path& Document::file() const { return state_->file; }
const std::string& Document::text() const { return *state_->text; }
const std::string& Document::name() const { return state_->name; }
const OptionValues& Document::map() const { return state_->map; }
const std::vector<Function>& Document::functions() const { return state_->functions; }
const std::vector<std::string>& Document::runs() const { return state_->runs->names; }

Document Document::of_run(std::size_t run) const {
  auto state = std::make_unique<State>(*state_);
  state->name = state_->runs->names.at(run);
  state->runs = std::make_shared<const State::Runs>();
  state->read_run(state_->runs->specs[run]);
  return Document(std::move(state));
}

DocumentRecord Document::record_of_run(std::size_t run) const {
  const Yaml& spec = state_->runs->specs.at(run);
  std::string rest;
  if (!state_->runs->beginning || !detail::append_flow_text(spec, kLongestRecord, rest))
    return {state_->text, {}};
  return {state_->runs->beginning, rest + "]}\n"};
}

Pipeline Document::pipeline() const {
  if (state_->whole) return *state_->whole;
  try {
    Pipeline pipeline(state_->functions);
    // Lambdas do not capture structured bindings here and elsewhere, as clang takes that from version 16 on only.
    for (const auto& added : state_->axes)
      detail::at_place(added.first,
                       [&] { pipeline = pipeline.add_mapspec_axis({added.first.text()}, added.second); });
    state_->whole = pipeline;
    return pipeline;
    // An error of an axis has its place already; the clause below would put a second one in front of it.
  } catch (const PlacedError&) {
    throw;
  } catch (const Error& error) {
    throw PlacedError(state_->place_of_error(error).value_or(state_->functions_place), error.category(),
                      error.what());
  }
}

// ---- inputs
// ------------------------------------------------------------------------------------------------------

void Document::set_input(const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  const std::string name = assignment.substr(0, equals);
  if (equals == std::string::npos || !is_identifier(name))
    throw Error(Category::bad_option,
                fmt::format("--set '{}' is not of the form name=JSON, as in alpha=0.5 or alpha='[1, 2]'.",
                            printable(assignment)));
  // Spaces take the place of the name, so that columns in messages are those of what was typed.
  const Yaml value =
      YamlTree::parse(SourceText("--set", std::string(equals + 1, ' ') + assignment.substr(equals + 1), {}));
  // Errors about this text name it as their file, by which `located` sees that they need no other place.
  state_->files.insert(value.source().name());
  std::set<std::string> seen;
  state_->read_input(name, value, value.place(), State::From::command_line, seen);
}

void Document::add_inputs(const fs::path& file) {
  const Yaml root = YamlTree::parse(SourceText::read(file));
  state_->files.insert(root.source().name());
  state_->read_inputs(root, State::From::file);
}

std::vector<std::string> Document::input_names() const {
  std::vector<std::string> names;
  for (const auto& [name, unused] : state_->inputs) names.push_back(name);
  return names;
}

Inputs Document::load_inputs(const std::vector<std::string>& names) const {
  Inputs values;
  for (const std::string& name : names)
    if (const auto found = state_->inputs.find(name); found != state_->inputs.end())
      values.emplace(name, detail::read_value(found->second.spec, name));
  return values;
}

/// Refuses inputs that are not among `needed`: all of them (`everything`), or those of the command line only.
void Document::State::check_needed(const Pipeline& pipeline, const std::set<std::string>& needed,
                                   bool everything) const {
  for (const auto& [input, given] : inputs) {
    if (needed.contains(input) || !(everything || given.from == From::command_line)) continue;
    std::string why;
    if (pipeline.has_output(input))
      why = fmt::format("the input '{}' is an output of a function, which computes it. Remove the input.",
                        input);
    else if (parameters.contains(input))
      why = fmt::format("the input '{}' is not needed for what is computed. Remove it.", input);
    else
      why = fmt::format("no function takes the input '{}'.{} Correct the name or remove it.", input,
                        detail::suggestion(input, pipeline.root_args()));
    throw PlacedError(given.place, Category::extra_input, why);
  }
}

void Document::State::check_missing(const Pipeline& pipeline, const std::set<std::string>& needed) const {
  std::vector<std::string> missing;
  for (const std::string& input : needed)
    if (!inputs.contains(input) && pipeline.default_of(input) == nullptr) missing.push_back(input);
  if (missing.empty()) return;
  throw PlacedError(
      parameters.at(missing.front()), Category::missing_input,
      fmt::format(
          "Missing inputs: {} (no function makes them and they have no default; the first is taken by the "
          "function here). Add them to the inputs of the document, or give them with --set.",
          fmt::join(missing, ", ")));
}

Inputs Document::inputs_for_map(const Pipeline& pipeline, const std::vector<std::string>& outputs) const {
  std::set<std::string> needed;
  const std::vector<bool> functions = pipeline.needed_for(outputs);
  for (std::size_t k = 0; k < functions.size(); ++k)
    if (functions[k])
      for (const ParameterNode& parameter : pipeline.functions()[k].parameters)
        if (parameter.source == Source::root) needed.insert(parameter.name);
  state_->check_needed(pipeline, needed, outputs.empty());
  state_->check_missing(pipeline, needed);
  return load_inputs({needed.begin(), needed.end()});
}

/// Goes back from the outputs to what they are made of, and stops at every name that is given, even where a
/// function could compute it: then nothing that only this function needs is asked for.
Inputs Document::inputs_for_run(const Pipeline& pipeline, const std::vector<std::string>& outputs) const {
  std::set<std::string> needed;
  std::set<std::string> seen;
  std::vector<std::string> open = outputs;
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    // Two functions may take the same value: what lies before it is looked at once.
    if (!seen.insert(name).second) continue;
    if (state_->inputs.contains(name)) {
      needed.insert(name);
      continue;
    }
    if (!pipeline.has_output(name)) continue;
    for (const ParameterNode& parameter : pipeline.function(pipeline.producer_of(name)).parameters)
      if (parameter.source != Source::bound) open.push_back(parameter.name);
  }
  state_->check_needed(pipeline, needed, false);
  return load_inputs({needed.begin(), needed.end()});
}

// ---- places
// ------------------------------------------------------------------------------------------------------

std::optional<Place> Document::State::place_of(const std::string& of) const {
  // What was given is blamed before the function that takes it, since that is where one mends it.
  if (const auto input = inputs.find(of); input != inputs.end()) return input->second.place;
  for (const auto* places : {&outputs, &parameters})
    if (const auto found = places->find(of); found != places->end()) return found->second;
  return {};
}

/// Where the subject of an error is written. What an option is about is no name of the document: an input that
/// happens to be called like it is innocent.
std::optional<Place> Document::State::place_of_subject(const Subject& subject) const {
  const auto among = [&](const std::map<std::string, Place>& places) -> std::optional<Place> {
    const auto found = places.find(subject.name);
    return found == places.end() ? std::nullopt : std::optional(found->second);
  };
  switch (subject.kind) {
    case Subject::Kind::output:
    case Subject::Kind::function:
      return among(outputs);
    case Subject::Kind::parameter:
      return place_of(subject.name);
    default:
      return {};
  }
}

/// What types and shapes say of an expression is only known with its arguments, when its place is out of
/// sight.
std::optional<Place> Document::State::place_of_error(const Error& error) const {
  if (const auto* in_expression = dynamic_cast<const detail::ExpressionError*>(&error))
    for (const Yaml& expression : expressions)
      if (expression.text() == in_expression->text())
        return expression.place_in_text(in_expression->offset());
  return place_of_subject(error.subject());
}

std::optional<Place> Document::place_of(const std::string& name) const { return state_->place_of(name); }

Error Document::located(const Error& error) const {
  const Subject& subject = error.subject();
  if (subject.kind == Subject::Kind::file && state_->files.contains(subject.name)) return error;
  const auto place = state_->place_of_error(error);
  if (!place) return error;
  std::string text = place->to_string() + ": " + error.what();
  const auto input = state_->inputs.find(subject.name);
  const bool is_of_input = subject.kind == Subject::Kind::parameter && input != state_->inputs.end();
  if (is_of_input && error.category() == Category::type_mismatch)
    text += detail::origin_of_texts(input->second.spec);
  return {error.category(), text, {Subject::Kind::file, place->file}};
}

}  // namespace mpipe
