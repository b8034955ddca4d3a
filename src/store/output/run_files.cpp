// SPDX-License-Identifier: BSD-3-Clause
// Reads and writes values and marks of a run at their places in results.h5 and segments.
#include "store/output/run_files.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace mpipe {
namespace {

/// Small enough for the second-level cache: checksum, write and read-back then pass over memory once.
constexpr std::size_t kPieceBytes = std::size_t{1} << 19;

/// Calls `visit` for parts of `range` of at most `limit`.
template <class Visit>
void in_parts(IndexRange range, Index limit, const Visit& visit) {
  for (Index begin = range.begin; begin < range.end; begin += limit)
    visit(IndexRange{begin, std::min(range.end, begin + limit)});
}

/// The real (0) or imaginary (1) parts of complex values, densely.
void copy_part(const std::byte* complex, std::size_t part, std::size_t part_bytes, Index count,
               std::byte* out) {
  for (Index k = 0; k < count; ++k)
    std::memcpy(out + static_cast<std::size_t>(k) * part_bytes,
                complex + (2 * static_cast<std::size_t>(k) + part) * part_bytes, part_bytes);
}

}  // namespace

namespace {

/// Looks for outputs [first, last) of the layout that are not in the table yet.
void look_in(const fs::path& path, const RunLayout& layout, std::size_t first, std::size_t last,
             bool is_segment, FileTable& table) {
  const auto there = File::open_existing(path, File::Mode::read);
  if (!there) return;
  const H5Turn turn;
  const H5Handle file = h5_open_for_reading(path);
  check_run_id(file.get(), path, layout.run_id);
  for (std::size_t k = first; k < last; ++k) {
    if (table.outputs[k]) continue;
    std::optional<DatasetLocation> location = find_location(file.get(), layout.outputs[k], there->size());
    if (location) table.outputs[k] = FileTable::Entry{std::move(*location), is_segment};
  }
}

}  // namespace

FileTable read_table_of_file(const fs::path& results, const RunLayout& layout) {
  FileTable table;
  table.outputs.resize(layout.outputs.size());
  look_in(results, layout, 0, layout.outputs.size(), false, table);
  return table;
}

FileTable read_file_table(const fs::path& folder, const RunLayout& layout) {
  // results.h5 is asked first. An output has a segment only when its shape became known after results.h5 was
  // made; once that is written anew, it has the output, and the segment is outdated.
  FileTable table = read_table_of_file(results_path(folder), layout);
  for (std::size_t k = 0; k < layout.outputs.size(); ++k)
    if (!table.outputs[k] && has_location(layout.outputs[k])) look_for_segment(folder, layout, k, table);
  return table;
}

void look_for_segment(const fs::path& folder, const RunLayout& layout, std::size_t output, FileTable& table) {
  look_in(segment_path(folder, output), layout, output, output + 1, true, table);
}

std::vector<std::byte> pack_file_table(const FileTable& table) {
  ByteWriter packer;
  for (const auto& entry : table.outputs) {
    packer.put<std::uint8_t>(entry ? 1 : 0);
    if (!entry) continue;
    packer.put<std::uint8_t>(entry->in_segment ? 1 : 0);
    pack(packer, entry->location);
  }
  return std::move(packer.bytes());
}

FileTable unpack_file_table(std::span<const std::byte> bytes, const RunLayout& layout) {
  ByteReader unpacker(bytes, "what another rank tells of the store");
  FileTable table;
  for (const OutputLayout& output : layout.outputs) {
    auto& entry = table.outputs.emplace_back();
    if (unpacker.get<std::uint8_t>() == 0) continue;
    const bool in_segment = unpacker.get<std::uint8_t>() != 0;
    entry = FileTable::Entry{unpack_location(unpacker, output), in_segment};
  }
  return table;
}

RunFiles::RunFiles(fs::path folder, const RunLayout& layout, bool may_write)
    : RunFiles(folder, results_path(folder), layout, may_write) {}

RunFiles::RunFiles(fs::path folder, fs::path results, const RunLayout& layout, bool may_write)
    : folder_(std::move(folder)),
      results_path_(std::move(results)),
      layout_(layout),
      may_write_(may_write),
      segments_(layout.outputs.size()),
      dirty_(layout.outputs.size()) {}

void RunFiles::set_table(FileTable table) {
  table_ = std::move(table);
  close();  // they may be other files now
}

void RunFiles::close() {
  results_.reset();
  for (auto& segment : segments_) segment.reset();
}

const DatasetLocation* RunFiles::location(std::size_t output) const {
  if (output >= table_.outputs.size() || !table_.outputs[output]) return nullptr;
  return &table_.outputs[output]->location;
}

const FileTable::Entry& RunFiles::entry(std::size_t output) const {
  if (location(output) == nullptr) throw Bug("values of an output that has no place in any file");
  return *table_.outputs[output];
}

File& RunFiles::open(std::optional<File>& slot, const fs::path& path) {
  if (!slot) slot.emplace(path, may_write_ ? File::Mode::update : File::Mode::read);
  return *slot;
}

