// SPDX-License-Identifier: BSD-3-Clause
// Documents that are none, or that would take all memory, stack or time.
#include "document_text.hpp"

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mpipe::test {
namespace {

constexpr auto kBad = Category::bad_document;

std::string repeated(const std::string& part, std::size_t times) {
  std::string text;
  text.reserve(part.size() * times);
  for (std::size_t k = 0; k < times; ++k) text += part;
  return text;
}

class DeepNesting : public ::testing::TestWithParam<const char*> {};

TEST_P(DeepNesting, IsRefusedNotOverflowed) {
  for (const std::size_t times : {65, 999, 100000}) {
    const auto message = error_message(kBad, [&] { parse("inputs: " + repeated(GetParam(), times)); });
    EXPECT_TRUE(contains(message, "doc.yaml:"));
    EXPECT_TRUE(contains(message, "nested") || contains(message, "not valid YAML")) << message;
    // The same at the top, where blocks may begin.
    EXPECT_TRUE(contains(error_message(kBad, [&] { parse(repeated(GetParam(), times)); }), "doc.yaml:"));
  }
}

INSTANTIATE_TEST_SUITE_P(All, DeepNesting, ::testing::Values("[", "{", "[{a: ", "- ", "? ", "- - ? "));

TEST(Limits, NestingUpToALimitIsRead) {
  EXPECT_EQ(input(repeated("[", 20) + "1" + repeated("]", 20)).rank(), 20U);
  EXPECT_TRUE(contains(error_message(kBad, [] { parse("name: " + repeated("[", 64) + repeated("]", 64)); }),
                       "doc.yaml:1:70: lists and mappings are nested more than 64 levels deep"));
}

TEST(Limits, AliasesThatMultiply) {
  std::string text = "inputs:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int k = 1; k < 30; ++k) {
    const std::string before = "*a" + std::to_string(k - 1);
    text += "  a" + std::to_string(k) + ": &a" + std::to_string(k) + " [" + before;
    for (int n = 1; n < 10; ++n) text += ", " + before;
    text += "]\n";
  }
  EXPECT_TRUE(contains(error_message(kBad, [&] { parse(text); }), "doc.yaml:7:"));
}

TEST(Limits, Sizes) {
  const std::string large(16 * 1024 * 1024 + 1, ' ');
  EXPECT_TRUE(contains(error_message(kBad, [&] { parse(large); }),
                       "has 16777217 bytes, and at most 16777216 are read"));
  const Folder folder;
  const auto sparse = folder.write("large.yaml", "name: a\n");
  std::filesystem::resize_file(sparse, 100'000'000);
  EXPECT_TRUE(contains(error_message(kBad, [&] { Document::load(sparse); }), "has 100000000 bytes"));
  EXPECT_TRUE(contains(error_message(kBad, [] { parse("inputs: {x: [" + repeated("1,", 2'000'001)); }),
                       "more than 2000000"));
  EXPECT_TRUE(contains(error_message(kBad, [] { parse("inputs:\n  x:\n" + repeated("  - 1\n", 1'100'000)); }),
                       "there are more than 1048576 values"));
}

TEST(Limits, ALargeListIsRead) { EXPECT_EQ(input("[" + repeated("1,", 200'000) + "2]").count(), 200'001); }

TEST(NoDocument, ByItsFile) {
  const Folder folder;
  EXPECT_EQ(error_message(kBad, [&] { Document::load(folder.path() / "no.yaml"); }),
            (folder.path() / "no.yaml").string() + ": there is no such document. Correct the path.");
  EXPECT_TRUE(contains(error_message(kBad, [&] { Document::load(folder.path()); }),
                       "this is a directory, not a document"));
  EXPECT_TRUE(contains(error_message(kBad, [] { Document::load("/dev/zero"); }), "this is not a file"));
  const auto pipe = folder.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_TRUE(contains(error_message(kBad, [&] { Document::load(pipe); }), "this is not a file"));
}

/// While it lives, a test that root runs has the rights of nobody.
class AsNobody {
 public:
  AsNobody() {
    if (was_root_ && seteuid(65534) != 0) throw std::runtime_error("cannot become another user");
  }
  ~AsNobody() {
    if (was_root_ && seteuid(0) != 0) std::abort();
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  bool was_root_ = geteuid() == 0;
};

TEST(NoDocument, ThatMayNotBeRead) {
  const Folder folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
  const auto file = folder.write("secret.yaml", "name: a\n");
  ASSERT_EQ(chmod(file.c_str(), 0), 0);
  const AsNobody nobody;
  EXPECT_TRUE(contains(error_message(kBad, [&] { Document::load(file); }),
                       "cannot be read. See whether you may read it"));
}

TEST(NoDocument, ByItsBytes) {
  using namespace std::string_literals;
  EXPECT_EQ(error_message(kBad, [] { parse("name: a\nb\0c"s); }),
            "doc.yaml:2:2: there is a zero byte: this is not a text. A document is a text in UTF-8.");
  EXPECT_TRUE(contains(error_message(kBad, [] { parse("name: a\xFF"); }),
                       "doc.yaml:1:8: the byte 0xff is no character in UTF-8"));
  EXPECT_TRUE(contains(error_message(kBad,
                                     [] {
                                       parse(
                                           "\x7F"
                                           "ELF\x02\x01\x01\0\0"s);
                                     }),
                       "this is not a text"));
  for (const char* bad :
       {"\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xF0\x8F\xBF\xBF", "\x80"})
    EXPECT_TRUE(contains(error_message(kBad, [&] { parse("name: "s + bad); }), "is no character in UTF-8"));
  EXPECT_EQ(
      parse("name: \"\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x8C\x8D\"\nfunctions: [{output: y, expr: x}]").name(),
      "\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x8C\x8D");
}

// Any cut or flipped byte of a document is read or refused, but nothing worse.
TEST(NoDocument, DamagedTextsAreReadOrRefused) {
  const std::string text =
      "mpipe: 1\nname: \"w\\u00e4\"\nfunctions:\n"
      "  - {output: [y, z], expr: ['x + 1', \"x\"], mapspec: 'x[i] -> y[i], z[i]'}\n"
      "inputs: &a\n  x: {linspace: [0, 1, 3]}\n  b: |\n    text\n  c: >-\n    more\n"
      "map: {storage: {'': hdf5}, seed: 0x2A}\n";
  ASSERT_NO_THROW(parse(text));
  int read = 0;
  int refused = 0;
  const auto attempt = [&](const std::string& damaged) {
    try {
      parse(damaged).pipeline();
      ++read;
    } catch (const Error& error) {
      EXPECT_EQ(exit_code(error.category()), 2) << error.what();
      ++refused;
    }
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    attempt(text.substr(0, at));
    for (const char c : {'[', '}', '"', '\'', ':', '\n', '\t', '&', '*', '!', '-', '\x01', '%'}) {
      std::string damaged = text;
      damaged[at] = c;
      attempt(damaged);
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(read, 100);
}

}  // namespace
}  // namespace mpipe::test
