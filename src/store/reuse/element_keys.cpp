// SPDX-License-Identifier: BSD-3-Clause
// Makes the keys of elements from those of their arguments.
#include "store/reuse/element_keys.hpp"

#include <xxhash.h>

#include <algorithm>

namespace mpipe {

void KeyBytes::put_bytes(std::span<const std::byte> bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void KeyBytes::put(std::uint64_t number) { put_bytes(std::as_bytes(std::span(&number, 1))); }

void KeyBytes::put(const ElementKey& key) {
  put(key.low);
  put(key.high);
}

void KeyBytes::put_text(std::string_view text) {
  put(static_cast<std::uint64_t>(text.size()));
  put_bytes(std::as_bytes(std::span(text)));
}

ElementKey KeyBytes::key() const {
  const XXH128_hash_t hash = XXH3_128bits(bytes_.data(), bytes_.size());
  return {hash.low64, hash.high64};
}

namespace {

/// Steps through a box in C order, keeping a position that moves by `strides`.
class BoxWalk {
 public:
  BoxWalk(Shape shape, Strides strides)
      : shape_(std::move(shape)), strides_(std::move(strides)), index_(shape_.size(), 0) {}
  const MultiIndex& index() const { return index_; }
  Index position() const { return position_; }
  /// Back at the beginning when the box is done.
  void next() {
    for (std::size_t axis = shape_.size(); axis-- > 0;) {
      position_ += strides_[axis];
      if (++index_[axis] < shape_[axis]) return;
      position_ -= strides_[axis] * shape_[axis];
      index_[axis] = 0;
    }
  }

 private:
  Shape shape_;
  Strides strides_;
  MultiIndex index_;
  Index position_ = 0;
};

/// The keys of one argument, over those external axes of the function on which it depends.
struct ArgumentKeys {
  std::vector<ElementKey> table;
  Strides strides;  ///< in `table`, per external axis of the function
};

class ArgumentReader {
 public:
  ArgumentReader(const KeyedCall& call, const KeyedArray& array, const ArraySpec* spec)
      : call_(call), array_(array) {
    for (std::size_t axis = 0; axis < array.shape.size(); ++axis) {
      const auto& name = spec != nullptr && axis < spec->axes.size() ? spec->axes[axis] : kWhole;
      const auto at = name ? std::find(call.axes.begin(), call.axes.end(), *name) : call.axes.end();
      loops_.push_back(at == call.axes.end()
                           ? std::nullopt
                           : std::optional(static_cast<std::size_t>(at - call.axes.begin())));
    }
  }

  /// What must be equal for all elements alike: which axes of the array a call gets, and how long they are. False where
  /// that is not known. Axes inside of elements are as long as these elements make them. Along which other axes the
  /// elements of an output lie does not matter.
  bool describe(KeyBytes& bytes) const {
    bytes.put_text(array_.pattern);
    for (std::size_t axis = 0; axis < loops_.size(); ++axis) {
      if (loops_[axis] && array_.external[axis] && array_.keys != nullptr) continue;
      bytes.put((loops_[axis] ? 1U : 0U) + (array_.external[axis] ? 2U : 0U));
      if (loops_[axis] || !array_.external[axis]) continue;
      if (!array_.shape[axis]) return false;
      bytes.put(static_cast<std::uint64_t>(*array_.shape[axis]));
    }
    return true;
  }

  ArgumentKeys read() const {
    ArgumentKeys keys{{}, Strides(call_.axes.size(), 0)};
    // The table has its axes in the order of the array.
    Shape looped;
    Strides steps;  // in the keys of the array
    const Strides outer = outer_strides();
    for (std::size_t axis = 0; axis < loops_.size(); ++axis) {
      if (!loops_[axis]) continue;
      looped.push_back(call_.shape[*loops_[axis]]);
      steps.push_back(array_.external[axis] ? outer[axis] : 0);
    }
    Index stride = 1;
    for (std::size_t axis = loops_.size(), at = looped.size(); axis-- > 0;) {
      if (!loops_[axis]) continue;
      keys.strides[*loops_[axis]] = stride;
      stride *= looped[--at];
    }
    keys.table.reserve(static_cast<std::size_t>(stride));
    BoxWalk walk(looped, steps);
    for (Index k = 0; k < stride; ++k, walk.next()) keys.table.push_back(key_at(walk, outer));
    return keys;
  }

 private:
  inline static const std::optional<std::string> kWhole;

  /// By axis: the distance of two elements of the array; 0 on axes inside of elements.
  Strides outer_strides() const {
    Strides strides(loops_.size(), 0);
    Index stride = 1;
    for (std::size_t axis = loops_.size(); axis-- > 0;) {
      if (!array_.external[axis]) continue;
      strides[axis] = stride;
      stride *= array_.shape[axis].value_or(0);
    }
    return strides;
  }

  ElementKey key_at(const BoxWalk& walk, const Strides& outer) const {
    KeyBytes bytes;
    if (array_.values != nullptr) {
      bytes.put_bytes(array_.values->element(walk.position()));
      return bytes.key();
    }
    std::size_t at = 0;
    for (std::size_t axis = 0; axis < loops_.size(); ++axis) {
      if (!loops_[axis]) continue;
      // Of an input, and inside of an element, the place says which value it is.
      if (array_.keys == nullptr || !array_.external[axis])
        bytes.put(static_cast<std::uint64_t>(walk.index()[at]));
      ++at;
    }
    if (array_.keys != nullptr) put_elements(bytes, walk.position(), outer);
    return bytes.key();
  }

  /// The keys of all elements on the axes that are taken as a whole.
  void put_elements(KeyBytes& bytes, Index first, const Strides& outer) const {
    Shape whole;
    Strides steps;
    for (std::size_t axis = 0; axis < loops_.size(); ++axis) {
      if (loops_[axis] || !array_.external[axis]) continue;
      whole.push_back(*array_.shape[axis]);
      steps.push_back(outer[axis]);
    }
    const Index count = element_count(whole);
    BoxWalk walk(std::move(whole), std::move(steps));
    for (Index k = 0; k < count; ++k, walk.next())
      bytes.put((*array_.keys)[static_cast<std::size_t>(first + walk.position())]);
  }

  const KeyedCall& call_;
  const KeyedArray& array_;
  std::vector<std::optional<std::size_t>>
      loops_;  ///< by axis of the array: the axis of the function along it
};

}  // namespace

std::optional<std::vector<ElementKey>> keys_of(
    const KeyedCall& call, const std::vector<std::pair<KeyedArray, const ArraySpec*>>& arguments) {
  KeyBytes shared;
  shared.put(call.function);
  std::vector<ArgumentKeys> read;
  for (const auto& [array, spec] : arguments) {
    const ArgumentReader reader(call, array, spec);
    if (!reader.describe(shared)) return std::nullopt;
    read.push_back(reader.read());
  }
  const ElementKey function = shared.key();
  std::vector<ElementKey> keys;
  const Index count = element_count(call.shape);
  keys.reserve(static_cast<std::size_t>(count));
  MultiIndex index(call.shape.size(), 0);
  std::vector<Index> places(read.size(), 0);
  KeyBytes bytes;
  for (Index k = 0; k < count; ++k) {
    bytes.clear();
    bytes.put(function);
    for (std::size_t a = 0; a < read.size(); ++a)
      bytes.put(read[a].table[static_cast<std::size_t>(places[a])]);
    if (call.counts_places) bytes.put(static_cast<std::uint64_t>(k));
    keys.push_back(bytes.key());
    for (std::size_t axis = call.shape.size(); axis-- > 0;) {
      const bool more = ++index[axis] < call.shape[axis];
      const Index step = more ? 1 : 1 - call.shape[axis];
      for (std::size_t a = 0; a < read.size(); ++a) places[a] += step * read[a].strides[axis];
      if (more) break;
      index[axis] = 0;
    }
  }
  return keys;
}

}  // namespace mpipe
