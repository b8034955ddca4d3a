// SPDX-License-Identifier: BSD-3-Clause
// Opens a run folder for reading, and reads values from wherever they are.
#include "store/read/stored_run.hpp"

#include <mpipe/core/error.hpp>

#include "store/manifest.hpp"
#include "store/output/input_variables.hpp"
#include "store/output/variable_values.hpp"
#include "store/trusted_extents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace mpipe {
namespace {

RunLayout read_layout(const fs::path& folder) {
  std::optional<RunLayout> layout = read_manifest(folder);
  if (!layout)
    throw Error(
        Category::storage_failed,
        fmt::format(
            "there are no results in '{}': it has no store.json (no run was made there, or only one without "
            "storage). Check the name of the folder.",
            folder.string()));
  return std::move(*layout);
}

std::vector<fs::path> all_journals(const fs::path& folder) {
  std::vector<fs::path> journals = find_journals(folder);
  const std::vector<fs::path> kept = find_kept(folder);
  journals.insert(journals.end(), kept.begin(), kept.end());
  return journals;
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

void throw_too_large(const OutputLayout& output, std::uint64_t max_bytes) {
  throw Error(Category::too_large,
              fmt::format("'{}' takes more than {} (the limit that was asked for). Read a part of it.",
                          output.name, readable_size(max_bytes)));
}

}  // namespace

StoredRun::StoredRun(const fs::path& folder)
    : folder_(folder),
      layout_(read_layout(folder)),
      files_(folder, layout_, false),
      elements_(folder, layout_),
      marked_(layout_.outputs.size()),
      progress_(layout_.outputs.size()) {
  const H5Quiet quiet;
  // Marks first: what a running job marks meanwhile had its checksum before.
  FileTable table = read_file_table(folder, layout_);
  files_.set_table(std::move(table));
  read_marks();
  read_inputs();
  journals_.emplace(all_journals(folder), run_key(layout_.run_id), layout_);
  adopt_internal_shapes(*journals_, layout_);
  adopt_internal_shapes(elements_, layout_);
  add_journals();
}

bool StoredRun::complete() const {
  if (is_there(journal_folder(folder_)) || is_there(segment_folder(folder_))) return false;
  for (std::size_t k = 0; k < layout_.outputs.size(); ++k)
    if (has_place(layout_.outputs[k]) && files_.place(k) == nullptr) return false;
  return true;
}

void StoredRun::read_marks() {
  constexpr Index kAtATime = Index{1} << 20;
  std::vector<std::uint8_t> marks;
  for (std::size_t k = 0; k < marked_.size(); ++k) {
    if (files_.place(k) == nullptr) continue;
    const Index elements = files_.place(k)->order.elements();
    for (Index begin = 0; begin < elements; begin += kAtATime) {
      const IndexRange part{begin, std::min(elements, begin + kAtATime)};
      marks.resize(static_cast<std::size_t>(part.size()));
      files_.read_status(k, part, marks.data());
      const OutputProgress some = progress_of_marks(marks, begin);
      for (const auto set : {&OutputProgress::done, &OutputProgress::failed, &OutputProgress::blocked})
        for (const IndexRange& range : (some.*set).ranges()) (marked_[k].*set).insert(range);
    }
  }
}

void StoredRun::read_inputs() {
  const auto there = PosixFile::open_existing(results_path(folder_), PosixFile::Mode::read);
  if (!there)
    throw Error(Category::storage_failed, fmt::format("'{}' is not there (the run was killed when it began, "
                                                      "or somebody removed the file). Resume the run.",
                                                      results_path(folder_).string()));
  const H5Handle file = h5_open_for_reading(results_path(folder_));
  for (InputLayout& input : layout_.inputs)
    input.value = read_input_variable(file.get(), input.name, there->size());
  for (std::size_t k = 0; k < marked_.size(); ++k)
    if (has_variable_output(file.get(), layout_.outputs[k]))
      marked_[k] = progress_of_marks(read_variable_status(file.get(), layout_.outputs[k], there->size()), 0);
}

/// Marks of outputs that have no marks in a file are in extents and journals.
void StoredRun::add_journals() {
  const std::vector<OutputProgress> told = progress_of(
      [&] {
        std::vector<Extent> marks = read_all_extents(folder_, run_key(layout_.run_id));
        std::erase_if(marks, [&](const Extent& extent) {
          return extent.output >= layout_.outputs.size() ||
                 (extent.kind != ExtentKind::failed && extent.kind != ExtentKind::blocked);
        });
        return marks;
      }(),
      layout_);
  for (std::size_t k = 0; k < progress_.size(); ++k) {
    OutputProgress& known = progress_[k];
    known = marked_[k];
    const RangeSet in_journals = journals_->values(k).difference(known.done);
    // A journal of an earlier start may tell of files that turned out to be damaged since.
    known.done = known.done.united(layout_.outputs[k].in_own_files() ? elements_.existing(k, in_journals)
                                                                     : in_journals);
    const bool has_marks = files_.place(k) != nullptr;
    if (!has_marks) {
      known.failed = known.failed.united(told[k].failed);
      known.blocked = known.blocked.united(told[k].blocked);
    }
    known.failed = known.failed.united(journals_->failed(k)).difference(known.done);
    known.blocked =
        known.blocked.united(journals_->blocked(k)).difference(known.done).difference(known.failed);
  }
}

VariableSource& StoredRun::source(std::size_t output) {
  const auto known = sources_.find(output);
  if (known != sources_.end()) return known->second;
  const RangeSet in_results = layout_.outputs[output].type->fixed_size() ? RangeSet{} : marked_[output].done;
  return sources_.emplace(output, VariableSource(folder_, layout_, output, in_results, *journals_))
      .first->second;
}

/// Of elements that have no place in preallocated datasets.
void StoredRun::read_parts(std::size_t output, IndexRange elements, const VariableSource::Visit& visit) {
  if (!layout_.outputs[output].in_own_files()) return source(output).read(elements, visit);
  elements_.read(output, RangeSet{elements}, [&](IndexRange element, const StoredElement& found) {
    visit(element, found.bytes, found.offsets);
  });
}

Value StoredRun::read(std::size_t output, IndexRange elements, std::uint64_t max_bytes) {
  const OutputLayout& layout = layout_.outputs[output];
  const std::optional<Shape> internal = internal_shape(layout);
  if (!internal)
    throw Error(
        Category::storage_failed,
        fmt::format("the shape of the elements of '{}' is not known: none was computed.", layout.name));
  Shape shape{elements.size()};
  shape.insert(shape.end(), internal->begin(), internal->end());
  const Index values = element_count(shape);
  const std::uint64_t each = layout.type->fixed_size() ? layout.type->size : sizeof(std::uint64_t);
  if (static_cast<std::uint64_t>(values) > max_bytes / each) throw_too_large(layout, max_bytes);
  if (layout.type->fixed_size()) return read_fixed(output, elements).reshaped(shape);
  EncodedValues all;
  all.offsets.push_back(0);
  const Index per_element = element_count(*internal);
  Index at = elements.begin;
  const RangeSet done = progress_[output].done.intersection(elements);
  for (const IndexRange& range : done.ranges())
    read_parts(
        output, range,
        [&](IndexRange part, std::span<const std::byte> bytes, std::span<const std::uint64_t> offsets) {
          append_nothing(all, (part.begin - at) * per_element);
          append_values(all, bytes, offsets);
          at = part.end;
          if (all.bytes.size() + static_cast<std::uint64_t>(values) * each > max_bytes)
            throw_too_large(layout, max_bytes);
        });
  append_nothing(all, (elements.end - at) * per_element);
  return Value::copy_of(*layout.type, shape, all.bytes, all.offsets);
}

Value StoredRun::read_fixed(std::size_t output, IndexRange elements) {
  const ElementType& type = *layout_.outputs[output].type;
  const Index per_element = element_count(internal_shape(layout_.outputs[output]).value());
  const std::size_t element_bytes = static_cast<std::size_t>(per_element) * type.size;
  const auto count = static_cast<std::size_t>(elements.size() * per_element);
  std::shared_ptr<std::byte[]> bytes(new std::byte[std::max<std::size_t>(count * type.size, 1)]);
  const std::vector<std::byte> pending = pending_value(type);
  for (std::size_t k = 0; k < count; ++k) std::memcpy(bytes.get() + k * type.size, pending.data(), type.size);
  const auto place_of = [&](Index element) {
    return bytes.get() + static_cast<std::size_t>(element - elements.begin) * element_bytes;
  };
  const bool in_datasets = files_.place(output) != nullptr && !layout_.outputs[output].in_own_files();
  const RangeSet in_file = in_datasets ? marked_[output].done.intersection(elements) : RangeSet{};
  for (const IndexRange& range : in_file.ranges())
    files_.read(output, {range.begin * per_element, range.end * per_element}, place_of(range.begin));
  const RangeSet elsewhere = progress_[output].done.intersection(elements).difference(in_file);
  for (const IndexRange& range : elsewhere.ranges())
    read_parts(output, range,
               [&](IndexRange part, std::span<const std::byte> found, std::span<const std::uint64_t>) {
                 if (!found.empty()) std::memcpy(place_of(part.begin), found.data(), found.size());
               });
  return Value::from_bytes(type, {static_cast<Index>(count)}, std::move(bytes));
}

}  // namespace mpipe
