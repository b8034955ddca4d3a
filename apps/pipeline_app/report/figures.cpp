// SPDX-License-Identifier: BSD-3-Clause
// Chooses how an output is drawn: a single number, lines over one axis, pictures of planes over two.
#include "report/figures.hpp"

#include <mpipe/core/error.hpp>

#include "report/axis_view.hpp"
#include "report/heat_map.hpp"
#include "report/line_chart.hpp"
#include "report/markup.hpp"
#include "report/sample.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace mpipe::app {
namespace {

constexpr Index kMostPoints = 600;     // of a line; the screen has few more
constexpr Index kMostCategories = 40;  // texts along an axis
constexpr Index kMostTicks = 6;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// The axes that have more than one position, the two longest last ones of which make planes.
std::vector<std::size_t> drawn_axes(const OutputLayout& layout) {
  std::vector<std::size_t> axes;
  for (std::size_t axis = 0; axis < layout.axes.size(); ++axis)
    if (*layout.shape[axis] > 1) axes.push_back(axis);
  return axes;
}

/// The two longest of the axes, in their order; of axes of equal length the last ones.
std::pair<std::size_t, std::size_t> plane_axes(const OutputLayout& layout, std::vector<std::size_t> axes) {
  std::stable_sort(axes.begin(), axes.end(), [&](std::size_t a, std::size_t b) {
    return *layout.shape[a] != *layout.shape[b] ? *layout.shape[a] > *layout.shape[b] : a > b;
  });
  return std::minmax(axes[0], axes[1]);
}

std::string figure(const std::string& pictures, const std::vector<std::string>& caption) {
  return fmt::format("<figure><div class=\"pictures\">{}</div><figcaption>{}</figcaption></figure>\n",
                     pictures, escaped(fmt::format("{}", fmt::join(caption, " "))));
}

/// Sentences on what a sample does not show.
void add_gaps(const Sample& sample, const char* how, std::vector<std::string>& caption) {
  if (sample.missing > 0)
    caption.push_back(fmt::format("Not done: {}{}.", amount_text(sample.missing, "value"), how));
  if (sample.not_finite > 0)
    caption.push_back(fmt::format("Not finite, and left out: {}.", amount_text(sample.not_finite, "value")));
}

class OutputFigures {
 public:
  OutputFigures(RunReader& reader, std::size_t output, Index plane_side)
      : reader_(reader),
        output_(output),
        layout_(reader.outputs()[output]),
        plane_side_(plane_side),
        is_complex_(layout_.type->kind == Kind::complex64 || layout_.type->kind == Kind::complex128) {}

  std::string html() {
    const std::vector<std::size_t> axes = drawn_axes(layout_);
    if (axes.empty()) return single_value();
    if (axes.size() == 1) return lines(std::nullopt, axes.front());
    const auto [row, column] = plane_axes(layout_, axes);
    if (axes.size() > 2) return planes(row, column, slices(axes, row, column), true);
    const std::string lines = families(row, column);
    const std::string plane = planes(row, column, {MultiIndex(layout_.axes.size(), 0)}, !lines.empty());
    return lines.empty() ? plane : fmt::format("<div class=\"pictures\">{}{}</div>\n", lines, plane);
  }

 private:
  AxisView axis(std::size_t number) const { return {layout_, number, reader_.inputs()}; }
  std::string label() const {
    return with_units(layout_.long_name.empty() ? layout_.name : layout_.long_name, layout_.units);
  }

  std::string single_value() {
    const Value value = reader_.read(output_, {0, 1});
    std::string text = number_text(number_of(*layout_.type, value.data()), 15);
    if (is_complex_) {
      const double imaginary = number_of(*layout_.type, value.data(), NumberPart::imaginary);
      text += fmt::format(" {} {} i", std::signbit(imaginary) ? "\u2212" : "+",
                          number_text(std::abs(imaginary), 15));
    }
    return fmt::format("<p class=\"value\">{}</p>\n", escaped(with_units(text, layout_.units)));
  }

  // ---- lines

  /// Where one of two axes is short, a line for each of its positions tells more than a plane.
  std::string families(std::size_t row, std::size_t column) {
    const auto is_short = [&](std::size_t each) {
      return *layout_.shape[each] <= static_cast<Index>(kMostCurves);
    };
    if (is_complex_ || (!is_short(row) && !is_short(column))) return {};
    return *layout_.shape[row] <= *layout_.shape[column] ? lines(row, column) : lines(column, row);
  }

