// SPDX-License-Identifier: BSD-3-Clause
// Inputs from csv files: what is read, and what is refused, with which advice.
#include "file_inputs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>

namespace mpipe::test {
namespace {

using Csv = FileInputs;

TEST_F(Csv, ColumnsByName) {
  const std::string text = "a,b,name\n1,0.5,x\n2,1,y\n3,1e3,z\n";
  EXPECT_EQ(csv(text).type().dtype(), "int64");
  EXPECT_EQ(csv(text).as<std::vector<std::int64_t>>(), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(csv(text, "column: b").as<std::vector<double>>(), (std::vector<double>{0.5, 1, 1000}));
  EXPECT_EQ(csv(text, "column: name").as<std::vector<std::string>>(),
            (std::vector<std::string>{"x", "y", "z"}));
  const auto table = csv(text, "columns: [b, a]").as<Array<double>>();
  EXPECT_EQ(table.shape(), (Shape{3, 2}));
  EXPECT_EQ(table(1, 0), 1.0);
  EXPECT_EQ(table(2, 1), 3.0);
  EXPECT_EQ(csv(text, "columns: [a]").shape(), (Shape{3, 1}));
}

TEST_F(Csv, Forms) {
  EXPECT_EQ(csv("# a comment\n\n a , b \n 1 ,2\n# more\n\n3,4").as<std::vector<std::int64_t>>(),
            (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(csv("\xEF\xBB\xBF"
                "a,b\r\n1,2\r\n")
                .as<std::vector<std::int64_t>>(),
            std::vector<std::int64_t>{1});
  EXPECT_EQ(csv("a\n\"x, \"\"y\"\"\nz\"\n\"12\"\n").as<std::vector<std::string>>(),
            (std::vector<std::string>{"x, \"y\"\nz", "12"}));
  EXPECT_EQ(csv("a\ntrue\nfalse\n").type().dtype(), "bool");
  EXPECT_EQ(csv("2020\n7\n", "column: 2020").count(), 1);
  const auto numbers = csv("a\n+1\nnan\n-inf\n1\n").as<std::vector<double>>();
  EXPECT_TRUE(std::isnan(numbers[1]));
  EXPECT_EQ(numbers[2], -std::numeric_limits<double>::infinity());
}

TEST_F(Csv, OnlyTheHeaderIsAnEmptyAxis) {
  EXPECT_EQ(csv("a,b\n").shape(), Shape{0});
  EXPECT_EQ(csv("a,b\n", "columns: [a, b]").shape(), (Shape{0, 2}));
}

TEST_F(Csv, LinesMayEndInThreeWays) {
  const std::vector<std::int64_t> expected{1, 2, 3};
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    EXPECT_EQ(csv("a,b" + end + "1,x" + end + "2,y" + end + "3,z" + end).as<std::vector<std::int64_t>>(),
              expected);
    EXPECT_EQ(csv("a" + end + "1" + end + "2" + end + "3").as<std::vector<std::int64_t>>(), expected);
  }
  EXPECT_TRUE(contains(bad_csv("a\r1\rx\r"), "t.csv:3: column 'a', row 2"));
  EXPECT_EQ(csv("a\n\"x\ry\"\n").as<std::vector<std::string>>(), std::vector<std::string>{"x\ry"});
}

TEST_F(Csv, LinesOfOneFileMayEndInSeveralWays) {
  EXPECT_EQ(csv("a\n1\r2\r\n3\r4").as<std::vector<std::int64_t>>(), (std::vector<std::int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(csv("a\n1\r2\r3\r").count(), 3);
  EXPECT_EQ(csv("a\r\r\n1\r\r\n2\r\r\n").count(), 2);
  EXPECT_TRUE(
      contains(bad_csv("x\na\rb\nc\n1\n", "column: x"), "t.csv:5: column 'x', row 4: 1 stands among"));
  // A line feed in quotes tells nothing of how lines end.
  EXPECT_EQ(csv("a,b\r\"x\ny\",1\r\"z\",2\r").as<std::vector<std::string>>(),
            (std::vector<std::string>{"x\ny", "z"}));
  // The two bytes of an end may stand in two blocks of the file.
  for (const std::size_t length : {65531U, 65532U, 65533U, 65534U})
    EXPECT_EQ(csv("a\r\n" + std::string(length, 'x') + "\r\ny\r\n").count(), 2) << length;
}

TEST_F(Csv, RowsThatAreAllCommentsAreNoEmptyTable) {
  EXPECT_TRUE(contains(bad_csv("a\n#1\n#2\n"), "has no rows"));
  EXPECT_EQ(csv("# made by hand\na\n").shape(), Shape{0});
}

TEST_F(Csv, IntegersThatDoNotFitAreNotRounded) {
  EXPECT_EQ(csv("a\n9223372036854775807\n").as<std::vector<std::int64_t>>().front(), 9223372036854775807);
  EXPECT_TRUE(contains(bad_csv("a\n1\n9223372036854775808\n"),
                       "t.csv:3: column 'a', row 2: the integer 9223372036854775808 does not fit"));
  EXPECT_EQ(csv("a\n9223372036854775808.0\n").type().dtype(), "float64");
  EXPECT_EQ(csv("a\nTrue\nFalse\n").type().dtype(), "bool");
}

TEST_F(Csv, Refusals) {
  EXPECT_TRUE(contains(bad_csv("alpha,b\n1,2\n", "column: alpa"),
                       "t.csv:1: there is no column 'alpa'. Did you mean 'alpha'?"));
  EXPECT_TRUE(contains(bad_csv("a,a\n1,2\n"), "t.csv:1: there are two columns 'a'"));
  EXPECT_TRUE(contains(bad_csv("a,b\n1,2\n\n3\n"),
                       "t.csv:4: the line has 1 cells, but the first one names 2 columns"));
  EXPECT_TRUE(contains(bad_csv("a,b\n1,2\n,3\n"), "t.csv:3: column 'a', row 2: the cell is empty"));
  EXPECT_TRUE(
      contains(bad_csv("a\n1\nx\n"), "t.csv:3: column 'a', row 2: the text 'x' stands among numbers"));
  EXPECT_TRUE(
      contains(bad_csv("a\n1\n1e999\n"), "t.csv:3: column 'a', row 2: the number 1e999 does not fit"));
  EXPECT_TRUE(contains(bad_csv("a\n\"1\n2\n"), "a quote is not closed"));
  EXPECT_TRUE(contains(bad_csv("a\n\"1\"2\n"), "t.csv:2: something follows a closing quote"));
  EXPECT_TRUE(contains(bad_csv(""), "is empty: its first line must have the names"));
  EXPECT_TRUE(contains(bad_csv(std::string("a\n1\0", 4)), "there is a zero byte"));
  const std::string long_text(40'000'000, 'x');
  EXPECT_TRUE(contains(bad_csv("a\n\"" + long_text + "\n" + long_text + "\"\n"), "a record of more than"));
  std::filesystem::create_directory(folder_.path() / "d.csv");
  EXPECT_TRUE(contains(refusal("{csv: d.csv, column: a}"), "is a directory"));
}

TEST_F(Csv, LongLinesAreRead) {
  const std::string text(2'000'000, 'x');
  EXPECT_EQ(csv("a,b\n" + text + ",1\n").as<std::vector<std::string>>().front(), text);
}

TEST_F(Csv, NumbersAsOtherProgramsWriteThem) {
  EXPECT_EQ(csv("a\n1.0D-03\n-2.5d+2\n1.\n.5\n").as<std::vector<double>>(),
            (std::vector<double>{1e-3, -250, 1, 0.5}));
  EXPECT_EQ(csv("a\nTRUE\nFALSE\n").type().dtype(), "bool");
  const auto complex = csv("a\n1.5-2j\n3\n1e-5+1e+5j\nnan+infj\n").as<std::vector<std::complex<double>>>();
  EXPECT_EQ(complex[0], std::complex(1.5, -2.0));
  EXPECT_EQ(complex[1], std::complex(3.0));
  EXPECT_EQ(complex[2], std::complex(1e-5, 1e5));
  EXPECT_TRUE(std::isnan(complex[3].real()));
  EXPECT_TRUE(
      contains(bad_csv("a\n1\n2\n+-3\n"), "t.csv:4: column 'a', row 3: the text '+-3' stands among numbers"));
}

TEST_F(Csv, NumbersAreRoundedToTheNearestDouble) {
  const auto small = csv("a\n1e-400\n-1e-400\n0.0001e-330\n1e-310\n").as<std::vector<double>>();
  EXPECT_EQ(small, (std::vector<double>{0, -0.0, 0, 1e-310}));
  EXPECT_TRUE(std::signbit(small[1]));
  EXPECT_TRUE(contains(bad_csv("a\n1e400\n"), "does not fit"));
  EXPECT_TRUE(contains(bad_csv("a\n" + std::string(400, '1') + ".5e-10\n"), "does not fit"));
  EXPECT_EQ(csv("a\n1.0Q-03\n").as<std::vector<double>>().front(), 1e-3);
  const auto said = csv("a\n9223372036854775808\n9007199254740993\n1.5\n", "column: a, dtype: float64");
  EXPECT_EQ(said.as<std::vector<double>>(), (std::vector<double>{0x1p63, 9007199254740992.0, 1.5}));
  EXPECT_EQ(csv("a\n(1+2j)\n(-1j)\n").as<std::vector<std::complex<double>>>()[0], std::complex(1.0, 2.0));
}

/// Both readings are told where there are two.
TEST_F(Csv, NumbersOfOtherNotationsAreNamed) {
  const auto refused = [&](const std::string& cell, const std::string& advice) {
    const std::string message = bad_csv("a\n" + cell + "\n");
    EXPECT_TRUE(contains(message, "t.csv:2: column 'a', row 1: the text '")) << message;
    EXPECT_TRUE(contains(message, advice)) << message;
  };
  refused("\"0,5\"", "Write 0.5 (decimals");
  refused("\"12,34\"", "Write 12.34 (decimals");
  refused("\"1,234\"", "Write 1234 if the comma divides thousands, or 1.234 if decimals follow it");
  refused("\"1,234,567\"", "Write 1234567");
  refused("0x1F", "Write 31");
  refused("$5", "Write 5");
  refused("5 \xE2\x82\xAC", "Write 5");
  refused(
      "1\xC2\xA0"
      "000",
      "Write 1000");
  refused(
      "\xE2\x88\x92"
      "1",
      "Write -1");
  refused("1.5-103", "Write 1.5e-103");
  for (const char* word : {"T", ".true.", "t"}) refused(word, "Write true, if that is what it means");
  for (const char* word : {"F", ".FALSE."}) refused(word, "Write false, if that is what it means");
  EXPECT_EQ(csv("a\nyes\nT\n", "column: a, dtype: str").count(), 2);
  for (const char* texts : {"a\nyes\nno\n", "a\n\"T\"\n\"F\"\n"})
    EXPECT_EQ(csv(texts).type().dtype(), "str") << texts;
  EXPECT_EQ(csv("a\nyes\nnever\nseldom\noften\n").type().dtype(), "str");
}

TEST_F(Csv, ErrorsOfSpreadsheetsAreNoComments) {
  for (const char* error : {"#N/A", "#DIV/0!", "#REF!"})
    EXPECT_TRUE(
        contains(bad_csv("a,b\n1,2\n" + std::string(error) + ",3\n"), "t.csv:3: the line begins with #"));
  EXPECT_EQ(csv("a,b\n#N/A stands for nothing\n1,2\n").count(), 1);
}

/// A function that wants numbers is told where the texts come from, by whichever name it knows them.
TEST_F(Csv, TextsWhereNumbersAreNeededAreNamed) {
  folder_.write("t.csv", "a,b\n2024-01-01,1\n");
  const Document document = Document::parse(
      "functions: [{output: y, expr: u + 1, renames: {u: x}}]\ninputs:\n  x: {csv: t.csv, column: a}\n  u: "
      "1\n",
      folder_.path() / "doc.yaml");
  const Value value = document.load_inputs({"x"}).at("x");
  std::string message;
  try {
    document.pipeline().infer_types({{"x", {&value.type(), value.rank(), false}}});
  } catch (const Error& error) {
    message = document.located(error).what();
  }
  EXPECT_TRUE(contains(message, "doc.yaml:3:3: parameter 'u' of the expression 'u + 1' is array of str"))
      << message;
  EXPECT_TRUE(contains(message, "In the table, the first cell that is no number is '2024-01-01', "))
      << message;
  EXPECT_TRUE(contains(message, "t.csv:2: column 'a', row 1.")) << message;
}

/// The cell that is odd is named, wherever it stands, with what to write instead.
TEST_F(Csv, NoColumnSilentlyBecomesTexts) {
  const auto refused = [&](const std::string& rows, const std::string& place, const std::string& advice) {
    const std::string message = bad_csv("a\n" + rows);
    EXPECT_TRUE(contains(message, "t.csv:" + place + ": ")) << message;
    EXPECT_TRUE(contains(message, advice)) << message;
  };
  refused("m/s\n1\n2\n", "2: column 'a', row 1", "a row of units begins with #");
  refused("1\n\"1,234\"\n", "3: column 'a', row 2", "Write 1234");
  refused("\"1,234\"\n\"2,345.5\"\n", "2: column 'a', row 1", "Write 1234");
  refused("1\n10%\n", "3: column 'a', row 2", "Write 0.1");
  refused("5%\n10%\n", "2: column 'a', row 1", "Write 0.05");
  refused("1 234\n5 678\n", "2: column 'a', row 1", "Write 1234");
  refused("1\n2\nNA\n", "4: column 'a', row 3", "Write nan");
  refused("1\n\n,\n", "4", "the line has 2 cells");
  refused("1\n\"2\"\n3\n", "3: column 'a', row 2", "Remove the quotes");
  refused("\"1\"\n\"2\"\n", "2: column 'a', row 1", "Remove the quotes");
  refused("\"1\"\n\"2\"\n\"x\"\n", "2: column 'a', row 1", "dtype: str");
  refused("true\nfalse\n1\n", "4: column 'a', row 3", "1 stands among true and false");
  refused("one\ntwo\n3\n", "4: column 'a', row 3", "3 stands among texts");
  EXPECT_EQ(csv("a\n\"12\"\n\"x\"\n\"\"\n").as<std::vector<std::string>>(),
            (std::vector<std::string>{"12", "x", ""}));
  EXPECT_EQ(csv("a\n2024-01-01\n3D\n").type().dtype(), "str");
}

TEST_F(Csv, TheDocumentMaySayTheType) {
  const std::string rows = "a\n1\n\"2\"\nNA\n \"\" \n";
  EXPECT_EQ(csv(rows, "column: a, dtype: str").as<std::vector<std::string>>(),
            (std::vector<std::string>{"1", "2", "NA", ""}));
  const auto numbers = csv(rows, "column: a, dtype: float64").as<std::vector<double>>();
  EXPECT_EQ(numbers[1], 2.0);
  EXPECT_TRUE(std::isnan(numbers[2]) && std::isnan(numbers[3]));
  EXPECT_EQ(csv("a\n1\n0\ntrue\n", "column: a, dtype: bool").type().dtype(), "bool");
  EXPECT_TRUE(contains(bad_csv("a\n1\n1.5\n", "column: a, dtype: int64"),
                       "t.csv:3: column 'a', row 2: '1.5' is not an integer"));
  EXPECT_TRUE(contains(error_message(Category::bad_document, [&] { csv(rows, "column: a, dtype: int"); }),
                       "one of str, float64, int64, bool"));
}

TEST_F(Csv, TextsThatAreNoUtf8AreRefused) {
  EXPECT_TRUE(contains(bad_csv("a,name\n1,M\xFCller\n"), "t.csv:2: column 'name', row 1: the byte 0xfc"));
  EXPECT_TRUE(contains(bad_csv(std::string("\xFF\xFE"
                                           "a\0\n\0",
                                           6)),
                       "is in UTF-16"));
  EXPECT_TRUE(contains(bad_csv(std::string("\xFF\xFE\0\0a\0\0\0", 8)), "is in UTF-32"));
  EXPECT_TRUE(
      contains(bad_csv(std::string("a,b\n1,\0\n", 8)), "t.csv:2: column 'b', row 1: there is a zero byte"));
}

TEST_F(Csv, IndicesOfPandasAndR) {
  EXPECT_EQ(csv(",a\n0,1.5\n1,2.5\n").as<std::vector<double>>(), (std::vector<double>{1.5, 2.5}));
  EXPECT_EQ(csv("\"\",\"a\"\n\"1\",1.5\n").as<std::vector<double>>(), std::vector<double>{1.5});
  EXPECT_TRUE(contains(bad_csv("\"a\",\"b\"\n\"1\",1.5,2\n"), "col.names = NA"));
  EXPECT_TRUE(contains(bad_csv("a;b\n1;2\n"), "divided by semicolons"));
}

TEST_F(Csv, EndsOfLinesInQuotesStay) {
  EXPECT_EQ(csv("a\r\n\"x\r\ny\"\r\n").as<std::vector<std::string>>(), std::vector<std::string>{"x\r\ny"});
}

}  // namespace
}  // namespace mpipe::test
