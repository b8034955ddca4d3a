// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Brings stored elements of an output into memory.
#pragma once

#include "store/output/output_store.hpp"

namespace mpipe {

/// Reads `elements` into `array`, and marks them there; those that it has already are left alone. The shape of the
/// elements is that of `layout`, where it is known. `in_files` and `journals` as `OutputStore::read`. Throws `Error`
/// (storage_failed) when some of them are not there.
void load_elements(OutputStore& output, const OutputLayout& layout, const RangeSet& elements,
                   const RangeSet& in_files, const JournalSource& journals, PartialArray& array);

}  // namespace mpipe