File& RunFiles::file(std::size_t output) {
  if (entry(output).in_segment) return open(segments_[output], segment_path(folder_, output));
  return open(results_, results_path_);
}

Index RunFiles::piece_values(std::size_t output) const {
  return static_cast<Index>(kPieceBytes / std::max<std::size_t>(1, layout_.outputs[output].type->size));
}

/// Values that are written and read back at a time: a piece, or many of them where neighbours in the file are far
/// from each other in element order.
Index RunFiles::step_values(std::size_t output) const {
  const Index piece = piece_values(output);
  return entry(output).location.order.in_file_order() ? piece
                                                      : piece * static_cast<Index>(kPanelBytes / kPieceBytes);
}

void RunFiles::write(std::size_t output, IndexRange values, const std::byte* data, bool read_back,
                     std::vector<Extent>& extents, ValueAccess::Others others) {
  const DatasetLocation& at = entry(output).location;
  const std::size_t size = at.values.value_bytes;
  if (at.order.in_file_order()) others = ValueAccess::Others::may_write;
  in_parts(values, step_values(output), [&](IndexRange step) {
    const std::byte* bytes = data + static_cast<std::size_t>(step.begin - values.begin) * size;
    // Each step is written, hashed and read back before the next one, while it is in the cache.
    access_.write(file(output), at.values, at.order, step, bytes, ValueAccess::Room::everywhere, others);
    complete(output, step, bytes, read_back, extents, others);
  });
}

void RunFiles::complete(std::size_t output, IndexRange values, const std::byte* data, bool read_back,
                        std::vector<Extent>& extents) {
  complete(output, values, data, read_back, extents, ValueAccess::Others::may_write);
}

void RunFiles::complete(std::size_t output, IndexRange values, const std::byte* data, bool read_back,
                        std::vector<Extent>& extents, ValueAccess::Others others) {
  const DatasetLocation& at = entry(output).location;
  const std::size_t size = at.values.value_bytes;
  const auto hash_of = [&](IndexRange part) {
    const std::byte* bytes = data + static_cast<std::size_t>(part.begin - values.begin) * size;
    return checksum({bytes, static_cast<std::size_t>(part.size()) * size});
  };
  in_parts(values, step_values(output), [&](IndexRange step) {
    const std::uint64_t expected = hash_of(step);
    // Parts before the extents: these vouch for them, too.
    if (at.parts)
      write_parts(output, step, data + static_cast<std::size_t>(step.begin - values.begin) * size,
                  ValueAccess::Room::everywhere, others);
    if (read_back) check_written(output, step, expected);
    in_parts(step, piece_values(output), [&](IndexRange part) {
      extents.push_back({ExtentKind::values, output, part, part == step ? expected : hash_of(part)});
    });
  });
  dirty_[output] = true;
}

void RunFiles::write_between(std::size_t output, IndexRange values, const RangeSet& covered,
                             const std::byte* data, bool read_back, std::vector<Extent>& extents) {
  const std::size_t size = entry(output).location.values.value_bytes;
  const auto at = [&](Index value) { return static_cast<std::size_t>(value - values.begin) * size; };
  between_.resize(std::max(between_.size(), at(values.end)));
  // What lies between the covered values is written back as it was, so that one call does for all of them.
  read(output, values, between_.data());
  for (const IndexRange& range : covered.ranges())
    std::memcpy(between_.data() + at(range.begin), data + at(range.begin),
                static_cast<std::size_t>(range.size()) * size);
  // These extents are thrown away: they would vouch for values that somebody else wrote.
  std::vector<Extent> of_all;
  write(output, values, between_.data(), read_back, of_all);
  for (const IndexRange& range : covered.ranges())
    in_parts(range, piece_values(output), [&](IndexRange part) {
      const std::span bytes(data + at(part.begin), static_cast<std::size_t>(part.size()) * size);
      extents.push_back({ExtentKind::values, output, part, checksum(bytes)});
    });
}

void RunFiles::write_parts(std::size_t output, IndexRange values, const std::byte* data,
                           ValueAccess::Room room, ValueAccess::Others others) {
  const DatasetLocation& at = entry(output).location;
  for (std::size_t part = 0; part < 2; ++part) {
    const DataMap& map = (*at.parts)[part];
    part_buffer_.resize(
        std::max(part_buffer_.size(), static_cast<std::size_t>(values.size()) * map.value_bytes));
    copy_part(data, part, map.value_bytes, values.size(), part_buffer_.data());
    access_.write(file(output), map, at.order, values, part_buffer_.data(), room, others);
  }
}

void RunFiles::check_written(std::size_t output, IndexRange values, std::uint64_t expected) {
  // Read from the file, not from the memory that was written: what a faulty disk keeps is what counts.
  if (hash(output, values) == expected && (!entry(output).location.parts || parts_match(output, values)))
    return;
  throw Error(
      Category::storage_failed,
      fmt::format("what was written to '{}' reads back differently (output '{}', values {} to {}: the disk "
                  "or the file "
                  "system loses data). What was stored before is kept; resume the run on another disk.",
                  file(output).path().string(), layout_.outputs[output].name, values.begin, values.end));
}

