// SPDX-License-Identifier: BSD-3-Clause
// Inputs from HDF5: read at once when they are small, else where and when somebody looks at them.
#include <mpipe/core/error.hpp>
#include <mpipe/data/hdf5_input.hpp>

#include "data/api/input_file.hpp"
#include "data/hdf5_dataset.hpp"
#include "data/input_state.hpp"
#include "data/piece_digests.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

using detail::Hdf5Dataset;

/// Characters along the last axis are one text, which ends before the first zero byte.
std::vector<std::string> joined(const std::vector<std::string>& characters, Index length) {
  std::vector<std::string> texts;
  for (std::size_t begin = 0; begin < characters.size(); begin += static_cast<std::size_t>(length)) {
    std::string& text = texts.emplace_back();
    for (Index k = 0; k < length && !characters[begin + static_cast<std::size_t>(k)].empty(); ++k)
      text += characters[begin + static_cast<std::size_t>(k)];
  }
  return texts;
}

Value read_texts(const Hdf5Dataset& dataset, Shape shape) {
  detail::check_fits(shape, dataset.text_size() + sizeof(std::string));
  auto texts = dataset.read_texts(static_cast<std::size_t>(element_count(shape)));
  if (!shape.empty() && shape.back() > 0 && dataset.has_characters()) {
    texts = joined(texts, shape.back());
    shape.pop_back();
  }
  if (shape.empty()) return texts.front();
  return Value(texts).reshaped(shape);
}

Value read_numbers(const Hdf5Dataset& dataset, const ElementType& element, const Shape& shape) {
  detail::check_fits(shape, element.size);
  const Index count = element_count(shape);
  std::shared_ptr<std::byte[]> values(new std::byte[static_cast<std::size_t>(count) * element.size]);
  if (count != 0) dataset.read_numbers(values.get(), count);
  return Value::from_bytes(element, shape, std::move(values));
}

}  // namespace

Value read_hdf5(const std::string& file, const std::string& dataset, bool raw) {
  const H5Turn turn;
  // The turn is taken before the dataset is opened and, being declared first, ends after it was closed.
  const Hdf5Dataset open(file, dataset, raw);
  const Shape shape = open.shape();
  if (open.has_texts()) return read_texts(open, shape);
  const ElementType* const element = open.number_type();
  if (element == nullptr)
    open.refuse(
        fmt::format("has values that are {}, which are not read. Use numbers of at most 8 bytes, true and "
                    "false, or texts.",
                    open.unread_type()));
  const std::uint64_t bytes = detail::array_bytes(shape, element->size);
  // Booleans are read at once, however many there are: each byte has to be checked before it is used as one. So
  // are numbers of several files, of which nobody could tell later whether all of them are still the same.
  if (element->kind == Kind::boolean || bytes < detail::smallest_lazy_input || !open.is_in_one_file())
    return read_numbers(open, *element, shape);
  // What needs neither HDF5 nor its lock when the values are used comes first.
  if (auto stretch = open.stretch(*element, shape))
    return Value::from_file(*element, shape, std::move(*stretch));
  // No packed numbers become this many: what the file does not have of them is all the same number.
  constexpr std::uint64_t kMostPacked = 1100;
  if (bytes / kMostPacked > open.stored_bytes()) detail::check_fits(shape, element->size);
  const Value value = Value::from_source(
      *element, shape,
      std::make_shared<DatasetSource>(DatasetSource::Place{FileStretch::of(file, 0, 0), dataset, raw},
                                      *element, shape));
  // What is wrong is found before anything runs. Of all ways to look at each value, this one keeps none of them.
  if (open.may_refuse()) value.digest();
  return value;
}

DatasetSource::DatasetSource(Place place, const ElementType& type, const Shape& shape)
    : place_(std::move(place)), type_(type), shape_(shape) {
  const H5Turn turn;
  state_changed_ns_ = detail::state_changed_ns(place_.file.path);
  open();
  constexpr Index kPieceBytes = Index{1} << 20;
  row_ = std::max<Index>(1, element_count({shape_.begin() + 1, shape_.end()}));
  // A piece has whole chunks, as HDF5 would unpack a chunk again for each piece that has a part of it, and
  // about a megabyte, so that many small chunks do not become many small reads.
  const Index chunks =
      row_ * std::clamp<Index>(dataset_->chunk_rows(), 1, std::max<Index>(1, shape_.front()));
  piece_ = chunks * std::max<Index>(1, kPieceBytes / static_cast<Index>(type_.size) / chunks);
  detail::check_fits({std::min(piece_, element_count(shape_))}, type_.size);
  digests_ = std::make_unique<detail::PieceDigests>(piece_, type_.size);
}

/// This may be another host or a later moment than those of `read_hdf5`. A file that has changed is refused before
/// HDF5 reads it, else the elements of one array would stem from two files.
void DatasetSource::open() const {
  place_.file.check_same();
  auto dataset = std::make_unique<const Hdf5Dataset>(place_.file.path, place_.dataset, place_.raw);
  if (shape_.empty() || dataset->shape() != shape_ || dataset->number_type() == nullptr ||
      *dataset->number_type() != type_)
    dataset->refuse(fmt::format("has another shape or type here than {}.", to_string(shape_)));
  dataset_ = std::move(dataset);
}

/// As of other files (`file_stretch.cpp`), what was read is compared when the time alone tells nothing. HDF5 looks
/// at the file again only when nobody has it open.
void DatasetSource::check_unchanged() const {
  place_.file.check_same();
  const std::int64_t now = detail::state_changed_ns(place_.file.path);
  if (now == state_changed_ns_ && dataset_ != nullptr) return;
  dataset_.reset();
  open();
  const bool same = digests_->same([&](IndexRange elements, std::byte* to) {
    dataset_->read_rows({elements.begin / row_, elements.end / row_}, shape_, to);
  });
  if (!same) detail::refuse_changed_input(place_.file.path);
  state_changed_ns_ = now;
}

void DatasetSource::check_same() const {
  const H5Turn turn;
  check_unchanged();
}

DatasetSource::~DatasetSource() {
  const H5Turn turn;
  // The dataset is closed here, while this thread has its turn: members are destroyed after the body, when
  // the turn is over.
  dataset_.reset();
}

void DatasetSource::read(IndexRange elements, std::byte* to) const {
  if (elements.begin % row_ != 0 || elements.end % row_ != 0)
    throw Bug("DatasetSource::read of a part of a row");
  const H5Turn turn;
  if (dataset_ == nullptr) check_unchanged();  // it could not be opened when it was looked at again
  try {
    dataset_->read_rows({elements.begin / row_, elements.end / row_}, shape_, to);
  } catch (const Error&) {
    place_.file.check_same();  // a file that has changed is why it cannot be read
    throw;
  }
  // Only now: a file that has not changed until here had not changed when it was read either.
  check_unchanged();
  digests_->note(elements, {to, static_cast<std::size_t>(elements.size()) * type_.size});
}

}  // namespace mpipe
