// SPDX-License-Identifier: BSD-3-Clause
// Lays results out as tables of outputs with equal axes.
#include "results/result_table.hpp"

#include <mpipe/core/error.hpp>

#include "document/api/json_text.hpp"
#include "results/plain_text.hpp"
#include "store/api/boxes.hpp"
#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <complex>
#include <limits>

namespace mpipe::app {
namespace {

/// Text as itself, anything else as JSON.
std::string cell_text(const Value& value, Index k) {
  const auto bytes = value.element(k);
  if (value.type().kind == Kind::string) return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  return json_text(value.type(), bytes);
}

/// What JSON would replace without a word.
void require_texts(const Value& value, Index k) {
  constexpr std::string_view kForm = "a table of comma-separated values";
  if (value.type().kind == Kind::string) {
    plain_text(value, k, kForm);
  } else if (value.type().kind == Kind::array && value.type().item->kind == Kind::string) {
    const Value texts = value.opened(k);
    for (Index item = 0; item < texts.count(); ++item) plain_text(texts, item, kForm);
  }
}

/// Texts are in quotes (RFC 4180), so that none is taken for a number or for a missing value, and complex numbers as
/// Python writes them: `csv:` inputs of documents read all of it back.
std::string csv_cell(const Value& value, Index k) {
  const Kind kind = value.type().kind;
  if (kind == Kind::complex64 || kind == Kind::complex128) {
    const auto number = Value::copy_of(value.type(), {}, value.element(k)).as<std::complex<double>>();
    return fmt::format("{}{:+}j", number.real(), number.imag());
  }
  if (value.type().is_numeric()) return cell_text(value, k);
  require_texts(value, k);
  std::string quoted = "\"";
  for (const char c : cell_text(value, k)) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

void add_csv_line(const std::vector<std::string>& cells, std::string& text) {
  for (std::size_t k = 0; k < cells.size(); ++k) {
    if (k > 0) text += ',';
    text += cells[k];
  }
  // Readers skip empty lines; what they know as missing, too, keeps the row of the only column.
  if (cells.size() == 1 && cells.front().empty()) text += "NA";
  text += '\n';
}

const char* name_of(ElementStatus status) {
  switch (status) {
    case ElementStatus::pending:
      return "pending";
    case ElementStatus::done:
      return "done";
    case ElementStatus::failed:
      return "failed";
    case ElementStatus::blocked:
      return "blocked";
  }
  throw Bug("a state that elements do not have");
}

}  // namespace

ResultTable::ResultTable(RunReader& reader, std::vector<std::size_t> outputs, bool with_states)
    : reader_(reader),
      outputs_(std::move(outputs)),
      with_states_(with_states),
      shape_(known_shape(layout(0).shape)),
      rows_(element_count(shape_)) {
  const std::vector<std::string>& axes = layout(0).axes;
  for (std::size_t axis = 0; axis < axes.size(); ++axis)
    for (const InputLayout& input : reader.inputs())
      // Only inputs along one axis, and as long as the table, can be columns beside it.
      if (input.dims == std::vector<std::string>{axes[axis]} && input.value.shape() == Shape{shape_[axis]})
        coordinates_.push_back({axis, input.name, input.value});
}

bool ResultTable::shows_positions(std::size_t axis) const {
  return std::none_of(coordinates_.begin(), coordinates_.end(),
                      [&](const Coordinate& coordinate) { return coordinate.name == layout(0).axes[axis]; });
}

std::vector<std::string> ResultTable::header() const {
  std::vector<std::string> names;
  for (const Coordinate& coordinate : coordinates_) names.push_back(coordinate.name);
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    names.push_back(layout(k).name);
    if (with_states_) names.push_back(layout(k).name + "__status");
  }
  std::vector<std::string> axes;
  for (std::size_t axis = 0; axis < shape_.size(); ++axis) {
    if (!shows_positions(axis)) continue;
    std::string name = layout(0).axes[axis];
    // As in results.h5: what is computed keeps its name.
    while (std::find(names.begin(), names.end(), name) != names.end()) name += "_dim";
    axes.push_back(std::move(name));
  }
  names.insert(names.begin(), axes.begin(), axes.end());
  return names;
}

/// Several MB of values, or an element of those outputs that are read by elements.
Index ResultTable::rows_at_once() const {
  constexpr std::size_t kBytes = std::size_t{4} << 20;
  constexpr std::size_t kBytesOfVariable = 256;  // a guess, as nobody knows before it is read
  std::size_t row = 0;
  Index rows = 1;
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const ElementType& type = *layout(k).type;
    row += type.fixed_size() ? type.size : kBytesOfVariable;
    if (layout(k).in_own_files() || !type.fixed_size())
      rows = std::max(rows, element_count(known_shape(layout(k).internal_shape())));
  }
  return std::max(rows, static_cast<Index>(kBytes / row));
}

std::vector<ResultTable::Column> ResultTable::read(const IndexBox& box) const {
  std::vector<Column> columns;
  for (const std::size_t output : outputs_)
    columns.push_back({reader_.read_box(output, box), reader_.states(output, box)});
  return columns;
}

void ResultTable::for_each_row(Index most, const std::string& missing, CellText cell_text,
                               const VisitRow& visit) const {
  std::vector<std::string> cells;
  for (const IndexBox& box : boxes_of(shape_, {0, std::min(most, rows_)}, rows_at_once())) {
    const std::vector<Column> columns = read(box);
    const Shape extent = box.shape();
    for (Index k = 0; k < element_count(extent); ++k) {
      MultiIndex index = multi_index(k, extent);
      for (std::size_t axis = 0; axis < index.size(); ++axis) index[axis] += box.begin[axis];
      cells.clear();
      for (std::size_t axis = 0; axis < index.size(); ++axis)
        if (shows_positions(axis)) cells.push_back(fmt::format("{}", index[axis]));
      for (const Coordinate& coordinate : coordinates_)
        cells.push_back(cell_text(coordinate.value, index[coordinate.axis]));
      for (const Column& column : columns) {
        const ElementStatus status = column.states[static_cast<std::size_t>(k)];
        cells.push_back(status == ElementStatus::done ? cell_text(column.values, k) : missing);
        if (with_states_) cells.emplace_back(name_of(status));
      }
      visit(cells);
    }
  }
}

std::string table_text(const ResultTable& table, Index most_rows) {
  Table text(table.header());
  table.for_each_row(most_rows, "-", cell_text,
                     [&](const std::vector<std::string>& cells) { text.add(cells); });
  std::string all = text.text();
  if (most_rows < table.row_count())
    all +=
        fmt::format("({} more; --max-print N shows N)\n", count_text(table.row_count() - most_rows, "row"));
  return all;
}

void write_csv(const ResultTable& table, const std::function<void(const std::string&)>& write) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  std::string text;
  add_csv_line(table.header(), text);
  table.for_each_row(std::numeric_limits<Index>::max(), "", csv_cell,
                     [&](const std::vector<std::string>& cells) {
                       add_csv_line(cells, text);
                       // The text leaves in pieces, since all of it may be larger than the memory.
                       if (text.size() < kPiece) return;
                       write(text);
                       text.clear();
                     });
  write(text);
}

}  // namespace mpipe::app
