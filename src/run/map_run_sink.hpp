// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "run/map_run.hpp"

namespace mpipe {

/// Hands what is computed on this rank to the store.
class MapRun::Sink final : public BlockSink {
 public:
  explicit Sink(RunStore& store) : store_(store) {}
  void append(OutputId output, IndexRange range, const PartialArray& array) override {
    store_.append(output.value, range, array);
  }
  std::uint64_t journal_bytes() const override { return store_.journal_bytes(); }

 private:
  RunStore& store_;
};

}  // namespace mpipe
