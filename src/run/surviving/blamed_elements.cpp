// SPDX-License-Identifier: BSD-3-Clause
// Tells all ranks which elements are not computed any more, as ranks died of them.
#include "run/surviving/blamed_elements.hpp"

#include "base/api/failure_bytes.hpp"
#include "run/surviving/loss_record.hpp"

#include <fmt/format.h>

namespace mpipe {

Bytes encode_blamed(const RunSetup& setup, std::size_t wave) {
  ByteWriter out;
  if (setup.losses == nullptr) return {};
  for (const LossRecord::Blamed& blamed : setup.losses->blamed()) {
    const StageId stage = setup.plan.function(blamed.function)->stage;
    if (setup.plan.stages()[stage.value].wave != wave || !is_known(setup.plan.external_shape(stage)))
      continue;
    Failure failure;
    failure.element = blamed.element;
    failure.index = multi_index(blamed.element, known_shape(setup.plan.external_shape(stage)));
    failure.message = blamed.message;
    failure.type = "crash";
    failure.host = blamed.host;
    failure.rank = blamed.rank;
    out.put(blamed.function.value);
    put_failure(out, failure);
  }
  return std::move(out.bytes());
}

std::vector<BlamedElement> decode_blamed(std::span<const std::byte> bytes) {
  ByteReader in(bytes, "elements of which ranks died");
  std::vector<BlamedElement> elements;
  while (!in.at_end()) {
    BlamedElement& element = elements.emplace_back();
    element.function = {in.get<std::uint32_t>()};
    element.failure = get_failure(in);
  }
  return elements;
}

}  // namespace mpipe
