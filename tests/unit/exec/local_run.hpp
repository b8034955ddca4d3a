// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A pipeline that is run block by block in this thread, with nothing but a BlockRunner.
#pragma once

#include "exec/api/block_runner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace mpipe::test {

/// Notes what a runner tells a sink.
class NotingSink final : public BlockSink {
 public:
  struct Note {
    OutputId output;
    IndexRange range;
    friend bool operator==(const Note&, const Note&) = default;
    friend void PrintTo(const Note& note, std::ostream* out) {
      *out << "output " << note.output.value << " [" << note.range.begin << ", " << note.range.end << ")";
    }
  };
  void append(OutputId output, IndexRange range, const PartialArray& array) override {
    EXPECT_TRUE(array.have().contains(range)) << "told before they are there";
    notes.push_back({output, range});
  }
  std::uint64_t journal_bytes() const override { return 1000 * notes.size(); }

  std::vector<Note> notes;
};

class LocalRun {
 public:
  LocalRun(std::vector<Function> functions, Inputs inputs, BlockSink* sink = nullptr,
           BlockRunnerOptions options = {})
      : pipeline_(std::move(functions)),
        plan(pipeline_, {.inputs = std::move(inputs), .outputs = {}, .fixed = {}}),
        arrays(plan),
        runner(plan, arrays, sink, std::move(options)) {}

  OutputId output(const std::string& name) const { return plan.find_output(name).value(); }
  StageId stage_of(const std::string& output_name) const { return plan.output(output(output_name)).stage; }
  PartialArray& array(const std::string& name) { return *arrays.find(output(name)); }

  /// What an output has, in mapspec order.
  Value value(const std::string& name) {
    return in_mapspec_order(array(name), plan.output(output(name)).layout.external);
  }

  BlockReport compute(const std::string& output_name, Index begin, Index end) {
    const Block block{.id = ++blocks_, .stage = stage_of(output_name), .range = {begin, end}};
    BlockReport report = runner.compute(block);
    EXPECT_EQ(report.block.id, block.id);
    EXPECT_EQ(report.block.range, block.range);
    return report;
  }

  /// All elements of all stages of a wave that was prepared, in blocks of `size`, the last ones first.
  std::vector<BlockReport> compute_wave(std::size_t wave, Index size) {
    std::vector<BlockReport> reports;
    for (const StageId stage : plan.stages_of_wave(wave)) {
      const Index count = element_count(known_shape(plan.external_shape(stage)));
      for (Index begin = (count - 1) / size * size; begin >= 0 && count > 0; begin -= size)
        reports.push_back(runner.compute(
            {.id = ++blocks_, .stage = stage, .range = {begin, std::min(count, begin + size)}}));
    }
    return reports;
  }

  /// What happens between two waves: shapes that were found become known.
  void finish_wave(std::size_t wave, const std::vector<BlockReport>& reports) {
    for (const BlockReport& report : reports)
      for (const LateShape& late : report.late_shapes) plan.resolve(late.output, late.internal);
    for (std::uint32_t id = 0; id < plan.outputs().size(); ++id)
      if (plan.stages()[plan.output({id}).stage.value].wave == wave) arrays.adopt({id});
  }

  /// Everything; nothing may fail.
  void run(Index block_size) {
    for (std::size_t wave = 0; wave < plan.wave_count(); ++wave) {
      runner.prepare_wave(wave, {});
      const auto reports = compute_wave(wave, block_size);
      for (const BlockReport& report : reports) {
        EXPECT_FALSE(report.failure.has_value()) << report.failure->message;
        EXPECT_EQ(report.completed, report.block.range.size());
      }
      finish_wave(wave, reports);
    }
  }

 private:
  Pipeline pipeline_;
  BlockId blocks_ = 0;

 public:
  Plan plan;
  RunArrays arrays;
  BlockRunner runner;
};

/// An array of that shape with the numbers 0, 1, .. in C order.
template <class T>
Array<T> numbered(Shape shape) {
  Array<T> array(std::move(shape));
  for (Index k = 0; k < array.size(); ++k) array[k] = static_cast<T>(k);
  return array;
}

inline Array<std::string> numbered_texts(Shape shape) {
  Array<std::string> array(std::move(shape));
  for (Index k = 0; k < array.size(); ++k)
    array[k] = std::string(static_cast<std::size_t>(k % 5), 'a') + std::to_string(k);
  return array;
}

}  // namespace mpipe::test
