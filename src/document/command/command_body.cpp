// SPDX-License-Identifier: BSD-3-Clause
// Calls a program for each element: fills in its words, runs it, tries again where that may help, reads its outputs.
#include "document/command/command_body.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/text.hpp"
#include "data/api/npy.hpp"
#include "document/api/json_text.hpp"
#include "document/api/program.hpp"
#include "document/command/command_output.hpp"
#include "document/command/element_folder.hpp"
#include "document/command/file_digest.hpp"
#include "options/api/option_table.hpp"
#include "pipeline/api/described_body.hpp"
#include "pipeline/api/element_call.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <thread>

namespace mpipe::detail {
namespace {

constexpr std::size_t kErrorLines = 1000;                    // bytes of standard error in messages
constexpr Duration kLongestPause = std::chrono::minutes(1);  // between two attempts

/// Variables that are meant for this run and not for programs that it starts: those of the launcher of MPI, as a
/// program may be such a launcher, and the options of `map`, which would change a map inside of the program
/// (to a shard, say) without a word.
bool is_of_this_run(std::string_view variable) {
  static constexpr std::string_view kLaunchers[] = {"OMPI_", "PMIX_", "PRTE_", "PMI_"};
  static const std::set<std::string, std::less<>> options = [] {
    std::set<std::string, std::less<>> names;
    for (const OptionRow& row : option_table()) names.insert(row.variable());
    return names;
  }();
  return options.contains(variable) ||
         std::any_of(std::begin(kLaunchers), std::end(kLaunchers),
                     [&](std::string_view prefix) { return variable.starts_with(prefix); });
}

/// One element of a call, from its arguments to the values of its outputs.
class CommandElement {
 public:
  CommandElement(const CommandSpec& spec, const BlockCall& call, Index element)
      : spec_(spec), call_(call), index_(multi_index(element, *call.external)) {
    for (const ArgumentView& argument : call.arguments)
      arguments_.push_back(argument_value(argument, *call.external, element));
  }

  std::vector<Value> run() {
    Duration pause = spec_.retries.pause;
    for (int attempt = 0;; ++attempt) {
      try {
        return run_once(attempt);
      } catch (const CommandFailed& failed) {
        if (attempt >= spec_.retries.most || !spec_.retries.causes.contains(failed.cause)) {
          if (attempt == 0) throw;
          throw CommandFailed(failed.cause,
                              fmt::format("{} (attempt {} of {})", failed.what(), attempt + 1, attempt + 1));
        }
      }
      std::this_thread::sleep_for(pause);
      pause = std::min(2 * pause, kLongestPause);
    }
  }

 private:
  std::vector<Value> run_once(int attempt) {
    ElementFolder folder(base_folder() / folder_name(), base_folder());
    ProgramCall program = prepare(folder.path(), attempt);
    const ProgramEnd end = run_program(program, SteadyClock{});
    try {
      check_end(end, program.time);
      return read(folder.path(), program.folder, end);
    } catch (const CommandFailed& failed) {
      throw CommandFailed(failed.cause, failed.what() + keep(folder, program, end));
    } catch (const BadOutput& bad) {
      throw CommandFailed(CommandCause::bad_output,
                          fmt::format("the program '{}' ended well, but its output is not as expected: {}",
                                      spec_.words.front().text(), bad.what()) +
                              keep(folder, program, end));
    }
  }

  // ---- before ----

  bool has_scratch() const { return call_.place != nullptr && !call_.place->scratch.empty(); }
  bool in_run_folder() const {
    return call_.place != nullptr && !call_.place->run_folder.empty() && !has_scratch();
  }

  /// In the run folder, so that all of a run is in one place, unless the user has named a faster one; without either,
  /// where temporary files go.
  fs::path base_folder() const {
    if (has_scratch()) return call_.place->scratch;
    if (in_run_folder()) return call_.place->run_folder;
    const char* const temporary = std::getenv("TMPDIR");
    return temporary != nullptr && *temporary != '\0' ? temporary : "/tmp";
  }
  fs::path folder_name() const {
    const fs::path above = in_run_folder() ? "work" : fmt::format("mpipe-{}-{}", ::getuid(), ::getpid());
    std::string name = "element";
    for (const Index k : index_) name += fmt::format("-{}", k);
    return above / spec_.outputs.front().name / name;
  }

  ProgramCall prepare(const fs::path& folder, int attempt) {
    const auto word = [&](const Placeholder& place) { return text_of(place, folder); };
    ProgramCall program;
    program.words.push_back(spec_.program);
    for (std::size_t k = 1; k < spec_.words.size(); ++k)
      program.words.push_back(without_nul(spec_.words[k].expand(word)));
    if (spec_.input)
      program.input = spec_.input->expand([&](const Placeholder& place) {
        const Value& value = argument(place.name);
        return place.as_file || (value.is_scalar() && value.type().kind != Kind::array)
                   ? text_of(place, folder)
                   : json_text(value);
      });
    program.folder = spec_.folder.empty() ? folder.string() : spec_.folder;
    program.environment = environment(attempt, word);
    program.time = time_limit(attempt);
    program.memory = memory_limit(attempt);
    return program;
  }

