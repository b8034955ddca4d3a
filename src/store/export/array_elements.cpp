// SPDX-License-Identifier: BSD-3-Clause
// Lays arrays that are elements out behind one another, or along further axes.
#include "store/export/array_elements.hpp"

#include <mpipe/core/error.hpp>

#include "store/api/boxes.hpp"
#include "store/output/result_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace mpipe {
namespace {

constexpr Index kElementsAtOnce = 4096;

/// What all elements have together. Places are those of elements, in C order over the axes of the output.
struct Survey {
  std::optional<std::size_t> rank;
  std::optional<Shape> shape;  ///< of all, where `same_shape`
  bool same_shape = true;
  std::vector<Index> extents;  ///< `rank` of each element; zeros where it is not done
  std::vector<Index> ends;     ///< numbers of values up to and with each element
};

class Arrays : public std::enable_shared_from_this<Arrays> {
 public:
  Arrays(RunReader& reader, std::size_t output)
      : reader_(reader), output_(output), shape_(known_shape(layout().shape)), item_(*layout().type->item) {
    survey();
  }

  std::vector<ExportVariable> variables() {
    if (found_.same_shape) return {with_axes()};
    std::vector<ExportVariable> made{behind_one_another(), counts()};
    if (found_.rank > 1) made.push_back(shapes());
    return made;
  }

 private:
  const OutputLayout& layout() const { return reader_.outputs()[output_]; }

  /// Visits elements in the order of places: whether each is done, and its array.
  void for_each(IndexRange places, const std::function<void(Index, const Value*)>& visit) const {
    Index place = places.begin;
    for (const IndexBox& box : boxes_of(shape_, places, kElementsAtOnce)) {
      const Value arrays = reader_.read_box(output_, box);
      const std::vector<ElementStatus> states = reader_.states(output_, box);
      for (Index k = 0; k < arrays.count(); ++k, ++place) {
        if (states[static_cast<std::size_t>(k)] != ElementStatus::done) {
          visit(place, nullptr);
          continue;
        }
        const Value array = arrays.opened(k);
        visit(place, &array);
      }
    }
  }

  void survey() {
    for_each({0, element_count(shape_)}, [&](Index, const Value* array) {
      if (array == nullptr) return;
      if (!found_.shape) found_.shape = array->shape();
      if (array->rank() != found_.shape->size())
        throw Error(
            Category::bad_option,
            fmt::format(
                "'{}' has arrays with {} axes, and others with {}, which no one variable can hold. Name "
                "the other outputs.",
                layout().name, found_.shape->size(), array->rank()));
      found_.same_shape = found_.same_shape && array->shape() == *found_.shape;
    });
    if (!found_.shape) found_.shape = Shape{0};
    found_.rank = found_.shape->size();
    if (!found_.same_shape) measure();
  }

  void measure() {
    Index end = 0;
    for_each({0, element_count(shape_)}, [&](Index, const Value* array) {
      const Shape extents = array == nullptr ? Shape(*found_.rank, 0) : array->shape();
      found_.extents.insert(found_.extents.end(), extents.begin(), extents.end());
      end += array == nullptr ? 0 : array->count();
      found_.ends.push_back(end);
    });
  }

  ExportVariable with_axes() {
    ExportVariable made{layout().name, layout().axes, shape_, &item_};
    for (std::size_t axis = 0; axis < found_.shape->size(); ++axis) {
      made.axes.push_back(fmt::format("{}_dim{}", layout().name, axis));
      made.shape.push_back((*found_.shape)[axis]);
    }
    const auto self = shared_from_this();
    made.values = [self](const IndexBox& box) { return self->read_with_axes(box); };
    return made;
  }

  /// The box of the elements, and that within each of them.
  std::pair<IndexBox, IndexBox> divided(const IndexBox& box) const {
    const auto axes = static_cast<std::ptrdiff_t>(shape_.size());
    return {{{box.begin.begin(), box.begin.begin() + axes}, {box.end.begin(), box.end.begin() + axes}},
            {{box.begin.begin() + axes, box.begin.end()}, {box.end.begin() + axes, box.end.end()}}};
  }

