// SPDX-License-Identifier: BSD-3-Clause
// Finds the coordinates of an axis among the inputs of a run.
#include "report/axis_view.hpp"

#include "report/markup.hpp"
#include "report/sample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace mpipe::app {
namespace {

/// The larger, the better as coordinates of the axis; 0: none.
int rank_of(const InputLayout& input, const std::string& axis, Index length) {
  if (input.dims != std::vector<std::string>{axis} || input.value.shape() != Shape{length}) return 0;
  const ElementType& type = input.value.type();
  if (!type.is_real() && type.kind != Kind::string) return 0;
  if (input.name == axis) return 3;
  return type.is_real() ? 2 : 1;
}

/// What the edges of an axis of cells stand for, where its coordinates are many and evenly spaced; the first may be the
/// larger one.
struct Edges {
  double first = 0;
  double last = 0;
};

std::optional<Edges> even_edges(const AxisView& axis, Index cells, Index step) {
  constexpr Index kMany = 9;
  if (!axis.has_numbers() || cells < kMany) return std::nullopt;
  const Index length = axis.length();
  const double distance = (axis.number(length - 1) - axis.number(0)) / static_cast<double>(length - 1);
  if (distance == 0 || !std::isfinite(distance)) return std::nullopt;
  for (Index cell = 0; cell < cells; ++cell) {
    const Index position = std::min(cell * step, length - 1);
    const double even = axis.number(0) + static_cast<double>(position) * distance;
    if (!(std::abs(axis.number(position) - even) <= std::abs(distance) * 1e-3)) return std::nullopt;
  }
  return Edges{axis.number(0) - distance / 2,
               axis.number(0) + (static_cast<double>(cells * step) - 0.5) * distance};
}

/// Round coordinates.
std::vector<Tick> even_ticks(const Edges& edges, Index most) {
  const bool is_descending = edges.last < edges.first;
  const Scale scale{std::min(edges.first, edges.last), std::max(edges.first, edges.last), false};
  std::vector<Tick> ticks = ticks_of(scale, static_cast<int>(most));
  for (Tick& tick : ticks)
    if (is_descending) tick.position = 1 - tick.position;
  return ticks;
}

}  // namespace

AxisView::AxisView(const OutputLayout& output, std::size_t axis, const std::vector<InputLayout>& inputs)
    : axis_(output.axes[axis]), length_(*output.shape[axis]) {
  int best = 0;
  for (const InputLayout& input : inputs) {
    const int rank = rank_of(input, axis_, length_);
    if (rank > best) input_ = &input;
    best = std::max(best, rank);
  }
}

std::string AxisView::label() const {
  if (input_ == nullptr) return axis_ + " (position)";
  return with_units(input_->long_name.empty() ? input_->name : input_->long_name, input_->units);
}

double AxisView::number(Index position) const {
  if (input_ == nullptr) return static_cast<double>(position);
  return number_of(input_->value.type(), input_->value.element(position).data());
}

std::string AxisView::text(Index position) const {
  if (input_ == nullptr) return std::to_string(position);
  if (has_numbers()) return number_text(number(position), 4);
  const auto bytes = input_->value.element(position);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string AxisView::equation(Index position) const {
  return fmt::format("{} = {}", input_ == nullptr ? axis_ : input_->name, shortened(text(position), 40));
}

std::string with_units(const std::string& name, const std::string& units) {
  return units.empty() ? name : fmt::format("{} [{}]", name, units);
}

std::vector<Tick> cell_ticks(const AxisView& axis, Index cells, Index step, Index most) {
  if (const auto edges = even_edges(axis, cells, step)) return even_ticks(*edges, most);
  std::vector<Tick> ticks;
  const Index every = (cells + most - 1) / most;
  for (Index cell = 0; cell < cells; cell += every) {
    const Index position = std::min(cell * step + step / 2, axis.length() - 1);
    ticks.push_back(
        {(static_cast<double>(cell) + 0.5) / static_cast<double>(cells), shortened(axis.text(position), 14)});
  }
  return ticks;
}

}  // namespace mpipe::app