  const Value& argument(const std::string& name) const {
    const auto at = std::find(spec_.parameters.begin(), spec_.parameters.end(), name);
    return arguments_[static_cast<std::size_t>(at - spec_.parameters.begin())];
  }

  std::string text_of(const Placeholder& place, const fs::path& folder) const {
    const Value& value = argument(place.name);
    return place.as_file ? write_value(value, place, folder) : word_of(value, place.format);
  }

  static std::string without_nul(std::string word) {
    if (word.find('\0') != std::string::npos)
      throw Error(
          Category::type_mismatch,
          "a text with a NUL in it cannot be a word of a command. Give it as a file ({file:NAME}) or by "
          "standard input.");
    return word;
  }

  /// Arrays of numbers become npy files, single texts and numbers plain text, all others JSON.
  static std::string write_value(const Value& value, const Placeholder& place, const fs::path& folder) {
    const bool single = value.is_scalar() && (value.type().is_real() || value.type().kind == Kind::string);
    std::string kind = place.format;
    if (kind.empty()) kind = single ? "txt" : value.type().is_numeric() ? "npy" : "json";
    const fs::path path = folder / (place.name + "." + kind);
    File file(path, File::Mode::create);
    const auto bytes_of = [](const std::string& text) { return std::as_bytes(std::span(text)); };
    if (kind != "npy") {
      file.write_at(0, bytes_of(kind == "txt" && single ? word_of(value, {}) : json_text(value)));
      return path.string();
    }
    if (!value.type().is_numeric())
      throw Error(Category::type_mismatch, fmt::format("{} cannot be an npy file. Take {{file:{}:json}}.",
                                                       describe(value), place.name));
    const std::string header = npy_header(numpy_type(value.type()), value.shape());
    file.write_at(0, bytes_of(header), std::span(value.data(), value.byte_size()));
    return path.string();
  }

  /// All that this process has but what is meant for this run alone.
  std::vector<std::string> environment(int attempt,
                                       const std::function<std::string(const Placeholder&)>& word) const {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view text = *entry;
      const std::size_t end = text.find('=');
      if (end == std::string_view::npos || is_of_this_run(text.substr(0, end))) continue;
      variables[std::string(text.substr(0, end))] = text.substr(end + 1);
    }
    if (const CallPlace* const place = call_.place) {
      variables["MPIPE_RUN_FOLDER"] = place->run_folder;
      variables["MPIPE_RANK"] = std::to_string(place->rank);
    }
    variables["MPIPE_OUTPUT"] = spec_.outputs.front().name;
    variables["MPIPE_INDEX"] = fmt::format("{}", fmt::join(index_, ","));
    variables["MPIPE_ATTEMPT"] = std::to_string(attempt);
    if (call_.resources != nullptr && call_.resources->threads > 0)
      variables["OMP_NUM_THREADS"] = std::to_string(call_.resources->threads);
    for (const auto& [name, text] : spec_.environment) variables[name] = without_nul(text.expand(word));
    std::vector<std::string> all;
    for (const auto& [name, text] : variables) all.push_back(name + "=" + text);
    return all;
  }

  // ---- behind ----

  void check_end(const ProgramEnd& end, Duration time) const {
    const std::string program = fmt::format("the program '{}'", spec_.words.front().text());
    switch (end.how) {
      case ProgramEnd::How::exited:
        if (spec_.exit_codes.contains(end.number)) return;
        throw CommandFailed(CommandCause::exit_code,
                            fmt::format("{} ended with exit code {} ({} is expected)", program, end.number,
                                        fmt::join(spec_.exit_codes, " or ")));
      case ProgramEnd::How::signalled:
        throw CommandFailed(CommandCause::signal, fmt::format("{} was ended by signal {} ({})", program,
                                                              end.number, ::strsignal(end.number)));
      case ProgramEnd::How::out_of_time:
        throw CommandFailed(
            CommandCause::time,
            fmt::format("{} took longer than its time of {:g} s and was ended", program, seconds(time)));
      case ProgramEnd::How::said_too_much:
        throw CommandFailed(
            CommandCause::bad_output,
            fmt::format("{} wrote more than 64 MiB to its standard output or standard error, and was "
                        "ended. Have it write large results to a file.",
                        program));
    }
  }

