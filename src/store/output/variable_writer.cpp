// SPDX-License-Identifier: BSD-3-Clause
// Writes outputs whose values vary in size into a complete results.h5.
#include <mpipe/core/error.hpp>

#include "store/h5/text_values.hpp"
#include "store/output/variable_values.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace mpipe {
namespace {

/// The shape of an encoded array, and its items: with offsets, one more than items, where they vary in size.
struct DecodedArray {
  Shape shape;
  std::span<const std::byte> items;
  std::vector<std::uint64_t> offsets;
};

DecodedArray decode_array(const ElementType& type, std::span<const std::byte> bytes) {
  const ElementType& item = *type.item;
  ByteReader reader = detail::element_reader(bytes, type);
  DecodedArray array;
  array.shape = detail::read_shape(reader, item.fixed_size() ? item.size : sizeof(std::uint64_t));
  if (!item.fixed_size()) {
    const auto count = static_cast<std::uint64_t>(element_count(array.shape));
    ByteReader lengths = detail::element_reader(reader.take(count * sizeof(std::uint64_t)), type);
    array.offsets.push_back(0);
    while (!lengths.at_end()) array.offsets.push_back(array.offsets.back() + lengths.get<std::uint64_t>());
    const bool grows = std::is_sorted(array.offsets.begin(), array.offsets.end());
    if (!grows || array.offsets.back() != reader.remaining())
      detail::throw_bad_encoding(type, "its lengths are wrong");
  }
  array.items = reader.take(reader.remaining());
  return array;
}

/// All items are text that HDF5 can hold.
bool all_text(const DecodedArray& array) {
  for (std::size_t k = 0; k + 1 < array.offsets.size(); ++k)
    if (!is_text(array.items.subspan(array.offsets[k], array.offsets[k + 1] - array.offsets[k])))
      return false;
  return true;
}

/// What the elements that have values have in common.
struct Survey {
  bool text = true;  ///< all strings, also those in arrays, are text
  bool same_shape = true;
  bool same_rank = true;
  std::optional<Shape> shape;
};

Survey survey(const ElementType& type, const EncodedValues& values) {
  Survey found;
  for (std::size_t k = 0; k < values.count(); ++k) {
    const auto bytes = values.value(k);
    if (type.kind == Kind::string) {
      found.text = found.text && is_text(bytes);
    } else if (type.kind == Kind::array && !bytes.empty()) {
      const DecodedArray array = decode_array(type, bytes);
      if (type.item->kind == Kind::string) found.text = found.text && all_text(array);
      if (!found.shape) found.shape = array.shape;
      found.same_rank = found.same_rank && array.shape.size() == found.shape->size();
      found.same_shape = found.same_shape && array.shape == *found.shape;
    }
  }
  return found;
}

class Writer {
 public:
  Writer(LabelledFile& file, const RunLayout& layout, const OutputLayout& output, const EncodedValues& values)
      : file_(file), layout_(layout), output_(output), order_(element_order(output)), values_(values) {}

  void write() {
    const ElementType& type = *output_.type;
    // The form that tools read best comes first; each that follows takes more values than those before it,
    // and bytes take any.
    const Survey found = survey(type, values_);
    if (type.kind == Kind::string && found.text)
      return add_texts(spec(output_.name), values_.bytes, values_.offsets, file_order());
    if (type.kind == Kind::array &&
        (type.item->fixed_size() || (type.item->kind == Kind::string && found.text))) {
      if (found.same_shape) return write_arrays(found.shape.value_or(Shape{0}));
      if (found.same_rank) return write_ragged(found.shape->size());
    }
    write_bytes();
  }

 private:
  /// Number, in element order, of the value at each place of the file.
  std::vector<std::size_t> file_order() const {
    std::vector<std::size_t> numbers(static_cast<std::size_t>(order_.values()));
    for (std::size_t k = 0; k < numbers.size(); ++k)
      numbers[k] = static_cast<std::size_t>(order_.number_at(static_cast<Index>(k)));
    return numbers;
  }

