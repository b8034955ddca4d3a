// SPDX-License-Identifier: BSD-3-Clause
// What executors must not take, and what they do.
#include <mpipe/mpipe.hpp>

#include <functional>
#include <memory>

struct Thing {
  int member(int) const;
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};
enum class Colour { red };

double plain(double x);
const double& reference();
Thing thing(const Thing& other);
std::unique_ptr<int> move_only(int);
const char* text();
mpipe::ArrayView<const double> view();
Colour colour();
void changes(double& x);
void points(const double* x);

void submit(mpipe::MPIPoolExecutor& pool) {
  double local = 2;
  const std::vector<int> numbers{1, 2};
  // What is taken.
  pool.submit([](double x, double added) { return x + added; }, 1.0, local);
  pool.submit(plain, 1);
  pool.submit(reference);  // a copy of the value
  pool.submit(thing, Thing());
  pool.submit([](Thing t, int x) { return t.member(x); }, Thing(), 1);
  pool.submit([](mpipe::ArrayView<const int> x) { return x.size(); }, numbers);
  pool.map([](int x) { return x; }, numbers);
#ifdef CAPTURE
  pool.submit([local](double x) { return x + local; }, 1.0);
#endif
#ifdef REFERENCE_CAPTURE
  pool.submit([&](double x) { local += x; }, 1.0);
#endif
#ifdef STD_FUNCTION
  pool.submit(std::function<double(double)>(plain), 1.0);
#endif
#ifdef MOVE_ONLY_RESULT
  pool.submit(move_only, 1);
#endif
#ifdef POINTER_RESULT
  pool.submit(text);
#endif
#ifdef VIEW_RESULT
  pool.submit(view);
#endif
#ifdef ENUM_RESULT
  pool.submit(colour);
#endif
#ifdef REFERENCE_PARAMETER
  pool.submit(changes, local);
#endif
#ifdef POINTER_PARAMETER
  pool.submit(points, &local);
#endif
#ifdef ARGUMENT_TYPE
  pool.submit(plain, "text");
#endif
#ifdef ARGUMENT_COUNT
  pool.submit(plain, 1.0, 2.0);
#endif
#ifdef MEMBER
  pool.submit(&Thing::member, Thing(), 1);
#endif
#ifdef MAP_CAPTURE
  pool.map([local](int x) { return x + local; }, numbers);
#endif
#ifdef MAP_MOVE_ONLY
  pool.map(move_only, numbers);
#endif
}
