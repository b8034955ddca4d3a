// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Functions of every type, and what the plain interpreter must know of the types.
#pragma once

#include <mpipe/pipeline/function.hpp>

#include "property/values.hpp"

namespace mpipe::property {

enum class Type { boolean, int64, uint64, float32, float64, complex128, string, particle };
inline constexpr int kTypes = 8;

/// How a function takes its first argument; the second is a `Code`.
enum class Takes { value, view, arrays };  ///< `T`, `ArrayView<const T>`, `ArrayView<const Array<T>>`
enum class Gives { value, code, both, array };

struct FunctionSpec {
  std::vector<std::string> outputs;  ///< two when it gives `both`
  Code id = 0;
  Type type = Type::int64;
  Takes takes = Takes::value;
  Gives gives = Gives::value;
  ArrayRule rule;  ///< of the array that it gives
};

/// What a call computes from the digest of its first argument and its second one.
inline Code code_of_call(const FunctionSpec& spec, Code first, Code second) {
  return mix(mix(spec.id, first), second);
}
inline Code code_of_value(Code call) { return mix(call, 1); }
inline Code code_of_code(Code call) { return mix(call, 2); }

/// What depends on the type of values.
class TypeFunctions {
 public:
  virtual ~TypeFunctions() = default;
  virtual Function function(const FunctionSpec& spec) const = 0;
  virtual Code digest_of(Code code) const = 0;
  virtual Code digest_of_array(const ArrayRule& rule, Code code) const = 0;
  virtual Bytes encoded(Code code) const = 0;
  virtual Bytes encoded_array(const ArrayRule& rule, Code code) const = 0;
  /// An input of values with these codes; of arrays, when there is a rule.
  virtual Value input(const Shape& shape, const std::vector<Code>& codes, const ArrayRule* rule) const = 0;
};

const TypeFunctions& functions_of(Type type);

/// The implementations, a pair in each translation unit: they take long to compile.
const TypeFunctions& boolean_functions();
const TypeFunctions& int64_functions();
const TypeFunctions& uint64_functions();
const TypeFunctions& float32_functions();
const TypeFunctions& float64_functions();
const TypeFunctions& complex128_functions();
const TypeFunctions& string_functions();
const TypeFunctions& particle_functions();

}  // namespace mpipe::property
