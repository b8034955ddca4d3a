// SPDX-License-Identifier: BSD-3-Clause
// Layouts, values and stores that the tests of the store have in common.
#include "unit/store/store_fixture.hpp"

#include <algorithm>
#include <complex>

namespace mpipe::test {
namespace {

/// Arrays that differ in length, or in rank, or not at all.
void encode_array(const ElementType& item, Index element, double number, Bytes& bytes) {
  const auto length = static_cast<std::size_t>((element * 3) % 5);
  switch (item.kind) {
    case Kind::boolean:
      return encode(std::vector<bool>(length, element % 2 == 0), bytes);
    case Kind::int32:
      return encode(std::array<std::int32_t, 2>{static_cast<std::int32_t>(number), 1}, bytes);
    case Kind::float32: {
      Array<float> array(Shape(static_cast<std::size_t>(element % 3), 2));
      std::fill(array.begin(), array.end(), static_cast<float>(number));
      return encode(array, bytes);
    }
    case Kind::complex128: {
      Array<std::complex<double>> array(Shape{element % 3, 2});
      std::fill(array.begin(), array.end(), std::complex<double>(number, 1));
      return encode(array, bytes);
    }
    case Kind::string: {
      std::vector<std::string> texts;
      for (std::size_t k = 0; k < length; ++k) texts.push_back(std::string(k, '.') + "\u00e4");
      return encode(texts, bytes);
    }
    default:
      return encode(std::vector<double>(length, number), bytes);
  }
}

}  // namespace

Bytes expected_value(const ElementType& type, std::size_t output, Index element, Index item) {
  const auto number = static_cast<double>(1 + element * 131 + item * 7 + static_cast<Index>(output) * 10007);
  Bytes bytes;
  switch (type.kind) {
    case Kind::boolean:
      encode((element + item) % 3 == 0, bytes);
      break;
    case Kind::int32:
      encode(static_cast<std::int32_t>(number), bytes);
      break;
    case Kind::int64:
      encode(static_cast<std::int64_t>(number) << 33 | 1, bytes);
      break;
    case Kind::uint8:
      encode(static_cast<std::uint8_t>(element * 3 + item), bytes);
      break;
    case Kind::float32:
      encode(static_cast<float>(number) / 4, bytes);
      break;
    case Kind::float64:
      encode(number / 3, bytes);
      break;
    case Kind::complex128:
      encode(std::complex<double>(number, -number / 7), bytes);
      break;
    case Kind::string:
      encode(element % 4 == 1 ? std::string()
                              : "t\u00e9xt " + std::string(static_cast<std::size_t>(element % 9), 'x') +
                                    std::to_string(item),
             bytes);
      break;
    case Kind::array:
      encode_array(*type.item, element, number, bytes);
      break;
    default:
      throw Bug("no such test values: " + type.name);
  }
  return bytes;
}

RunLayout every_kind() {
  const auto& f64 = element_type(Kind::float64);
  RunLayout layout;
  layout.run_id = "0123456789abcdef";
  layout.outputs = {
      plain_output("plain", f64, {"i", "j"}, {7, 11}),
      plain_output("single", f64, {}, {}),
      plain_output("none", f64, {"n"}, {0}),
      plain_output("wave", element_type(Kind::complex128), {"i", "j"}, {7, 11}),
      output("last", element_type(Kind::int32), {"i", "x"}, {true, false}, {{7}, {3}}),
      output("first", element_type(Kind::float32), {"x", "i", "y"}, {false, true, false}, {{3}, {7}, {2}}),
      output("hollow", f64, {"i", "z"}, {true, false}, {{7}, {0}}),
      plain_output("flag", element_type(Kind::boolean), {"i"}, {7}),
      plain_output("text", element_type(Kind::string), {"i", "j"}, {7, 11}),
      plain_output("ragged", array_type(f64), {"i"}, {7}),
      output("late", f64, {"i", "u"}, {true, false}, {{7}, {}}),
      plain_output("volatile", f64, {"i", "j"}, {7, 11}),
      plain_output("volatile_text", element_type(Kind::string), {"i"}, {7}),
      output("volatile_late", element_type(Kind::int32), {"i", "u"}, {true, false}, {{7}, {}}),
      plain_output("ragged_flags", array_type(element_type(Kind::boolean)), {"i"}, {7}),
      plain_output("pairs", array_type(element_type(Kind::int32)), {"i"}, {7}),
      plain_output("any_rank", array_type(element_type(Kind::float32)), {"i"}, {7}),
      plain_output("planes", array_type(element_type(Kind::complex128)), {"i"}, {7}),
      plain_output("ragged_text", array_type(element_type(Kind::string)), {"i"}, {7}),
      unknown_output("surprise", f64),
      unknown_output("text_surprise", element_type(Kind::string)),
      unknown_output("volatile_surprise", element_type(Kind::int32)),
  };
  const std::vector<OutputLayout> kinds = layout.outputs;
  for (OutputLayout output : kinds) {
    output.storage = StorageKind::file;
    output.name = "file_" + output.name;
    layout.outputs.push_back(std::move(output));
  }
  layout.outputs[0].units = "m";
  for (const std::size_t k : {11, 12, 13, 21}) layout.outputs[k].storage = StorageKind::memory;
  for (OutputLayout& output : layout.outputs) {
    if (!output.axes.empty()) output.mapspec = "i -> " + output.name;
  }
  const std::vector<double> speeds{0, 0.5, 1, 1.5, 2, 2.5, 3};
  layout.inputs = {{"speed", {"i"}, Value(speeds), "m/s", "speed of the thing"},
                   {"label", {"j"}, Value(std::vector<std::string>(11, "abc")), "", ""},
                   {"count", {}, Value(42), "", ""}};
  return layout;
}

}  // namespace mpipe::test
