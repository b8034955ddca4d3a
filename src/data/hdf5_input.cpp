// SPDX-License-Identifier: BSD-3-Clause
// Reads a dataset as a value: small ones at once, others when somebody looks at them.
#include <mpipe/core/error.hpp>
#include <mpipe/data/hdf5_input.hpp>

#include "data/api/input_file.hpp"
#include "data/hdf5_dataset.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

using detail::Hdf5Dataset;
using detail::Hdf5Turn;

Value read_texts(const Hdf5Dataset& dataset, const Shape& shape) {
  detail::check_fits(shape, dataset.text_size() + sizeof(std::string));
  const auto texts = dataset.read_texts(static_cast<std::size_t>(element_count(shape)));
  if (shape.empty()) return texts.front();
  return Value(texts).reshaped(shape);
}

Value read_numbers(const Hdf5Dataset& dataset, const ElementType& element, const Shape& shape) {
  detail::check_fits(shape, element.size);
  const Index count = element_count(shape);
  std::shared_ptr<std::byte[]> values(new std::byte[static_cast<std::size_t>(count) * element.size]);
  if (count != 0) dataset.read_numbers(element, values.get(), count);
  return Value::from_bytes(element, shape, std::move(values));
}

}  // namespace

Value read_hdf5(const std::string& file, const std::string& dataset) {
  const Hdf5Turn turn;
  const Hdf5Dataset open(file, dataset);
  const Shape shape = open.shape();
  if (open.has_texts()) return read_texts(open, shape);
  const ElementType* const element = open.number_type();
  if (element == nullptr)
    open.refuse("has values of a type that is not read. Use numbers, true and false, or texts.");
  const std::uint64_t bytes = detail::array_bytes(shape, element->size);
  // Each boolean is looked at whether it is one.
  if (element->kind == Kind::boolean || bytes < detail::smallest_lazy_input)
    return read_numbers(open, *element, shape);
  if (auto stretch = open.stretch(*element, shape))
    return Value::from_file(*element, shape, std::move(*stretch));
  // No packed numbers become this many: what the file does not have of them is all the same number.
  constexpr std::uint64_t kMostPacked = 1100;
  if (bytes / kMostPacked > open.stored_bytes()) detail::check_fits(shape, element->size);
  return Value::from_source(*element, shape,
                            std::make_shared<DatasetSource>(
                                DatasetSource::Place{FileStretch::of(file, 0, 0), dataset}, *element, shape));
}

DatasetSource::DatasetSource(Place place, const ElementType& type, const Shape& shape)
    : place_(std::move(place)), type_(type), shape_(shape) {
  const Hdf5Turn turn;
  place_.file.check_same();
  dataset_ = std::make_unique<const Hdf5Dataset>(place_.file.path, place_.dataset);
  if (shape_.empty() || dataset_->shape() != shape_)
    dataset_->refuse(fmt::format("has another shape here than {}.", to_string(shape_)));
  constexpr Index kPieceBytes = Index{1} << 20;
  row_ = std::max<Index>(1, element_count({shape_.begin() + 1, shape_.end()}));
  const Index chunks =
      row_ * std::clamp<Index>(dataset_->chunk_rows(), 1, std::max<Index>(1, shape_.front()));
  piece_ = chunks * std::max<Index>(1, kPieceBytes / static_cast<Index>(type_.size) / chunks);
  detail::check_fits({std::min(piece_, element_count(shape_))}, type_.size);
}

DatasetSource::~DatasetSource() {
  const Hdf5Turn turn;
  dataset_.reset();
}

void DatasetSource::read(IndexRange elements, std::byte* to) const {
  if (elements.begin % row_ != 0 || elements.end % row_ != 0)
    throw Bug("DatasetSource::read of a part of a row");
  const Hdf5Turn turn;
  dataset_->read_rows({elements.begin / row_, elements.end / row_}, shape_, type_, to);
}

}  // namespace mpipe
