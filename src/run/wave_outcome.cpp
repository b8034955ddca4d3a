// SPDX-License-Identifier: BSD-3-Clause
// Sends the outcome of a wave from rank 0 to all ranks.
#include "run/wave_outcome.hpp"

#include "base/api/failure_bytes.hpp"
#include "run/api/run_bytes.hpp"

namespace mpipe {
namespace {

Bytes encode(const WaveOutcome& outcome) {
  ByteWriter out;
  out.put(outcome.error.has_value());
  if (outcome.error) put_failure(out, *outcome.error);
  put_failures(out, outcome.failures);
  out.put(static_cast<std::uint64_t>(outcome.shapes.size()));
  for (const LateShape& late : outcome.shapes) {
    out.put(late.output.value);
    out.put_list(late.internal);
  }
  out.put(static_cast<std::uint64_t>(outcome.failed.size()));
  for (const FailedElements& failed : outcome.failed) {
    out.put(failed.function.value);
    out.put_ranges(failed.elements);
  }
  put_failures(out, outcome.details);
  out.put(outcome.too_many_failures);
  out.put(outcome.cancelled);
  out.put(outcome.drained);
  return std::move(out.bytes());
}

WaveOutcome decode(std::span<const std::byte> bytes) {
  ByteReader in(bytes, "the outcome of a wave");
  WaveOutcome outcome;
  if (in.get<bool>()) outcome.error = get_failure(in);
  outcome.failures = get_failures(in);
  for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
    const OutputId output{in.get<std::uint32_t>()};
    outcome.shapes.push_back({output, in.get_indices()});
  }
  for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
    const FunctionId function{in.get<std::uint32_t>()};
    outcome.failed.push_back({function, in.get_ranges()});
  }
  outcome.details = get_failures(in);
  outcome.too_many_failures = in.get<bool>();
  outcome.cancelled = in.get<bool>();
  outcome.drained = in.get<bool>();
  in.expect_end();
  return outcome;
}

}  // namespace

/// Only rank 0 knows how a wave ended. Afterwards all ranks have equal outcomes, from which each of them
/// derives states, shapes and errors without asking again.
WaveOutcome agree_on_outcome(const Communicator& comm, WaveOutcome outcome) {
  if (comm.size() == 1) return outcome;
  return decode(comm.broadcast(comm.is_root() ? encode(outcome) : Bytes{}));
}

}  // namespace mpipe
