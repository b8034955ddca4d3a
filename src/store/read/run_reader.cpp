// SPDX-License-Identifier: BSD-3-Clause
// What a program reads of a run: names, shapes, marks and values.
#include <mpipe/core/error.hpp>
#include <mpipe/store/run_reader.hpp>

#include "store/read/opened_run.hpp"

#include <algorithm>
#include <limits>

namespace mpipe {

class RunReader::Impl : public OpenedRun {
 public:
  using OpenedRun::OpenedRun;
};

RunReader::RunReader(const std::filesystem::path& folder) : impl_(std::make_unique<Impl>(folder)) {}
RunReader::RunReader(RunReader&&) noexcept = default;
RunReader& RunReader::operator=(RunReader&&) noexcept = default;
RunReader::~RunReader() = default;

const std::string& RunReader::run_id() const { return impl_->layout().run_id; }
bool RunReader::complete() const { return impl_->complete(); }
const std::vector<OutputLayout>& RunReader::outputs() const { return impl_->layout().outputs; }
const std::vector<InputLayout>& RunReader::inputs() const { return impl_->layout().inputs; }
const ElementStates& RunReader::progress(std::size_t output) const { return impl_->progress()[output]; }

std::optional<std::size_t> RunReader::find(std::string_view name) const {
  const auto at = std::find_if(outputs().begin(), outputs().end(),
                               [&](const OutputLayout& output) { return output.name == name; });
  if (at == outputs().end()) return std::nullopt;
  return static_cast<std::size_t>(at - outputs().begin());
}

std::optional<Index> RunReader::element_total(std::size_t output) const {
  const OutputLayout& layout = outputs()[output];
  if (!is_known(layout.external_shape())) return std::nullopt;
  return element_count(external_shape(output));
}

Shape RunReader::external_shape(std::size_t output) const {
  return known_shape(outputs()[output].external_shape());
}

Value RunReader::read(std::size_t output, IndexRange elements) {
  const std::optional<Index> total = element_total(output);
  if (elements.begin < 0 || elements.end < elements.begin || (total && elements.end > *total))
    throw Error(Category::index_out_of_bounds,
                "elements " + std::to_string(elements.begin) + " to " + std::to_string(elements.end) +
                    " are not all elements of '" + outputs()[output].name + "'.");
  return impl_->read(output, elements);
}

const OutputLayout& RunReader::with_shape(std::size_t output) const {
  const OutputLayout& layout = outputs()[output];
  if (!layout.shape_known())
    throw Error(Category::storage_failed,
                "the shape of '" + layout.name + "' is not known yet: " + to_string(layout.shape) + ".");
  return layout;
}

void RunReader::check_box(std::size_t output, const IndexBox& box) const {
  const Shape shape = known_shape(with_shape(output).shape);
  bool is_within = box.begin.size() == shape.size() && box.end.size() == shape.size();
  for (std::size_t axis = 0; is_within && axis < shape.size(); ++axis)
    is_within = 0 <= box.begin[axis] && box.begin[axis] <= box.end[axis] && box.end[axis] <= shape[axis];
  if (!is_within)
    throw Error(Category::index_out_of_bounds, "the box from " + index_to_string(box.begin) + " to " +
                                                   index_to_string(box.end) + " does not lie within '" +
                                                   outputs()[output].name + "' of shape " + to_string(shape) +
                                                   ".");
}

Value RunReader::read_box(std::size_t output, const IndexBox& box) {
  check_box(output, box);
  return impl_->read_box(output, box, std::numeric_limits<std::uint64_t>::max() / 2);
}

std::vector<ElementStatus> RunReader::states(std::size_t output, const IndexBox& box) const {
  check_box(output, box);
  return impl_->states(output, box);
}

Value RunReader::read_all(std::size_t output, std::uint64_t max_bytes) {
  const Shape shape = known_shape(with_shape(output).shape);
  return impl_->read_box(output, {MultiIndex(shape.size(), 0), shape}, max_bytes);
}

}  // namespace mpipe
