// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/comm/agreement.hpp>

#include "comm/error_bytes.hpp"

#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <new>
#include <optional>

namespace mpipe {
namespace {

struct Outcome {
  Category category = Category::internal_error;
  std::string text;
};

/// What `step` threw, in a form that can be sent.
template <class Step>
std::optional<Outcome> attempt(const Step& step) {
  try {
    step();
    return std::nullopt;
  } catch (const Error& error) {
    return Outcome{error.category(), error.what()};
  } catch (const std::bad_alloc&) {
    return Outcome{Category::too_large,
                   "the memory of a rank is used up. Use smaller axes, a selection, or more memory."};
  } catch (const std::exception& error) {
    return Outcome{Category::internal_error, std::string("internal error: ") + error.what() +
                                                 " (this should not happen; please report it)."};
  }
}

Bytes encode_outcome(const std::optional<Outcome>& outcome, const Bytes& payload) {
  Bytes bytes;
  const auto kind = static_cast<std::uint32_t>(outcome ? 1 : 0);
  detail::append(bytes, &kind, sizeof(kind));
  if (!outcome) {
    detail::append(bytes, payload.data(), payload.size());
  } else {
    const Bytes error = detail::error_to_bytes(outcome->category, outcome->text);
    detail::append(bytes, error.data(), error.size());
  }
  return bytes;
}

Bytes decode_outcome(const Bytes& bytes) {
  std::uint32_t kind = 0;
  if (bytes.size() < sizeof(kind)) throw Bug("a rank told half an outcome");
  std::memcpy(&kind, bytes.data(), sizeof(kind));
  if (kind == 0) return {bytes.begin() + sizeof(kind), bytes.end()};
  throw detail::error_from_bytes(std::span(bytes).subspan(sizeof(kind)));
}

}  // namespace

Bytes on_root(const Communicator& comm, const std::function<Bytes()>& step) {
  if (comm.size() == 1) return step();
  Bytes bytes;
  if (comm.is_root()) {
    Bytes payload;
    const auto outcome = attempt([&] { payload = step(); });
    bytes = encode_outcome(outcome, payload);
  }
  return decode_outcome(comm.broadcast(std::move(bytes)));
}

void together(const Communicator& comm, const std::function<void()>& step) {
  if (comm.size() == 1) return step();
  const auto outcome = attempt(step);
  const std::int64_t here = outcome ? comm.rank() : std::numeric_limits<std::int64_t>::max();
  const std::int64_t first = comm.all_reduce(here, ReduceOp::min);
  if (first == std::numeric_limits<std::int64_t>::max()) return;
  Bytes bytes;
  if (comm.rank() == static_cast<int>(first)) {
    Outcome told = *outcome;
    if (first != 0) told.text = fmt::format("rank {} on {}: {}", comm.job_rank(), host_name(), told.text);
    bytes = encode_outcome(told, {});
  }
  decode_outcome(comm.broadcast(std::move(bytes), static_cast<int>(first)));
}

}  // namespace mpipe
