// SPDX-License-Identifier: BSD-3-Clause
// Appends elements of other runs to a store, and commits what would take too much memory.
#include "store/fill_run.hpp"

#include <mpipe/core/error.hpp>

#include "store/output/result_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace mpipe {

PartialArray array_of(const OutputLayout& layout, const fs::path& folder) {
  const std::optional<Shape> internal = internal_shape(layout);
  const PartialShape external = layout.external_shape();
  if (!is_known(external) || !internal)
    throw Error(
        Category::storage_failed,
        fmt::format(
            "the shape {} of '{}' in '{}' is not known (the run was killed before it could be noted). "
            "Go on with that run, by --resume, first.",
            to_string(layout.shape), layout.name, folder.string()),
        {Subject::Kind::output, layout.name});
  return {*layout.type, known_shape(external), internal};
}

Index step_of(const PartialArray& array) {
  if (!array.type().fixed_size() || array.element_bytes() == 0) return kStepElements;
  return std::max<Index>(1, static_cast<Index>(kMostInMemory / array.element_bytes()));
}

RunFiller::RunFiller(std::unique_ptr<RunStore> store)
    : store_(std::move(store)), arrays_(store_->outputs().size()) {
  for (std::size_t k = 0; k < arrays_.size(); ++k) positions_[store_->outputs()[k].name] = k;
}

PartialArray& RunFiller::array(std::size_t output, const OutputLayout& like, const fs::path& folder) {
  if (!arrays_[output]) arrays_[output].emplace(array_of(like, folder));
  return *arrays_[output];
}

void RunFiller::append(std::size_t output, IndexRange range) {
  store_->append(output, range, *arrays_[output]);
  in_memory_ += arrays_[output]->piece(range).bytes.size();
  if (in_memory_ >= kMostInMemory) commit();
}

void RunFiller::commit() {
  store_->commit(pointers());
  for (auto& array : arrays_) array.reset();
  in_memory_ = 0;
}

std::vector<const PartialArray*> RunFiller::pointers() const {
  std::vector<const PartialArray*> all;
  for (const auto& array : arrays_) all.push_back(array ? &*array : nullptr);
  return all;
}

}  // namespace mpipe