void RunFiles::read(std::size_t output, IndexRange values, std::byte* data) {
  const DatasetLocation& at = entry(output).location;
  const std::vector<std::byte> pending = pending_value(*layout_.outputs[output].type);
  access_.read(file(output), at.values, at.order, values, data, pending.data());
}

void RunFiles::read_places(std::size_t output, IndexRange places, std::byte* data) {
  const DataMap& map = entry(output).location.values;
  const ElementOrder in_file(map.shape, std::vector<bool>(map.shape.size(), true));
  const std::vector<std::byte> pending = pending_value(*layout_.outputs[output].type);
  access_.read(file(output), map, in_file, places, data, pending.data());
}

std::uint64_t RunFiles::hash(std::size_t output, IndexRange values) {
  const std::size_t bytes =
      static_cast<std::size_t>(values.size()) * entry(output).location.values.value_bytes;
  buffer_.resize(std::max(buffer_.size(), bytes));
  read(output, values, buffer_.data());
  return checksum(std::span(buffer_).first(bytes));
}

bool RunFiles::parts_match(std::size_t output, IndexRange values) {
  const DatasetLocation& at = entry(output).location;
  if (!at.parts) return true;
  const std::size_t part_bytes = at.values.value_bytes / 2;
  const auto count = static_cast<std::size_t>(values.size());
  buffer_.resize(std::max(buffer_.size(), count * at.values.value_bytes));
  part_buffer_.resize(std::max(part_buffer_.size(), 2 * count * part_bytes));
  read(output, values, buffer_.data());
  for (std::size_t part = 0; part < 2; ++part) {
    std::byte* expected = part_buffer_.data();
    std::byte* found = part_buffer_.data() + count * part_bytes;
    copy_part(buffer_.data(), part, part_bytes, values.size(), expected);
    const std::vector<std::byte> pending = pending_value(*layout_.outputs[output].type);
    access_.read(file(output), (*at.parts)[part], at.order, values, found, pending.data());
    if (count != 0 && std::memcmp(expected, found, count * part_bytes) != 0) return false;
  }
  return true;
}

void RunFiles::write_status(std::size_t output, IndexRange elements, ElementStatus status) {
  constexpr Index kAtATime = Index{1} << 20;
  const DatasetLocation& at = entry(output).location;
  const ElementOrder outer(at.order.outer(), std::vector<bool>(at.order.outer().size(), true));
  // What is not selected is pending by having no room.
  const auto room =
      status == ElementStatus::done ? ValueAccess::Room::everywhere : ValueAccess::Room::where_reserved;
  buffer_.resize(std::max(buffer_.size(), static_cast<std::size_t>(std::min(kAtATime, elements.size()))));
  std::fill_n(buffer_.begin(), std::min(kAtATime, elements.size()), static_cast<std::byte>(status));
  in_parts(elements, kAtATime, [&](IndexRange part) {
    access_.write(file(output), at.status, outer, part, buffer_.data(), room);
  });
  dirty_[output] = true;
}

void RunFiles::clear(std::size_t output, IndexRange values) {
  const RangeSet there =
      allocated_values(entry(output).location.values, entry(output).location.order, values);
  for (const IndexRange& range : there.ranges())
    in_parts(range, piece_values(output), [&](IndexRange part) { clear_part(output, part); });
}

void RunFiles::clear_part(std::size_t output, IndexRange values) {
  const DatasetLocation& at = entry(output).location;
  const ElementType& type = *layout_.outputs[output].type;
  std::vector<std::byte> bytes(static_cast<std::size_t>(values.size()) * type.size);
  read(output, values, bytes.data());
  // Values that look pending already are left alone, so that a resume of a large run mostly reads.
  if (all_pending(type, bytes) && parts_match(output, values)) return;
  const std::vector<std::byte> pending = pending_value(type);
  for (std::size_t k = 0; k < bytes.size(); k += type.size)
    std::memcpy(bytes.data() + k, pending.data(), type.size);
  access_.write(file(output), at.values, at.order, values, bytes.data(), ValueAccess::Room::where_reserved);
  if (at.parts)
    write_parts(output, values, bytes.data(), ValueAccess::Room::where_reserved,
                ValueAccess::Others::may_write);
  dirty_[output] = true;
}

void RunFiles::read_status(std::size_t output, IndexRange elements, std::uint8_t* status) {
  const DatasetLocation& at = entry(output).location;
  const ElementOrder outer(at.order.outer(), std::vector<bool>(at.order.outer().size(), true));
  access_.read(file(output), at.status, outer, elements, reinterpret_cast<std::byte*>(status), nullptr);
}

void RunFiles::sync() {
  bool results_dirty = false;
  // results.h5 is synced once, however many outputs were written there.
  for (std::size_t k = 0; k < segments_.size(); ++k) {
    if (!dirty_[k]) continue;
    dirty_[k] = false;
    if (segments_[k])
      segments_[k]->sync_data();
    else
      results_dirty = true;
  }
  if (results_dirty && results_) results_->sync_data();
}

}  // namespace mpipe