  /// Of a try, counted from 0; zero: none.
  Duration time_limit(int attempt) const {
    const Duration first =
        spec_.time == Duration{} && call_.resources != nullptr ? call_.resources->time : spec_.time;
    return grown(first, std::pow(spec_.retries.time_factor, attempt));
  }
  std::uint64_t memory_limit(int attempt) const {
    if (call_.resources == nullptr) return 0;
    const double bytes =
        static_cast<double>(call_.resources->memory) * std::pow(spec_.retries.memory_factor, attempt);
    constexpr double kMost = 0x1p62;
    return spec_.retries.memory_factor == 1 ? call_.resources->memory
                                            : static_cast<std::uint64_t>(std::min(bytes, kMost));
  }
  static Duration grown(Duration limit, double factor) {
    constexpr double kMost = 0x1p62;
    if (factor == 1) return limit;
    return Duration(static_cast<Duration::rep>(std::min(static_cast<double>(limit.count()) * factor, kMost)));
  }

  std::vector<Value> read(const fs::path& folder, const fs::path& ran_in, const ProgramEnd& end) const {
    std::vector<fs::path> files;
    for (const CommandOutput& output : spec_.outputs)
      if (output.file)
        files.push_back(
            ran_in / output.file->expand([&](const Placeholder& place) { return text_of(place, folder); }));
    return read_outputs(spec_, end.output, files);
  }

  /// Keeps the folder of an element that failed, with what was run and what it said.
  std::string keep(ElementFolder& folder, const ProgramCall& program, const ProgramEnd& end) const {
    const std::size_t cut = end.errors.size() - std::min(end.errors.size(), kErrorLines);
    std::string text;
    if (!end.errors.empty())
      text =
          fmt::format(". The end of its standard error: {}", printable(end.errors.substr(cut), kErrorLines));
    if (!(in_run_folder() || has_scratch())) return text;
    write_file_atomically(folder.path() / "stdout", end.output, false);
    write_file_atomically(folder.path() / "stderr", end.errors, false);
    std::string words;
    for (const std::string& word : program.words) words += word + '\n';
    write_file_atomically(folder.path() / "command", words, false);
    folder.keep();
    return text + fmt::format(". Its folder is kept: {}", folder.path().string());
  }

  const CommandSpec& spec_;
  const BlockCall& call_;
  MultiIndex index_;
  std::vector<Value> arguments_;
};

class CommandBody final : public FunctionBody, public DescribedBody {
 public:
  explicit CommandBody(CommandSpec spec)
      : spec_(std::move(spec)),
        parameters_(spec_.parameters.size(), ValueType{nullptr, std::nullopt, true, true}) {}

  const std::vector<ValueType>& parameters() const override { return parameters_; }
  std::size_t output_count() const override { return spec_.outputs.size(); }
  bool thread_safe() const override { return true; }

  /// What values follow from. Limits of time and retries are not part of it: a run that goes on may have others. Paths are
  /// as the document writes them, as it may be moved together with the files.
  std::map<std::string, std::string> keys() const override {
    std::map<std::string, std::string> all;
    all["command"] = fmt::format("['{}']", fmt::join(spec_.written, "', '"));
    if (spec_.input) all["stdin"] = spec_.input->text();
    for (const auto& [name, text] : spec_.environment) all["env " + name] = text.text();
    all["returns"] = returns_text();
    if (!spec_.written_folder.empty()) all["workdir"] = spec_.written_folder;
    if (static const std::set<int> usual{0}; spec_.exit_codes != usual)
      all["exit_codes"] = fmt::format("{}", fmt::join(spec_.exit_codes, ", "));
    add_files(all);
    return all;
  }

  std::string identity() const override {
    std::string text = "command 1";
    for (const TextTemplate& word : spec_.words) text += fmt::format(" '{}'", word.text());
    if (spec_.input) text += fmt::format(" <'{}'", spec_.input->text());
    for (const auto& [name, value] : spec_.environment) text += fmt::format(" {}='{}'", name, value.text());
    text += fmt::format(" ({}) -> {}", fmt::join(spec_.parameters, ", "), static_cast<int>(spec_.returns));
    for (const CommandOutput& output : spec_.outputs)
      text += fmt::format(" {}:{}{}", output.name, output.type->name,
                          output.file ? " " + output.file->text() : "");
    return text + fmt::format(" exit {}", fmt::join(spec_.exit_codes, ","));
  }

  std::vector<ValueType> outputs(std::span<const ValueType> arguments) const override {
    for (const TextTemplate& word : spec_.words) check_words(word, arguments);
    for (const auto& [name, text] : spec_.environment) check_words(text, arguments);
    std::vector<ValueType> types;
    for (const CommandOutput& output : spec_.outputs)
      types.push_back({output.type, output.rank, !output.rank.has_value()});
    return types;
  }

