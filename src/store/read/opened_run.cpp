// SPDX-License-Identifier: BSD-3-Clause
// Opens a run folder for reading, and reads values from wherever they are.
#include "store/read/opened_run.hpp"

#include <mpipe/core/error.hpp>

#include "store/output/input_variables.hpp"
#include "store/output/load_elements.hpp"
#include "store/output/variable_values.hpp"
#include "store/verify_extents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace mpipe {
namespace {

std::vector<fs::path> all_journals(const fs::path& folder) {
  std::vector<fs::path> journals = find_journals(folder);
  const std::vector<fs::path> kept = find_retained(folder);
  journals.insert(journals.end(), kept.begin(), kept.end());
  return journals;
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

}  // namespace

OpenedRun::OpenedRun(const fs::path& folder)
    : folder_(folder),
      layout_(read_description(folder, &damage_)),
      outputs_(folder, layout_, {}, false),
      marked_(layout_.outputs.size()),
      progress_(layout_.outputs.size()) {
  const H5Turn turn;
  // Marks first: what a running job marks meanwhile had its checksum before.
  outputs_.locate(read_file_table(folder, layout_));
  for (std::size_t k = 0; k < marked_.size(); ++k) marked_[k] = outputs_[k].read_marks();
  // Journals last. What a commit moves away meanwhile is missing, until the run is opened again.
  read_inputs();
  journals_.emplace(all_journals(folder), run_key(layout_.run_id), layout_);
  adopt_internal_shapes(*journals_, layout_);
  adopt_internal_shapes(outputs_.elements(), layout_);
  add_journals();
}

bool OpenedRun::complete() const {
  // The end of a run removes both folders last, after everything else is in its final place.
  if (is_there(journal_folder(folder_)) || is_there(segment_folder(folder_))) return false;
  for (std::size_t k = 0; k < layout_.outputs.size(); ++k)
    if (has_location(layout_.outputs[k]) && outputs_[k].location() == nullptr) return false;
  return true;
}

void OpenedRun::read_inputs() {
  const auto there = File::open_existing(results_path(folder_), File::Mode::read);
  if (!there)
    throw Error(Category::storage_failed, fmt::format("'{}' is not there (the run was killed when it began, "
                                                      "or somebody removed the file). Resume the run.",
                                                      results_path(folder_).string()));
  const H5Handle file = h5_open_for_reading(results_path(folder_));
  for (InputLayout& input : layout_.inputs)
    input.value = read_input_variable(file.get(), input.name, there->size());
}

/// Marks of outputs that have no marks in a file are in extents and journals.
void OpenedRun::add_journals() {
  const std::vector<ElementStates> told = states_of(
      [&] {
        std::vector<Extent> marks = read_all_extents(folder_, run_key(layout_.run_id));
        std::erase_if(marks, [&](const Extent& extent) {
          return extent.output >= layout_.outputs.size() || !is_mark(extent);
        });
        return marks;
      }(),
      layout_);
  for (std::size_t k = 0; k < progress_.size(); ++k) {
    ElementStates& known = progress_[k];
    known = marked_[k];
    // A journal of an earlier start may tell of files that turned out to be damaged since.
    known.add_done(outputs_[k].existing(journals_->values(k).difference(known.done())));
    if (outputs_[k].location() == nullptr) known.add(told[k]);
    known.add_failed(journals_->failed(k));
    known.add_blocked(journals_->blocked(k));
  }
}

namespace {

/// Values of fixed size; those that do not come stay pending.
class FixedSink final : public ElementSink {
 public:
  FixedSink(const ElementType& type, IndexRange elements, Index values_per_element)
      : type_(type),
        first_(elements.begin),
        count_(elements.size() * values_per_element),
        element_bytes_(static_cast<std::size_t>(values_per_element) * type.size) {
    const std::size_t size = static_cast<std::size_t>(count_) * type.size;
    bytes_.reset(new std::byte[std::max<std::size_t>(size, 1)]);
    const std::vector<std::byte> pending = pending_value(type);
    for (std::size_t at = 0; at < size; at += type.size)
      std::memcpy(bytes_.get() + at, pending.data(), type.size);
  }

  std::byte* room(IndexRange elements) override {
    return bytes_.get() + static_cast<std::size_t>(elements.begin - first_) * element_bytes_;
  }
  void put(IndexRange, std::span<const std::byte>, std::span<const std::uint64_t>) override {
    throw Bug("values that vary in size among those of fixed size");
  }
  Value finish(const Shape& shape) {
    return Value::from_bytes(type_, {count_}, std::move(bytes_)).reshaped(shape);
  }

 private:
  const ElementType& type_;
  Index first_;
  Index count_;
  std::size_t element_bytes_;
  std::shared_ptr<std::byte[]> bytes_;
};

/// Values that vary in size; those that do not come are without bytes.
class VariableSink final : public ElementSink {
 public:
  VariableSink(const OutputLayout& output, IndexRange elements, Index values_per_element)
      : output_(output), end_(elements.end), at_(elements.begin), per_element_(values_per_element) {
    all_.offsets.push_back(0);
    all_.offsets.reserve(static_cast<std::size_t>(elements.size() * values_per_element) + 1);
  }

  std::byte* room(IndexRange) override { throw Bug("values of fixed size among those that vary in size"); }
  void put(IndexRange elements, std::span<const std::byte> bytes,
           std::span<const std::uint64_t> offsets) override {
    append_nothing(all_, (elements.begin - at_) * per_element_);
    append_values(all_, bytes, offsets);
    at_ = elements.end;
  }
  Value finish(const Shape& shape) {
    append_nothing(all_, (end_ - at_) * per_element_);
    return Value::copy_of(*output_.type, shape, all_.bytes, all_.offsets);
  }

 private:
  const OutputLayout& output_;
  Index end_;
  Index at_;
  Index per_element_;
  EncodedValues all_;
};

}  // namespace

Value OpenedRun::read(std::size_t output, IndexRange elements) {
  const OutputLayout& layout = layout_.outputs[output];
  const std::optional<Shape> internal = internal_shape(layout);
  if (!internal)
    throw Error(
        Category::storage_failed,
        fmt::format("the shape of the elements of '{}' is not known: none was computed.", layout.name));
  Shape shape{elements.size()};
  shape.insert(shape.end(), internal->begin(), internal->end());
  const Index per_element = element_count(*internal);
  const RangeSet done = progress_[output].done().intersection(elements);
  const auto read_into = [&](auto sink) {
    read_elements(output, done, sink);
    return sink.finish(shape);
  };
  if (layout.type->fixed_size()) return read_into(FixedSink(*layout.type, elements, per_element));
  return read_into(VariableSink(layout, elements, per_element));
}

void OpenedRun::load(std::size_t output, const RangeSet& elements, PartialArray& array) {
  load_elements(
      outputs_[output], layout_.outputs[output], elements, marked_[output].done(),
      [&]() -> JournalIndex& { return *journals_; }, array);
}

}  // namespace mpipe