  std::string lines(std::optional<std::size_t> many, std::size_t along) {
    LineChart chart;
    AxisView x = axis(along);
    std::vector<std::string> caption;
    Sample gaps;
    const Index curves = many ? *layout_.shape[*many] : is_complex_ ? 2 : 1;
    for (Index k = 0; k < curves; ++k) {
      Slice slice{MultiIndex(layout_.axes.size(), 0), std::nullopt, along};
      if (many) slice.at[*many] = k;
      const NumberPart part = is_complex_ && k == 1 ? NumberPart::imaginary : NumberPart::real;
      const Sample sampled = sample(reader_, output_, slice, part, 1, kMostPoints);
      if (k == 0) describe_lines(sampled, x, chart, caption);
      const std::string name = many ? axis(*many).equation(k) : k == 0 ? "real part" : "imaginary part";
      chart.curves.push_back({name, points(sampled, x, chart)});
      if (is_complex_ && k == 1) continue;  // the same values once more
      gaps.missing += sampled.missing;
      gaps.not_finite += sampled.not_finite;
    }
    chart.y_label = label();
    add_gaps(gaps, ", where lines have gaps", caption);
    return figure(line_chart_svg(chart), caption);
  }

  /// Chooses what stands at the axis, and says how values were gathered.
  void describe_lines(const Sample& sampled, AxisView& x, LineChart& chart,
                      std::vector<std::string>& caption) const {
    if (!x.has_numbers() && x.length() > kMostCategories) x.forget_coordinates();
    if (!x.has_numbers()) {
      for (Index k = 0; k < x.length(); ++k) chart.categories.push_back(x.text(k));
      chart.joined = false;
    } else {
      std::vector<double> coordinates = coordinates_of(sampled, x);
      if (!are_monotonic(coordinates) && sampled.column_step > 1) {
        x.forget_coordinates();
        caption.push_back("Its coordinates are in no order, so positions stand in their place.");
        coordinates = coordinates_of(sampled, x);
      }
      chart.joined = are_monotonic(coordinates);
      chart.logarithmic_x = are_geometric(coordinates);
    }
    chart.x_label = x.label();
    if (sampled.column_step > 1)
      caption.push_back(sampled.thinned ? fmt::format("Every {}th of {} is drawn.", sampled.column_step,
                                                      amount_text(x.length(), "value"))
                                        : fmt::format("Each step is the range of {} of {}.",
                                                      amount_text(sampled.column_step, "value"),
                                                      amount_text(x.length(), "value")));
  }

  static Index position_of(const Sample& sampled, const AxisView& x, Index column) {
    const Index within = sampled.thinned ? 0 : sampled.column_step / 2;
    return std::min(column * sampled.column_step + within, x.length() - 1);
  }

  static std::vector<double> coordinates_of(const Sample& sampled, const AxisView& x) {
    std::vector<double> coordinates;
    for (Index k = 0; k < sampled.columns; ++k) coordinates.push_back(x.number(position_of(sampled, x, k)));
    return coordinates;
  }

  static std::vector<CurvePoint> points(const Sample& sampled, const AxisView& x, const LineChart& chart) {
    std::vector<CurvePoint> points;
    for (Index k = 0; k < sampled.columns; ++k) {
      const Cell& cell = sampled.cell(0, k);
      const double at =
          chart.categories.empty() ? x.number(position_of(sampled, x, k)) : static_cast<double>(k);
      points.push_back(cell.empty() ? CurvePoint{at, kNone, kNone} : CurvePoint{at, cell.low, cell.high});
    }
    return points;
  }

  // ---- planes

  /// The first, the middle and the last index on each axis that is not drawn.
  std::vector<MultiIndex> slices(const std::vector<std::size_t>& axes, std::size_t row,
                                 std::size_t column) const {
    MultiIndex first(layout_.axes.size(), 0);
    MultiIndex middle = first;
    MultiIndex last = first;
    for (const std::size_t each : axes) {
      if (each == row || each == column) continue;
      middle[each] = *layout_.shape[each] / 2;
      last[each] = *layout_.shape[each] - 1;
    }
    return middle == last ? std::vector{first, last} : std::vector{first, middle, last};
  }

