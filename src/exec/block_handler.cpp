// SPDX-License-Identifier: BSD-3-Clause
// The guarded call of a block handler: what it throws or reports wrongly becomes a failure of the block.
#include <mpipe/core/error.hpp>
#include <mpipe/data/element_type.hpp>
#include <mpipe/exec/pool.hpp>

#include <fmt/format.h>

#include <string>

namespace mpipe {

namespace {

/// A report that cannot be true is a mistake of the handler, told like any other.
void check_report(const BlockReport& report, const Block& block) {
  const bool possible = report.completed >= 0 && report.completed <= block.range.size();
  const bool complete = report.completed == block.range.size();
  const bool ended_early = report.failure.has_value() || report.stopped;
  if (possible && complete != ended_early && !(report.failure && report.stopped)) return;
  throw Bug(
      fmt::format("block [{}, {}) of stage {}: {} elements reported done, {} failure, and it was {} to stop",
                  block.range.begin, block.range.end, block.stage.value, report.completed,
                  report.failure ? "a" : "no", report.stopped ? "told" : "not told"));
}

}  // namespace

BlockReport compute_guarded(BlockHandler& handler, const Block& block, const ProcessPlace& place) {
  try {
    BlockReport report = handler.compute(block);
    // The check stands inside of the `try`: rank 0 refuses an impossible report as damage, whereas a
    // failure tells the user which block it was.
    check_report(report, block);
    return report;
  } catch (...) {
    // It is unknown how far the handler came, so no element counts as done, and the first one is blamed.
    BlockReport report;
    report.block = block;
    report.failure = failure_from_current_exception();
    report.failure->element = block.range.begin;
    report.failure->rank = place.rank;
    report.failure->host = place.host;
    return report;
  }
}

}  // namespace mpipe
