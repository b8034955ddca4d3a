// SPDX-License-Identifier: BSD-3-Clause
// Reads outputs whose values vary in size from a complete results.h5.
#include <mpipe/core/error.hpp>

#include "store/output/variable_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace mpipe {
namespace {

[[noreturn]] void throw_bad(const std::string& output, const char* what) {
  throw Error(
      Category::storage_failed,
      fmt::format("the results of '{}' {} (the file is damaged, or was not made by mpipe).", output, what));
}

void append_some_texts(hid_t dataset, const std::string& output, const OrderedBox& box,
                       std::uint64_t file_size, EncodedValues& values) {
  const H5Handle space{H5Dget_space(dataset), &H5Sclose, "read a shape"};
  if (!box.extent.empty()) {
    const std::vector<hsize_t> begin(box.begin.begin(), box.begin.end());
    const std::vector<hsize_t> extent(box.extent.begin(), box.extent.end());
    h5_check(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, begin.data(), nullptr, extent.data(), nullptr),
             "select texts");
  }
  const H5Handle memory = h5_space({box.count});
  const H5Handle type = h5_text_type();
  std::vector<char*> texts(static_cast<std::size_t>(box.count), nullptr);
  h5_check(H5Dread(dataset, type.get(), memory.get(), space.get(), H5P_DEFAULT, texts.data()),
           "read the texts of '" + output + "'");
  for (const char* text : texts) {
    const std::size_t length = text == nullptr ? 0 : std::strlen(text);
    // Texts may share their bytes in a file that somebody made with that intention.
    if (values.bytes.size() + length <= 2 * file_size) detail::append(values.bytes, text, length);
    values.offsets.push_back(values.bytes.size());
  }
  // HDF5 allocated the texts and has to free them; so that happens before anything is thrown about them.
  H5Dvlen_reclaim(type.get(), memory.get(), H5P_DEFAULT, texts.data());
  if (values.bytes.size() > file_size) throw_bad(output, "have more text than the file has bytes");
}

/// Texts of a box of a dataset, in C order. HDF5 gives each of them memory of its own: only some at a time.
EncodedValues texts_of_box(hid_t dataset, const std::string& output, const IndexBox& box,
                           std::uint64_t file_size) {
  const Shape shape = box.shape();
  const ElementOrder in_box(shape, std::vector<bool>(shape.size(), true));
  // A text has a reference in the file at least.
  if (in_box.values() > static_cast<Index>(file_size))
    throw_bad(output, "has more values than the file has bytes");
  EncodedValues values;
  values.offsets.push_back(0);
  constexpr Index kAtATime = 1024;
  for (const IndexRange& part : in_box.cut({0, in_box.values()}, kAtATime)) {
    OrderedBox some = in_box.box_of(part);
    for (std::size_t axis = 0; axis < some.begin.size(); ++axis) some.begin[axis] += box.begin[axis];
    append_some_texts(dataset, output, some, file_size, values);
  }
  return values;
}

class Reader {
 public:
  Reader(hid_t file, const OutputLayout& output, const RangeSet& done, std::uint64_t file_size)
      : file_(file), output_(output), order_(element_order(output)), file_size_(file_size) {
    // A file has at least a byte, or a mark, per element: no more memory is asked for than that justifies.
    if (order_.values() > static_cast<Index>(file_size)) bad("has more values than the file has bytes");
    done_.resize(static_cast<std::size_t>(order_.values()));
    const RangeSet values = order_.values_of(done);
    for (const IndexRange& range : values.ranges())
      std::fill(done_.begin() + range.begin, done_.begin() + range.end, true);
  }

  EncodedValues read() {
    if (h5_has_link(file_, output_.name + "__bytes")) return in_element_order(read_bytes());
    if (h5_has_link(file_, output_.name + "__count")) return in_element_order(read_ragged());
    if (output_.type->kind == Kind::string) return in_element_order(read_texts(output_.name, order_.shape()));
    if (has_plain_items()) return in_element_order(read_arrays());
    bad("is stored in an unknown way");
  }

 private:
  /// Elements are arrays of numbers or text.
  bool has_plain_items() const {
    return output_.type->kind == Kind::array &&
           (output_.type->item->fixed_size() || output_.type->item->kind == Kind::string);
  }

  [[noreturn]] void bad(const char* what) const { throw_bad(output_.name, what); }

