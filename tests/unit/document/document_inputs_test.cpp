// SPDX-License-Identifier: BSD-3-Clause
// Inputs that are written out or computed: types, shapes, values, refusals.
#include <mpipe/pipeline/function_body.hpp>

#include "document_text.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace mpipe::test {
namespace {

struct ScalarCase {
  const char* text;
  const char* dtype;
  double value;
};

void PrintTo(const ScalarCase& c, std::ostream* out) { *out << c.text; }

class Scalars : public ::testing::TestWithParam<ScalarCase> {};

TEST_P(Scalars, FollowTheCoreSchema) {
  const Value value = input(GetParam().text);
  EXPECT_EQ(value.type().dtype(), GetParam().dtype);
  EXPECT_TRUE(value.is_scalar());
  const double number =
      value.type().kind == Kind::boolean ? (value.as<bool>() ? 1.0 : 0.0) : value.as<double>();
  EXPECT_EQ(number, GetParam().value);
}

constexpr double kInf = std::numeric_limits<double>::infinity();

INSTANTIATE_TEST_SUITE_P(Integers, Scalars,
                         ::testing::Values(ScalarCase{"3", "int64", 3}, ScalarCase{"-3", "int64", -3},
                                           ScalarCase{"+3", "int64", 3}, ScalarCase{"007", "int64", 7},
                                           ScalarCase{"0o17", "int64", 15},
                                           ScalarCase{"0xFf", "int64", 255}));
INSTANTIATE_TEST_SUITE_P(
    Numbers, Scalars,
    ::testing::Values(ScalarCase{"1.5", "float64", 1.5}, ScalarCase{"1.", "float64", 1},
                      ScalarCase{".5", "float64", 0.5}, ScalarCase{"1e3", "float64", 1000},
                      ScalarCase{"-1.5E-1", "float64", -0.15}, ScalarCase{"+1.0", "float64", 1},
                      ScalarCase{".inf", "float64", kInf}, ScalarCase{"-.Inf", "float64", -kInf}));
INSTANTIATE_TEST_SUITE_P(Booleans, Scalars,
                         ::testing::Values(ScalarCase{"true", "bool", 1}, ScalarCase{"True", "bool", 1},
                                           ScalarCase{"FALSE", "bool", 0}, ScalarCase{"false", "bool", 0}));

TEST(Scalars, NotANumber) { EXPECT_TRUE(std::isnan(input(".nan").as<double>())); }

TEST(Scalars, LargeIntegersKeepTheirDigits) {
  EXPECT_EQ(input("9223372036854775807").as<std::int64_t>(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(input("-9223372036854775808").as<std::int64_t>(), std::numeric_limits<std::int64_t>::min());
}

class Texts : public ::testing::TestWithParam<const char*> {};

TEST_P(Texts, AreTexts) {
  const std::string text = GetParam();
  const bool quoted = text.front() == '\'' || text.front() == '"';
  EXPECT_EQ(input(text).as<std::string>(), quoted ? text.substr(1, text.size() - 2) : text);
}

// YAML 1.1 would make truth values, numbers and dates of some of these.
INSTANTIATE_TEST_SUITE_P(All, Texts,
                         ::testing::Values("abc", "yes", "no", "on", "y", "1_000", "12:30", "2024-01-01",
                                           "1e", "0b1", "0x", "1.2.3", "nan", "inf", "+", ".", "e5", "'3'",
                                           "\"true\"", "'null'", "''"));

struct ListCase {
  const char* name;
  const char* text;
  const char* dtype;
  Shape shape;
};

void PrintTo(const ListCase& c, std::ostream* out) { *out << c.name; }

class Lists : public ::testing::TestWithParam<ListCase> {};

TEST_P(Lists, HaveTypeAndShape) {
  for (const std::string& text :
       {std::string(GetParam().text), "{data: " + std::string(GetParam().text) + "}"}) {
    const Value value = input(text);
    EXPECT_EQ(value.type().dtype(), GetParam().dtype);
    EXPECT_EQ(value.shape(), GetParam().shape);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Lists,
                         ::testing::Values(ListCase{"Integers", "[1, 2, 3]", "int64", {3}},
                                           ListCase{"Mixed", "[1, 2.5, 3]", "float64", {3}},
                                           ListCase{"MixedLate", "[1.5, 2]", "float64", {2}},
                                           ListCase{"Texts", "[a, b]", "str", {2}},
                                           ListCase{"Booleans", "[true, false]", "bool", {2}},
                                           ListCase{"Empty", "[]", "float64", {0}},
                                           ListCase{"EmptyRows", "[[], []]", "float64", {2, 0}},
                                           ListCase{"TwoD", "[[1, 2, 3], [4, 5, 6]]", "int64", {2, 3}},
                                           ListCase{"TwoDTexts", "[[a], [b]]", "str", {2, 1}},
                                           ListCase{"ThreeD", "[[[1.5], [2]]]", "float64", {1, 2, 1}}),
                         [](const auto& tested) { return tested.param.name; });

TEST(Lists, KeepOrderAndValues) {
  EXPECT_EQ(input("[[1, 2], [3, 4.5]]").as<Array<double>>(),
            Array<double>(Shape{2, 2}, std::array{1.0, 2.0, 3.0, 4.5}.begin()));
  EXPECT_EQ(input("[b, '', a]").as<std::vector<std::string>>(), (std::vector<std::string>{"b", "", "a"}));
  EXPECT_EQ(input("[true, false]").as<std::vector<std::uint8_t>>(), (std::vector<std::uint8_t>{1, 0}));
  const auto numbers = input("[.nan, -.inf, 0]").as<std::vector<double>>();
  EXPECT_TRUE(std::isnan(numbers[0]));
  EXPECT_EQ(numbers[1], -kInf);
}

// ---- ranges
// ------------------------------------------------------------------------------------------------------

std::vector<double> numbers(const std::string& text) {
  const Value value = input(text);
  EXPECT_EQ(value.type().dtype(), "float64") << text;
  return value.as<std::vector<double>>();
}
std::vector<std::int64_t> integers(const std::string& text) {
  const Value value = input(text);
  EXPECT_EQ(value.type().dtype(), "int64") << text;
  return value.as<std::vector<std::int64_t>>();
}

TEST(Ranges, Linspace) {
  EXPECT_EQ(numbers("{linspace: [0, 1, 5]}"), (std::vector<double>{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(numbers("{linspace: [3, 9, 1]}"), (std::vector<double>{3}));
  EXPECT_TRUE(numbers("{linspace: [3, 9, 0]}").empty());
  EXPECT_EQ(numbers("{linspace: [0, 1, 1e1]}").size(), 10U);
  EXPECT_EQ(numbers("{linspace: [0, 0.3, 4]}").back(), 0.3);
  EXPECT_EQ(input("{linspace: [0, 10, 101]}"), linspace(0, 10, 101));
}

TEST(Ranges, Arange) {
  EXPECT_EQ(integers("{arange: [0, 10, 3]}"), (std::vector<std::int64_t>{0, 3, 6, 9}));
  EXPECT_EQ(integers("{arange: [0, 9, 3]}"), (std::vector<std::int64_t>{0, 3, 6}));
  EXPECT_EQ(integers("{arange: [5, 0, -2]}"), (std::vector<std::int64_t>{5, 3, 1}));
  EXPECT_EQ(integers("{arange: [2, 5]}"), (std::vector<std::int64_t>{2, 3, 4}));
  EXPECT_EQ(integers("{arange: [3]}"), (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_TRUE(integers("{arange: [5, 5, 1]}").empty());
  EXPECT_TRUE(integers("{arange: [5, 0, 1]}").empty());
  EXPECT_EQ(integers("{arange: [-9223372036854775808, 9223372036854775807, 9223372036854775807]}"),
            (std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min(), -1, 9223372036854775806}));
  EXPECT_EQ(numbers("{arange: [0, 1, 0.25]}"), (std::vector<double>{0, 0.25, 0.5, 0.75}));
  EXPECT_EQ(numbers("{arange: [1, 0.0, -0.5]}"), (std::vector<double>{1, 0.5}));
}

TEST(Ranges, Geomspace) {
  const auto decades = numbers("{geomspace: [1, 1000, 4]}");
  EXPECT_EQ(decades, (std::vector<double>{1, 10, 100, 1000}));
  EXPECT_EQ(numbers("{geomspace: [-8, -2, 2]}"), (std::vector<double>{-8, -2}));
  const auto wide = numbers("{geomspace: [1e-300, 1e300, 3]}");
  EXPECT_NEAR(wide[1], 1.0, 1e-12);
  EXPECT_EQ(wide[2], 1e300);
  EXPECT_EQ(numbers("{geomspace: [7, 9, 1]}"), (std::vector<double>{7}));
}

TEST(Ranges, Random) {
  const auto values = numbers("{random: {uniform: [2, 4], n: 1000, seed: 5}}");
  EXPECT_EQ(values.size(), 1000U);
  EXPECT_EQ(values[3], 2 + 2 * Random(5, stream_of("x"), 3).uniform());
  EXPECT_EQ(values, numbers("{random: {uniform: [2, 4], n: 1000, seed: 5}}"));
  EXPECT_NE(values, numbers("{random: {uniform: [2, 4], n: 1000, seed: 6}}"));
  for (const double value : values) EXPECT_TRUE(2 <= value && value < 4);
  const auto normals = numbers("{random: {normal: [10, 0.5], n: 3}}");
  EXPECT_EQ(normals[2], 10 + 0.5 * Random(0, stream_of("x"), 2).normal());
}

TEST(Ranges, RandomNumbersOfTwoInputsDiffer) {
  const Document document =
      with_rest("inputs: {x: {random: {uniform: [0, 1], n: 4}}, z: {random: {uniform: [0, 1], n: 4}}}");
  const Inputs inputs = document.load_inputs({"x", "z"});
  EXPECT_NE(inputs.at("x"), inputs.at("z"));
}

// ---- refusals
// ----------------------------------------------------------------------------------------------------

struct InputRefusal {
  const char* name;
  const char* text;
  Category category;
  const char* message;
};

void PrintTo(const InputRefusal& c, std::ostream* out) { *out << c.name; }

class InputRefusals : public ::testing::TestWithParam<InputRefusal> {};

TEST_P(InputRefusals, TellPlaceAndProblem) {
  EXPECT_TRUE(
      contains(error_message(GetParam().category, [] { input(GetParam().text); }), GetParam().message));
}

constexpr auto kBad = Category::bad_document;

// The value begins at column 6 of line 4.
INSTANTIATE_TEST_SUITE_P(
    All, InputRefusals,
    ::testing::Values(
        InputRefusal{"Nothing", "", kBad, "doc.yaml:4:3: expected a value"},
        InputRefusal{"Null", "null", kBad, "expected a value (a number, a text, a list"},
        InputRefusal{"NullInAList", "[1, ~]", kBad, "doc.yaml:4:10: a value is missing here"},
        InputRefusal{"TextAmongNumbers", "[1, abc]", kBad,
                     "doc.yaml:4:10: a text stands among values of another kind"},
        InputRefusal{"NanAsInPython", "[1.5, nan]", kBad, "not-a-number is written .nan"},
        InputRefusal{"NumberAmongTexts", "[abc, 1]", kBad, "doc.yaml:4:12: a number stands among"},
        InputRefusal{"BooleanAmongNumbers", "[1, true]", kBad, "doc.yaml:4:10: true or false stands among"},
        InputRefusal{"Ragged", "[[1, 2], [3]]", kBad,
                     "doc.yaml:4:15: this list has 1 items where the first one at its level has 2"},
        InputRefusal{"ValueAmongLists", "[[1], 2]", kBad, "doc.yaml:4:12: expected a list of 1 items here"},
        InputRefusal{"ListAmongValues", "[1, [2]]", kBad, "doc.yaml:4:10: a list stands where"},
        InputRefusal{"MappingInAList", "[{a: 1}]", kBad, "doc.yaml:4:7: expected a number, a text"},
        InputRefusal{"LargeInteger", "9223372036854775808", Category::too_large,
                     "doc.yaml:4:6: the number 9223372036854775808"},
        InputRefusal{"LargeNumber", "1e999", Category::too_large,
                     "doc.yaml:4:6: the number 1e999 does not fit into a double"},
        InputRefusal{"IntegerThatADoubleCannotHold", "[0.5, 9007199254740993]", kBad,
                     "doc.yaml:4:12: the integer 9007199254740993 stands among floating point numbers"},
        InputRefusal{"SameTheOtherWayRound", "[9223372036854775807, 0.5]", kBad,
                     "the integer 9223372036854775807 stands"},
        InputRefusal{"EmptyMapping", "{}", kBad, "doc.yaml:4:6: this does not say what the value is"},
        InputRefusal{"UnknownMaker", "{linspce: [0, 1, 2]}", kBad,
                     "doc.yaml:4:7: 'linspce' is no key of an input. Did you mean 'linspace'?"},
        InputRefusal{"TwoMakers", "{linspace: [0, 1, 2], data: 1}", kBad, "'data' and 'linspace' both say"},
        InputRefusal{"KeyOfAnotherMaker", "{linspace: [0, 1, 2], column: a}", kBad,
                     "doc.yaml:4:28: 'column' does not go with 'linspace'"},
        InputRefusal{"ColumnAlone", "{column: a}", kBad, "this does not say what the value is"},
        InputRefusal{"DataOfAMapping", "{data: {a: 1}}", kBad,
                     "doc.yaml:4:13: expected a number, a text or a list"},
        InputRefusal{"LinspaceOfTwo", "{linspace: [0, 1]}", kBad,
                     "doc.yaml:4:17: expected [first, last, number of points] but found 2 items"},
        InputRefusal{"LinspaceOfANumber", "{linspace: 3}", kBad,
                     "doc.yaml:4:17: expected [first, last, number of points]"},
        InputRefusal{"LinspaceOfTexts", "{linspace: [a, b, 3]}", kBad,
                     "doc.yaml:4:18: expected [first, last"},
        InputRefusal{"LinspaceWithAFraction", "{linspace: [0, 1, 2.5]}", kBad,
                     "doc.yaml:4:24: expected a whole number of values"},
        InputRefusal{"LinspaceNegative", "{linspace: [0, 1, -1]}", kBad,
                     "doc.yaml:4:24: expected a whole number of values"},
        InputRefusal{"LinspaceToInfinity", "{linspace: [0, .inf, 5]}", kBad, "of finite numbers"},
        InputRefusal{"LinspaceTooWide", "{linspace: [-1e308, 1e308, 5]}", kBad, "too large for a double"},
        InputRefusal{"ArangeWithoutStep", "{arange: [0, 1, 0]}", kBad, "doc.yaml:4:22: the step is 0"},
        InputRefusal{"ArangeOfNan", "{arange: [0, .nan, 1]}", kBad, "of finite numbers"},
        InputRefusal{"ArangeOfFour", "{arange: [0, 1, 2, 3]}", kBad, "but found 4 items"},
        InputRefusal{"GeomspaceOverZero", "{geomspace: [-1, 1, 3]}", kBad, "with limits of one sign, not 0"},
        InputRefusal{"GeomspaceFromZero", "{geomspace: [0, 1, 3]}", kBad, "with limits of one sign, not 0"},
        InputRefusal{"RandomWithoutNumber", "{random: {uniform: [0, 1]}}", kBad,
                     "doc.yaml:4:15: random numbers need"},
        InputRefusal{"RandomOfBoth", "{random: {uniform: [0, 1], normal: [0, 1], n: 3}}", kBad,
                     "random numbers need"},
        InputRefusal{"RandomUnknown", "{random: {unform: [0, 1], n: 3}}", kBad, "Did you mean 'uniform'?"},
        InputRefusal{"RandomBackwards", "{random: {uniform: [1, 0], n: 3}}", kBad,
                     "the upper limit lies below"},
        InputRefusal{"RandomNegativeDeviation", "{random: {normal: [0, -1], n: 3}}", kBad,
                     "standard deviation is negative"},
        InputRefusal{"HugeLinspace", "{linspace: [0, 1, 1000000000000000000]}", Category::too_large,
                     "doc.yaml:4:6: an array of shape (1000000000000000000,)"},
        InputRefusal{"HugeLinspaceAsNumber", "{linspace: [0, 1, 1e18]}", Category::too_large,
                     "doc.yaml:4:24: 1e18 is too large"},
        InputRefusal{"HugeArange", "{arange: [0, 1000000000000000000]}", Category::too_large,
                     "doc.yaml:4:6: an array of shape"},
        InputRefusal{"HugestArange", "{arange: [-9223372036854775808, 9223372036854775807]}",
                     Category::too_large, "doc.yaml:4:6: an array of shape"},
        InputRefusal{"HugeArangeOfNumbers", "{arange: [0, 1e300, 1]}", Category::too_large,
                     "doc.yaml:4:6: an array of shape"},
        InputRefusal{"HugeGeomspace", "{geomspace: [1, 2, 1000000000000000]}", Category::too_large,
                     "doc.yaml:4:6: an array"},
        InputRefusal{"HugeRandom", "{random: {uniform: [0, 1], n: 1000000000000000000}}", Category::too_large,
                     "doc.yaml:4:6: an array of shape"},
        InputRefusal{"CsvWithoutColumn", "{csv: a.csv}", kBad, "a csv file needs the name of a column"},
        InputRefusal{"CsvWithBoth", "{csv: a.csv, column: a, columns: [a]}", kBad,
                     "a csv file needs the name of a column"},
        InputRefusal{"CsvColumnsAText", "{csv: a.csv, columns: a}", kBad,
                     "doc.yaml:4:28: expected a list of names of columns"},
        InputRefusal{"CsvOfAList", "{csv: [a], column: a}", kBad,
                     "doc.yaml:4:12: expected the path of a file but found a list"},
        InputRefusal{"CsvOfNothing", "{csv: '', column: a}", kBad,
                     "doc.yaml:4:12: expected the path of a file"},
        InputRefusal{"Hdf5WithoutDataset", "{hdf5: a.h5}", kBad, "an HDF5 file needs the name of a dataset"},
        InputRefusal{"CsvThatIsNotThere", "{csv: /no/such.csv, column: a}", Category::bad_input_file,
                     "doc.yaml:4:6: the file '/no/such.csv' is not there"}),
    [](const auto& tested) { return std::string(tested.param.name); });

/// What Python's json.dumps writes.
TEST(JsonDocuments, SurrogatePairsAreCharacters) {
  const auto value = [](const std::string& text) {
    return parse(R"({"functions": [{"output": "y", "expr": "x"}], "inputs": {"x": )" + text + "}}")
        .load_inputs({"x"})
        .at("x");
  };
  EXPECT_EQ(value(R"(["a\ud83c\udf0dz", "\\ud83c", "\u00e9"])").as<std::vector<std::string>>(),
            (std::vector<std::string>{"a\xF0\x9F\x8C\x8Dz", "\\ud83c", "\xC3\xA9"}));
  const std::string lone = error_message(Category::bad_document, [&] { value(R"("a\ud83c")"); });
  EXPECT_TRUE(contains(lone, "doc.yaml:1:65: the escape \\ud83c is half of a character")) << lone;
  EXPECT_TRUE(
      contains(error_message(Category::bad_document, [&] { value(R"("\udf0d\ud83c")"); }), "is half"));
  const std::string behind =
      error_message(Category::bad_document, [&] { value(R"({"\ud83c\udf0d": 1, "data": 2})"); });
  EXPECT_TRUE(contains(behind, "doc.yaml:1:")) << behind;
  EXPECT_TRUE(std::isnan(value("[NaN, -Infinity, 1]").as<std::vector<double>>()[0]));
  EXPECT_EQ(value("Infinity").as<double>(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(input("Infinity").as<std::string>(), "Infinity") << "it is a text in YAML";
}

TEST(YamlDocuments, TabsBeforeTextAreNamed) {
  for (const char* text : {"functions:\n\t- output: y\n", "functions: []\ninputs:\n\tx: 1\n"}) {
    const std::string message =
        error_message(Category::bad_document, [&] { Document::parse(text, "/nowhere/doc.yaml"); });
    EXPECT_TRUE(contains(message, "a tab stands before what is here")) << message;
  }
}

TEST(Scalars, AreRoundedToTheNearestDouble) {
  EXPECT_EQ(input("1e-400").as<double>(), 0.0);
  EXPECT_TRUE(std::signbit(input("-1e-400").as<double>()));
  error_message(Category::too_large, [] { input("1e400"); });
}

/// As `map: seed`, they have all 64 bits.
TEST(Ranges, SeedsOfRandomNumbersMayBeLarge) {
  const auto drawn = [](const std::string& seed) {
    return input("{random: {uniform: [0, 1], n: 1, seed: " + seed + "}}").as<std::vector<double>>().front();
  };
  EXPECT_NE(drawn("18446744073709551615"), drawn("18446744073709551614"));
  EXPECT_EQ(drawn("0x10"), drawn("16"));
  error_message(Category::bad_document, [&] { drawn("18446744073709551616"); });
  error_message(Category::bad_document, [&] { drawn("-1"); });
}

TEST(YamlDocuments, MergeKeysAreRefused) {
  const std::string message =
      error_message(Category::bad_document, [] { with_rest("map: &m {seed: 1}\ninputs: {x: {<<: *m}}\n"); });
  EXPECT_TRUE(contains(message, "doc.yaml:4:14: merge keys (<<) are no part of YAML 1.2")) << message;
}

}  // namespace
}  // namespace mpipe::test
