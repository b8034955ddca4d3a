// SPDX-License-Identifier: BSD-3-Clause
// `export RUN [OUTPUT..]`: a copy of results for other tools, of a run that is complete or not.
#include <mpipe/core/error.hpp>
#include <mpipe/store/run_reader.hpp>

#include "base/api/file.hpp"
#include "command.hpp"
#include "launch.hpp"
#include "output.hpp"
#include "results/open_results.hpp"
#include "results/result_table.hpp"
#include "store/api/export_run.hpp"
#include "table.hpp"
#include "target_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace mpipe::app {
namespace {

struct ExportFlags {
  std::string run;
  std::vector<std::string> outputs;
  std::string csv;
  bool tidy = false;
  bool status = false;
  std::string netcdf;
  std::string zarr;
  bool coords = false;
  bool compress = false;
  bool overwrite = false;
};

const std::string& name_of(const RunReader& reader, std::size_t output) {
  return reader.outputs()[output].name;
}

void require_shapes(const RunReader& reader, const std::vector<std::size_t>& outputs) {
  for (const std::size_t output : outputs)
    if (!reader.outputs()[output].shape_known())
      throw Error(
          Category::missing_input,
          fmt::format("the shape of '{}' is not known before it is computed, so that there is no place for "
                      "its values. Complete the run, or name the outputs that you want.",
                      name_of(reader, output)));
}

/// What is there is somebody's: `--overwrite` is asked for, before anything is read.
void require_free(const std::filesystem::path& path, bool overwrite) {
  std::error_code ignored;
  const auto status = std::filesystem::symlink_status(path, ignored);
  if (!std::filesystem::exists(status)) return;
  if (std::filesystem::is_directory(status))
    throw Error(Category::folder_refused,
                fmt::format("'{}' is a folder. Name a file that is to be written.", path.string()));
  if (!overwrite)
    throw Error(
        Category::folder_refused,
        fmt::format("'{}' is there already, and stays as it is. Name another file, or give --overwrite.",
                    path.string()));
  require_regular(path, "table or array");
}

/// `cd (i, j); mean (i)`.
std::string text_of(const RunReader& reader, const std::vector<std::vector<std::size_t>>& groups) {
  std::vector<std::string> texts;
  for (const std::vector<std::size_t>& group : groups) {
    std::vector<std::string> names;
    for (const std::size_t output : group) names.push_back(name_of(reader, output));
    const OutputLayout& layout = reader.outputs()[group.front()];
    texts.push_back(fmt::format(
        "{} ({})", fmt::join(names, ", "),
        layout.axes.empty() ? "a single value" : fmt::format("{}", fmt::join(layout.axes, ", "))));
  }
  return fmt::format("{}", fmt::join(texts, "; "));
}

void require_one_table(const RunReader& reader, const std::vector<std::size_t>& outputs,
                       const ExportFlags& flags) {
  const auto groups = outputs_by_axes(reader, outputs);
  if (groups.size() == 1) return;
  std::vector<std::string> names;
  for (const std::size_t output : groups.front()) names.push_back(name_of(reader, output));
  throw Error(
      Category::bad_option,
      fmt::format("one table has rows of one set of axes, and these outputs have {}: {}. Name those of one "
                  "table: pipeline_app export {} {} --csv {} --tidy",
                  groups.size(), text_of(reader, groups), flags.run, fmt::join(names, " "), flags.csv));
}

void refuse_objects(const RunReader& reader, const std::vector<std::size_t>& outputs) {
  for (const std::size_t output : outputs) {
    const ElementType* type = reader.outputs()[output].type;
    while (type->kind == Kind::array) type = type->item;
    if (type->kind == Kind::object)
      throw Error(
          Category::bad_option,
          fmt::format("'{}' has objects of the class '{}', whose bytes only the program that made them "
                      "understands: a table cannot show them. Name the other outputs.",
                      name_of(reader, output), type->name));
  }
}

/// What is missing in the copy, for those who take it for all there is.
void note_missing(const RunReader& reader, const std::vector<std::size_t>& outputs) {
  for (const std::size_t output : outputs) {
    const Index total = reader.element_total(output).value();
    const Index missing = total - reader.progress(output).done().count();
    if (missing > 0)
      print_note(fmt::format("{} of {} of '{}' are not done, and are marked as missing", missing,
                             count_text(total, "element"), name_of(reader, output)));
  }
}

ExportChoice choice_of(const RunReader& reader, const std::vector<std::size_t>& outputs,
                       const ExportFlags& flags) {
  ExportChoice choice{outputs, flags.coords, flags.compress};
  for (const std::string& axis : axes_without_coordinate(reader, choice))
    print_note(fmt::format(
        "none of the inputs on the axis {} becomes its dimension, as there are several (in xarray, "
        "swap_dims chooses one)",
        axis));
  return choice;
}

void export_csv(RunReader& reader, const std::vector<std::size_t>& outputs, const ExportFlags& flags) {
  if (!flags.tidy)
    throw Error(
        Category::bad_option,
        "--csv writes a row for each element, which is asked for by --tidy: add it (tables with an axis "
        "across the columns are not supported by this version).");
  require_one_table(reader, outputs, flags);
  refuse_objects(reader, outputs);
  const ResultTable table(reader, outputs, flags.status);
  TemporaryFile temporary(flags.csv);
  File file(temporary.path(), File::Mode::make);
  std::uint64_t at = 0;
  write_csv(table, [&](const std::string& text) {
    file.write_at(at, std::as_bytes(std::span(text)));
    at += text.size();
  });
  file.sync();
  temporary.keep(true);
}

void require_form(const ExportFlags& flags) {
  if (flags.csv.empty() && flags.netcdf.empty() && flags.zarr.empty())
    throw Error(
        Category::bad_option,
        "say what to write: --csv FILE --tidy, --netcdf FILE or --zarr DIR. See pipeline_app export --help.");
  if (flags.csv.empty() && (flags.tidy || flags.status))
    throw Error(Category::bad_option, "--tidy and --status are about tables: they go with --csv FILE.");
  if (flags.compress && flags.zarr.empty())
    throw Error(Category::bad_option, "--compress goes with --zarr: other copies are written as they are.");
  if (!flags.csv.empty() && flags.coords)
    throw Error(Category::bad_option,
                "--coords goes with --netcdf or --zarr: tables have all inputs on their axes.");
}

int run_export(const ExportFlags& flags) {
  if (launched_rank() != 0) return 0;
  require_form(flags);
  RunReader reader = open_results(flags.run);
  for (const std::string& path : {flags.csv, flags.netcdf, flags.zarr})
    if (!path.empty()) require_outside(flags.run, path);
  for (const std::string& file : {flags.csv, flags.netcdf})
    if (!file.empty()) require_free(file, flags.overwrite);
  const std::vector<std::size_t> outputs = chosen_outputs(reader, flags.outputs);
  require_shapes(reader, outputs);
  if (!flags.csv.empty())
    export_csv(reader, outputs, flags);
  else if (!flags.netcdf.empty())
    export_netcdf(reader, choice_of(reader, outputs, flags), flags.netcdf);
  else
    export_zarr(reader, choice_of(reader, outputs, flags), flags.zarr);
  note_missing(reader, outputs);
  return 0;
}

}  // namespace

