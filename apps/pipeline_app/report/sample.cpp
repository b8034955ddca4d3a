// SPDX-License-Identifier: BSD-3-Clause
// Reads the values of a slice through an output, window by window, and sums them up in cells.
#include "report/sample.hpp"

#include <mpipe/core/error.hpp>

#include "base/api/file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>

namespace mpipe::app {
namespace {

constexpr Index kWindowBytes = Index{4} << 20;
/// Between elements that are nearer than this, reading on is cheaper than reading again.
constexpr Index kNearBytes = 4096;
constexpr Index kLargestElement = Index{256} << 20;

template <class T>
T value_at(const std::byte* bytes) {
  T value{};
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <class T>
double part_at(const std::byte* bytes, NumberPart part) {
  const auto value = value_at<std::complex<T>>(bytes);
  if (part == NumberPart::modulus) return std::abs(std::complex<double>(value));
  return static_cast<double>(part == NumberPart::real ? value.real() : value.imag());
}

Index bytes_of_element(const OutputLayout& layout) {
  return element_count(known_shape(layout.internal_shape())) * static_cast<Index>(layout.type->size);
}

/// The positions of one axis that are looked at, and how they are gathered in cells.
struct Walk {
  Index length = 1;  ///< of the axis
  Index step = 1;    ///< from one position that is looked at to the next
  Index cell = 1;    ///< how many of these make a cell
  Index stride = 0;  ///< between neighbours on the axis: in elements, or in values within one
  bool external = true;

  Index visited() const { return (length + step - 1) / step; }
  Index cells() const { return (visited() + cell - 1) / cell; }
  Index elements() const { return external ? visited() : 1; }
  /// Looks at all positions.
  void gather(Index most_cells) {
    step = 1;
    cell = (length + most_cells - 1) / most_cells;
  }
  /// Looks at one position for each cell.
  void thin(Index most_cells) {
    step = (length + most_cells - 1) / most_cells;
    cell = 1;
  }
};

/// Elements in ascending order, some of them at a time.
class ElementWindow {
 public:
  ElementWindow(RunReader& reader, std::size_t output, Index length)
      : reader_(reader), output_(output), length_(length), total_(*reader.element_total(output)) {}

  /// The values of an element, or nullptr when it is not done.
  const std::byte* find(Index element) {
    if (!range_.contains(element)) load({element, std::min(element + length_, total_)});
    const Index at = element - range_.begin;
    if (!done_[static_cast<std::size_t>(at)]) return nullptr;
    return values_.data() + at * (static_cast<Index>(values_.byte_size()) / range_.size());
  }

 private:
  void load(IndexRange range) {
    range_ = range;
    done_.assign(static_cast<std::size_t>(range.size()), false);
    const RangeSet done = reader_.progress(output_).done().intersection(range);
    for (const IndexRange& each : done.ranges())
      for (Index k = each.begin; k < each.end; ++k) done_[static_cast<std::size_t>(k - range.begin)] = true;
    // Given up first: there is one window at a time.
    values_ = {};
    if (!done.empty()) values_ = reader_.read(output_, range);
  }

  RunReader& reader_;
  std::size_t output_;
  Index length_;
  Index total_;
  IndexRange range_;
  std::vector<bool> done_;
  Value values_;
};

class Sampler {
 public:
  Sampler(RunReader& reader, std::size_t output, const Slice& slice, NumberPart part,
          const SampleLimits& limits)
      : reader_(reader),
        output_(output),
        layout_(reader.outputs()[output]),
        part_(part),
        limits_(limits),
        element_bytes_(std::max<Index>(1, bytes_of_element(layout_))) {
    const Shape shape = known_shape(layout_.shape);
    Index element_stride = 1;
    Index value_stride = 1;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      const bool external = layout_.external[axis];
      Index& stride = external ? element_stride : value_stride;
      if (axis == slice.column_axis)
        column_ = {shape[axis], 1, 1, stride, external};
      else if (slice.row_axis == axis)
        row_ = {shape[axis], 1, 1, stride, external};
      else
        (external ? first_element_ : first_value_) += slice.at[axis] * stride;
      stride *= shape[axis];
    }
  }

  Sample run(Index most_rows, Index most_columns) {
    fit(most_rows, most_columns);
    result_.rows = row_.cells();
    result_.columns = column_.cells();
    result_.row_step = row_.step * row_.cell;
    result_.column_step = column_.step * column_.cell;
    result_.cells.resize(static_cast<std::size_t>(result_.rows * result_.columns));
    ElementWindow window(reader_, output_, window_length());
    for (Index row = 0; row < row_.elements(); ++row)
      for (Index column = 0; column < column_.elements(); ++column)
        add_element(window.find(first_element_ + along(row_, row, true) + along(column_, column, true)), row,
                    column);
    return std::move(result_);
  }

 private:
  /// How far the visited position `k` of an axis is from its first one: among elements, or within them.
  static Index along(const Walk& walk, Index k, bool among_elements) {
    return walk.external == among_elements ? k * walk.step * walk.stride : 0;
  }

  bool is_affordable() const {
    const Index elements = row_.elements() * column_.elements();
    return row_.visited() <= limits_.values / column_.visited() && elements <= limits_.bytes / element_bytes_;
  }

  void fit(Index most_rows, Index most_columns) {
    row_.gather(most_rows);
    column_.gather(most_columns);
    while (!is_affordable() && most_rows * most_columns > 1) {
      // The second time, and later ones, it is the elements that are too large: fewer of them are looked at.
      if (result_.thinned) (most_rows > most_columns ? most_rows : most_columns) /= 2;
      result_.thinned = true;
      row_.thin(most_rows);
      column_.thin(most_columns);
    }
  }

  /// Elements that are read together.
  Index window_length() const {
    const Walk& inner = column_.external ? column_ : row_;
    if (!inner.external || inner.stride * inner.step > std::max<Index>(1, kNearBytes / element_bytes_))
      return 1;
    const Index span = (inner.visited() - 1) * inner.stride * inner.step + 1;
    const Index most = std::max<Index>(1, kWindowBytes / element_bytes_);
    const bool goes_on =
        row_.external && column_.external && row_.stride * row_.step - span <= kNearBytes / element_bytes_;
    return goes_on ? most : std::min(most, span);
  }

  /// Adds those values of an element that are in the slice; nullptr: it has none yet.
  void add_element(const std::byte* values, Index row, Index column) {
    const Index first_row = row_.external ? row : 0;
    const Index last_row = row_.external ? row : row_.visited() - 1;
    const Index first_column = column_.external ? column : 0;
    const Index last_column = column_.external ? column : column_.visited() - 1;
    for (Index r = first_row; r <= last_row; ++r)
      for (Index c = first_column; c <= last_column; ++c) {
        if (values == nullptr) {
          ++result_.missing;
          continue;
        }
        const Index at = first_value_ + along(row_, r, false) + along(column_, c, false);
        add(number_of(*layout_.type, values + at * static_cast<Index>(layout_.type->size), part_), r, c);
      }
  }

  void add(double value, Index row, Index column) {
    if (!std::isfinite(value)) {
      ++result_.not_finite;
      return;
    }
    Cell& cell =
        result_.cells[static_cast<std::size_t>(row / row_.cell * result_.columns + column / column_.cell)];
    cell.sum += value;
    cell.low = std::min(cell.low, value);
    cell.high = std::max(cell.high, value);
    ++cell.count;
  }

  RunReader& reader_;
  std::size_t output_;
  const OutputLayout& layout_;
  NumberPart part_;
  SampleLimits limits_;
  Index element_bytes_;
  Index first_element_ = 0;
  Index first_value_ = 0;
  Walk row_;
  Walk column_;
  Sample result_;
};

}  // namespace

double number_of(const ElementType& type, const std::byte* bytes, NumberPart part) {
  switch (type.kind) {
    case Kind::boolean:
      return value_at<std::uint8_t>(bytes) != 0 ? 1 : 0;
    case Kind::int8:
      return value_at<std::int8_t>(bytes);
    case Kind::int16:
      return value_at<std::int16_t>(bytes);
    case Kind::int32:
      return value_at<std::int32_t>(bytes);
    case Kind::int64:
      return static_cast<double>(value_at<std::int64_t>(bytes));
    case Kind::uint8:
      return value_at<std::uint8_t>(bytes);
    case Kind::uint16:
      return value_at<std::uint16_t>(bytes);
    case Kind::uint32:
      return value_at<std::uint32_t>(bytes);
    case Kind::uint64:
      return static_cast<double>(value_at<std::uint64_t>(bytes));
    case Kind::float32:
      return static_cast<double>(value_at<float>(bytes));
    case Kind::float64:
      return value_at<double>(bytes);
    case Kind::complex64:
      return part_at<float>(bytes, part);
    case Kind::complex128:
      return part_at<double>(bytes, part);
    case Kind::string:
    case Kind::array:
    case Kind::object:
      break;
  }
  throw Bug("a value of type " + type.name + " is no number");
}

std::string undrawable_because(const RunReader& reader, std::size_t output) {
  const OutputLayout& layout = reader.outputs()[output];
  if (!layout.shape_known()) return "Its shape is not known before more of it is computed.";
  if (element_count(known_shape(layout.shape)) == 0) return "It has no values: an axis has length 0.";
  if (reader.progress(output).done().empty()) return "No element of it is done.";
  if (!layout.type->is_numeric()) return fmt::format("Values of type {} are not drawn.", layout.type->name);
  if (const Index bytes = bytes_of_element(layout); bytes > kLargestElement)
    return fmt::format(
        "Its elements have {} each, and must be read as a whole: more than the {} that are read.",
        readable_size(static_cast<std::uint64_t>(bytes)),
        readable_size(static_cast<std::uint64_t>(kLargestElement)));
  return {};
}

Sample sample(RunReader& reader, std::size_t output, const Slice& slice, NumberPart part, Index most_rows,
              Index most_columns, const SampleLimits& limits) {
  return Sampler(reader, output, slice, part, limits).run(most_rows, most_columns);
}

}  // namespace mpipe::app
