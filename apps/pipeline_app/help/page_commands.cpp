// SPDX-License-Identifier: BSD-3-Clause
// What nobody types, and so is in no help: `print-page KIND` prints the files that are made from the table of commands,
// `complete-names KIND PLACE` the names that a completion offers.
#include <mpipe/core/error.hpp>
#include <mpipe/options/choices.hpp>

#include "command.hpp"
#include "document/api/document_names.hpp"
#include "output.hpp"
#include "pages.hpp"
#include "store/api/run_description.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string_view>

namespace mpipe::app {
namespace {

constexpr const char* kNotInHelp = "";  // a group without a name is not shown

int print_page(const CLI::App& app, const std::string& kind) {
  const ProgramText program = program_text(app);
  if (kind == "man")
    print_result(manual_page(program));
  else if (kind == "bash")
    print_result(bash_completion(program));
  else if (kind == "zsh")
    print_result(zsh_completion(program));
  else if (kind == "fish")
    print_result(fish_completion(program));
  else
    refuse_name("the page", Category::bad_option, kind,
                std::array<std::string_view, 4>{"man", "bash", "zsh", "fish"});
  return 0;
}

/// Of a run folder, or of a document.
DocumentNames names_at(const std::string& place) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(place, ignored)) return document_names(place);
  DocumentNames names;
  for (const OutputLayout& output : read_description(place).outputs) names.outputs.push_back(output.name);
  return names;
}

int complete_names(const std::string& kind, const std::string& place) {
  // Somebody waits at a prompt: a file that cannot be read by then has no names. The handler ends the process, so
  // that no shell tells of a signal in the middle of a line.
  constexpr unsigned kMostSeconds = 2;
  constexpr int kTooLate = 2;
  std::signal(SIGALRM, [](int) { ::_exit(kTooLate); });
  ::alarm(kMostSeconds);
  const DocumentNames names = names_at(place);
  if (kind != "outputs" && kind != "inputs" && kind != "axes")
    refuse_name("the kind of names", Category::bad_option, kind,
                std::array<std::string_view, 3>{"outputs", "inputs", "axes"});
  const auto& wanted = kind == "outputs" ? names.outputs : kind == "inputs" ? names.inputs : names.axes;
  for (const std::string& name : wanted) print_result(name + "\n");
  return 0;
}

}  // namespace

void add_page_commands(CLI::App& app, Program& program) {
  const auto words = std::make_shared<std::array<std::string, 2>>();
  CLI::App* page = app.add_subcommand("print-page")->group(kNotInHelp);
  page->add_option("KIND", words->front())->required();
  page->callback([words, &app, &program] {
    program.action = [words, &app] { return print_page(app, words->front()); };
  });
  CLI::App* names = app.add_subcommand("complete-names")->group(kNotInHelp);
  names->add_option("KIND", words->front())->required();
  names->add_option("PLACE", words->back())->required();
  names->callback([words, &program] {
    program.action = [words] { return complete_names(words->front(), words->back()); };
  });
}

}  // namespace mpipe::app
