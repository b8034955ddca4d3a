// SPDX-License-Identifier: BSD-3-Clause
// Inputs from json and npy files: what is read, and what is refused.
#include "core/api/text.hpp"
#include "file_inputs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <cstring>

namespace mpipe::test {
namespace {

constexpr auto kBadFile = Category::bad_input_file;

using JsonFile = FileInputs;

TEST_F(JsonFile, Values) {
  EXPECT_EQ(json("[1, 2, 3]").as<std::vector<std::int64_t>>(), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(json("[[1, 2.5], [3, 4]]").as<Array<double>>()(0, 1), 2.5);
  EXPECT_EQ(json("[\"a\", \"\\ud83c\\udf0d\"]").as<std::vector<std::string>>()[1], "\xF0\x9F\x8C\x8D");
  EXPECT_EQ(json("7").as<std::int64_t>(), 7);
  EXPECT_EQ(json("[true, false]").type().dtype(), "bool");
  EXPECT_EQ(json("[[], []]").shape(), (Shape{2, 0}));
  EXPECT_EQ(json("-9223372036854775808").as<std::int64_t>(), std::numeric_limits<std::int64_t>::min());
}

TEST_F(JsonFile, NumbersThatAreNotFinite) {
  const auto numbers = json("[NaN, -Infinity,Infinity, 1]").as<std::vector<double>>();
  EXPECT_TRUE(std::isnan(numbers[0]));
  EXPECT_EQ(numbers[1], -std::numeric_limits<double>::infinity());
  EXPECT_EQ(numbers[2], std::numeric_limits<double>::infinity());
  EXPECT_EQ(json("[\"NaN\", \"a\\\"Infinity\"]").as<std::vector<std::string>>(),
            (std::vector<std::string>{"NaN", "a\"Infinity"}));
  EXPECT_TRUE(contains(bad_json("[NaN, NaN, x]"), "column 12"));
  EXPECT_TRUE(contains(bad_json("[\"\\ud83c\"]"), "surrogate"));
}

TEST_F(JsonFile, AMessageNamesItsPlaceOnce) {
  const std::string message = bad_json("[1, 18446744073709551615]");
  EXPECT_EQ(message.find("at [1]"), message.rfind("at [1]")) << message;
}

TEST_F(JsonFile, WhatIsNoJsonIsToldWithItsPlace) {
  const auto refused = [&](const std::string& text, const std::string& problem) {
    const std::string message = bad_json(text);
    EXPECT_TRUE(contains(message, problem)) << message;
    EXPECT_FALSE(contains(message, "json.exception")) << message;
    EXPECT_TRUE(is_utf8(message)) << message;
  };
  refused("[1,\n 2 3]",
          "is no valid JSON at line 2, column 4: while parsing array: unexpected number literal");
  refused("[1, 2",
          "is no valid JSON at line 1, column 6: while parsing array: unexpected end of input; expected ']'");
  refused("[1,\n 1e999]", "has the number 1e999 at line 2, column 2, which does not fit into a double");
  refused(std::string("\xFF\xFE[\0", 4), "is in UTF-16 or UTF-32");
  refused(std::string("\0[\0", 3), "is in UTF-16 or UTF-32");
  refused("[\n\"caf\xE9\"]", "has the byte 0xe9 at line 2, column 5, which is no character in UTF-8");
  EXPECT_EQ(json("[1e-400, -1e-400]").as<std::vector<double>>()[0], 0.0);
}

TEST_F(JsonFile, Refusals) {
  EXPECT_TRUE(contains(bad_json("[1, 2"), "is no valid JSON"));
  EXPECT_TRUE(contains(bad_json(""), "is no valid JSON"));
  EXPECT_TRUE(contains(bad_json("[[1, 2], [3]]"), "at [1]: a list of 2 items is expected"));
  EXPECT_TRUE(contains(bad_json("[1, [2]]"), "at [1]: an array cannot be a value here"));
  EXPECT_TRUE(contains(bad_json("[1, \"a\"]"), "at [1]: a text stands among"));
  EXPECT_TRUE(contains(bad_json("[1, null]"), "at [1]: a value is missing"));
  EXPECT_TRUE(contains(bad_json("{\"a\": 1}"), "at its top: an object cannot be a value here"));
  EXPECT_TRUE(contains(bad_json("18446744073709551615"), "does not fit into 64 bits"));
  EXPECT_TRUE(contains(bad_json(std::string(100'000, '[')), "is no valid JSON"));
  EXPECT_TRUE(
      contains(bad_json(std::string(40, '[') + "1" + std::string(40, ']')), "nested more than 32 deep"));
  folder_.write("large.json", "1");
  std::filesystem::resize_file(folder_.path() / "large.json", 300'000'000);
  EXPECT_TRUE(contains(refusal("{json: large.json}", Category::too_large), "has 300000000 bytes"));
}

class Npy : public FileInputs {
 protected:
  static std::string file(const std::string& header, const std::string& values, int version = 1) {
    std::string text = "\x93NUMPY";
    text += static_cast<char>(version);
    text += '\0';
    for (int k = 0; k < (version == 1 ? 2 : 4); ++k)
      text += static_cast<char>(header.size() >> (8 * k) & 0xFFU);
    return text + header + values;
  }
  static std::string header(const std::string& type, const std::string& shape, bool fortran = false) {
    return "{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") +
           ", 'shape': " + shape + ", }   \n";
  }
  /// Filled up, as numpy does, so that the values of version 1 begin at a multiple of 64.
  static std::string aligned(std::string header) {
    header.resize((header.size() + 10 + 63) / 64 * 64 - 10, ' ');
    return header;
  }
  template <class T>
  static std::string bytes(std::initializer_list<T> values) {
    std::string text(values.size() * sizeof(T), '\0');
    std::memcpy(text.data(), std::data(values), text.size());
    return text;
  }
  Value npy(const std::string& text) const {
    folder_.write("t.npy", text);
    return value("{npy: t.npy}");
  }
  std::string bad_npy(const std::string& text, Category category = kBadFile) const {
    folder_.write("t.npy", text);
    return refusal("{npy: t.npy}", category);
  }
};

TEST_F(Npy, Values) {
  const std::string doubles = bytes({1.0, 2.0, 3.0, 4.0, 5.0, 6.0});
  for (const int version : {1, 2, 3})
    EXPECT_EQ(npy(file(header("<f8", "(6,)"), doubles, version)).as<std::vector<double>>(),
              (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(npy(file(header("<f8", "(2, 3)"), doubles)).as<Array<double>>()(1, 0), 4.0);
  const auto fortran = npy(file(header("<f8", "(2, 3)", true), doubles)).as<Array<double>>();
  EXPECT_EQ(fortran(1, 0), 2.0);
  EXPECT_EQ(fortran(0, 1), 3.0);
  EXPECT_EQ(npy(file(header("<f8", "()"), bytes({7.5}))).as<double>(), 7.5);
  EXPECT_EQ(npy(file(header("|b1", "(2,)"), std::string("\1\0", 2))).type().dtype(), "bool");
  EXPECT_EQ(npy(file(header("|u1", "(2,)"), "\x01\xFF")).as<std::vector<std::uint8_t>>(),
            (std::vector<std::uint8_t>{1, 255}));
  EXPECT_EQ(npy(file(header(">i4", "(1,)"), std::string("\0\0\1\2", 4))).as<std::vector<std::int32_t>>(),
            std::vector<std::int32_t>{258});
  EXPECT_EQ(npy(file(header("<c16", "(1,)"), bytes({1.5, -2.0}))).as<std::vector<std::complex<double>>>()[0],
            std::complex(1.5, -2.0));
  std::string swapped = bytes({1.5, -2.0});
  std::reverse(swapped.begin(), swapped.begin() + 8);
  std::reverse(swapped.begin() + 8, swapped.end());
  EXPECT_EQ(npy(file(header(">c16", "(1,)"), swapped)).as<std::vector<std::complex<double>>>()[0],
            std::complex(1.5, -2.0));
  EXPECT_EQ(npy(file(header("<f8", "(0, 3)"), "")).shape(), (Shape{0, 3}));
}

TEST_F(Npy, HeadersAreReadAsNumpyDoes) {
  const std::string doubles = bytes({1.0, 2.0});
  EXPECT_EQ(npy(file(header("<f8", "(2L,)"), doubles)).shape(), Shape{2});
  EXPECT_EQ(npy(file("{\"descr\": \"<f8\", \"fortran_order\": False, \"shape\": (2,), }\n", doubles)).shape(),
            Shape{2});
  EXPECT_EQ(npy(file("{u'descr':\t'<d',\r\n u'shape': (2L,), 'fortran_order': False}", doubles)).shape(),
            Shape{2});
  for (const char* type : {"f8", "d", "=d", "|f8"})
    EXPECT_EQ(npy(file(header(type, "(2,)"), doubles)).as<std::vector<double>>()[1], 2.0) << type;
  EXPECT_EQ(npy(file(header("?", "(1,)"), "\1")).type().dtype(), "bool");
}

/// NumPy reads another array from some of these, and none from the others.
TEST_F(Npy, HeadersThatAreNoDictionaryOfThreeKeysAreRefused) {
  const std::string doubles = bytes({1.0, 2.0, 3.0, 4.0, 5.0, 6.0});
  const auto refused = [&](const std::string& text, const std::string& problem) {
    const std::string message = bad_npy(file(text, doubles));
    EXPECT_TRUE(contains(message, "has a header that cannot be read: byte ")) << text;
    EXPECT_TRUE(contains(message, problem)) << message;
  };
  const std::string start = "{'descr': '<f8', 'fortran_order': False, 'shape': ";
  refused(start + "(2, 3), 'shape': (3, 2)}",
          "byte 58 of its header, where a key is there for the second time");
  refused("{'descr': '<i8', 'descr': '<f8', 'fortran_order': False, 'shape': (6,)}", "second time");
  refused(start + "(2, 3), 'fortran_order': True}", "second time");
  refused("{'descr': '<f8', #'shape': (3, 2)\n 'fortran_order': False, 'shape': (2, 3)}", "in quotes");
  for (const char* order : {"True or False", "False or True", "True1", "Falsey", "1", "(True)", "not True"})
    refused(std::string("{'descr': '<f8', 'shape': (2, 3), 'fortran_order': ") + order + "}", "is expected");
  for (const char* shape : {"(6)", "(02, 3)", "(2,,3)", "(2, 3)L", "(,)", "[2, 3]", "(+6,)", "(6.0,)",
                            "(2 3)", "(2, 3", "(-6,)", "6", "(99999999999999999999,)", "(1_0,)", "(6l,)"})
    refused(start + shape + "}", "is expected");
  refused("'descr': '<f8', 'fortran_order': True, 'shape': (2, 3)", "{ is expected");
  refused(start + "(6,)} junk", "only spaces may follow");
  refused(start + "(6,), 'more': 1}", "a key is expected");
  refused("{b'descr': '<f8', 'fortran_order': False, 'shape': (6,)}", "in quotes");
  refused("{'''descr''': '<f8', 'fortran_order': False, 'shape': (6,)}", "a key is expected");
  refused("{'descr': '\\x3cf8', 'fortran_order': False, 'shape': (6,)}", "no escapes");
  refused("{'descr': '<' 'f8', 'fortran_order': False, 'shape': (6,)}", "} is expected");
  refused("{'descr': '<f8', 'shape': (6,)}", "the key 'fortran_order' is missing");
  refused("", "{ is expected");
}

TEST_F(Npy, FloatsOfTwoBytesBecomeFloatsOfFour) {
  const std::string halves =
      bytes<std::uint16_t>({0x3C00, 0xC000, 0x0001, 0x7BFF, 0x8000, 0x7C00, 0xFC00, 0x7E01});
  const auto numbers = npy(file(header("<f2", "(8,)"), halves)).as<std::vector<float>>();
  EXPECT_EQ(numbers[0], 1.0F);
  EXPECT_EQ(numbers[1], -2.0F);
  EXPECT_EQ(numbers[2], 0x1p-24F);
  EXPECT_EQ(numbers[3], 65504.0F);
  EXPECT_TRUE(numbers[4] == 0 && std::signbit(numbers[4]));
  EXPECT_EQ(numbers[5], std::numeric_limits<float>::infinity());
  EXPECT_EQ(numbers[6], -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(numbers[7]));
  const auto swapped =
      npy(file(header(">e", "(2, 1)", true), std::string("\x3C\0\xC0\0", 4))).as<Array<float>>();
  EXPECT_EQ(swapped(1, 0), -2.0F);
  EXPECT_TRUE(
      contains(bad_npy(file(header("<f2", "(8,)"), halves + "x")), "bytes, but its header of shape (8,)"));
}

TEST_F(Npy, LargeArraysAreLookedAtInTheFile) {
  std::vector<double> numbers(200'000, 0.5);
  numbers.back() = 7;
  const std::string text(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(double));
  const Value big = npy(file(aligned(header("<f8", "(1000, 200)")), text));
  ASSERT_NE(big.file(), nullptr);
  EXPECT_EQ(big.as<Array<double>>()(999, 199), 7);
  EXPECT_EQ(npy(file(aligned(header("<f8", "(1000, 200)", true)), text)).file(), nullptr)
      << "it must be turned round";
  EXPECT_EQ(npy(file(aligned(header(">f8", "(1000, 200)")), text)).file(), nullptr);
  // 2^61 numbers of 8 bytes are none at all in 64 bits.
  bad_npy(file(header("<f8", "(2305843009213693952,)"), ""), Category::too_large);
}

TEST_F(Npy, Refusals) {
  EXPECT_TRUE(contains(bad_npy("hello, this is a text"), "is not in NumPy's format"));
  EXPECT_TRUE(contains(bad_npy("\x93NUM"), "ends too early"));
  EXPECT_TRUE(contains(bad_npy(file(header("<f8", "(6,)"), "", 9)), "has the version 9"));
  EXPECT_TRUE(
      contains(bad_npy(file(header("<f8", "(6,)"), bytes({1.0}))), "but its header of shape (6,) needs"));
  EXPECT_TRUE(contains(bad_npy(file(header("<f8", "(1,)"), bytes({1.0, 2.0}))),
                       "but its header of shape (1,) needs"));
  EXPECT_TRUE(contains(bad_npy(file(header("|O", "(1,)"), bytes({1.0}))),
                       "has values of type '|O', which is not read"));
  EXPECT_TRUE(contains(bad_npy(file(header("", "(1,)"), bytes({1.0}))), "which is not read"));
  EXPECT_TRUE(contains(bad_npy(file("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", "")),
                       "several fields"));
  EXPECT_TRUE(contains(bad_npy(file("{'descr': '<f8'}", "")), "has a header that cannot be read"));
  EXPECT_TRUE(contains(bad_npy(file(header("<f8", "(-1,)"), "")), "has a header that cannot be read"));
  EXPECT_TRUE(contains(bad_npy(file(header("<f8", "(a,)"), "")), "has a header that cannot be read"));
  EXPECT_TRUE(contains(bad_npy(file(header("<f8", "(1000000000000000000,)"), ""), Category::too_large),
                       "(1000000000000000000,)"));
  EXPECT_TRUE(contains(
      bad_npy(file(header("<f8", "(4000000000, 4000000000, 4000000000)"), ""), Category::too_large), "2^62"));
  EXPECT_TRUE(contains(bad_npy(std::string("\x93NUMPY\2\0\xFF\xFF\xFF\x7F", 12)),
                       "has a header of 2147483647 bytes"));
  EXPECT_TRUE(contains(bad_npy(file(header("|b1", "(1,)"), "\2")), "neither 0 nor 1"));
}

}  // namespace
}  // namespace mpipe::test