  VariableSpec spec(const std::string& name) const { return {name, output_.axes, order_.shape()}; }
  void label(const H5Handle& variable) { write_output_attributes(variable.get(), layout_, output_); }

  void write_arrays(const Shape& inner) {
    const ElementType& item = *output_.type->item;
    VariableSpec variable = spec(output_.name);
    for (std::size_t axis = 0; axis < inner.size(); ++axis) {
      variable.axes.push_back(output_.name + "_dim" + std::to_string(axis));
      variable.shape.push_back(inner[axis]);
    }
    EncodedValues all;
    EncodedValues pending;
    for (Index k = 0; k < element_count(inner); ++k) {
      const std::vector<std::byte> value = pending_value(item);
      pending.bytes.insert(pending.bytes.end(), value.begin(), value.end());
    }
    if (!item.fixed_size()) append_nothing(pending, element_count(inner));
    for (const std::size_t number : file_order()) {
      const auto bytes = values_.value(number);
      // Elements that are not done fill their places with pending values, as all elements have the same shape
      // here.
      if (bytes.empty()) {
        append_values(all, pending.bytes, pending.offsets);
      } else {
        const DecodedArray array = decode_array(*output_.type, bytes);
        append_values(all, array.items, array.offsets);
      }
    }
    add_items(variable, item, all);
  }

  /// One array behind another, and how long each is.
  void write_ragged(std::size_t rank) {
    const ElementType& item = *output_.type->item;
    EncodedValues all;
    std::vector<std::int64_t> counts;
    std::vector<std::int64_t> shapes;
    Index total = 0;
    for (const std::size_t number : file_order()) {
      const auto bytes = values_.value(number);
      DecodedArray array{Shape(rank, 0), {}, {}};
      if (!bytes.empty()) array = decode_array(*output_.type, bytes);
      append_values(all, array.items, array.offsets);
      counts.push_back(element_count(array.shape));
      total += counts.back();
      shapes.insert(shapes.end(), array.shape.begin(), array.shape.end());
    }
    const std::string sample = output_.name + "_sample";
    add_items({output_.name, {sample}, {total}}, item, all);
    const H5Handle count = file_.add_values(spec(output_.name + "__count"), H5T_STD_I64LE, counts.data());
    h5_write_text_attribute(count.get(), "sample_dimension", file_.dimension_name(sample, total));
    h5_write_text_attribute(count.get(), "long_name", "number of values of each element of " + output_.name);
    if (rank == 1) return;
    VariableSpec shape = spec(output_.name + "__shape");
    shape.axes.push_back(output_.name + "_rank");
    shape.shape.push_back(static_cast<Index>(rank));
    file_.add_values(shape, H5T_STD_I64LE, shapes.data());
  }

  /// Anything, as its bytes.
  void write_bytes() {
    std::vector<std::byte> all;
    std::vector<std::int64_t> offsets{0};
    for (const std::size_t number : file_order()) {
      const auto bytes = values_.value(number);
      all.insert(all.end(), bytes.begin(), bytes.end());
      offsets.push_back(static_cast<std::int64_t>(all.size()));
    }
    const VariableSpec offset{
        output_.name + "__offset", {output_.name + "_bounds"}, {static_cast<Index>(offsets.size())}};
    file_.add_values(offset, H5T_STD_I64LE, offsets.data());
    const VariableSpec bytes{
        output_.name + "__bytes", {output_.name + "_byte"}, {static_cast<Index>(all.size())}};
    const H5Handle variable = file_.add_values(bytes, H5T_STD_U8LE, all.data());
    label(variable);
    h5_write_text_attribute(variable.get(), kTypeAttribute, output_.type->name);
  }

  /// A variable of texts, the one numbered `order[k]` at place k.
  void add_texts(const VariableSpec& variable, std::span<const std::byte> bytes,
                 std::span<const std::uint64_t> offsets, const std::vector<std::size_t>& order) {
    TextPointers texts = text_pointers(bytes, offsets).value();
    std::vector<const char*> pointers;
    for (const std::size_t number : order) pointers.push_back(texts.pointers[number]);
    label(file_.add_values(variable, h5_text_type().get(), pointers.data()));
  }

