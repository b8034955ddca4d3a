// SPDX-License-Identifier: BSD-3-Clause
// Reads a box of an output, from the results file as it lies there, and from journals and files of elements.
#include <mpipe/core/error.hpp>

#include "store/output/variable_values.hpp"
#include "store/read/box_places.hpp"
#include "store/read/opened_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace mpipe {
namespace {

/// Values of fixed size, by elements, put to their places in a box.
class FixedBoxSink final : public ElementSink {
 public:
  FixedBoxSink(const OutputLayout& layout, const BoxPlaces& places, std::byte* box)
      : size_(layout.type->size),
        element_bytes_(static_cast<std::size_t>(element_order(layout).values_per_element()) * size_),
        places_(places),
        box_(box) {}

  std::byte* room(IndexRange elements) override {
    buffer_.resize(static_cast<std::size_t>(elements.size()) * element_bytes_);
    return buffer_.data();
  }
  void filled(IndexRange elements) override {
    for (Index element = elements.begin; element < elements.end; ++element)
      places_.for_each_run(element, [&](const BoxRun& run) {
        const std::byte* from = buffer_.data() + offset_in_buffer(element - elements.begin, run.number);
        for (Index k = 0; k < run.count; ++k)
          std::memcpy(place(run, k), from + static_cast<std::size_t>(k) * size_, size_);
      });
  }
  void put(IndexRange, std::span<const std::byte>, std::span<const std::uint64_t>) override {
    throw Bug("values that vary in size among those of fixed size");
  }

  /// Makes values of these elements pending.
  void clear(const RangeSet& elements, std::span<const std::byte> pending) {
    for (const IndexRange& range : elements.ranges())
      for (Index element = range.begin; element < range.end; ++element)
        places_.for_each_run(element, [&](const BoxRun& run) {
          for (Index k = 0; k < run.count; ++k) std::memcpy(place(run, k), pending.data(), size_);
        });
  }

 private:
  std::size_t offset_in_buffer(Index element, Index number) const {
    return static_cast<std::size_t>(element) * element_bytes_ + static_cast<std::size_t>(number) * size_;
  }
  std::byte* place(const BoxRun& run, Index k) const {
    return box_ + static_cast<std::size_t>(run.place + k * run.stride) * size_;
  }

  std::size_t size_;
  std::size_t element_bytes_;
  const BoxPlaces& places_;
  std::byte* box_;
  std::vector<std::byte> buffer_;
};

/// Hands on what it gets, which are single elements, and keeps the last one.
class KeepingSink final : public ElementSink {
 public:
  KeepingSink(KeptElement& kept, std::size_t output, std::size_t element_bytes, ElementSink& sink)
      : kept_(kept), output_(output), element_bytes_(element_bytes), sink_(sink) {}

  std::byte* room(IndexRange) override {
    kept_.output.reset();  // until all of it is there
    kept_.bytes.resize(element_bytes_);
    return kept_.bytes.data();
  }
  void filled(IndexRange element) override {
    kept_.output = output_;
    kept_.element = element.begin;
    sink_.take(element, kept_.bytes, {});
  }
  void put(IndexRange, std::span<const std::byte>, std::span<const std::uint64_t>) override {
    throw Bug("values that vary in size among those of fixed size");
  }

 private:
  KeptElement& kept_;
  std::size_t output_;
  std::size_t element_bytes_;
  ElementSink& sink_;
};

/// Values that vary in size, gathered in the order in which they come.
class VariableBoxSink final : public ElementSink {
 public:
  VariableBoxSink(Index count, Index values_per_element, const BoxPlaces& places,
                  std::function<void(std::uint64_t)> check_bytes)
      : spans_(static_cast<std::size_t>(count)),
        per_element_(values_per_element),
        places_(places),
        check_bytes_(std::move(check_bytes)) {}

  std::byte* room(IndexRange) override { throw Bug("values of fixed size among those that vary in size"); }
  void put(IndexRange elements, std::span<const std::byte> bytes,
           std::span<const std::uint64_t> offsets) override {
    for (Index element = elements.begin; element < elements.end; ++element)
      places_.for_each_run(element, [&](const BoxRun& run) {
        for (Index k = 0; k < run.count; ++k) {
          const auto number =
              static_cast<std::size_t>((element - elements.begin) * per_element_ + run.number + k);
          add(bytes.subspan(offsets[number], offsets[number + 1] - offsets[number]),
              spans_[static_cast<std::size_t>(run.place + k * run.stride)]);
        }
      });
    check_bytes_(bytes_.size());
  }

  Value finish(const ElementType& type, const Shape& shape) const {
    std::vector<std::byte> bytes;
    bytes.reserve(bytes_.size());
    std::vector<std::uint64_t> offsets{0};
    offsets.reserve(spans_.size() + 1);
    for (const Span& span : spans_) {
      const auto from = std::span(bytes_).subspan(span.begin, span.size);
      bytes.insert(bytes.end(), from.begin(), from.end());
      offsets.push_back(bytes.size());
    }
    return Value::copy_of(type, shape, bytes, offsets);
  }

 private:
  struct Span {
    std::size_t begin = 0;
    std::size_t size = 0;
  };
  void add(std::span<const std::byte> value, Span& span) {
    span = {bytes_.size(), value.size()};
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }

