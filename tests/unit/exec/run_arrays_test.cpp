// SPDX-License-Identifier: BSD-3-Clause
#include "exec/api/run_arrays.hpp"

#include "support/expect_error.hpp"
#include "unit/exec/local_run.hpp"

#include <algorithm>
#include <random>

namespace mpipe {
namespace {

using test::LocalRun;
using test::numbered;
using test::numbered_texts;

struct Planned {
  Planned()
      : pipeline({function("y",
                           [](int x) {
                             return Array<int>{x, x};
                           })
                      .parameters("x")
                      .mapspec("x[i] -> y[i, k]"),
                  function("z", [](int x) { return x; }).parameters("x").mapspec("x[i] -> z[i]")}),
        plan(pipeline, {.inputs = {{"x", {1, 2, 3}}}, .outputs = {}, .fixed = {}}) {}
  OutputId y() const { return *plan.find_output("y"); }
  OutputId z() const { return *plan.find_output("z"); }

  Pipeline pipeline;
  Plan plan;
  RunArrays arrays{plan};
};

TEST(RunArrays, are_made_when_they_are_prepared) {
  Planned planned;
  EXPECT_EQ(planned.arrays.find(planned.y()), nullptr);
  EXPECT_EQ(planned.arrays.all(), std::vector<const PartialArray*>(2, nullptr));
  planned.arrays.prepare(planned.z());
  const PartialArray* z = planned.arrays.find(planned.z());
  ASSERT_NE(z, nullptr);
  EXPECT_EQ(z->external(), Shape{3});
  EXPECT_EQ(z->internal(), Shape{});
  planned.arrays.prepare(planned.z());
  EXPECT_EQ(planned.arrays.find(planned.z()), z);  // the same one
  const auto all = planned.arrays.all();
  EXPECT_EQ(std::count(all.begin(), all.end(), nullptr), 1);
}

TEST(RunArrays, learn_shapes_that_become_known) {
  Planned planned;
  planned.arrays.prepare(planned.y());
  PartialArray* y = planned.arrays.find(planned.y());
  EXPECT_FALSE(y->internal_known());
  planned.plan.resolve(planned.y(), {2});
  planned.arrays.prepare(planned.y());
  EXPECT_EQ(planned.arrays.find(planned.y()), y);
  EXPECT_EQ(y->internal(), Shape{2});
}

// Another rank's shape counts: what was computed here under another one is dropped.
TEST(RunArrays, adopt_drops_elements_of_another_shape) {
  Planned planned;
  planned.arrays.prepare(planned.y());
  planned.arrays.find(planned.y())->set_internal({5});
  planned.arrays.find(planned.y())->mark({0, 2});
  planned.plan.resolve(planned.y(), {2});
  EXPECT_THROW(planned.arrays.prepare(planned.y()), Error);
  planned.arrays.adopt(planned.y());
  EXPECT_EQ(planned.arrays.find(planned.y())->internal(), Shape{2});
  EXPECT_TRUE(planned.arrays.find(planned.y())->have().empty());
}

TEST(RunArrays, adopt_keeps_elements_of_the_same_shape) {
  Planned planned;
  planned.arrays.adopt(planned.y());  // one that nobody prepared is made
  planned.arrays.find(planned.y())->set_internal({2});
  planned.arrays.find(planned.y())->mark({0, 2});
  planned.arrays.adopt(planned.y());  // the plan does not know it yet
  planned.plan.resolve(planned.y(), {2});
  planned.arrays.adopt(planned.y());
  EXPECT_EQ(planned.arrays.find(planned.y())->have(), (RangeSet{{0, 2}}));
}

// Puts `whole`, given in mapspec order, element by element into an array, and expects the same back.
template <class T>
void expect_same_back(const Array<T>& whole, const std::vector<bool>& external) {
  Shape outer;
  Shape inner;
  for (std::size_t axis = 0; axis < external.size(); ++axis)
    (external[axis] ? outer : inner).push_back(whole.extent(axis));
  PartialArray array(element_type<T>(), outer, inner);
  const Index per_element = element_count(inner);
  for (Index element = 0; element < element_count(outer); ++element) {
    const MultiIndex outer_index = multi_index(element, outer);
    std::vector<T> values;
    for (Index k = 0; k < per_element; ++k) {
      const MultiIndex inner_index = multi_index(k, inner);
      MultiIndex index;
      auto next_outer = outer_index.begin();
      auto next_inner = inner_index.begin();
      for (const bool is_external : external) index.push_back(is_external ? *next_outer++ : *next_inner++);
      values.push_back(whole[linear_index(index, whole.shape())]);
    }
    if constexpr (FixedValue<T>) {
      std::copy(values.begin(), values.end(), reinterpret_cast<T*>(array.destination(element)));
      array.mark({element, element + 1});
    } else {
      const Value encoded(values);
      array.put({element, element + 1}, {encoded.data(), encoded.byte_size()},
                {encoded.offsets(), values.size() + 1});
    }
  }
  const Value back = in_mapspec_order(array, external);
  EXPECT_EQ(back.as<Array<T>>(), whole)
      << ::testing::PrintToString(external) << " " << to_string(whole.shape());
}

TEST(InMapspecOrder, puts_internal_axes_where_they_belong) {
  const Shape shape{2, 3, 4};
  for (int mask = 0; mask < 8; ++mask) {
    const std::vector<bool> external{(mask & 1) != 0, (mask & 2) != 0, (mask & 4) != 0};
    expect_same_back(numbered<double>(shape), external);
    expect_same_back(numbered<std::int8_t>(shape), external);
    expect_same_back(numbered_texts(shape), external);
    expect_same_back(numbered<double>({2, 0, 4}), external);
    expect_same_back(Array<std::string>(Shape{0, 3, 2}), external);
  }
  expect_same_back(numbered<double>({3, 2, 2, 3}), {false, true, false, true});
}

TEST(InMapspecOrder, shares_what_needs_no_change) {
  PartialArray array(element_type<double>(), {1000}, Shape{});
  array.mark({0, 1000});
  EXPECT_EQ(in_mapspec_order(array, {true}).data(), array.data(0));
}

TEST(InMapspecOrder, elements_that_are_not_there_are_zero) {
  PartialArray array(element_type<std::string>(), {3}, Shape{2});
  const Value texts({"a", "b"});
  array.put({1, 2}, {texts.data(), texts.byte_size()}, {texts.offsets(), 3});
  const auto back = in_mapspec_order(array, {false, true}).as<Array<std::string>>();
  EXPECT_EQ(back(0, 1), "a");
  EXPECT_EQ(back(1, 1), "b");
  EXPECT_EQ(back(0, 0), "");
}

}  // namespace
}  // namespace mpipe