  Value read_with_axes(const IndexBox& box) const {
    const auto [outside, inside] = divided(box);
    const Index each = element_count(inside.shape());
    const Value arrays = reader_.read_box(output_, outside);
    const std::vector<ElementStatus> states = reader_.states(output_, outside);
    Gathered all;
    for (Index k = 0; k < arrays.count(); ++k)
      if (states[static_cast<std::size_t>(k)] == ElementStatus::done)
        all.add(slice(arrays.opened(k), inside));
      else
        all.add_missing(item_, each);
    return all.finish(item_, box.shape());
  }

  ExportVariable behind_one_another() {
    ExportVariable made{
        layout().name, {layout().name + "_sample"}, {found_.ends.empty() ? 0 : found_.ends.back()}, &item_};
    const auto self = shared_from_this();
    made.values = [self](const IndexBox& box) { return self->read_samples({box.begin[0], box.end[0]}); };
    return made;
  }

  Value read_samples(IndexRange samples) const {
    Gathered all;
    const auto first =
        std::upper_bound(found_.ends.begin(), found_.ends.end(), samples.begin) - found_.ends.begin();
    const auto last =
        std::lower_bound(found_.ends.begin(), found_.ends.end(), samples.end) - found_.ends.begin();
    if (!samples.empty())
      for_each({first, last + 1}, [&](Index place, const Value* array) {
        if (array == nullptr) return;
        const Index begin = found_.ends[static_cast<std::size_t>(place)] - array->count();
        const IndexRange wanted{std::max<Index>(samples.begin - begin, 0),
                                std::min(samples.end - begin, array->count())};
        if (!wanted.empty())
          all.add(slice(array->reshaped({array->count()}), {{wanted.begin}, {wanted.end}}));
      });
    return all.finish(item_, {samples.size()});
  }

  ExportVariable counts() {
    std::vector<std::int64_t> numbers;
    Index before = 0;
    for (const Index end : found_.ends) numbers.push_back(end - std::exchange(before, end));
    ExportVariable made{layout().name + "__count", layout().axes, shape_, &element_type(Kind::int64)};
    made.attributes = {{"long_name", "number of values of each element of " + layout().name},
                       {"sample_dimension", layout().name + "_sample"}};
    made.values = [all = Value(numbers).reshaped(shape_)](const IndexBox& box) { return slice(all, box); };
    return made;
  }

  ExportVariable shapes() {
    ExportVariable made{layout().name + "__shape", layout().axes, shape_, &element_type(Kind::int64)};
    made.axes.push_back(layout().name + "_rank");
    made.shape.push_back(static_cast<Index>(*found_.rank));
    made.values = [all = Value(found_.extents).reshaped(made.shape)](const IndexBox& box) {
      return slice(all, box);
    };
    return made;
  }

  /// Values one behind another.
  struct Gathered {
    Bytes bytes;
    std::vector<std::uint64_t> offsets{0};

    void add(const Value& values) {
      const std::span some(values.data(), values.byte_size());
      if (!values.type().fixed_size())
        for (Index k = 0; k < values.count(); ++k) offsets.push_back(bytes.size() + values.offsets()[k + 1]);
      bytes.insert(bytes.end(), some.begin(), some.end());
    }
    void add_missing(const ElementType& type, Index count) {
      if (!type.fixed_size())
        return offsets.insert(offsets.end(), static_cast<std::size_t>(count), bytes.size()), void();
      const Bytes pending = pending_value(type);
      for (Index k = 0; k < count; ++k) bytes.insert(bytes.end(), pending.begin(), pending.end());
    }
    Value finish(const ElementType& type, const Shape& shape) const {
      return Value::copy_of(type, shape, bytes,
                            type.fixed_size() ? std::span<const std::uint64_t>{} : offsets);
    }
  };

  RunReader& reader_;
  std::size_t output_;
  Shape shape_;
  const ElementType& item_;
  Survey found_;
};

}  // namespace

std::vector<ExportVariable> variables_of_arrays(RunReader& reader, std::size_t output) {
  return std::make_shared<Arrays>(reader, output)->variables();
}

}  // namespace mpipe