  /// `small`: beside other pictures.
  std::string planes(std::size_t row, std::size_t column, const std::vector<MultiIndex>& slices, bool small) {
    std::vector<Sample> samples;
    ValueRange range{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
    Sample gaps;
    for (const MultiIndex& at : slices) {
      const NumberPart part = is_complex_ ? NumberPart::modulus : NumberPart::real;
      samples.push_back(sample(reader_, output_, {at, row, column}, part, plane_side_, plane_side_));
      for (const Cell& cell : samples.back().cells)
        if (!cell.empty()) range = {std::min(range.low, cell.mean()), std::max(range.high, cell.mean())};
      gaps.missing += samples.back().missing;
      gaps.not_finite += samples.back().not_finite;
    }
    if (range.low > range.high)
      return figure("", {"None of the values that would be drawn is done and finite."});
    std::string pictures;
    HeatMap map;
    for (std::size_t k = 0; k < slices.size(); ++k) {
      map = plane(samples[k], row, column, range);
      map.small = small;
      pictures += slices.size() > 1
                      ? fmt::format("<div><p class=\"slice\">{}</p>{}</div>",
                                    escaped(place_text(slices[k], row, column)), heat_map_svg(map))
                      : heat_map_svg(map);
    }
    const std::string name = is_complex_ ? "|" + layout_.name + "|" : label();
    std::vector<std::string> caption = describe_planes(samples.front(), slices.size());
    add_gaps(gaps, ", which is hatched", caption);
    return figure(pictures + colour_bar_svg(map, name), caption);
  }

  HeatMap plane(const Sample& sampled, std::size_t row, std::size_t column, const ValueRange& range) const {
    const AxisView y = axis(row);
    const AxisView x = axis(column);
    HeatMap map{static_cast<std::size_t>(sampled.rows),
                static_cast<std::size_t>(sampled.columns),
                {},
                range,
                x.label(),
                y.label()};
    // A plane that is much higher than wide has little room below it.
    map.x_ticks = cell_ticks(x, sampled.columns, sampled.column_step,
                             sampled.rows > 2 * sampled.columns ? 3 : kMostTicks);
    map.y_ticks =
        cell_ticks(y, sampled.rows, sampled.row_step, sampled.columns > 2 * sampled.rows ? 3 : kMostTicks);
    for (const Cell& cell : sampled.cells) map.values.push_back(cell.empty() ? kNone : cell.mean());
    return map;
  }

  std::string place_text(const MultiIndex& at, std::size_t row, std::size_t column) const {
    std::vector<std::string> texts;
    for (std::size_t each = 0; each < layout_.axes.size(); ++each)
      if (each != row && each != column) texts.push_back(axis(each).equation(at[each]));
    return fmt::format("{}", fmt::join(texts, ", "));
  }

  std::vector<std::string> describe_planes(const Sample& sampled, std::size_t count) const {
    std::vector<std::string> caption;
    if (is_complex_) caption.push_back("The modulus of complex values.");
    if (count == 3) caption.push_back("The first, the middle and the last slice, over the two longest axes.");
    if (count == 2) caption.push_back("The first and the last slice, over the two longest axes.");
    if (sampled.row_step == 1 && sampled.column_step == 1) return caption;
    caption.push_back(sampled.thinned
                          ? fmt::format("Drawn is every {}th row and every {}th column of values.",
                                        sampled.row_step, sampled.column_step)
                          : fmt::format("Each pixel is the mean of {} \u00d7 {} values.", sampled.row_step,
                                        sampled.column_step));
    return caption;
  }

  RunReader& reader_;
  std::size_t output_;
  const OutputLayout& layout_;
  Index plane_side_;
  bool is_complex_;
};

/// The first of a few texts.
std::string texts_html(RunReader& reader, std::size_t output) {
  constexpr Index kMostElements = 10'000;
  constexpr Index kMostShown = 12;
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 24;
  const OutputLayout& layout = reader.outputs()[output];
  const Shape shape = known_shape(layout.shape);
  if (element_count(shape) > kMostElements) return {};
  Value value;
  try {
    value = reader.read_all(output, kMostBytes);
  } catch (const Error& error) {
    if (error.category() != Category::too_large) throw;
    return {};  // a page is no place for texts of that size
  }
  std::string rows;
  Index shown = 0;
  for (Index k = 0; k < value.count() && shown < kMostShown; ++k) {
    const auto bytes = value.element(k);
    // What is not done is empty, like a text that is.
    if (bytes.empty()) continue;
    ++shown;
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    rows += fmt::format("<tr><td>{}</td><td class=\"text\">{}</td></tr>\n",
                        layout.axes.empty() ? "" : escaped(index_to_string(multi_index(k, shape))),
                        escaped(shortened(text, 300)));
  }
  return fmt::format("<table><caption>The first texts that are not empty</caption>\n{}</table>\n", rows);
}

}  // namespace

int plane_count(const RunReader& reader, std::size_t output) {
  if (!undrawable_because(reader, output).empty()) return 0;
  const std::size_t axes = drawn_axes(reader.outputs()[output]).size();
  return axes < 2 ? 0 : axes == 2 ? 1 : 3;
}

std::string figures_html(RunReader& reader, std::size_t output, Index plane_side) {
  const std::string why = undrawable_because(reader, output);
  if (why.empty()) return OutputFigures(reader, output, plane_side).html();
  const OutputLayout& layout = reader.outputs()[output];
  std::string texts;
  if (layout.shape_known() && layout.type->kind == Kind::string && !reader.progress(output).done().empty())
    texts = texts_html(reader, output);
  return texts.empty() ? fmt::format("<p class=\"note\">{}</p>\n", escaped(why)) : texts;
}

}  // namespace mpipe::app
