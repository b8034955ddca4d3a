// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "property/functions.hpp"

#include <tuple>

namespace mpipe::property {

template <class T>
class TypedFunctions final : public TypeFunctions {
 public:
  Function function(const FunctionSpec& spec) const override {
    switch (spec.takes) {
      case Takes::value:
        return taking<T>(spec);
      case Takes::view:
        return taking<ArrayView<const T>>(spec);
      case Takes::arrays:
        return giving_code<ArrayView<const Array<T>>>(spec);
    }
    throw Bug("no such form");
  }

  Code digest_of(Code code) const override { return digest(make<T>(code)); }
  Code digest_of_array(const ArrayRule& rule, Code code) const override {
    return digest(make_array<T>(rule, code));
  }

  Bytes encoded(Code code) const override {
    Bytes bytes;
    encode(make<T>(code), bytes);
    return bytes;
  }
  Bytes encoded_array(const ArrayRule& rule, Code code) const override {
    Bytes bytes;
    encode(make_array<T>(rule, code), bytes);
    return bytes;
  }

  Value input(const Shape& shape, const std::vector<Code>& codes, const ArrayRule* rule) const override {
    Index k = 0;
    if (rule != nullptr) {
      Array<Array<T>> arrays(shape);
      for (const Code code : codes) arrays[k++] = make_array<T>(*rule, code);
      return Value(arrays);
    }
    Array<T> values(shape);
    for (const Code code : codes) values[k++] = make<T>(code);
    return Value(values);
  }

 private:
  template <class P>
  static Function giving_code(const FunctionSpec& spec) {
    return mpipe::function(spec.outputs.front(), [spec](P first, Code second) {
      return code_of_code(code_of_call(spec, digest(first), second));
    });
  }

  template <class P>
  static Function taking(const FunctionSpec& spec) {
    switch (spec.gives) {
      case Gives::value:
        return mpipe::function(spec.outputs.front(), [spec](P first, Code second) {
          return make<T>(code_of_value(code_of_call(spec, digest(first), second)));
        });
      case Gives::code:
        return giving_code<P>(spec);
      case Gives::both:
        return mpipe::function(spec.outputs, [spec](P first, Code second) {
          const Code call = code_of_call(spec, digest(first), second);
          return std::tuple(make<T>(code_of_value(call)), code_of_code(call));
        });
      case Gives::array:
        return mpipe::function(spec.outputs.front(), [spec](P first, Code second) {
          return make_array<T>(spec.rule, code_of_value(code_of_call(spec, digest(first), second)));
        });
    }
    throw Bug("no such form");
  }
};

template <class T>
const TypeFunctions& typed_functions() {
  static const TypedFunctions<T> functions;
  return functions;
}

}  // namespace mpipe::property
