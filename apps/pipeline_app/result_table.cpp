// SPDX-License-Identifier: BSD-3-Clause
// Lays results out as tables of outputs with equal axes.
#include "result_table.hpp"

#include "json_text.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <complex>

namespace mpipe::app {
namespace {

/// Text as itself, anything else as JSON.
std::string cell_text(const Value& value, Index k) {
  const auto bytes = value.element(k);
  if (value.type().kind == Kind::string) return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  return json_text(value.type(), bytes);
}

std::vector<bool> mask_of(const OutputLayout& layout, const RangeSet& done) {
  const Shape shape = known_shape(layout.shape);
  Shape outer;
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    // An element is done or not as a whole, with all positions on the axes inside of it.
    if (layout.external[axis]) outer.push_back(shape[axis]);
  if (done.contains(IndexRange{0, element_count(outer)})) return {};
  std::vector<bool> mask(static_cast<std::size_t>(element_count(shape)));
  for (std::size_t k = 0; k < mask.size(); ++k) {
    const MultiIndex index = multi_index(static_cast<Index>(k), shape);
    MultiIndex element;
    for (std::size_t axis = 0; axis < index.size(); ++axis)
      if (layout.external[axis]) element.push_back(index[axis]);
    mask[k] = done.contains(linear_index(element, outer));
  }
  return mask;
}

/// Texts are in quotes (RFC 4180), so that none is taken for a number or for a missing value, and complex numbers as
/// Python writes them: `csv:` inputs of documents read all of it back.
std::string csv_cell(const Value& value, Index k) {
  const Kind kind = value.type().kind;
  if (kind == Kind::complex64 || kind == Kind::complex128) {
    const auto number = Value::copy_of(value.type(), {}, value.element(k)).as<std::complex<double>>();
    return fmt::format("{}{:+}j", number.real(), number.imag());
  }
  const std::string text = cell_text(value, k);
  if (value.type().is_numeric()) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv_line(const std::vector<std::string>& cells) {
  return fmt::format("{}\n", fmt::join(cells, ","));
}

}  // namespace

ShownOutput read_output(RunReader& reader, std::size_t output) {
  const OutputLayout& layout = reader.outputs()[output];
  return {layout.name, layout.axes, reader.read_all(output), mask_of(layout, reader.progress(output).done())};
}

ResultTable::ResultTable(std::vector<ShownOutput> outputs, const std::vector<InputLayout>& inputs)
    : outputs_(std::move(outputs)),
      dims_(outputs_.front().dims),
      shape_(outputs_.front().value.shape()),
      rows_(element_count(shape_)) {
  for (std::size_t axis = 0; axis < dims_.size(); ++axis)
    for (const InputLayout& input : inputs)
      // Only inputs along one axis, and as long as the table, can be columns beside it.
      if (input.dims == std::vector<std::string>{dims_[axis]} && input.value.shape() == Shape{shape_[axis]})
        coordinates_.push_back({axis, input.name, input.value});
}

bool ResultTable::shows_positions(std::size_t axis) const {
  return std::none_of(coordinates_.begin(), coordinates_.end(),
                      [&](const Coordinate& coordinate) { return coordinate.name == dims_[axis]; });
}

std::vector<std::string> ResultTable::header() const {
  std::vector<std::string> names;
  for (std::size_t axis = 0; axis < dims_.size(); ++axis)
    if (shows_positions(axis)) names.push_back(dims_[axis]);
  for (const Coordinate& coordinate : coordinates_) names.push_back(coordinate.name);
  for (const ShownOutput& output : outputs_) names.push_back(output.name);
  return names;
}

std::vector<std::string> ResultTable::row(Index k, const std::string& missing, CellText cell_text) const {
  std::vector<std::string> cells;
  const MultiIndex index = multi_index(k, shape_);
  for (std::size_t axis = 0; axis < index.size(); ++axis)
    if (shows_positions(axis)) cells.push_back(fmt::format("{}", index[axis]));
  for (const Coordinate& coordinate : coordinates_)
    cells.push_back(cell_text(coordinate.value, index[coordinate.axis]));
  for (const ShownOutput& output : outputs_) {
    const bool done = output.mask.empty() || output.mask[static_cast<std::size_t>(k)];
    cells.push_back(done ? cell_text(output.value, k) : missing);
  }
  return cells;
}

std::vector<ResultTable> tables_of(std::vector<ShownOutput> outputs, const std::vector<InputLayout>& inputs) {
  std::vector<std::vector<ShownOutput>> groups;
  for (ShownOutput& output : outputs) {
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const std::vector<ShownOutput>& group) {
      return group.front().dims == output.dims && group.front().value.shape() == output.value.shape();
    });
    if (same == groups.end())
      groups.push_back({std::move(output)});
    else
      same->push_back(std::move(output));
  }
  std::vector<ResultTable> tables;
  for (auto& group : groups) tables.emplace_back(std::move(group), inputs);
  return tables;
}

std::string table_text(const ResultTable& table, Index most_rows) {
  Table text(table.header());
  const Index shown = std::min(table.row_count(), most_rows);
  for (Index k = 0; k < shown; ++k) text.add(table.row(k, "-", cell_text));
  std::string all = text.text();
  if (shown < table.row_count())
    all += fmt::format("({} more; --max-print N shows N)\n", count_text(table.row_count() - shown, "row"));
  return all;
}

void write_csv(const ResultTable& table, const std::function<void(const std::string&)>& write) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  std::string text = csv_line(table.header());
  for (Index k = 0; k < table.row_count(); ++k) {
    text += csv_line(table.row(k, "", csv_cell));
    // The text leaves in pieces, since all of it may be larger than the memory.
    if (text.size() < kPiece) continue;
    write(text);
    text.clear();
  }
  write(text);
}

}  // namespace mpipe::app
