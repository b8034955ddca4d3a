// SPDX-License-Identifier: BSD-3-Clause
#include "run/api/wire_json.hpp"

#include <algorithm>

namespace mpipe {

std::vector<Index> decode_indices(const Json& json) {
  if (!json.is_array()) throw Bug("a message of a rank has no list where one is due");
  std::vector<Index> indices;
  for (const Json& index : json) {
    indices.push_back(whole_number<Index>(index));
    if (indices.back() < 0) throw Bug("an index or an extent in a message of a rank is negative");
  }
  return indices;
}

}  // namespace mpipe