  std::vector<std::byte> bytes_;
  std::vector<Span> spans_;  ///< by place in the box
  Index per_element_;
  const BoxPlaces& places_;
  std::function<void(std::uint64_t)> check_bytes_;
};

void throw_too_large(const OutputLayout& output, std::uint64_t max_bytes) {
  throw Error(Category::too_large,
              fmt::format("'{}' takes more than {} (the limit that was asked for). Read a part of it.",
                          output.name, readable_size(max_bytes)));
}

}  // namespace

Value OpenedRun::read_box(std::size_t output, const IndexBox& box, std::uint64_t max_bytes) {
  const OutputLayout& layout = layout_.outputs[output];
  const Shape shape = box.shape();
  const Index count = element_count(shape);
  const std::uint64_t each = layout.type->fixed_size() ? layout.type->size : sizeof(std::uint64_t);
  // Before memory is asked for, as the shape comes from a file.
  if (static_cast<std::uint64_t>(count) > max_bytes / each) throw_too_large(layout, max_bytes);
  if (layout.type->fixed_size()) return read_fixed_box(output, box);
  const auto check = [&](std::uint64_t bytes) {
    if (bytes + static_cast<std::uint64_t>(count) * each > max_bytes) throw_too_large(layout, max_bytes);
  };
  const BoxPlaces places(layout, box);
  const RangeSet elements = places.elements();
  if (elements.difference(marked_[output].done()).empty())
    if (const std::optional<EncodedValues> texts = outputs_[output].read_texts(box)) {
      check(texts->bytes.size());
      return Value::copy_of(*layout.type, shape, texts->bytes, texts->offsets);
    }
  VariableBoxSink sink(count, element_order(layout).values_per_element(), places, check);
  read_elements(output, progress_[output].done().intersection(elements), sink);
  return sink.finish(*layout.type, shape);
}

/// What is in the results file lies there in the order of the axes: it is read as it is, and what is elsewhere, or
/// not done, is put over it.
Value OpenedRun::read_fixed_box(std::size_t output, const IndexBox& box) {
  const OutputLayout& layout = layout_.outputs[output];
  const ElementType& type = *layout.type;
  const Shape shape = box.shape();
  const Index count = element_count(shape);
  const std::shared_ptr<std::byte[]> bytes(
      new std::byte[std::max<std::size_t>(static_cast<std::size_t>(count) * type.size, 1)]);
  const BoxPlaces places(layout, box);
  const RangeSet elements = places.elements();
  const RangeSet done = progress_[output].done().intersection(elements);
  FixedBoxSink sink(layout, places, bytes.get());
  RangeSet in_file;
  if (outputs_[output].location() != nullptr && !layout.in_own_files()) {
    in_file = marked_[output].done().intersection(done);
    std::byte* to = bytes.get();
    for_each_range_of_box(box, known_shape(layout.shape), [&](IndexRange places_in_file) {
      outputs_.files().read_places(output, places_in_file, to);
      to += static_cast<std::size_t>(places_in_file.size()) * type.size;
    });
  }
  if (in_file != elements) {
    sink.clear(elements.difference(done), pending_value(type));
    if (layout.in_own_files())
      read_own_files(output, done, sink);
    else
      read_elements(output, done.difference(in_file), sink);
  }
  return Value::from_bytes(type, {count}, bytes).reshaped(shape);
}

/// A file is read as a whole, and boxes behind one another often begin with the element that the last one ended with.
void OpenedRun::read_own_files(std::size_t output, RangeSet elements, ElementSink& sink) {
  if (kept_.output == output && elements.contains(kept_.element)) {
    const IndexRange element{kept_.element, kept_.element + 1};
    sink.take(element, kept_.bytes, {});
    elements.erase(element);
  }
  const OutputLayout& layout = layout_.outputs[output];
  const auto values = static_cast<std::size_t>(element_order(layout).values_per_element());
  KeepingSink keeping(kept_, output, values * layout.type->size, sink);
  read_elements(output, elements, keeping);
}

void OpenedRun::read_elements(std::size_t output, const RangeSet& elements, ElementSink& sink) {
  outputs_[output].read(
      elements, marked_[output].done(), [&]() -> JournalIndex& { return *journals_; }, sink);
}

std::vector<ElementStatus> OpenedRun::states(std::size_t output, const IndexBox& box) const {
  const BoxPlaces places(layout_.outputs[output], box);
  const RangeSet elements = places.elements();
  const ElementStates& known = progress_[output];
  std::vector<ElementStatus> states(static_cast<std::size_t>(element_count(box.shape())),
                                    ElementStatus::pending);
  const auto tell = [&](const RangeSet& some, ElementStatus status) {
    for (const IndexRange& range : elements.intersection(some).ranges())
      for (Index element = range.begin; element < range.end; ++element)
        places.for_each_run(element, [&](const BoxRun& run) {
          for (Index k = 0; k < run.count; ++k)
            states[static_cast<std::size_t>(run.place + k * run.stride)] = status;
        });
  };
  if (elements.difference(known.done()).empty()) {
    states.assign(states.size(), ElementStatus::done);
    return states;
  }
  tell(known.done(), ElementStatus::done);
  tell(known.failed(), ElementStatus::failed);
  tell(known.blocked(), ElementStatus::blocked);
  return states;
}

}  // namespace mpipe
