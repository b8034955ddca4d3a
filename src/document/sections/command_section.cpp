// SPDX-License-Identifier: BSD-3-Clause
// Reads the keys of a function that is a program.
#include "document/sections/command_section.hpp"

#include "document/api/program.hpp"
#include "document/command/command_output.hpp"
#include "document/sections/keys.hpp"
#include "document/sections/output_types.hpp"
#include "document/sections/quantity.hpp"
#include "document/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace mpipe::detail {
namespace {

using Returns = CommandSpec::Returns;

constexpr std::int64_t kMostRetries = 1000;
constexpr double kMostGrowth = 1000;  // of a limit over all tries

TextTemplate read_template(const Yaml& text, std::string_view expected) {
  return at_place(text, [&] { return TextTemplate(read_text(text, expected)); });
}

class CommandReader {
 public:
  CommandReader(const Yaml& spec, const std::vector<std::string>& outputs) : spec_(spec), outputs_(outputs) {}

  CommandSpec read(const std::vector<std::string>& parameters) {
    read_words();
    if (const auto text = spec_.find("stdin"))
      command_.input = read_template(*text, "a text for standard input");
    read_environment();
    read_outputs();
    read_limits();
    if (const auto retries = spec_.find("retries")) read_retries(*retries);
    if (const auto folder = spec_.find("workdir")) read_folder(*folder);
    read_parameters(parameters);
    return std::move(command_);
  }

 private:
  void read_words() {
    const Yaml words = *spec_.find("command");
    if (!words.is_sequence() || words.size() == 0)
      words.refuse_type(
          "a list of words, as in [./solver, --alpha, \"{alpha}\"] (there is no shell that would "
          "take a line apart)");
    for (std::size_t k = 0; k < words.size(); ++k)
      command_.words.push_back(read_template(words.item(k), "a word of the command"));
    for (const TextTemplate& word : command_.words) command_.written.push_back(word.text());
    const Yaml program = words.item(0);
    if (!command_.words.front().is_literal())
      program.refuse("the first word is the program, which is the same for all elements: no {name} in it.");
    command_.program = at_place(
        program, [&] { return find_program(command_.words.front().text(), program.source().folder()); });
    // Scripts and the like beside the document are found from whatever folder the program runs in.
    for (std::size_t k = 1; k < words.size(); ++k) {
      const std::string& word = command_.words[k].text();
      if (!command_.words[k].is_literal() || !(word.starts_with("./") || word.starts_with("../"))) continue;
      const fs::path path = fs::absolute(program.source().folder() / word);
      std::error_code error;
      if (fs::exists(path, error))
        command_.words[k] = TextTemplate(escaped(path.lexically_normal().string()));
    }
  }

  static std::string escaped(const std::string& text) {
    std::string all;
    for (const char c : text) all.append(c == '{' || c == '}' ? 2 : 1, c);
    return all;
  }

  void read_environment() {
    const auto spec = spec_.find("env");
    if (!spec) return;
    if (!spec->is_map()) spec->refuse_type("a mapping from variables to texts");
    for (std::size_t k = 0; k < spec->size(); ++k) {
      const std::string& name = spec->key(k).text();
      if (name.empty() || name.find('=') != std::string::npos)
        spec->key(k).refuse(fmt::format("'{}' is no name of a variable.", printable(name)));
      command_.environment.emplace(name, read_template(spec->value(k), "the text of a variable"));
    }
  }

  // ---- what it gives ----

  void read_outputs() {
    const auto returns = spec_.find("returns");
    if (!returns)
      spec_.refuse(fmt::format(
          "nothing says what the command gives for '{}'. Add returns: json, number, text, or a file for each "
          "output, as in {{{}: result.npy}}.",
          printable(outputs_.front()), printable(outputs_.front())));
    for (const std::string& name : outputs_)
      command_.outputs.push_back({name, nullptr, read_item_rank(spec_), {}});
    if (returns->is_map())
      read_files(*returns);
    else
      read_form(*returns);
    read_types();
  }

  void read_form(const Yaml& returns) {
    const std::string form = read_word(returns, {"json", "number", "text"},
                                       "json, number, text, or a mapping from outputs to files");
    command_.returns = form == "json" ? Returns::json : form == "number" ? Returns::number : Returns::text;
    if (form != "json" && outputs_.size() > 1)
      returns.refuse(
          fmt::format("a {} is one value, but there are {} outputs. Take json, with the outputs as keys, "
                      "or a file for each.",
                      form, outputs_.size()));
    if (form != "json") command_.outputs.front().rank = 0;
  }

  void read_files(const Yaml& returns) {
    command_.returns = Returns::files;
    for (std::size_t k = 0; k < returns.size(); ++k) {
      const std::string& name = returns.key(k).text();
      const auto output = std::find_if(command_.outputs.begin(), command_.outputs.end(),
                                       [&](const CommandOutput& known) { return known.name == name; });
      if (output == command_.outputs.end())
        returns.key(k).refuse(
            fmt::format("'{}' is no output of this function.{}", printable(name), suggestion(name, outputs_)),
            Category::unknown_name);
      const Yaml file = returns.value(k);
      output->file = read_template(file, "the name of a file");
      const fs::path path = output->file->text();
      if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end())
        file.refuse(
            "a file of an output lies in the folder in which the command runs: a relative path, without "
            "'..'.");
      if (!is_readable_kind(path.string()))
        file.refuse("the end of its name tells how a file is read: .npy, .csv, .json or .txt.");
    }
    for (const CommandOutput& output : command_.outputs)
      if (!output.file)
        returns.refuse(fmt::format("there is no file for the output '{}'. Add it.", printable(output.name)));
  }

