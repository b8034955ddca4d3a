// SPDX-License-Identifier: BSD-3-Clause
// Inputs that lie in files: each rank looks at them itself.
#include <mpipe/mpipe.hpp>

#include "mpi/shared_folder.hpp"
#include "support/expect_error.hpp"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <cstring>
#include <fstream>
#include <numeric>

namespace mpipe {
namespace {

using test::world;

class MappedInputs : public test::SharedFolderTest {
 protected:
  /// A value on rank 0, where inputs count; nothing elsewhere.
  Inputs inputs(const std::vector<double>& numbers) const {
    if (!world().is_root()) return {};
    const std::filesystem::path path = folder_ / "numbers";
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(numbers.data()),
               static_cast<std::streamsize>(numbers.size() * sizeof(double)));
    return {{"x", Value::from_file(element_type<double>(), {static_cast<Index>(numbers.size())},
                                   FileStretch::of(path, 0, numbers.size() * sizeof(double)))}};
  }
  Pipeline pipeline_{function("y", [](double x) { return 3 * x; }).parameters("x").mapspec("x[i] -> y[i]"),
                     function("s", [](ArrayView<const double> x) { return x.size(); }).parameters("x")};
};

TEST_F(MappedInputs, GiveTheSameAsOthers) {
  std::vector<double> numbers(5000);
  for (std::size_t k = 0; k < numbers.size(); ++k) numbers[k] = 0.1 * static_cast<double>(k);
  for (const bool stored : {false, true}) {
    MapOptions options;
    if (stored) options.run_folder = folder_ / "run";
    const Results results = map(pipeline_, world(), inputs(numbers), options);
    const Results plain = map(pipeline_, world(), {{"x", numbers}});
    if (!world().is_root()) continue;
    EXPECT_EQ(results.value("y"), plain.value("y"));
    EXPECT_EQ(results.get<std::int64_t>("s"), 5000);
  }
}

TEST_F(MappedInputs, ThatAreGoneEndTheMapOnAllRanks) {
  const Inputs given = inputs({1.0, 2.0});
  world().barrier();
  if (world().is_root()) std::filesystem::remove(folder_ / "numbers");
  world().barrier();
  if (world().size() == 1) {
    map(pipeline_, world(), given);  // it holds on to the file
    return;
  }
  const std::string message =
      test::error_message(Category::bad_input_file, [&] { map(pipeline_, world(), given); });
  EXPECT_TRUE(test::contains(message, "cannot be opened here"));
  EXPECT_TRUE(test::contains(message, "rank 1"));
}

/// Element k is k; notes what is read.
class Counting final : public ArraySource {
 public:
  explicit Counting(std::vector<IndexRange>& reads) : reads_(reads) {}
  Index piece() const override { return 10; }
  void read(IndexRange elements, std::byte* to) const override {
    reads_.push_back(elements);
    for (Index k = elements.begin; k < elements.end; ++k, to += sizeof(double)) {
      const auto value = static_cast<double>(k);
      std::memcpy(to, &value, sizeof(value));
    }
  }

