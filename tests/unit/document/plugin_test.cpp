// SPDX-License-Identifier: BSD-3-Clause
// Plugins: what loads, what does not and why, and how a document uses them.
#include <mpipe/document/plugin.hpp>

#include "document_text.hpp"

#include <gtest/gtest.h>

namespace mpipe::test {
namespace {

const std::filesystem::path kPlugins = MPIPE_TEST_PLUGINS;
constexpr auto kBad = Category::bad_plugin;

/// Sets a variable of the environment for the time being.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Environment() { unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
};

TEST(Plugin, OffersItsFunctions) {
  const auto plugin = Plugin::load(kPlugins / "libtest_good.so");
  EXPECT_EQ(plugin->functions().size(), 4U);
  EXPECT_EQ(Pipeline{plugin->function("scaled")}.run<double>("result", {{"value", 4.0}, {"times", 3}}), 12.0);
  EXPECT_TRUE(contains(error_message(kBad, [&] { plugin->function("scalled"); }),
                       "has no function 'scalled'. Did you mean 'scaled'?"));
}

TEST(Plugin, Refusals) {
  const auto refusal = [](const std::string& file) {
    return error_message(kBad, [&] { Plugin::load(kPlugins / file); });
  };
  EXPECT_TRUE(contains(refusal("libnothing.so"), "libnothing.so' is not there"));
  EXPECT_TRUE(contains(refusal(""), "is not a file"));
  EXPECT_TRUE(contains(refusal("libtest_no_plugin.so"), "has no entry point 'mpipe_plugin_entry'"));
  EXPECT_TRUE(contains(refusal("libtest_other_abi.so"),
                       "was built for another ABI: it has 'mpipe-plugin-0 gxx-abi-1'"));
  EXPECT_TRUE(contains(refusal("libtest_throwing.so"),
                       "threw while it registered its functions: the licence server is away"));
  EXPECT_TRUE(contains(refusal("libtest_doubled.so"), "two functions called 'twin'"));
  EXPECT_EQ(exit_code(kBad), 2);
}

TEST(Plugin, AFileThatIsNoLibrary) {
  const Folder folder;
  const auto file = folder.write("libtext.so", "this is a text\n");
  EXPECT_TRUE(contains(error_message(kBad, [&] { Plugin::load(file); }), "libtext.so' does not load: "));
}

TEST(FindPlugin, WithASlashRelativeToTheBase) {
  EXPECT_EQ(find_plugin("./libx.so", "/some/where"), "/some/where/libx.so");
  EXPECT_EQ(find_plugin("../libx.so", "/some/where"), "/some/libx.so");
  EXPECT_EQ(find_plugin("/abs/libx.so", "/some/where"), "/abs/libx.so");
  // `..` is the folder that the system takes it for, and not a matter of text.
  const Folder folder;
  const std::filesystem::path place = std::filesystem::canonical(folder.path());
  std::filesystem::create_directories(place / "scratch/data");
  std::filesystem::create_directory_symlink(place / "scratch/data", place / "data");
  EXPECT_EQ(find_plugin("../libx.so", place / "data"), place / "scratch/libx.so");
}

TEST(FindPlugin, WithoutASlashInTheSearchedPlaces) {
  const Environment variable("MPIPE_PLUGIN_PATH", "/nowhere::" + kPlugins.string());
  EXPECT_EQ(find_plugin("libtest_good.so", "/some/where"), kPlugins / "libtest_good.so");
  const auto message = error_message(kBad, [] { find_plugin("libother.so", "/some/where"); });
  EXPECT_TRUE(contains(
      message, "the plugin 'libother.so' is in none of the directories that are searched (/nowhere, "));
  EXPECT_TRUE(contains(message, "lib/mpipe/plugins"));
}

// ---- in a document
// -----------------------------------------------------------------------------------------------

Document using_plugin(const std::string& keys) {
  return Document::parse("functions:\n- {plugin: ./libtest_good.so, " + keys + "}\n", kPlugins / "doc.yaml");
}

TEST(PluginInADocument, TakesTheNamesOfTheDocument) {
  const Document document = using_plugin("function: split, output: [low, high]");
  const auto values =
      document.pipeline().run(std::vector<std::string>{"high", "low"}, {{"whole", Value(8.0)}});
  EXPECT_EQ(values[0].as<double>(), 6.0);
  EXPECT_EQ(values[1].as<double>(), 2.0);
}

TEST(PluginInADocument, KeepsWhatThePluginSays) {
  const Function function = using_plugin("function: scaled, output: y").functions().front();
  EXPECT_EQ(function.default_values().at("times").as<std::int64_t>(), 2);
  EXPECT_EQ(function.attributes().at("y").at("long_name"), "a scaled value");
  EXPECT_TRUE(function.is_thread_safe());
  const Function mapped = using_plugin("function: mapped, output: y").functions().front();
  EXPECT_EQ(mapped.mapspec()->to_string(), "value[i] -> y[i]");
  EXPECT_EQ(mapped.bound_values().at("times").as<std::int64_t>(), 3);
  EXPECT_FALSE(mapped.is_thread_safe());
}

TEST(PluginInADocument, WhatTheDocumentSaysGoesOverIt) {
  EXPECT_EQ(using_plugin("function: scaled, output: y, defaults: {times: 5}")
                .pipeline()
                .run<double>("y", {{"value", 2.0}}),
            10.0);
  EXPECT_EQ(using_plugin("function: scaled, output: y, bound: {times: 7}")
                .pipeline()
                .run<double>("y", {{"value", 2.0}}),
            14.0);
  const Document unbound = using_plugin("function: mapped, output: y, defaults: {times: 5}");
  EXPECT_EQ(unbound.pipeline().root_args(), (std::vector<std::string>{"times", "value"}));
  const Document renamed =
      using_plugin("function: mapped, output: y, renames: {value: v, y: z}, parameters: [value, n]");
  EXPECT_EQ(renamed.pipeline().mapspecs(), std::vector<std::string>{"v[i] -> z[i]"});
  EXPECT_EQ(renamed.pipeline().root_args(), std::vector<std::string>{"v"});
  EXPECT_EQ(using_plugin("function: scaled, output: y, units: m, mapspec: 'value[k] -> y[k]'")
                .pipeline()
                .mapspecs(),
            std::vector<std::string>{"value[k] -> y[k]"});
}

TEST(PluginInADocument, RenamesAreSimultaneous) {
  const auto run = [](const std::string& renames, const Inputs& inputs) {
    return using_plugin("function: difference, output: y, renames: " + renames)
        .pipeline()
        .run<double>("y", inputs);
  };
  EXPECT_EQ(run("{a: b, b: a}", {{"a", 10.0}, {"b", 3.0}}), -7);
  EXPECT_EQ(run("{a: b, b: c}", {{"b", 10.0}, {"c", 3.0}}), 7);
  const Document outputs = using_plugin("function: split, output: [p, q], renames: {p: q, q: p}");
  EXPECT_EQ(outputs.pipeline().run<double>("q", {{"whole", 8.0}}), 2);
}

TEST(PluginInADocument, Refusals) {
  const std::string doc = (kPlugins / "doc.yaml").string();
  const auto refusal = [](const std::string& keys, Category category = kBad) {
    return error_message(category, [&] { using_plugin(keys); });
  };
  EXPECT_TRUE(contains(refusal("output: y", Category::bad_document),
                       doc + ":2:3: a plugin needs the name of a function"));
  EXPECT_TRUE(contains(refusal("function: scald, output: y"), doc + ":2:41: the plugin '"));
  EXPECT_TRUE(contains(refusal("function: split, output: y"),
                       doc + ":2:3: the plugin's function has 2 outputs (small, large)"));
  EXPECT_TRUE(
      contains(refusal("function: scaled, output: y, parameters: [a]"), "has 2 parameters (value, times)"));
  EXPECT_TRUE(contains(refusal("function: scaled, output: y, renames: {valu: v}", Category::unknown_name),
                       "neither a parameter nor an output of the function. Did you mean 'value'?"));
  const auto document = [](const std::string& plugin) {
    return error_message(kBad, [&] {
      Document::parse("functions:\n- {plugin: " + plugin + ", function: f, output: y}\n",
                      kPlugins / "doc.yaml");
    });
  };
  EXPECT_TRUE(contains(document("./libnothing.so"), doc + ":2:12: the plugin '"));
  EXPECT_TRUE(contains(document("libnothing.so"), doc + ":2:12: the plugin 'libnothing.so' is in none of"));
  EXPECT_TRUE(contains(document("./libtest_other_abi.so"), doc + ":2:12: "));
  EXPECT_TRUE(contains(document("./libtest_throwing.so"), "the licence server is away"));
}

}  // namespace
}  // namespace mpipe::test