  void call(BlockCall& call) const override {
    for (Index k = 0; k < call.range.size(); ++k) {
      if (call.at != nullptr) call.at->store(call.range.begin + k, std::memory_order_relaxed);
      const std::vector<Value> values = CommandElement(spec_, call, call.range.begin + k).run();
      std::vector<ElementOutput> outputs;
      for (std::size_t output = 0; output < values.size(); ++output)
        outputs.push_back(in_form_of(call.outputs[output], values[output], spec_.outputs[output].name));
      put_element(outputs, call, k);
      call.completed = k + 1;
    }
  }

 private:
  /// The program, and the words that are files, scripts mostly, by their content. Ranks are not compared by them: nodes may
  /// have files of their own under one name.
  void add_files(std::map<std::string, std::string>& all) const {
    const auto add = [&](std::size_t word, const fs::path& path) {
      if (std::string digest = file_digest(path); !digest.empty())
        all["file " + spec_.written[word]] = std::move(digest);
    };
    add(0, spec_.program);
    for (std::size_t k = 1; k < spec_.words.size(); ++k)
      if (spec_.words[k].is_literal())
        if (const fs::path path = spec_.words[k].expand({}); path.is_absolute()) add(k, path);
  }

  std::string returns_text() const {
    switch (spec_.returns) {
      case CommandSpec::Returns::json:
        return "json";
      case CommandSpec::Returns::number:
        return "number";
      case CommandSpec::Returns::text:
        return "text";
      case CommandSpec::Returns::files:
        break;
    }
    std::vector<std::string> files;
    for (const CommandOutput& output : spec_.outputs)
      files.push_back(fmt::format("{}: {}", output.name, output.file->text()));
    return fmt::format("{{{}}}", fmt::join(files, ", "));
  }

  /// Words are single values. What is not known before the run is seen by each element.
  void check_words(const TextTemplate& text, std::span<const ValueType> arguments) const {
    for (const Placeholder& place : text.placeholders()) {
      const auto at = std::find(spec_.parameters.begin(), spec_.parameters.end(), place.name);
      const ValueType& given = arguments[static_cast<std::size_t>(at - spec_.parameters.begin())];
      if (place.as_file || given.element == nullptr || !given.rank) continue;
      if (*given.rank != 0)
        throw Error(
            Category::type_mismatch,
            fmt::format(
                "parameter '{}' of the command is {}, which cannot be a word of it. Give it as a file "
                "({{file:{}}}) or by standard input.",
                place.name, given.to_string(), place.name));
      check_word(*given.element, place.format);
    }
  }

  /// The column says in which of three ways it takes an output: as items of a larger array, as an element that is
  /// an array itself, or as one value.
  static ElementOutput in_form_of(const OutputColumn& column, const Value& value, const std::string& name) {
    if (column.collects_items) {
      ElementOutput output{value.shape(), Bytes(value.data(), value.data() + value.byte_size()), {}};
      if (const std::uint64_t* offsets = value.offsets())
        output.offsets.assign(offsets, offsets + value.count() + 1);
      return output;
    }
    if (!value.is_scalar())
      throw Error(
          Category::internal_shape_rank,
          fmt::format("the command gave an array of shape {} for '{}', where a single value was expected. "
                      "Name its axes in the mapspec.",
                      to_string(value.shape()), name));
    const std::span<const std::byte> bytes = value.element(0);
    return {std::nullopt, Bytes(bytes.begin(), bytes.end()),
            column.type->fixed_size() ? std::vector<std::uint64_t>{}
                                      : std::vector<std::uint64_t>{0, bytes.size()}};
  }

  CommandSpec spec_;
  std::vector<ValueType> parameters_;
};

}  // namespace

std::string cause_name(CommandCause cause) {
  switch (cause) {
    case CommandCause::exit_code:
      return "exit_code";
    case CommandCause::signal:
      return "signal";
    case CommandCause::time:
      return "time";
    case CommandCause::bad_output:
      return "bad_output";
  }
  throw Bug("a cause of failure without a name");
}

const std::vector<CommandCause>& all_command_causes() {
  static const std::vector<CommandCause> causes{CommandCause::exit_code, CommandCause::signal,
                                                CommandCause::time, CommandCause::bad_output};
  return causes;
}

std::vector<std::string> names_in(const CommandSpec& spec) {
  std::vector<std::string> names;
  const auto add = [&](const TextTemplate& text) {
    for (const Placeholder& place : text.placeholders())
      if (std::find(names.begin(), names.end(), place.name) == names.end()) names.push_back(place.name);
  };
  for (const TextTemplate& word : spec.words) add(word);
  if (spec.input) add(*spec.input);
  for (const auto& [name, text] : spec.environment) add(text);
  for (const CommandOutput& output : spec.outputs)
    if (output.file) add(*output.file);
  return names;
}

std::shared_ptr<const FunctionBody> make_command_body(CommandSpec spec) {
  return std::make_shared<const CommandBody>(std::move(spec));
}

}  // namespace mpipe::detail
