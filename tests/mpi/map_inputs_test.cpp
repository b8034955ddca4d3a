// SPDX-License-Identifier: BSD-3-Clause
// Inputs that lie in files: each rank looks at them itself.
#include <mpipe/mpipe.hpp>

#include "mpi/shared_folder.hpp"
#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <fstream>

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

}  // namespace
}  // namespace mpipe