  void read_types() {
    static constexpr std::string_view kTypes[] = {"float64", "float32", "int64",     "int32",  "int16",
                                                  "int8",    "uint64",  "uint32",    "uint16", "uint8",
                                                  "bool",    "str",     "complex128"};
    const auto types = read_dtypes(spec_, outputs_, kTypes);
    const Kind usual = command_.returns == Returns::text ? Kind::string : Kind::float64;
    for (CommandOutput& output : command_.outputs) {
      const bool text_file = output.file && fs::path(output.file->text()).extension() == ".txt";
      const auto said = types.find(output.name);
      output.type = said != types.end() ? find_element_type(said->second)
                                        : &element_type(text_file ? Kind::string : usual);
    }
  }

  // ---- how it runs ----

  void read_limits() {
    if (const auto time = spec_.find("timeout")) command_.time = read_time(*time);
    const auto codes = spec_.find("exit_codes");
    if (!codes) return;
    command_.exit_codes.clear();
    for (const Yaml& code : read_one_or_list(*codes, "an exit code, or a list of them")) {
      const std::int64_t number = read_integer(code, 0, "an exit code: a whole number from 0 to 255");
      if (number > 255) code.refuse("exit codes are at most 255.");
      command_.exit_codes.insert(static_cast<int>(number));
    }
  }

  void read_retries(const Yaml& spec) {
    const auto read_count = [&](const Yaml& count) {
      const std::int64_t most = read_integer(count, 0, "a number of retries, 0 or more");
      if (most > kMostRetries) count.refuse(fmt::format("at most {} retries are made.", kMostRetries));
      command_.retries.most = static_cast<int>(most);
    };
    if (!spec.is_map()) return read_count(spec);
    check_keys(spec, kRetryKeys);
    const auto count = spec.find("times");
    if (!count) spec.refuse("the retries have no number. Add it (times: 3).");
    read_count(*count);
    if (const auto pause = spec.find("pause")) command_.retries.pause = read_time(*pause);
    const auto resources = spec_.find("resources");
    const auto asks = [&](const char* what) {
      return resources && resources->is_map() && resources->find(what);
    };
    if (const auto factor = spec.find("memory_factor")) {
      if (!asks("memory"))
        factor->refuse("there is no limit of memory that could grow. Add it (resources: {memory: 2GB}).");
      command_.retries.memory_factor = read_factor(*factor);
    }
    if (const auto factor = spec.find("time_factor")) {
      if (!spec_.find("timeout") && !asks("time"))
        factor->refuse("there is no limit of time that could grow. Add it (timeout: 10min).");
      command_.retries.time_factor = read_factor(*factor);
    }
    const auto causes = spec.find("on");
    if (!causes) return;
    command_.retries.causes.clear();
    for (const Yaml& name : read_one_or_list(*causes, "a cause, or a list of them")) {
      const auto& all = all_command_causes();
      const auto cause = std::find_if(all.begin(), all.end(),
                                      [&](CommandCause known) { return cause_name(known) == name.text(); });
      if (cause == all.end()) name.refuse_type("exit_code, signal, time or bad_output");
      command_.retries.causes.insert(*cause);
    }
  }

  /// Limits that grow with each try are still limits.
  double read_factor(const Yaml& spec) const {
    const double factor = read_number(spec, "a factor of 1 or more");
    const double growth = std::pow(factor, command_.retries.most);
    // The comparison is negated so that it refuses a NaN, too.
    if (!(factor >= 1 && growth <= kMostGrowth))
      spec.refuse(
          fmt::format("the limit of the last of {} tries would be {:.3g} times the first one; it may be 1 to "
                      "{} times as much. Take another factor, or fewer tries.",
                      command_.retries.most + 1, growth, kMostGrowth));
    return factor;
  }

  void read_folder(const Yaml& spec) {
    command_.written_folder = read_text(spec, "a folder");
    const fs::path folder = fs::absolute(spec.source().folder() / command_.written_folder);
    std::error_code error;
    if (!fs::is_directory(folder, error))
      spec.refuse(fmt::format("there is no folder '{}'. Without 'workdir' each element gets a fresh one.",
                              folder.string()));
    command_.folder = folder.lexically_normal().string();
  }

  void read_parameters(const std::vector<std::string>& parameters) {
    const std::vector<std::string> used = names_in(command_);
    command_.parameters = parameters.empty() ? used : parameters;
    for (const std::string& name : used)
      if (std::find(command_.parameters.begin(), command_.parameters.end(), name) ==
          command_.parameters.end())
        spec_.find("parameters")
            ->refuse(fmt::format("the command takes '{}', which is not among the parameters.{} Correct the "
                                 "name, or add it.",
                                 printable(name), suggestion(name, command_.parameters)),
                     Category::unknown_name);
  }

  const Yaml& spec_;
  const std::vector<std::string>& outputs_;
  CommandSpec command_;
};

}  // namespace

CommandSpec read_command(const Yaml& spec, const std::vector<std::string>& outputs,
                         const std::vector<std::string>& parameters) {
  return CommandReader(spec, outputs).read(parameters);
}

}  // namespace mpipe::detail
