// SPDX-License-Identifier: BSD-3-Clause
// Puts failures and shapes of a run into bytes for other ranks, and reads them there.
#include "run/api/run_bytes.hpp"

#include "base/api/failure_bytes.hpp"

namespace mpipe {

void put_failures(ByteWriter& out, const std::vector<Failure>& failures) {
  out.put(static_cast<std::uint64_t>(failures.size()));
  for (const Failure& failure : failures) put_failure(out, failure);
}

std::vector<Failure> get_failures(ByteReader& in) {
  std::vector<Failure> failures;
  // The reader runs out of bytes before a count that is too large does harm.
  for (auto left = in.get<std::uint64_t>(); left > 0; --left) failures.push_back(get_failure(in));
  return failures;
}

void put_shapes(ByteWriter& out, const std::vector<ArrayLayout>& layouts) {
  for (const ArrayLayout& layout : layouts) {
    out.put(layout.internal_known());
    if (layout.internal_known()) out.put_list(known_shape(layout.internal_shape()));
  }
}

void put_shapes(ByteWriter& out, const Plan& plan) {
  std::vector<ArrayLayout> layouts;
  for (const PlannedOutput& output : plan.outputs()) layouts.push_back(output.layout);
  put_shapes(out, layouts);
}

void get_shapes(ByteReader& in, Plan& plan) {
  for (std::uint32_t k = 0; k < plan.outputs().size(); ++k) {
    if (!in.get<bool>()) continue;
    const Shape internal = in.get_indices();
    if (plan.output({k}).layout.internal_known()) continue;
    try {
      plan.resolve({k}, internal);
    } catch (const Error&) {
      // The rank that sent the shapes met this contradiction too, and its run ends with the error.
    }
  }
}

}  // namespace mpipe
