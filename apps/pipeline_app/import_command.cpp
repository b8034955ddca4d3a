// SPDX-License-Identifier: BSD-3-Clause
// `import-pipefunc MODULE:NAME`: writes a document with the functions of a pipeline of pipefunc.
#include <mpipe/core/error.hpp>
#include <mpipe/document/plugin.hpp>

#include "base/api/file.hpp"
#include "command.hpp"
#include "launch.hpp"
#include "output.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <string>

namespace mpipe::app {
namespace {

struct ImportFlags {
  std::string place;
  std::string file = "sweep.yaml";
};

int import_pipefunc(const ImportFlags& flags) {
  if (launched_rank() != 0) return 0;
  const fs::path file = flags.file;
  if (fs::exists(fs::symlink_status(file)))
    throw Error(
        Category::folder_refused,
        fmt::format("there is a '{}' already, which may be dear to somebody. Name another file with -o.",
                    file.string()));
  const std::string text =
      load_language("python")->importer("pipefunc")(flags.place, fs::absolute(file).parent_path());
  write_file_atomically(file, text);
  print_note(fmt::format("wrote {}; add its inputs, then try: pipeline_app describe {}", file.string(),
                         file.string()));
  return 0;
}

}  // namespace

void add_import_pipefunc_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<ImportFlags>();
  CLI::App* command = add_command(app, {CommandGroup::start, "import-pipefunc",
                                        "Writes a document with the functions of a Pipeline of pipefunc",
                                        "pipeline_app import-pipefunc model.py:pipeline -o wing.yaml"});
  command->add_option("PIPELINE", flags->place, "FILE.py:NAME or PACKAGE.MODULE:NAME")
      ->required()
      ->type_name("");
  command->add_option("-o,--output", flags->file, "The document; sweep.yaml unless given")->type_name("FILE");
  command->callback([flags, &program] { program.action = [flags] { return import_pipefunc(*flags); }; });
}

}  // namespace mpipe::app
