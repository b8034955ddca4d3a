// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Comparing and printing what the exec layer passes around.
#pragma once

#include <mpipe/exec/pool.hpp>

#include <ostream>
#include <tuple>

namespace mpipe {

inline bool operator==(const Block& a, const Block& b) {
  return std::tie(a.id, a.stage, a.range) == std::tie(b.id, b.stage, b.range);
}

inline bool operator==(const Failure& a, const Failure& b) {
  return std::tie(a.output, a.element, a.index, a.message, a.type, a.arguments, a.host, a.rank, a.category) ==
         std::tie(b.output, b.element, b.index, b.message, b.type, b.arguments, b.host, b.rank, b.category);
}

inline bool operator==(const BlockReport& a, const BlockReport& b) {
  return a.block == b.block && a.failure == b.failure && a.failed == b.failed && a.details == b.details &&
         std::tie(a.completed, a.busy, a.stopped, a.late_shapes, a.journal_bytes) ==
             std::tie(b.completed, b.busy, b.stopped, b.late_shapes, b.journal_bytes);
}

inline void PrintTo(const IndexRange& range, std::ostream* out) {
  *out << "[" << range.begin << ", " << range.end << ")";
}

inline void PrintTo(const Block& block, std::ostream* out) {
  *out << "block " << block.id << " of stage " << block.stage.value << ", ";
  PrintTo(block.range, out);
}

inline void PrintTo(const RetractedBlock& retracted, std::ostream* out) {
  *out << "rest of block " << retracted.block << ", ";
  PrintTo(retracted.rest, out);
}

inline void PrintTo(const BlockReport& report, std::ostream* out) {
  PrintTo(report.block, out);
  *out << ": " << report.completed << " done in " << report.busy.count() << " ns, journal "
       << report.journal_bytes << ", " << report.late_shapes.size() << " late shapes";
  if (report.failure) *out << ", failure at " << report.failure->element << ": " << report.failure->message;
}

}  // namespace mpipe
