// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Functions that are programs: `command: [./solver, --alpha, "{alpha}"]`.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/pipeline/function_body.hpp>

#include "document/command/text_template.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace mpipe::detail {

/// Why a run of a program failed, as `retries` tells causes apart.
enum class CommandCause : std::uint8_t { exit_code, signal, time, bad_output };

/// The name of a cause in documents, and all of them.
std::string cause_name(CommandCause cause);
const std::vector<CommandCause>& all_command_causes();

struct CommandRetries {
  int most = 0;
  Duration pause = std::chrono::seconds(1);  ///< before the first one; each other waits twice as long
  std::set<CommandCause> causes{all_command_causes().begin(), all_command_causes().end()};
  // Each try has so many times the limits of the one before it.
  double memory_factor = 1;
  double time_factor = 1;
};

/// One output of a command.
struct CommandOutput {
  std::string name;
  const ElementType* type = nullptr;
  std::optional<std::size_t> rank = 0;  ///< of what one run gives; empty: the output itself tells
  std::optional<TextTemplate> file;  ///< where the program writes it, in its folder; empty: standard output
};

/// A command as a document describes it.
struct CommandSpec {
  enum class Returns : std::uint8_t { json, number, text, files };

  std::string program;                ///< its path
  std::vector<TextTemplate> words;    ///< of the command; the first one is how the document names the program
  std::vector<std::string> written;   ///< the same as they stand in the document: paths are relative to it
  std::optional<TextTemplate> input;  ///< standard input
  std::map<std::string, TextTemplate> environment;
  std::vector<std::string> parameters;
  Returns returns = Returns::json;
  std::vector<CommandOutput> outputs;
  std::string folder;          ///< where it runs; empty: a fresh folder for each element
  std::string written_folder;  ///< the same as it stands in the document
  Duration time{};             ///< zero: as long as it takes
  CommandRetries retries;
  std::set<int> exit_codes{0};  ///< those of success
};

/// The names that the templates of a command take values of, in the order in which they occur first.
std::vector<std::string> names_in(const CommandSpec& spec);

/// A body that runs the program once for each element. Thread-safe. An element fails when the program does not end
/// with an expected exit code within its time, or does not give what is expected; the message has the end of its
/// standard error and says where its folder was kept.
std::shared_ptr<const FunctionBody> make_command_body(CommandSpec spec);

}  // namespace mpipe::detail

namespace mpipe {

/// A run of a program that failed, with its cause. Its name is what users see as the type of the failure.
struct CommandFailed : std::runtime_error {
  CommandFailed(detail::CommandCause why, const std::string& text) : std::runtime_error(text), cause(why) {}
  detail::CommandCause cause;
};

}  // namespace mpipe