  /// Items of arrays, in the order of the file.
  void add_items(const VariableSpec& variable, const ElementType& item, EncodedValues& items) {
    if (item.fixed_size()) return add_numbers(variable, item, items.bytes);
    append_nothing(items, 0);  // offsets, also of nothing
    std::vector<std::size_t> order(items.count());
    std::iota(order.begin(), order.end(), std::size_t{0});
    add_texts(variable, items.bytes, items.offsets, order);
  }

  /// Values of a numeric type, with parts beside complex ones.
  void add_numbers(const VariableSpec& variable, const ElementType& item, const std::vector<std::byte>& all) {
    const H5Handle type = h5_file_type(item);
    const H5Handle main = file_.add_values(variable, type.get(), all.data());
    label(main);
    if (item.kind == Kind::boolean) h5_write_text_attribute(main.get(), "dtype", "bool");
    if (item.kind == Kind::float32 || item.kind == Kind::float64)
      h5_write_attribute(main.get(), "_FillValue", type.get(), {}, pending_value(item).data());
    if (item.kind != Kind::complex64 && item.kind != Kind::complex128) return;
    const ElementType& part = element_type(item.kind == Kind::complex64 ? Kind::float32 : Kind::float64);
    std::vector<std::byte> values(all.size() / 2);
    for (std::size_t which = 0; which < 2; ++which) {
      for (std::size_t k = 0; k < values.size() / part.size; ++k)
        std::memcpy(values.data() + k * part.size, all.data() + (2 * k + which) * part.size, part.size);
      const VariableSpec spec{output_.name + (which == 0 ? "__re" : "__im"), variable.axes, variable.shape};
      const H5Handle part_type = h5_file_type(part);
      const H5Handle added = file_.add_values(spec, part_type.get(), values.data());
      label(added);
      h5_write_attribute(added.get(), "_FillValue", part_type.get(), {}, pending_value(part).data());
    }
  }

  LabelledFile& file_;
  const RunLayout& layout_;
  const OutputLayout& output_;
  ElementOrder order_;
  const EncodedValues& values_;
};

void fill_marks(const RangeSet& elements, ElementStatus status, std::vector<std::uint8_t>& marks) {
  for (const IndexRange& range : elements.ranges())
    std::fill(marks.begin() + range.begin, marks.begin() + range.end, static_cast<std::uint8_t>(status));
}

}  // namespace

void add_variable_output(LabelledFile& file, const RunLayout& layout, std::size_t output,
                         const EncodedValues& values, const ElementStates& progress) {
  const OutputLayout& at = layout.outputs[output];
  Writer(file, layout, at, values).write();
  const H5Handle creation = LabelledFile::variable_creation();
  const H5Handle status = add_status_variable(file, at, creation.get());
  std::vector<std::uint8_t> marks(static_cast<std::size_t>(element_order(at).elements()));
  // What counts most is filled in last: an element that is done is neither failed nor blocked.
  fill_marks(progress.blocked(), ElementStatus::blocked, marks);
  fill_marks(progress.failed(), ElementStatus::failed, marks);
  fill_marks(progress.done(), ElementStatus::done, marks);
  if (!marks.empty())
    h5_check(H5Dwrite(status.get(), H5T_STD_U8LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, marks.data()),
             "write the marks");
}

void add_variable_extents(std::size_t output, const ElementOrder& order, const EncodedValues& values,
                          const RangeSet& done, std::vector<Extent>& extents) {
  constexpr Index kElementsEach = 4096;
  for (const IndexRange& range : done.ranges()) {
    for (Index begin = range.begin; begin < range.end; begin += kElementsEach) {
      const IndexRange elements{begin, std::min(range.end, begin + kElementsEach)};
      const IndexRange part = order.values_of(elements);
      if (part.empty())
        extents.push_back({ExtentKind::done, output, elements, 0});
      else
        extents.push_back({ExtentKind::values, output, part, hash_of(values, part)});
    }
  }
}

}  // namespace mpipe
