// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Bodies that say more of themselves than a formula and the place of their code.
#pragma once

#include <mpipe/pipeline/function_body.hpp>

#include <map>
#include <string>

namespace mpipe {

/// Beside `FunctionBody`: a body whose values follow from more than its code, say the words of a program, or which function
/// of a library it is.
class DescribedBody {
 public:
  virtual ~DescribedBody() = default;

  /// Key -> text, as a document says it. Compared between starts of a run, and told where they differ.
  virtual std::map<std::string, std::string> keys() const = 0;
};

/// What the body says of itself; nothing for all others.
inline std::map<std::string, std::string> keys_of(const FunctionBody& body) {
  const auto* described = dynamic_cast<const DescribedBody*>(&body);
  return described == nullptr ? std::map<std::string, std::string>{} : described->keys();
}

}  // namespace mpipe
