// SPDX-License-Identifier: BSD-3-Clause
// What is wrong with a document: each refusal with its place, its category and its text.
#include "document_text.hpp"

#include <gtest/gtest.h>

namespace mpipe::test {
namespace {

struct Refusal {
  const char* name;
  const char* text;
  Category category;
  const char* message;  ///< a part of it, with the place
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

class Refusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refusals, TellPlaceAndProblem) {
  const auto message = error_message(GetParam().category, [] {
    const Document document = parse(GetParam().text);
    document.inputs_for_map(document.pipeline(), {});
  });
  EXPECT_TRUE(contains(message, GetParam().message));
  EXPECT_EQ(message.rfind("doc.yaml:", 0), 0U) << message;
  EXPECT_EQ(exit_code(GetParam().category), 2);
}

std::string name_of(const ::testing::TestParamInfo<Refusal>& info) { return info.param.name; }

constexpr auto kBad = Category::bad_document;
constexpr auto kLater = Category::not_supported;

INSTANTIATE_TEST_SUITE_P(
    Syntax, Refusals,
    ::testing::Values(Refusal{"Nothing", "", kBad, "doc.yaml:1:1: there is nothing in it"},
                      Refusal{"OnlyComments", "# nothing\n\n", kBad, "there is nothing in it"},
                      Refusal{"AList", "- 1\n- 2\n", kBad,
                              "doc.yaml:1:1: expected the keys of a document but found a list"},
                      Refusal{"AText", "hello", kBad,
                              "doc.yaml:1:1: expected the keys of a document but found the text 'hello'"},
                      Refusal{"OpenBracket", "functions: [", kBad, "this is not valid YAML"},
                      Refusal{"OpenQuote", "name: 'abc\n", kBad, "doc.yaml:1:7: this quote is not closed"},
                      Refusal{"OpenDoubleQuote", "name: \"a\\\"\n", kBad,
                              "doc.yaml:1:7: this quote is not closed"},
                      Refusal{"BadIndentation", "name: a\n  functions: []\n", kBad,
                              "doc.yaml:2:12: this is not valid YAML"},
                      Refusal{"TwoDocuments", "name: a\n---\nname: b\n", kBad,
                              "doc.yaml:2:1: a second document begins here"},
                      Refusal{"DuplicateKey", "name: a\nmpipe: 1\nname: b\n", kBad,
                              "doc.yaml:3:1: the key 'name' is there twice"},
                      Refusal{"DuplicateInput", "functions: []\ninputs: {x: 1, y: 2, x: 3}\n", kBad,
                              "doc.yaml:2:22: the key 'x' is there twice"},
                      Refusal{"KeyThatIsAList", "{[a, b]: 1}", kBad, "doc.yaml:1:2: a key must be a text"},
                      Refusal{"Tag", "name: !!binary abc\n", kBad,
                              "doc.yaml:1:7: the tag 'tag:yaml.org,2002:binary' is not supported"},
                      Refusal{"EndlessAlias", "name: a\ninputs: &x [1, *x]\n", kBad,
                              "doc.yaml:2:16: this alias stands inside"},
                      Refusal{"UnknownAlias", "name: *x\n", kBad, "doc.yaml:1:7: this is not valid YAML"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    TopLevel, Refusals,
    ::testing::Values(
        Refusal{"UnknownKey", "function:\n- {output: y, expr: x}\n", kBad,
                "doc.yaml:1:1: 'function' is no key of a document. Did you mean 'functions'?"},
        Refusal{"NoFunctions", "name: a\n", kBad, "doc.yaml:1:1: there are no functions"},
        Refusal{"EmptyFunctions", "functions: []\n", kBad,
                "doc.yaml:1:12: expected a list of functions, at least one but found a list"},
        Refusal{"FunctionsAreAMapping", "functions: {y: x}\n", kBad,
                "doc.yaml:1:12: expected a list of functions"},
        Refusal{"AnotherVersion", "mpipe: 2\nfunctions: []\n", kLater,
                "doc.yaml:1:8: the format version 2 is not supported"},
        Refusal{"AVersionThatIsNone", "mpipe: one\nfunctions: []\n", kBad,
                "doc.yaml:1:8: expected the version of the document's format, which is 1 but found the text "
                "'one'"},
        Refusal{"ANameThatIsAList", "name: [a]\nfunctions: []\n", kBad,
                "doc.yaml:1:7: expected a name but found a list"},
        Refusal{"NoRuns", "functions: [{output: y, expr: x}]\nruns: []\n", kBad,
                "doc.yaml:2:7: expected a list of runs, at least one but found a list"},
        Refusal{"ARunWithoutAName", "functions: [{output: y, expr: x}]\nruns:\n- inputs: {x: 1}\n", kBad,
                "doc.yaml:3:3: the run has no name"},
        Refusal{"ARunWithAnUnknownKey",
                "functions: [{output: y, expr: x}]\nruns:\n- {name: a, input: {x: 1}}\n", kBad,
                "doc.yaml:3:13: 'input' is no key of a run. Did you mean 'inputs'?"},
        Refusal{"ARunThatIsNoFolder", "functions: [{output: y, expr: x}]\nruns:\n- {name: ../a}\n", kBad,
                "doc.yaml:3:10: '../a' cannot be the name of a run"},
        Refusal{"ARunThatIsHidden", "functions: [{output: y, expr: x}]\nruns:\n- {name: .a}\n", kBad,
                "doc.yaml:3:10: '.a' cannot be the name of a run"},
        Refusal{"TwoRunsOfOneName", "functions: [{output: y, expr: x}]\nruns:\n- {name: a}\n- {name: a}\n",
                kBad, "doc.yaml:4:10: there is a run 'a' already"},
        Refusal{"AnInputOfARun", "functions: [{output: y, expr: x}]\nruns:\n- {name: a, inputs: {2x: 1}}\n",
                Category::bad_identifier, "doc.yaml:3:22: '2x' cannot be the name of an input"},
        Refusal{"Scope", "scope: a\n", kLater, "doc.yaml:1:1: 'scope' of a document is not supported"},
        Refusal{"InputsAreAList", "functions: [{output: y, expr: x}]\ninputs: [1]\n", kBad,
                "doc.yaml:2:9: expected a mapping from names to values but found a list"},
        Refusal{"InputWithABadName", "functions: [{output: y, expr: x}]\ninputs: {2x: 1}\n",
                Category::bad_identifier, "doc.yaml:2:10: '2x' cannot be the name of an input"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Functions, Refusals,
    ::testing::Values(
        Refusal{"NoOutput", "functions:\n- {expr: x}\n", kBad, "doc.yaml:2:3: this function has no output"},
        Refusal{"NoBody", "functions:\n- output: y\n", kBad,
                "doc.yaml:2:3: nothing says how 'y' is computed"},
        Refusal{"TwoBodies", "functions:\n- {output: y, expr: x, plugin: p.so, function: f}\n", kBad,
                "doc.yaml:2:32: this function has two of"},
        Refusal{"FunctionWithoutPlugin", "functions:\n- {output: y, expr: x, function: f}\n", kBad,
                "doc.yaml:2:34: 'function' goes with 'plugin'"},
        Refusal{"UnknownKeyOfAFunction", "functions:\n- {output: y, expr: x, map_spec: 'x[i] -> y[i]'}\n",
                kBad, "doc.yaml:2:24: 'map_spec' is no key of a function. Did you mean 'mapspec'?"},
        Refusal{"CommandWithoutReturns", "functions:\n- output: y\n  command: [/bin/echo, '1']\n", kBad,
                "doc.yaml:2:3: nothing says what the command gives for 'y'"},
        Refusal{"CommandAsOneText", "functions:\n- output: y\n  command: /bin/echo 1\n  returns: json\n",
                kBad, "doc.yaml:3:12: expected a list of words"},
        Refusal{"ProgramThatIsNotThere", "functions:\n- output: y\n  command: [./solver]\n  returns: json\n",
                kBad, "doc.yaml:3:13: the program './solver' is not there"},
        Refusal{"WordWithAnOpenBrace",
                "functions:\n- output: y\n  command: [/bin/echo, '{x']\n  returns: json\n", kBad,
                "doc.yaml:3:24: this { has no }"},
        Refusal{"Retries", "functions:\n- {output: y, expr: x, retries: 3}\n", kBad,
                "doc.yaml:2:33: 'retries' goes with 'command', not with 'expr'"},
        Refusal{"MemoryThatGrowsFromNothing",
                "functions:\n- output: y\n  command: [/bin/echo, '1']\n  returns: number\n"
                "  retries: {times: 2, memory_factor: 2}\n",
                kBad, "doc.yaml:5:38: there is no limit of memory that could grow"},
        Refusal{"TimeThatGrowsFromNothing",
                "functions:\n- output: y\n  command: [/bin/echo, '1']\n  returns: number\n"
                "  retries: {times: 2, time_factor: 2}\n",
                kBad, "doc.yaml:5:36: there is no limit of time that could grow"},
        Refusal{"TimeThatGrowsWithoutEnd",
                "functions:\n- output: y\n  command: [/bin/echo, '1']\n  returns: number\n  timeout: 1\n"
                "  retries: {times: 10, time_factor: 2}\n",
                kBad,
                "doc.yaml:6:37: the limit of the last of 11 tries would be 1.02e+03 times the first one"},
        Refusal{"TimeThatShrinks",
                "functions:\n- output: y\n  command: [/bin/echo, '1']\n  returns: number\n  timeout: 1\n"
                "  retries: {times: 1, time_factor: 0.5}\n",
                kBad, "doc.yaml:6:36: the limit of the last of 2 tries would be 0.5 times the first one"},
        Refusal{"OtherIsolation", "functions:\n- {output: y, expr: x, isolation: jail}\n", kBad,
                "doc.yaml:2:35: expected none or process but found the text 'jail'"},
        Refusal{"OutputIsAMapping", "functions:\n- {output: {a: b}, expr: x}\n", kBad,
                "doc.yaml:2:12: expected the name of an output, or a list of names but found a mapping"},
        Refusal{"OutputIsAnEmptyList", "functions:\n- {output: [], expr: x}\n", kBad,
                "doc.yaml:2:12: expected the name"},
        Refusal{"OutputWithABadName", "functions:\n- {output: a b, expr: x}\n", Category::bad_identifier,
                "doc.yaml:2:12: 'a b' cannot be the name of an output"},
        Refusal{"OutputTwice", "functions:\n- {output: y, expr: x}\n- {output: [z, y], expr: [x, x]}\n",
                Category::duplicate_output,
                "doc.yaml:3:16: the output 'y' is there already, at doc.yaml:2:12"},
        Refusal{"OutputIsParameter", "functions:\n- {output: y, expr: y + 1}\n",
                Category::output_is_parameter, "doc.yaml:2:12: 'y' is both an output and a parameter"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Expressions, Refusals,
    ::testing::Values(
        Refusal{
            "Expression", "functions:\n- output: y\n  expr: \"x + sinn(x)\"\n", kBad,
            "doc.yaml:3:14: bad expression at column 5: there is no function 'sinn'. Did you mean 'sin'?"},
        Refusal{"ExpressionWithoutQuotes", "functions:\n- output: y\n  expr: x + * 2\n", kBad,
                "doc.yaml:3:13: bad expression"},
        Refusal{"FoldedExpression", "functions:\n- output: y\n  expr: >\n    x +\n    * 2\n", kBad,
                "doc.yaml:3:9: bad expression at column 5"},
        Refusal{"SecondExpression", "functions:\n- output: [y, z]\n  expr: [x, 'x +']\n", kBad,
                "doc.yaml:3:17: bad expression"},
        Refusal{"ExpressionWithAnotherParameter", "functions:\n- {output: y, expr: x + z, parameters: [x]}\n",
                Category::unknown_name, "doc.yaml:2:25: bad expression at column 5: 'z' is not a parameter"},
        Refusal{"TooFewExpressions", "functions:\n- {output: [y, z], expr: x}\n", kBad,
                "doc.yaml:2:26: there are 2 outputs but 1 expressions"},
        Refusal{"ExpressionIsAMapping", "functions:\n- {output: y, expr: {a: b}}\n", kBad,
                "doc.yaml:2:21: expected an expression, or a list of them"},
        Refusal{"RankOfAnEdge", "functions:\n- {output: s, expr: size(x)}\n- {output: y, expr: 1 + sum(s)}\n",
                Category::rank_mismatch, "doc.yaml:3:29: bad expression at column 9: 'sum' wants an array"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Names, Refusals,
    ::testing::Values(
        Refusal{"Mapspec", "functions:\n- {output: y, expr: x, mapspec: 'x[i -> y[i]'}\n",
                Category::mapspec_syntax, "doc.yaml:2:33: bad mapspec at column"},
        Refusal{"MapspecOfAnotherOutput", "functions:\n- {output: y, expr: x, mapspec: 'x[i] -> z[i]'}\n",
                Category::mapspec_name_mismatch,
                "doc.yaml:2:33: the mapspec 'x[i] -> z[i]' has the outputs (z)"},
        Refusal{"MapspecOfAnotherInput", "functions:\n- {output: y, expr: x, mapspec: 'w[i] -> y[i]'}\n",
                Category::mapspec_name_mismatch, "doc.yaml:2:33: the mapspec"},
        Refusal{"MapspecIsAList", "functions:\n- {output: y, expr: x, mapspec: [a]}\n", kBad,
                "doc.yaml:2:33: expected a mapspec such as"},
        Refusal{"DefaultOfNoParameter", "functions:\n- {output: y, expr: x, defaults: {z: 1}}\n",
                Category::unknown_name, "doc.yaml:2:34: the defaults of function 'y' name 'z'"},
        Refusal{"BoundOfNoParameter", "functions:\n- {output: y, expr: x, bound: {z: 1}}\n",
                Category::unknown_name, "doc.yaml:2:31: the bound values of function 'y' name 'z'"},
        Refusal{"BoundInMapspec",
                "functions:\n- {output: y, expr: x, bound: {x: 1}, mapspec: 'x[i] -> y[i]'}\n",
                Category::bound_in_mapspec, "doc.yaml:2:48: parameter 'x'"},
        Refusal{"DefaultAndBound", "functions:\n- {output: y, expr: x, defaults: {x: 1}, bound: {x: 2}}\n",
                Category::default_and_bound, "doc.yaml:2:49: parameter 'x'"},
        Refusal{"RenameOfNothing", "functions:\n- {output: y, expr: x, renames: {z: w}}\n",
                Category::unknown_name, "doc.yaml:2:33: renames of function 'y' name 'z'"},
        Refusal{"RenamesAreAList", "functions:\n- {output: y, expr: x, renames: [z]}\n", kBad,
                "doc.yaml:2:33: expected a mapping from own names"},
        Refusal{"RenamesMeet", "functions:\n- {output: y, expr: x + z, renames: {z: x}}\n",
                Category::rename_collision, "doc.yaml:2:37: two parameters of function 'y' are called 'x'"},
        Refusal{"ParametersAreAText", "functions:\n- {output: y, expr: x, parameters: x}\n", kBad,
                "doc.yaml:2:36: expected a list of names of parameters"},
        Refusal{"DefaultFromAFile",
                "functions:\n- {output: y, expr: x, defaults: {x: {csv: a.csv, column: x}}}\n", kBad,
                "doc.yaml:2:38: values from files are for inputs only"},
        Refusal{"InternalShapeText", "functions:\n- {output: y, expr: x, internal_shape: [3, many]}\n", kBad,
                "doc.yaml:2:44: expected an extent: a whole number"},
        Refusal{"InternalShapeNegative", "functions:\n- {output: y, expr: x, internal_shape: -1}\n", kBad,
                "doc.yaml:2:40: expected an extent"},
        Refusal{"UnitsOfNoOutput", "functions:\n- {output: y, expr: x, units: {z: m}}\n",
                Category::unknown_name, "doc.yaml:2:32: 'z' is no output of this function"},
        Refusal{"UnitsOfWhich", "functions:\n- {output: [y, z], expr: [x, x], units: m}\n", kBad,
                "doc.yaml:2:41: the function has several outputs"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Pipelines, Refusals,
    ::testing::Values(Refusal{"Cycle", "functions:\n- {output: a, expr: b + 1}\n- {output: b, expr: a + 1}\n",
                              Category::cycle, "doc.yaml:2:12: the functions a, b"},
                      Refusal{"Axes",
                              "functions:\n- {output: a, expr: x, mapspec: 'x[i] -> a[i]'}\n- {output: b, "
                              "expr: x, mapspec: 'x[j] -> b[j]'}\n",
                              Category::axes_inconsistent, "doc.yaml:2:3: "},
                      Refusal{"Defaults",
                              "functions:\n- {output: a, expr: x, defaults: {x: 1}}\n- {output: b, expr: x, "
                              "defaults: {x: 2}}\n",
                              Category::defaults_inconsistent, "doc.yaml:2:3: "},
                      Refusal{"InternalShapeRank",
                              "functions:\n- {output: a, expr: '[[x, 1], [1, x]]', mapspec: 'x[i] -> a[i, "
                              "j]'}\ninputs: {x: [1]}\n",
                              kBad, "doc.yaml:2:12: function 'a' returns"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    ScopesAndAxes, Refusals,
    ::testing::Values(
        Refusal{"ScopeThatIsAName", "functions:\n- {output: y, expr: x, scope: x}\n", Category::scope_clash,
                "doc.yaml:2:31: 'x' is the scope and a name of function 'y' at once"},
        Refusal{"ScopeThatIsNoWord", "functions:\n- {output: y, expr: x, scope: a.b}\n",
                Category::bad_identifier, "doc.yaml:2:31: 'a.b' cannot be a scope"},
        Refusal{"ScopeOfAnother",
                "functions:\n- {output: y, expr: x, scope: foo}\n- {output: foo, expr: q}\n",
                Category::scope_clash, "doc.yaml:3:12: 'foo' is a name and the scope of"},
        Refusal{"InputInBothForms",
                "functions:\n- {output: y, expr: a + b, scope: foo}\ninputs:\n  foo.a: 1\n  foo: {b: 2, a: "
                "3}\n",
                Category::scope_conflict, "doc.yaml:5:15: Conflicting definitions for 'foo.a'"},
        Refusal{"InputWithABadNameInAScope",
                "functions:\n- {output: y, expr: a, scope: foo}\ninputs:\n  foo: {1a: 2}\n",
                Category::bad_identifier,
                "doc.yaml:4:9: '1a' cannot be the name of an input in the scope 'foo'"},
        Refusal{
            "InputThatAScopeDoesNotHave",
            "functions:\n- {output: y, expr: a, scope: foo}\ninputs:\n  foo: {a: 2, linspace: [0, 1, 5]}\n",
            Category::extra_input, "doc.yaml:4:15: no function takes the input 'foo.linspace'"},
        Refusal{"InputThatIsMissingInAScope", "functions:\n- {output: y, expr: a, scope: foo}\n",
                Category::missing_input, "doc.yaml:2:3: Missing inputs: foo.a"},
        Refusal{"AxisOfNothing", "functions: [{output: y, expr: x}]\naxes: {xx: i}\n", Category::unknown_name,
                "doc.yaml:2:8: no function takes 'xx', so no axis can be added to it. Did you mean 'x'?"},
        Refusal{"AxisThatIsNone", "functions: [{output: y, expr: x}]\naxes: {x: 2}\n",
                Category::bad_identifier, "doc.yaml:2:8: '2' is not the name of an axis"},
        Refusal{"AxesAsAList", "functions: [{output: y, expr: x}]\naxes: [x]\n", kBad,
                "doc.yaml:2:7: expected a mapping from parameters to the axes that they get"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    MapSections, Refusals,
    ::testing::Values(
        Refusal{"UnknownKeyOfMap", "functions: [{output: y, expr: x}]\nmap: {run_foldr: a}\n", kBad,
                "doc.yaml:2:7: 'run_foldr' is no key of map. Did you mean 'run_folder'?"},
        Refusal{"EmptyRunFolder", "functions: [{output: y, expr: x}]\nmap: {run_folder: ''}\n",
                Category::bad_option, "doc.yaml:2:19: the run_folder is empty"},
        Refusal{"UnknownStorage", "functions: [{output: y, expr: x}]\nmap: {storage: hdf}\n",
                Category::unknown_storage,
                "doc.yaml:2:16: storage cannot be 'hdf'. Did you mean 'hdf5'? Use memory, hdf5 or file."},
        Refusal{"StorageOfAnUnknownOutput", "functions: [{output: y, expr: x}]\nmap: {storage: {z: hdf5}}\n",
                Category::unknown_output, "doc.yaml:2:17: no function has the output 'z'"},
        Refusal{"UnknownExecutor", "functions: [{output: y, expr: x}]\nmap: {executor: 'thread:4'}\n",
                Category::bad_option,
                "doc.yaml:2:17: there is no executor 'thread:4'. Did you mean 'threads'?"},
        Refusal{"ExecutorWithAText",
                "functions: [{output: y, expr: x}]\nmap: {executor: {'': 'threads:many'}}\n",
                Category::bad_option, "doc.yaml:2:22: 'threads:many' is not an executor"},
        Refusal{"CountedMpi", "functions: [{output: y, expr: x}]\nmap: {executor: 'mpi:4'}\n",
                Category::bad_option, "doc.yaml:2:17: 'mpi:4' is not an executor"},
        Refusal{"ChunkSizeZero", "functions: [{output: y, expr: x}]\nmap: {chunksizes: 0}\n",
                Category::bad_option, "doc.yaml:2:19: '0' is not a number of elements, 1 or more, or auto"},
        Refusal{"ErrorHandling", "functions: [{output: y, expr: x}]\nmap: {error_handling: ignore}\n",
                Category::bad_option,
                "doc.yaml:2:23: error_handling cannot be 'ignore'. Use raise or continue."},
        Refusal{"NegativeSeed", "functions: [{output: y, expr: x}]\nmap: {seed: -1}\n", kBad,
                "doc.yaml:2:13: expected a whole number, 0 or more but found the number -1"},
        Refusal{"SeedWithAFraction", "functions: [{output: y, expr: x}]\nmap: {seed: 1.5}\n", kBad,
                "doc.yaml:2:13: expected"},
        Refusal{"NoRunsAtOnce", "functions: [{output: y, expr: x}]\nmap: {max_concurrent: 0}\n",
                Category::bad_option, "doc.yaml:2:23: '0' is not a whole number from 1"}),
    name_of);

TEST(Refusals, OfTheCommandLine) {
  Document document = with_rest("");
  EXPECT_TRUE(contains(error_message(Category::bad_option, [&] { document.set_input("x"); }),
                       "not of the form name=JSON"));
  EXPECT_TRUE(contains(error_message(Category::bad_option, [&] { document.set_input("=1"); }),
                       "not of the form name=JSON"));
  EXPECT_TRUE(
      contains(error_message(kBad, [&] { document.set_input("x="); }), "--set:1:1: there is nothing in it"));
  EXPECT_TRUE(
      contains(error_message(kBad, [&] { document.set_input("x=null"); }), "--set:1:3: expected a value"));
  EXPECT_TRUE(
      contains(error_message(kBad, [&] { document.set_input("x=[1, 2"); }), "this is not valid YAML"));
  EXPECT_TRUE(contains(error_message(kBad, [&] { document.set_input("x={linspac: [0, 1, 2]}"); }),
                       "--set:1:4: 'linspac' is no key of an input. Did you mean 'linspace'?"));
  EXPECT_TRUE(document.input_names().empty());
}

TEST(Refusals, OfFilesOfInputs) {
  const Folder folder;
  Document document = with_rest("");
  EXPECT_TRUE(contains(error_message(kBad, [&] { document.add_inputs(folder.path() / "no.yaml"); }),
                       "there is no such document"));
  const auto file = folder.write("bad.yaml", "x: 1\n'a b': 2\n");
  EXPECT_TRUE(contains(error_message(Category::bad_identifier, [&] { document.add_inputs(file); }),
                       file.string() + ":2:1: 'a b' cannot be the name of an input"));
}

}  // namespace
}  // namespace mpipe::test
