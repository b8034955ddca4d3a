// SPDX-License-Identifier: BSD-3-Clause
// Slices whose values lie far apart: gathered for several elements at a time, which makes no difference but of time.
#include "exec/slice_panels.hpp"

#include "unit/exec/local_run.hpp"

#include <complex>
#include <numeric>

namespace mpipe {
namespace {

using test::LocalRun;

constexpr Index kRows = 100;
constexpr Index kColumns = 70;

/// z[i, j] = 1000 i + j, of any type, as rows of an input.
template <class T>
Value grid() {
  Array<T> z(Shape{kRows, kColumns});
  for (Index i = 0; i < kRows; ++i)
    for (Index j = 0; j < kColumns; ++j) z(i, j) = static_cast<T>((1000 * i + j) % 200);
  return z;
}

/// Tells the values apart by their places.
template <class T>
double weighted(ArrayView<const T> values) {
  double sum = 0;
  for (Index k = 0; k < values.size(); ++k)
    sum += static_cast<double>(k + 1) * static_cast<double>(values[k]);
  return sum;
}

template <class T>
double weighted_column(const Array<T>& z, Index j) {
  double sum = 0;
  for (Index i = 0; i < kRows; ++i) sum += static_cast<double>(i + 1) * static_cast<double>(z(i, j));
  return sum;
}

/// Counts how the body is called, and whether its slices are dense.
class Recorded final : public FunctionBody {
 public:
  explicit Recorded(std::shared_ptr<const FunctionBody> body) : body_(std::move(body)) {}
  const std::vector<ValueType>& parameters() const override { return body_->parameters(); }
  std::size_t output_count() const override { return body_->output_count(); }
  std::vector<ValueType> outputs(std::span<const ValueType> arguments) const override {
    return body_->outputs(arguments);
  }
  std::string identity() const override { return body_->identity(); }
  void call(BlockCall& call) const override {
    ranges.push_back(call.range);
    dense.push_back(call.arguments[0].slice_is_dense());
    body_->call(call);
  }

  mutable std::vector<IndexRange> ranges;
  mutable std::vector<bool> dense;

