// SPDX-License-Identifier: BSD-3-Clause
// Makes the HDF5 files of a run under temporary names, and removes what a run or a dead process left.
#include "store/folder_files.hpp"

#include <mpipe/core/error.hpp>

#include "store/api/run_description.hpp"
#include "store/output/element_files.hpp"

#include <deque>

namespace mpipe {
namespace {

// The file has a temporary name until all its room is taken: one with its final name is whole.
void make_at_once(const fs::path& path, const FileContents& contents) {
  TemporaryFile temporary(path);
  make_result_file(temporary.path(), contents);
  temporary.keep(true);
}

// Only names that the store itself gives are removed, as a folder may hold files of the user as well.
bool is_journal_file(const std::string& name) {
  return (name.starts_with("rank-") || name.starts_with("extents-")) &&
         (name.ends_with(".log") || name.ends_with(".tmp"));
}

bool is_segment_file(const std::string& name) {
  return name.starts_with("output-") && (name.ends_with(".h5") || name.ends_with(".tmp"));
}

}  // namespace

void make_results(const fs::path& folder, const RunLayout& layout) {
  FileContents contents;
  contents.layout = &layout;
  contents.inputs = true;
  for (std::size_t k = 0; k < layout.outputs.size(); ++k)
    if (has_location(layout.outputs[k])) contents.outputs.push_back(k);
  make_at_once(results_path(folder), contents);
}

void make_segment_files(const fs::path& folder, const RunLayout& layout,
                        std::span<const std::size_t> outputs) {
  if (outputs.empty()) return;
  make_folder(segment_folder(folder));
  // The disk takes many files together in the time of a few. Names follow when it has all that they stand for.
  const bool many = outputs.size() > kManyFiles;
  std::deque<TemporaryFile> made;
  for (const std::size_t output : outputs) {
    FileContents contents;
    contents.layout = &layout;
    contents.outputs = {output};
    contents.sync = !many;
    make_result_file(made.emplace_back(segment_path(folder, output)).path(), contents);
  }
  if (many) sync_file_system(segment_folder(folder));
  for (TemporaryFile& file : made) file.keep(false);
  sync_folder(segment_folder(folder));
  // The folder itself may be new, and a file is lost with the name of its folder.
  sync_folder(folder);
}

void remove_folder_temporaries(const fs::path& folder, std::size_t outputs) {
  remove_temporaries(results_path(folder));
  remove_temporaries(extents_path(folder));
  for (const char* name : {kDescriptionName, kDescriptionCopyName}) remove_temporaries(folder / name);
  for (std::size_t k = 0; k < outputs; ++k) remove_temporaries(segment_path(folder, k));
}

void remove_working_files(const fs::path& folder) {
  for (const std::string& name : list_folder(journal_folder(folder)))
    if (is_journal_file(name)) remove_file(journal_folder(folder) / name);
  for (const std::string& name : list_folder(segment_folder(folder)))
    if (is_segment_file(name)) remove_file(segment_folder(folder) / name);
  remove_folder(journal_folder(folder));
  remove_folder(segment_folder(folder));
}

void remove_all_files(const fs::path& folder) {
  remove_working_files(folder);
  remove_element_files(folder);
  remove_folder_temporaries(folder, 0);
  // The description goes last: a removal that is cut short leaves a folder that still tells whose files these
  // are.
  for (const char* name : {kResultsName, kExtentsName, kDescriptionCopyName, kDescriptionName})
    remove_file(folder / name);
}

}  // namespace mpipe
