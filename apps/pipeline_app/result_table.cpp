// SPDX-License-Identifier: BSD-3-Clause
// Lays results out as tables of outputs with equal axes.
#include "result_table.hpp"

#include "json_text.hpp"
#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>

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

std::string csv_cell(const std::string& text) {
  // Quotes as in RFC 4180: a cell without these characters needs none.
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t k = 0; k < cells.size(); ++k) line += (k == 0 ? "" : ",") + csv_cell(cells[k]);
  return line + "\n";
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

std::vector<std::string> ResultTable::header() const {
  std::vector<std::string> names = dims_;
  for (const Coordinate& coordinate : coordinates_) names.push_back(coordinate.name);
  for (const ShownOutput& output : outputs_) names.push_back(output.name);
  return names;
}

std::vector<std::string> ResultTable::row(Index k, const std::string& missing) const {
  std::vector<std::string> cells;
  const MultiIndex index = multi_index(k, shape_);
  for (const Index position : index) cells.push_back(fmt::format("{}", position));
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
  for (Index k = 0; k < shown; ++k) text.add(table.row(k, "-"));
  std::string all = text.text();
  if (shown < table.row_count())
    all += fmt::format("({} more; --max-print N shows N)\n", count_text(table.row_count() - shown, "row"));
  return all;
}

void write_csv(const ResultTable& table, const std::function<void(const std::string&)>& write) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  std::string text = csv_line(table.header());
  for (Index k = 0; k < table.row_count(); ++k) {
    text += csv_line(table.row(k, ""));
    // The text leaves in pieces, since all of it may be larger than the memory.
    if (text.size() < kPiece) continue;
    write(text);
    text.clear();
  }
  write(text);
}

}  // namespace mpipe::app