  /// Opens a dataset whose values take no more room than the file has.
  H5Handle open(const std::string& name, const ElementType& type) const {
    H5Handle dataset = h5_open_dataset(file_, name);
    if (!h5_has_type(dataset.get(), type)) bad("have an unexpected type");
    if (type.fixed_size() &&
        element_count(h5_shape_of(dataset.get())) > static_cast<Index>(file_size_ / type.size))
      bad("are longer than the file");
    return dataset;
  }

  std::vector<std::byte> read_all(const std::string& name, const ElementType& type,
                                  const Shape& shape) const {
    const H5Handle dataset = open(name, type);
    if (h5_shape_of(dataset.get()) != shape) bad("have an unexpected shape");
    std::vector<std::byte> bytes(static_cast<std::size_t>(element_count(shape)) * type.size);
    const H5Handle memory = h5_file_type(type);
    if (!bytes.empty())
      h5_check(H5Dread(dataset.get(), memory.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()),
               "read '" + name + "'");
    return bytes;
  }

  std::vector<std::int64_t> read_numbers(const std::string& name, const Shape& shape) const {
    const std::vector<std::byte> bytes = read_all(name, element_type(Kind::int64), shape);
    std::vector<std::int64_t> numbers(bytes.size() / sizeof(std::int64_t));
    if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
    return numbers;
  }

  Shape shape_of(const std::string& name) const { return h5_shape_of(h5_open_dataset(file_, name).get()); }

  std::size_t number_of(std::size_t place) const {
    return static_cast<std::size_t>(order_.number_at(static_cast<Index>(place)));
  }

  /// Brings values from file order into element order, and leaves out what is not done.
  EncodedValues in_element_order(const EncodedValues& in_file) const {
    std::vector<std::size_t> place(in_file.count());
    for (std::size_t k = 0; k < place.size(); ++k) place[number_of(k)] = k;
    EncodedValues all;
    all.offsets.push_back(0);
    for (std::size_t number = 0; number < place.size(); ++number) {
      const auto bytes = done_[number] ? in_file.value(place[number]) : std::span<const std::byte>{};
      all.bytes.insert(all.bytes.end(), bytes.begin(), bytes.end());
      all.offsets.push_back(all.bytes.size());
    }
    return all;
  }

  EncodedValues read_bytes() const {
    const std::vector<std::int64_t> offsets = read_numbers(output_.name + "__offset", {order_.values() + 1});
    const Shape shape = shape_of(output_.name + "__bytes");
    if (shape.size() != 1) bad("have bytes of an unexpected shape");
    EncodedValues values;
    values.bytes = read_all(output_.name + "__bytes", element_type(Kind::uint8), shape);
    if (offsets.front() != 0 || offsets.back() != shape[0] || !std::is_sorted(offsets.begin(), offsets.end()))
      bad("have offsets that make no sense");
    values.offsets.assign(offsets.begin(), offsets.end());
    return values;
  }

  EncodedValues read_arrays() const {
    const ElementType& item = *output_.type->item;
    const Shape shape = shape_of(output_.name);
    const Shape& outer = order_.shape();
    if (shape.size() < outer.size() || !std::equal(outer.begin(), outer.end(), shape.begin()))
      bad("have an unexpected shape");
    const Shape inner(shape.begin() + static_cast<std::ptrdiff_t>(outer.size()), shape.end());
    const EncodedValues all = read_items(item, shape);
    const Index each = element_count(inner);
    EncodedValues values;
    values.offsets.push_back(0);
    for (std::size_t k = 0; k < done_.size(); ++k) {
      // The array of an element that is not done is left out later; a long axis need not cost anything until
      // then.
      if (done_[number_of(k)]) add_array(inner, item, all, static_cast<Index>(k) * each, values);
      values.offsets.push_back(values.bytes.size());
    }
    return values;
  }

  EncodedValues read_ragged() const {
    if (!has_plain_items()) bad("have an unexpected type");
    const ElementType& item = *output_.type->item;
    const std::vector<std::int64_t> counts = read_numbers(output_.name + "__count", order_.shape());
    Index total = 0;
    for (const std::int64_t count : counts) {
      if (count < 0 || count > static_cast<Index>(file_size_)) bad("have counts that make no sense");
      total += count;
      if (total > static_cast<Index>(file_size_)) bad("have counts that make no sense");
    }
    const EncodedValues all = read_items(item, {total});
    std::size_t rank = 1;
    std::vector<std::int64_t> extents = counts;
    if (h5_has_link(file_, output_.name + "__shape")) {
      Shape shape = shape_of(output_.name + "__shape");
      if (shape.size() != order_.shape().size() + 1) bad("have shapes that make no sense");
      rank = static_cast<std::size_t>(shape.back());
      extents = read_numbers(output_.name + "__shape", shape);
      if (extents.size() != counts.size() * rank) bad("have shapes that make no sense");
    }
    EncodedValues values;
    values.offsets.push_back(0);
    Index at = 0;
    for (std::size_t k = 0; k < counts.size(); ++k) {
      const auto first = extents.begin() + static_cast<std::ptrdiff_t>(k * rank);
      const Shape shape(first, first + static_cast<std::ptrdiff_t>(rank));
      if (std::any_of(shape.begin(), shape.end(), [](Index extent) { return extent < 0; }) ||
          element_count(shape) != counts[k])
        bad("have shapes that make no sense");
      if (done_[number_of(k)]) add_array(shape, item, all, at, values);
      values.offsets.push_back(values.bytes.size());
      at += counts[k];
    }
    return values;
  }

