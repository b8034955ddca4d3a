// SPDX-License-Identifier: BSD-3-Clause
// Reads stored elements into an array.
#include "store/output/load_elements.hpp"

#include <mpipe/core/error.hpp>

#include "store/output/variable_values.hpp"

#include <fmt/format.h>

namespace mpipe {
namespace {

/// Puts what is loaded into an array.
class ArraySink final : public ElementSink {
 public:
  explicit ArraySink(PartialArray& array) : array_(array) {}
  void set_internal(const Shape& internal) override { array_.set_internal(internal); }
  std::byte* room(IndexRange elements) override { return array_.destination(elements.begin); }
  void filled(IndexRange elements) override { array_.mark(elements); }
  void put(IndexRange elements, std::span<const std::byte> bytes,
           std::span<const std::uint64_t> offsets) override {
    EncodedValues values;
    append_values(values, bytes, offsets);
    array_.put(elements, values.bytes, values.offsets);
  }

 private:
  PartialArray& array_;
};

}  // namespace

void load_elements(OutputStore& output, const OutputLayout& layout, const RangeSet& elements,
                   const RangeSet& in_files, const JournalSource& journals, PartialArray& array) {
  const RangeSet fresh = elements.difference(array.have());
  if (fresh.empty()) return;
  if (const auto internal = internal_shape(layout)) array.set_internal(*internal);
  ArraySink sink(array);
  output.read(fresh, in_files, journals, sink);
  const RangeSet missing = elements.difference(array.have());
  if (missing.empty()) return;
  throw Error(Category::storage_failed,
              fmt::format("element {} of '{}' was stored and is not in the journals any more (somebody "
                          "removed or damaged files of the run folder). Resume the run to compute it again.",
                          missing.ranges().front().begin, layout.name));
}

}  // namespace mpipe