void add_export_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<ExportFlags>();
  CLI::App* command = add_command(app, {CommandGroup::look, "export", "Copies results for other tools",
                                        "pipeline_app export runs/sweep --netcdf sweep.nc --coords"});
  command->add_option("RUN", flags->run, "The run folder")->required()->type_name("");
  command->add_option("OUTPUT", flags->outputs, "Outputs to copy; all unless said")->type_name("");
  CLI::Option* csv = command->add_option("--csv", flags->csv, "Write a table of comma-separated values");
  CLI::Option* netcdf = command->add_option("--netcdf", flags->netcdf, "Write a NetCDF-4 file");
  CLI::Option* zarr = command->add_option("--zarr", flags->zarr, "Write a new folder in Zarr's format 2");
  csv->type_name("FILE")->excludes(netcdf)->excludes(zarr);
  netcdf->type_name("FILE")->excludes(zarr);
  zarr->type_name("DIR");
  command->add_flag("--tidy", flags->tidy, "A row for each element: axes and inputs on them, then outputs");
  command->add_flag("--status", flags->status,
                    "Behind each output a column: done, pending, failed or blocked");
  command->add_flag("--coords", flags->coords, "The input on an axis becomes its coordinate, and names it");
  command->add_flag("--compress", flags->compress, "With --zarr: chunks are compressed by zlib");
  command->add_flag("--overwrite", flags->overwrite, "Replace a file that is there");
  command->callback([flags, &program] { program.action = [flags] { return run_export(*flags); }; });
}

}  // namespace mpipe::app
