// SPDX-License-Identifier: BSD-3-Clause
// Makes a complete run with an output of each kind in the folder that it is given: for file_layout_test.py.
#include "unit/store/store_fixture.hpp"

#include <cstdio>

namespace {

using namespace mpipe;

void make(const std::filesystem::path& folder) {
  test::TestRun run(test::every_kind());
  run.create(folder);
  run.set_late_shapes({7, 4});
  for (std::size_t k = 0; k < run.layout().outputs.size(); ++k) {
    const OutputLayout& output = run.layout().outputs[k];
    const Index elements = element_count(known_shape(test::external_shape(output, true)));
    // The last element stays pending where there are some, the two before failed and are blocked.
    const bool all = elements < 7;
    run.compute_all(k, {0, all ? elements : elements - 3}, 5);
    if (all) continue;
    run.store().mark(k, {elements - 3, elements - 2}, ElementStatus::failed);
    run.store().mark(k, {elements - 2, elements - 1}, ElementStatus::blocked);
  }
  run.resolve_late_shapes({7, 4});
  run.finish();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    make(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sample_run: %s\n", error.what());
    return 1;
  }
}
