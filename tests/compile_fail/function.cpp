// SPDX-License-Identifier: BSD-3-Clause
// What functions of pipelines and their values must not be, and what is nearest to it that they may.
#include <mpipe/pipeline/function.hpp>

struct Node {
  double value = 0;
  Node* next = nullptr;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& value;
#ifdef POINTER_MEMBER
    archive& next;
#endif
  }
};

mpipe::Array<double> owned(mpipe::ArrayView<const double> x) { return {x.shape(), x.begin()}; }
mpipe::ArrayView<const double> view(mpipe::ArrayView<const double> x) { return x; }
std::pair<double, mpipe::ArrayView<const double>> two(mpipe::ArrayView<const double> x) { return {x[0], x}; }

void make() {
  mpipe::function("y", owned);
  mpipe::function("n", [](double x) { return Node{x}; });
#ifdef VIEW_RESULT
  mpipe::function("y", view);
#endif
#ifdef VIEW_AMONG_RESULTS
  mpipe::function({"a", "y"}, two);
#endif
}