 private:
  std::shared_ptr<const FunctionBody> body_;
};

/// Calls `function` for all columns of a dense grid of doubles, and returns what the body saw.
std::vector<double> call_columns(const Recorded& body, IndexRange range, const Shape& external,
                                 std::vector<ArgumentView> views) {
  std::vector<double> results(static_cast<std::size_t>(range.size()), -1);
  std::vector<OutputColumn> outputs(1);
  outputs[0].type = &element_type<double>();
  outputs[0].fixed = reinterpret_cast<std::byte*>(results.data());
  BlockCall call{.range = range, .external = &external, .arguments = views, .outputs = outputs};
  SlicePanels panels;
  panels.call(body, call);
  EXPECT_EQ(call.completed, range.size());
  return results;
}

ArgumentView columns_of(const std::vector<double>& values, Index rows, Index columns) {
  ArgumentView view;
  view.type = &element_type<double>();
  view.data = reinterpret_cast<const std::byte*>(values.data());
  view.strides = {1};
  view.slice_shape = {rows};
  view.slice_strides = {columns};
  return view;
}

Recorded recorded(double (*function_to_call)(ArrayView<const double>)) {
  return Recorded(function("s", function_to_call).parameters("z").shared_body());
}

template <class T>
class SlicePanelsOf : public ::testing::Test {};
using Types = ::testing::Types<double, float, std::int8_t, std::int16_t, std::int64_t>;
TYPED_TEST_SUITE(SlicePanelsOf, Types);

TYPED_TEST(SlicePanelsOf, columns_are_what_they_are) {
  const Value z = grid<TypeParam>();
  LocalRun done({function("s", weighted<TypeParam>).parameters("z").mapspec("z[:, j] -> s[j]")}, {{"z", z}});
  done.run(kColumns);
  const auto s = done.value("s").template as<Array<double>>();
  const auto array = z.as<Array<TypeParam>>();
  for (Index j = 0; j < kColumns; ++j) EXPECT_EQ(s(j), weighted_column(array, j)) << j;
}

TEST(SlicePanels, of_rows_that_blocks_cut) {
  // c[k, j] over two axes: blocks begin and end within a row of elements.
  for (const Index block : {1, 7, 30, 71, 1000}) {
    const Value z = grid<double>();
    LocalRun done({function("c", [](ArrayView<const double> column,
                                    double factor) { return factor * weighted(column); })
                       .parameters("z", "k")
                       .mapspec("k[k], z[:, j] -> c[k, j]")},
                  {{"z", z}, {"k", {1.0, 2.0, -3.0}}});
    done.run(block);
    const auto c = done.value("c").as<Array<double>>();
    const auto array = z.as<Array<double>>();
    const double factors[] = {1.0, 2.0, -3.0};
    for (Index k = 0; k < 3; ++k)
      for (Index j = 0; j < kColumns; ++j)
        EXPECT_EQ(c(k, j), factors[k] * weighted_column(array, j)) << k << j;
  }
}

TEST(SlicePanels, of_texts_and_arrays_as_results) {
  const Value z = grid<double>();
  LocalRun done(
      {function("t", [](ArrayView<const double> column) { return std::to_string(weighted(column)); })
           .parameters("z")
           .mapspec("z[:, j] -> t[j]"),
       function("head",
                [](ArrayView<const double> column) {
                  return std::vector<double>{column[0], column[9]};
                })
           .parameters("z")
           .mapspec("z[:, j] -> head[j, k]")},
      {{"z", z}});
  done.run(40);
  const auto t = done.value("t").as<std::vector<std::string>>();
  const auto head = done.value("head").as<Array<double>>();
  const auto array = z.as<Array<double>>();
  for (Index j = 0; j < kColumns; ++j) {
    EXPECT_EQ(t[static_cast<std::size_t>(j)], std::to_string(weighted_column(array, j)));
    EXPECT_EQ(head(j, 0), array(0, j));
    EXPECT_EQ(head(j, 1), array(9, j));
  }
}

TEST(SlicePanels, a_failure_costs_its_element_alone) {
  BlockRunnerOptions options;
  options.keep_going = true;
  LocalRun done({function("s",
                          [](ArrayView<const double> column) {
                            if (column[0] == 33) throw std::runtime_error("33");
                            return column[0];
                          })
                     .parameters("z")
                     .mapspec("z[:, j] -> s[j]")},
                {{"z", grid<double>()}}, nullptr, options);
  done.runner.prepare_wave(0, {}, {});
  const BlockReport report = done.compute("s", 0, kColumns);
  ASSERT_EQ(report.failed.size(), 1U);
  EXPECT_EQ(report.failed[0].elements, (RangeSet{{33, 34}}));
  EXPECT_EQ(done.array("s").have(), (RangeSet{{0, 33}, {34, kColumns}}));
}

TEST(SlicePanels, take_as_many_elements_as_the_cache_holds) {
  const std::vector<double> values(static_cast<std::size_t>(16'000 * 64), 1.0);
  const Recorded body = recorded(weighted<double>);
  call_columns(body, {0, 64}, {64}, {columns_of(values, 16'000, 64)});
  // 128 kB each, of 2 MB.
  EXPECT_EQ(body.ranges.size(), 4U);
  EXPECT_EQ(body.ranges[1], (IndexRange{16, 32}));
  EXPECT_EQ(body.dense, std::vector<bool>(4, true));
}

TEST(SlicePanels, leave_alone_what_gains_nothing) {
  std::vector<double> values(static_cast<std::size_t>(300'000 * 8), 1.0);
  const auto seen = [&](IndexRange range, const ArgumentView& view) {
    const Recorded body = recorded(weighted<double>);
    call_columns(body, range, {1000}, {view});
    return body.ranges.size() == 1 && body.dense[0] == view.slice_is_dense();
  };
  EXPECT_TRUE(seen({3, 8}, columns_of(values, 1000, 100))) << "few elements";
  EXPECT_TRUE(seen({0, 8}, columns_of(values, 50, 100))) << "a slice that fits into the cache";
  EXPECT_TRUE(seen({0, 8}, columns_of(values, 300'000, 8))) << "a slice that is too long for eight of them";
  ArgumentView rows = columns_of(values, 100, 1);
  rows.strides = {100};
  EXPECT_TRUE(seen({0, 20}, rows)) << "dense slices";
}

}  // namespace
}  // namespace mpipe
