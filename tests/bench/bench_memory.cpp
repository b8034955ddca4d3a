// SPDX-License-Identifier: BSD-3-Clause
// Memory of rank 0: planning 10^9 elements, and a run over a selection of 1000 of them.
#include <mpipe/mpipe.hpp>

#include "bench/memory_use.hpp"
#include "bench/report.hpp"
#include "bench/temporary_folder.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

namespace {

using mpipe::bench::memory_megabytes;

void run_selection(const std::filesystem::path& folder) {
  const mpipe::Pipeline pipeline{
      mpipe::expression_function({"v"}, {"x + y*z"}).mapspec("x[i], y[j], z[k] -> v[i, j, k]")};
  const mpipe::Value axis = mpipe::linspace(0, 1, 1000);
  const mpipe::Inputs inputs{{"x", axis}, {"y", axis}, {"z", axis}};
  const mpipe::Plan plan(pipeline, {inputs, {}, {}});
  mpipe::bench::print_row(
      "memory, plan of 10^9 elements", memory_megabytes("status", "VmHWM"), 100, "MB",
      fmt::format("{:.3g} GB of results planned", static_cast<double>(plan.known_bytes()) / 1e9));
  mpipe::MapOptions options;
  options.fixed = {{"i", mpipe::Index{7}}, {"j", mpipe::Index{9}}};
  options.run_folder = folder;
  options.return_results = false;
  const mpipe::Results results = mpipe::map(pipeline, mpipe::Communicator(), inputs, options);
  if (results.at("v").done.count() != 1000) throw std::runtime_error("the selection was not computed");
  mpipe::bench::print_row(
      fmt::format("memory, 1000 of 10^9 elements{}", folder.empty() ? "" : " into a file"),
      memory_megabytes("status", "VmHWM"), 100, "MB", "");
}

}  // namespace

int main() {
  run_selection({});
  const mpipe::bench::TemporaryFolder folder;
  run_selection(folder.path() / "run");
  return 0;
}
