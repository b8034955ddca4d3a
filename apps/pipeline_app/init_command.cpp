// SPDX-License-Identifier: BSD-3-Clause
// `init KIND`: writes a commented document to begin with, and what belongs to it.
#include <mpipe/core/error.hpp>
#include <mpipe/options/choices.hpp>

#include "base/api/file.hpp"
#include "command.hpp"
#include "launch.hpp"
#include "output.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mpipe::app {
namespace {

constexpr const char* kExpression = R"text(# A sweep over two axes, and a sum over one of them.
#   pipeline_app describe sweep.yaml
#   mpirun -n 4 pipeline_app map sweep.yaml --run-folder runs/sweep
#   pipeline_app show runs/sweep
mpipe: 1
functions:
  - output: drag
    expr: "0.02 + alpha^2 / 300 + 1 / sqrt(reynolds)"
    mapspec: "reynolds[i], alpha[j] -> drag[i, j]"   # every pair
    units: N
  - output: mean_drag
    expr: "mean(drag)"
    mapspec: "drag[i, :] -> mean_drag[i]"            # a whole row at a time
inputs:
  reynolds: [1e5, 3e5, 1e6]
  alpha: {linspace: [0, 10, 101]}
)text";

constexpr const char* kCommand =
    R"text(# A sweep over a program: it is started once for each element, without a shell.
#   mpirun -n 4 pipeline_app map sweep.yaml --run-folder runs/sweep
#   pipeline_app show runs/sweep
mpipe: 1
functions:
  - output: [lift, drag]
    command: [./solver.py, --alpha, "{alpha}", --reynolds, "{reynolds}"]
    returns: json            # an object with the outputs as keys; also number, text, or files
    mapspec: "reynolds[i], alpha[j] -> lift[i, j], drag[i, j]"
    timeout: 10min           # then it is ended, and its element has failed
    retries: 1
inputs:
  reynolds: [1e5, 3e5]
  alpha: {linspace: [0, 10, 11]}
map: {error_handling: continue}   # a failed element costs itself and what needs it
)text";

constexpr const char* kPython =
    R"text(# A sweep over a function in Python.
#   mpirun -n 4 pipeline_app map sweep.yaml --run-folder runs/sweep
#   pipeline_app show runs/sweep
mpipe: 1
functions:
  - output: [lift, drag]
    python: ./model.py:forces   # parameters, defaults and types are those of its def
    mapspec: "reynolds[i], alpha[j] -> lift[i, j], drag[i, j]"
inputs:
  reynolds: [1e5, 3e5]
  alpha: {linspace: [0, 10, 11]}
map: {error_handling: continue}   # a failed element costs itself and what needs it
)text";

constexpr const char* kForces = R"text(# Put your own model in the place of this one.


def forces(reynolds, alpha, roughness=0.02) -> tuple[float, float]:
    if reynolds <= 0:
        raise ValueError("the Reynolds number is above 0")
    return 0.1 * alpha, roughness + alpha**2 / 300 + reynolds**-0.5
)text";

constexpr const char* kSolver = R"text(#!/usr/bin/env python3
# Put your own program in the place of this one.
import argparse
import json

parser = argparse.ArgumentParser()
parser.add_argument("--alpha", type=float)
parser.add_argument("--reynolds", type=float)
arguments = parser.parse_args()
print(json.dumps({"lift": 0.1 * arguments.alpha, "drag": 0.02 + arguments.alpha**2 / 300 + arguments.reynolds**-0.5}))
)text";

constexpr const char* kPlugin = R"text(# A sweep over a function in C++.
# Build the plugin first, with MPIPE the folder of mpipe's sources (docs/howto/plugin.md there has more):
#   mpic++ -std=c++20 -O2 -fPIC -shared -I $MPIPE/include model.cpp -o libmodel.so
#   mpirun -n 4 pipeline_app map sweep.yaml --run-folder runs/sweep
mpipe: 1
functions:
  - output: drag
    plugin: ./libmodel.so
    function: drag
    mapspec: "reynolds[i], alpha[j] -> drag[i, j]"
inputs:
  reynolds: [1e5, 3e5, 1e6]
  alpha: {linspace: [0, 10, 101]}
)text";

constexpr const char* kModel = R"text(// Functions for the document beside this file.
#include <mpipe/document/plugin.hpp>

#include <cmath>

static double drag(double reynolds, double alpha) { return 0.02 + alpha * alpha / 300 + 1 / std::sqrt(reynolds); }

MPIPE_PLUGIN(registry) { registry.add("drag", mpipe::function("drag", drag).parameters("reynolds", "alpha")); }
)text";

struct NewFile {
  std::string name;
  const char* text;
  bool is_program = false;
};

std::vector<NewFile> files_of(const std::string& kind) {
  if (kind == "expr") return {{"sweep.yaml", kExpression}};
  if (kind == "command") return {{"sweep.yaml", kCommand}, {"solver.py", kSolver, true}};
  if (kind == "python") return {{"sweep.yaml", kPython}, {"model.py", kForces}};
  if (kind == "plugin") return {{"sweep.yaml", kPlugin}, {"model.cpp", kModel}};
  constexpr std::array<std::string_view, 4> kKinds{"expr", "command", "python", "plugin"};
  refuse_name("the kind", Category::bad_option, kind, kKinds);
}

/// Into the working directory. Nothing that is there is touched, so either all files are written or none.
int init(const std::string& kind) {
  if (launched_rank() != 0) return 0;
  const std::vector<NewFile> files = files_of(kind);
  for (const NewFile& file : files)
    if (fs::exists(fs::symlink_status(file.name)))
      throw Error(Category::folder_refused,
                  fmt::format("there is a '{}' already, which may be dear to somebody. Go to another folder.",
                              file.name));
  std::string names;
  for (const NewFile& file : files) {
    write_file_atomically(file.name, std::string_view(file.text));
    if (file.is_program) fs::permissions(file.name, fs::perms(0755));
    names += (names.empty() ? "" : " and ") + file.name;
  }
  print_note(fmt::format("wrote {}; try: pipeline_app describe sweep.yaml", names));
  return 0;
}

}  // namespace

void add_init_command(CLI::App& app, Program& program) {
  const auto kind = std::make_shared<std::string>("expr");
  CLI::App* command = add_command(
      app,
      {CommandGroup::start, "init", "Writes a commented document to begin with", "pipeline_app init expr"});
  command->add_option("KIND", *kind, "Who computes: expr, command, python or plugin; expr unless given")
      ->type_name("expr|command|python|plugin");
  command->callback([kind, &program] { program.action = [kind] { return init(*kind); }; });
}

}  // namespace mpipe::app
