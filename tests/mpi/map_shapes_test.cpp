// SPDX-License-Identifier: BSD-3-Clause
// Shapes that are declared, or show while running, in memory and in run folders, on any number of ranks.
#include <mpipe/mpipe.hpp>
#include <mpipe/store/run_reader.hpp>

#include "mpi/shared_folder.hpp"
#include "support/expect_error.hpp"
#include "support/world.hpp"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace mpipe {
namespace {

namespace fs = std::filesystem;
using test::contains;
using test::error_message;
using test::world;

class MapShapes : public test::SharedFolderTest {};

/// A matrix whose rank only the value of `n` tells, one made of it (in the same block), and its sum.
Pipeline unknown_ranks() {
  return {function("a",
                   [](std::int64_t n) {
                     Array<std::int64_t> a(Shape(static_cast<std::size_t>(n), 2));
                     for (Index k = 0; k < a.size(); ++k) a[k] = k;
                     return a;
                   })
              .parameters("n"),
          function("b",
                   [](ArrayView<const std::int64_t> a) {
                     Array<double> b(a.shape());
                     for (Index k = 0; k < b.size(); ++k) b[k] = static_cast<double>(a[k]) / 2;
                     return b;
                   })
              .parameters("a"),
          function("y",
                   [](ArrayView<const double> b, double x) {
                     double sum = x;
                     for (const double item : b) sum += item;
                     return sum;
                   })
              .parameters("b", "x")
              .mapspec("x[i] -> y[i]")};
}

void expect_unknown_ranks(const Results& results, std::size_t rank) {
  if (!world().is_root()) return;
  EXPECT_EQ(results.value("a").shape(), Shape(rank, 2));
  EXPECT_EQ(results.value("b").shape(), Shape(rank, 2));
  const double last = static_cast<double>(element_count(Shape(rank, 2)) - 1);
  EXPECT_EQ(results.get<std::vector<double>>("y"),
            (std::vector<double>{10 + last * (last + 1) / 4, 20 + last * (last + 1) / 4}));
}

TEST_F(MapShapes, RanksThatNobodyKnowsBeforehand) {
  for (const std::size_t rank : {0U, 1U, 3U}) {
    const Inputs inputs{{"n", static_cast<std::int64_t>(rank)}, {"x", {10.0, 20.0}}};
    expect_unknown_ranks(map(unknown_ranks(), world(), inputs), rank);
    for (const char* storage : {"hdf5", "memory"}) {
      MapOptions options{.run_folder = folder_ / (std::to_string(rank) + storage),
                         .storage = {{"", storage}}};
      expect_unknown_ranks(map(unknown_ranks(), world(), inputs, options), rank);
      options.resume = true;
      const Results again = map(unknown_ranks(), world(), inputs, options);
      expect_unknown_ranks(again, rank);
      EXPECT_EQ(again.functions.at("a").calls + again.functions.at("y").calls, 0);
      if (!world().is_root()) continue;
      RunReader reader(options.run_folder);
      EXPECT_EQ(reader.read_all(*reader.find("b")).shape(), Shape(rank, 2));
      EXPECT_EQ(verify_run_store(options.run_folder), std::vector<std::string>());
    }
  }
}

TEST_F(MapShapes, DeclaredOnesAreHeldTo) {
  const auto pipeline_of = [](Index wrong_at) {
    return Pipeline{function("y",
                             [wrong_at](double x) {
                               return std::vector<double>(x == static_cast<double>(wrong_at) ? 3 : 2, x);
                             })
                        .parameters("x")
                        .mapspec("x[i] -> y[i, j]")
                        .internal_shape(7)};
  };
  const Inputs inputs{{"x", linspace(0, 19, 20)}};
  const MapOptions declared{.internal_shapes = {{"y", 2}}};
  const Results results = map(pipeline_of(-1), world(), inputs, declared);
  EXPECT_EQ(results.planned_shapes.at("y"), (PartialShape{20, 2}));
  try {
    map(pipeline_of(6), world(), inputs, declared);
    ADD_FAILURE() << "another shape was taken";
  } catch (const FunctionError& error) {
    EXPECT_EQ(error.category(), Category::internal_shape_mismatch);
    EXPECT_EQ(error.failures().front().index, (MultiIndex{6}));
  }
}

TEST_F(MapShapes, ResumeWithOtherDeclaredOnesIsRefused) {
  const Pipeline pipeline{function("y", [](double x) { return std::vector<double>(2, x); })
                              .parameters("x")
                              .mapspec("x[i] -> y[i, j]")};
  const Inputs inputs{{"x", {1.0, 2.0}}};
  MapOptions options{.run_folder = folder_ / "run", .internal_shapes = {{"y", "?"}}};
  map(pipeline, world(), inputs, options);
  options.resume = true;
  options.internal_shapes = {{"y", 2}};
  error_message(Category::resume_mismatch, [&] { map(pipeline, world(), inputs, options); });
  options.internal_shapes = {};
  EXPECT_EQ(map(pipeline, world(), inputs, options).functions.at("y").calls, 0);
}

TEST_F(MapShapes, AZipThatTurnsOutWrongNamesTheAxis) {
  const Pipeline pipeline{
      function("x", [](double n) { return std::vector<double>(static_cast<std::size_t>(n)); })
          .parameters("n")
          .mapspec("... -> x[i]"),
      function("y", [](double x, double w) { return x + w; })
          .parameters("x", "w")
          .mapspec("x[i], w[i] -> y[i]")};
  const Inputs inputs{{"n", 3.0}, {"w", {1.0, 2.0}}};
  const std::string text = error_message(Category::function_raised, [&] { map(pipeline, world(), inputs); });
  EXPECT_TRUE(contains(text, "function 'y' failed: ")) << text;
  EXPECT_TRUE(contains(text, "along the axis 'i'")) << text;
  EXPECT_TRUE(contains(text, "'x' has 3 (shape (3,)), 'w' has 2 (shape (2,))")) << text;
}

/// Arrays of arrays from one function to another, by element, as a whole, and from a file.
TEST_F(MapShapes, RaggedArraysAreTakenWhole) {
  const Pipeline pipeline{
      function("rows",
               [](std::int64_t n) { return std::vector<std::int64_t>(static_cast<std::size_t>(n), n); })
          .parameters("n")
          .mapspec("n[i] -> rows[i]"),
      function("sum",
               [](const std::vector<double>& rows) {
                 double sum = 0;
                 for (const double item : rows) sum += item;
                 return sum;
               })
          .parameters("rows")
          .mapspec("rows[i] -> sum[i]"),
      function("lengths", [](ArrayView<const Array<std::int64_t>> rows) {
        std::vector<std::int64_t> lengths;
        for (const auto& row : rows) lengths.push_back(row.size());
        return lengths;
      }).parameters("rows")};
  const Inputs inputs{{"n", {std::int64_t{3}, std::int64_t{0}, std::int64_t{1}}}};
  MapOptions options{.run_folder = folder_ / "run"};
  for (const bool resume : {false, true}) {
    options.resume = resume;
    const Results results = map(pipeline, world(), inputs, options);
    if (!world().is_root()) continue;
    EXPECT_EQ(results.get<std::vector<double>>("sum"), (std::vector<double>{9, 0, 1}));
    EXPECT_EQ(results.get<std::vector<std::int64_t>>("lengths"), (std::vector<std::int64_t>{3, 0, 1}));
    EXPECT_EQ(results.value("rows").opened(0), Value({std::int64_t{3}, std::int64_t{3}, std::int64_t{3}}));
  }
}

TEST_F(MapShapes, AFlippedByteOfAnInputIsSeenAndMended) {
  const Pipeline pipeline{
      function("y", [](double x) { return 2 * x; }).parameters("x").mapspec("x[i] -> y[i]")};
  const Inputs inputs{{"x", {0.123456789, 7.0}}};
  MapOptions options{.run_folder = folder_ / "run"};
  map(pipeline, world(), inputs, options);
  if (world().is_root()) {
    const fs::path path = folder_ / "run" / "results.h5";
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    std::string content(std::istreambuf_iterator<char>(file), {});
    const double value = 0.123456789;
    const auto at = content.find(std::string(reinterpret_cast<const char*>(&value), sizeof(value)));
    ASSERT_NE(at, std::string::npos);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(content[at] ^ 1));
    file.close();
    const auto faults = verify_run_store(folder_ / "run");
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_TRUE(contains(faults.front(), "'x'"));
  }
  world().barrier();
  options.resume = true;
  EXPECT_EQ(map(pipeline, world(), inputs, options).functions.at("y").calls, 0);
  if (world().is_root()) {
    EXPECT_EQ(verify_run_store(folder_ / "run"), std::vector<std::string>());
  }
}

}  // namespace
}  // namespace mpipe