  /// The items of arrays: numbers, or text with offsets.
  EncodedValues read_items(const ElementType& item, const Shape& shape) const {
    if (!item.fixed_size()) return read_texts(output_.name, shape);
    EncodedValues items;
    items.bytes = read_all(output_.name, item, shape);
    return items;
  }

  /// Adds the encoding of an array whose items begin with number `first` of `items`.
  static void add_array(const Shape& shape, const ElementType& item, const EncodedValues& items, Index first,
                        EncodedValues& values) {
    const auto begin = static_cast<std::size_t>(first);
    const auto count = static_cast<std::size_t>(element_count(shape));
    detail::write_shape(shape, values.bytes);
    if (item.fixed_size())
      return append_bytes(std::span(items.bytes).subspan(begin * item.size, count * item.size), values);
    for (std::size_t k = begin; k < begin + count; ++k) {
      const std::uint64_t length = items.value(k).size();
      detail::append(values.bytes, &length, sizeof(length));
    }
    for (std::size_t k = begin; k < begin + count; ++k) append_bytes(items.value(k), values);
  }

  static void append_bytes(std::span<const std::byte> bytes, EncodedValues& values) {
    values.bytes.insert(values.bytes.end(), bytes.begin(), bytes.end());
  }

  EncodedValues read_texts(const std::string& name, const Shape& shape) const {
    const H5Handle dataset = open(name, element_type(Kind::string));
    if (h5_shape_of(dataset.get()) != shape) bad("have an unexpected shape");
    return texts_of_box(dataset.get(), output_.name, {MultiIndex(shape.size(), 0), shape}, file_size_);
  }

  hid_t file_;
  const OutputLayout& output_;
  ElementOrder order_;
  std::uint64_t file_size_;
  std::vector<bool> done_;  ///< by value, in element order
};

}  // namespace

bool has_variable_output(hid_t file, const OutputLayout& output) {
  return !output.type->fixed_size() && !output.in_own_files() && output.shape_known() &&
         (h5_has_link(file, output.name) || h5_has_link(file, output.name + "__bytes"));
}

EncodedValues read_variable_output(hid_t file, const OutputLayout& output, const RangeSet& done,
                                   std::uint64_t file_size) {
  return Reader(file, output, done, file_size).read();
}

std::optional<EncodedValues> read_text_box(hid_t file, const OutputLayout& output, const IndexBox& box,
                                           std::uint64_t file_size) {
  if (output.type->kind != Kind::string || !h5_has_link(file, output.name)) return std::nullopt;
  const H5Handle dataset = h5_open_dataset(file, output.name);
  if (!h5_has_type(dataset.get(), *output.type) || h5_shape_of(dataset.get()) != known_shape(output.shape))
    throw_bad(output.name, "have an unexpected type or shape");
  return texts_of_box(dataset.get(), output.name, box, file_size);
}

std::vector<std::uint8_t> read_variable_status(hid_t file, const OutputLayout& output,
                                               std::uint64_t file_size) {
  const H5Handle dataset = h5_open_dataset(file, output.name + "__status");
  const Index elements = element_order(output).elements();
  if (!h5_has_type(dataset.get(), mark_type()) ||
      h5_shape_of(dataset.get()) != element_order(output).outer() || elements > static_cast<Index>(file_size))
    throw Error(
        Category::storage_failed,
        "the marks of '" + output.name + "' have another shape than its elements (the file is damaged).");
  std::vector<std::uint8_t> marks(static_cast<std::size_t>(elements));
  if (!marks.empty())
    h5_check(H5Dread(dataset.get(), H5T_STD_U8LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, marks.data()),
             "read the marks");
  return marks;
}

}  // namespace mpipe
