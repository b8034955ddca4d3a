// SPDX-License-Identifier: BSD-3-Clause
// Removes what earlier starts stored of outputs that are to be computed anew.
#include "store/resume.hpp"
#include "store/verify_extents.hpp"

#include <algorithm>
#include <cstdlib>

namespace mpipe {
namespace {

/// Copies a journal without the frames of `outputs`, and replaces it when there were any.
void drop_frames(const fs::path& path, const RunKey& key, const std::vector<std::size_t>& outputs) {
  std::optional<JournalReader> reader = JournalReader::open(path, key);
  if (!reader) return;
  TemporaryFile temporary(path);
  constexpr std::string_view kBefore = "rank-";
  const int rank = std::atoi(path.filename().string().substr(kBefore.size()).c_str());
  JournalWriter rest(temporary.path(), key, rank);
  bool is_shorter = false;
  while (const JournalFrame* frame = reader->next()) {
    if (std::binary_search(outputs.begin(), outputs.end(), frame->output))
      is_shorter = true;
    else
      rest.append(*frame);
  }
  rest.sync();
  if (is_shorter) temporary.keep(true);
}

}  // namespace

// A crash in between leaves some of the values, and the description of the code that made them: a later start
// takes them for what they are, or forgets them as well.
void forget_outputs(const fs::path& folder, const RunLayout& layout,
                    const std::vector<std::size_t>& outputs) {
  const RunKey key = run_key(layout.run_id);
  std::vector<Extent> extents = read_all_extents(folder, key);
  std::erase_if(extents, [&](const Extent& extent) {
    return std::binary_search(outputs.begin(), outputs.end(), extent.output);
  });
  write_extents(extents_path(folder), key, extents);
  for (const fs::path& path : find_writer_extents(folder)) remove_file(path);
  for (const fs::path& path : find_journals(folder)) drop_frames(path, key, outputs);
  for (const fs::path& path : find_retained(folder)) drop_frames(path, key, outputs);
  // An output of unknown shape has no place: the new file is made without it, whatever shape it had in the old
  // one.
  RunLayout without = layout;
  for (const std::size_t k : outputs) {
    OutputLayout& output = without.outputs[k];
    static_cast<ArrayLayout&>(output) = {output.type, {}, {}, {}, false};
    output.storage = StorageKind::hdf5;
    remove_element_files(folder, output.name);
    remove_file(segment_path(folder, k));
  }
  if (File::open_existing(results_path(folder), File::Mode::read))
    make_room(folder, without, read_file_table(folder, without));
}

}  // namespace mpipe