 private:
  std::vector<IndexRange>& reads_;
};

Index total(const std::vector<IndexRange>& ranges) {
  Index sum = 0;
  for (const IndexRange& range : ranges) sum += range.size();
  return sum;
}

/// Of an output that may not be complete.
double number(const Results& results, const char* output, Index element) {
  return reinterpret_cast<const double*>(results.at(output).value.data())[element];
}

/// Of a source that rank 0 has, it reads what it needs, and all of it when there are others.
TEST(InputsFromSources, AreReadWhereBlocksNeedThem) {
  std::vector<IndexRange> reads;
  const Value numbers =
      Value::from_source(element_type<double>(), {100, 20}, std::make_shared<Counting>(reads));
  const Pipeline pipeline{
      function("row", [](ArrayView<const double> row) { return row[0] + row[19]; })
          .parameters("x")
          .mapspec("x[i, :] -> row[i]"),
      function("twice", [](double x) { return 2 * x; }).parameters("x").mapspec("x[i, j] -> twice[i, j]")};
  MapOptions options;
  options.fixed = {{"i", 7}};
  const Results results = map(pipeline, world(), {{"x", numbers}}, options);
  if (!world().is_root()) return;
  EXPECT_EQ(number(results, "row", 7), 140 + 159);
  EXPECT_EQ(number(results, "twice", 7 * 20 + 3), 286);
  EXPECT_EQ(total(reads), world().size() == 1 ? 20 : 2000);
}

/// Blocks of several pieces, and pieces of several blocks.
TEST(InputsFromSources, AreThereForAllElementsOfABlock) {
  std::vector<IndexRange> reads;
  const Pipeline pipeline{
      function("twice", [](double x) { return 2 * x; }).parameters("x").mapspec("x[i, j] -> twice[j, i]")};
  for (const Index chunk : {1, 7, 25, 1000}) {
    const Value numbers =
        Value::from_source(element_type<double>(), {40, 25}, std::make_shared<Counting>(reads));
    MapOptions options;
    options.chunksizes = {{"", chunk}};
    const Results results = map(pipeline, world(), {{"x", numbers}}, options);
    if (!world().is_root()) continue;
    const auto twice = results.get<Array<double>>("twice");
    for (Index k = 0; k < 1000; ++k) ASSERT_EQ(twice(k % 25, k / 25), 2.0 * static_cast<double>(k));
  }
}

class PackedInputs : public test::SharedFolderTest {
 protected:
  /// `x`, shape (300, 500): element k is k; in chunks and packed.
  Inputs inputs() const {
    if (!world().is_root()) return {};
    const std::filesystem::path path = folder_ / "packed.h5";
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const std::vector<hsize_t> shape{300, 500};
    const std::vector<hsize_t> chunk{7, 500};
    std::vector<double> numbers(150'000);
    for (std::size_t k = 0; k < numbers.size(); ++k) numbers[k] = static_cast<double>(k);
    const hid_t space = H5Screate_simple(2, shape.data(), nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 2, chunk.data());
    H5Pset_deflate(creation, 1);
    const hid_t dataset = H5Dcreate2(file, "x", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data()), 0);
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
    H5Fclose(file);
    Inputs inputs{{"x", read_hdf5(path, "x")}};
    EXPECT_NE(inputs.at("x").source(), nullptr);
    return inputs;
  }
};

TEST_F(PackedInputs, GiveTheSameAsOthers) {
  const Inputs given = inputs();
  const Pipeline pipeline{
      function("sum",
               [](ArrayView<const double> row) { return std::accumulate(row.begin(), row.end(), 0.0); })
          .parameters("x")
          .mapspec("x[i, :] -> sum[i]")
          .thread_safe(),
      function("column", [](ArrayView<const double> column) { return column[299]; })
          .parameters("x")
          .mapspec("x[:, j] -> column[j]")
          .thread_safe(),
      function("all", [](ArrayView<const double> all) { return all[149'999]; })
          .parameters("x")
          .thread_safe()};
  for (const char* executor : {"mpi", "threads", "processes"}) {
    MapOptions options;
    options.executor = {{"", executor}};
    if (std::string(executor) == "mpi") options.run_folder = folder_ / "run";
    const Results results = map(pipeline, world(), given, options);
    if (!world().is_root()) continue;
    const auto sum = results.get<Array<double>>("sum");
    for (Index i = 0; i < 300; ++i)
      ASSERT_EQ(sum(i), 500 * (500.0 * static_cast<double>(i) + 249.5)) << executor;
    EXPECT_EQ(results.get<Array<double>>("column")(499), 149'999);
    EXPECT_EQ(results.get<double>("all"), 149'999);
  }
}

/// Zeros over half of the chunks.
void damage(const std::filesystem::path& path) {
  const auto before = std::filesystem::last_write_time(path);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto half = static_cast<std::streamoff>(std::filesystem::file_size(path) / 2);
  file.seekp(half);
  file.write(std::string(static_cast<std::size_t>(half / 2), '\0').data(), half / 2);
  file.close();
  std::filesystem::last_write_time(path, before);
}

TEST_F(PackedInputs, ThatAreDamagedEndTheMapOnAllRanks) {
  const Inputs given = inputs();
  if (world().is_root()) damage(folder_ / "packed.h5");
  world().barrier();
  const Pipeline pipeline{
      function("y", [](double x) { return x; }).parameters("x").mapspec("x[i, j] -> y[i, j]")};
  const std::string message =
      test::error_message(Category::bad_input_file, [&] { map(pipeline, world(), given); });
  EXPECT_TRUE(test::contains(message, "has the dataset 'x', which cannot be read"));
}

TEST_F(PackedInputs, ThatAreDamagedCostTheElementsThatNeedThem) {
  const Inputs given = inputs();
  if (world().is_root()) damage(folder_ / "packed.h5");
  world().barrier();
  const Pipeline pipeline{function("y", [](ArrayView<const double> x) { return x[3]; })
                              .parameters("x")
                              .mapspec("x[i, :] -> y[i]")};
  MapOptions options;
  options.error_handling = "continue";
  const Results results = map(pipeline, world(), given, options);
  if (!world().is_root()) return;
  const RangeSet& failed = results.at("y").failed;
  EXPECT_GT(failed.count(), 30);
  EXPECT_LT(failed.count(), 299);
  for (Index i = 0; i < 300; ++i)
    ASSERT_TRUE(failed.contains(i) || number(results, "y", i) == 500.0 * static_cast<double>(i) + 3) << i;
}

}  // namespace
}  // namespace mpipe
