// SPDX-License-Identifier: BSD-3-Clause
// The functions of expressions over many numbers at a time.
#include "document/expression/kernels.hpp"

#include <algorithm>
#include <cmath>

// A loop of which there is one version only, and of which lanes do not depend on each other.
#ifdef __clang__
#define MPIPE_ONE_VERSION [[gnu::noinline]]
#define MPIPE_INDEPENDENT_LANES _Pragma("clang loop vectorize(assume_safety)")
#else
#define MPIPE_ONE_VERSION [[gnu::noipa]]
#define MPIPE_INDEPENDENT_LANES _Pragma("GCC ivdep")
#endif

namespace mpipe::detail {
namespace {

constexpr Index kLanes = 8;    // all loops below run over a multiple of these
constexpr Index kPiece = 256;  // a uniform operand is spread over so many values

/// Never inlined, cloned or specialised: there must be one version of each loop. Exact aliasing of `out` is
/// fine.
template <class F>
MPIPE_ONE_VERSION void lanes_of_one(const double* a, double* out, Index n) {
  MPIPE_INDEPENDENT_LANES
  for (Index k = 0; k < n; ++k) out[k] = F{}(a[k]);
}
template <class F>
MPIPE_ONE_VERSION void lanes_of_two(const double* a, const double* b, double* out, Index n) {
  MPIPE_INDEPENDENT_LANES
  for (Index k = 0; k < n; ++k) out[k] = F{}(a[k], b[k]);
}
template <class F>
MPIPE_ONE_VERSION void lanes_of_three(const double* a, const double* b, const double* c, double* out,
                                      Index n) {
  MPIPE_INDEPENDENT_LANES
  for (Index k = 0; k < n; ++k) out[k] = F{}(a[k], b[k], c[k]);
}

/// One operand, piece by piece.
class Pieces {
 public:
  Pieces(const Operand& operand, Index n) : operand_(operand) {
    if (operand.uniform)
      std::fill_n(spread_, (std::min(n, kPiece) + kLanes - 1) / kLanes * kLanes, *operand.data);
  }
  const double* piece(Index k) const { return operand_.uniform ? spread_ : operand_.data + k; }

 private:
  Operand operand_;
  double spread_[kPiece];
};

/// Runs `lanes` over groups of lanes; the last few values are padded to a group.
template <std::size_t N, class Lanes>
void in_lanes(std::span<const Operand> operands, double* out, Index n, Lanes&& lanes) {
  const auto run = [&]<std::size_t... I>(std::index_sequence<I...>) {
    const Pieces pieces[] = {Pieces(operands[I], n)...};
    for (Index begin = 0; begin < n; begin += kPiece) {
      const Index length = std::min(kPiece, n - begin);
      const Index whole = length / kLanes * kLanes;
      if (whole > 0) lanes(pieces[I].piece(begin)..., out + begin, whole);
      if (whole == length) continue;
      // The rest is brought to a whole group by repeating its last value, since beyond it there may be no
      // memory. The results of the repetitions are dropped.
      double padded[N + 1][kLanes];
      const auto pad = [&](const double* values, double* to) {
        for (Index k = 0; k < kLanes; ++k) to[k] = values[std::min(whole + k, length - 1)];
      };
      (pad(pieces[I].piece(begin), padded[I]), ...);
      lanes(padded[I]..., padded[N], kLanes);
      std::copy_n(padded[N], length - whole, out + begin + whole);
    }
  };
  run(std::make_index_sequence<N>{});
}

template <class F>
void exact_one(std::span<const Operand> operands, double* out, Index n) {
  in_lanes<1>(operands, out, n, lanes_of_one<F>);
}
template <class F>
void exact_two(std::span<const Operand> operands, double* out, Index n) {
  in_lanes<2>(operands, out, n, lanes_of_two<F>);
}

/// A function of libm, one call after the other.
template <class F>
void call_one(const Operand& a, double* out, Index n, F function) {
  for (Index k = 0; k < n; ++k) out[k] = function(a.data[k]);
}
template <class F>
void call_two(const Operand& a, const Operand& b, double* out, Index n, F function) {
  // `out` may lie where a uniform operand is, so that is read before anything is written.
  const double first_a = *a.data;
  const double first_b = *b.data;
  for (Index k = 0; k < n; ++k)
    out[k] = function(a.uniform ? first_a : a.data[k], b.uniform ? first_b : b.data[k]);
}

struct Negate {
  double operator()(double a) const { return -a; }
};
struct Square {
  double operator()(double a) const { return a * a; }
};
struct Abs {
  double operator()(double a) const { return std::fabs(a); }
};
struct Add {
  double operator()(double a, double b) const { return a + b; }
};
struct Subtract {
  double operator()(double a, double b) const { return a - b; }
};
struct Multiply {
  double operator()(double a, double b) const { return a * b; }
};
struct Divide {
  double operator()(double a, double b) const { return a / b; }
};
struct Less {
  double operator()(double a, double b) const { return a < b ? 1.0 : 0.0; }
};
struct LessEqual {
  double operator()(double a, double b) const { return a <= b ? 1.0 : 0.0; }
};
struct Equal {
  double operator()(double a, double b) const { return a == b ? 1.0 : 0.0; }
};
struct NotEqual {
  double operator()(double a, double b) const { return a != b ? 1.0 : 0.0; }
};
// A NaN on either side is the result: where `b` is one, the comparison is false and it is taken. The operator
// | looks at both conditions, which leaves the loop without a branch.
struct Min {
  double operator()(double a, double b) const { return ((a < b) | (a != a)) ? a : b; }
};
struct Max {
  double operator()(double a, double b) const { return ((a > b) | (a != a)) ? a : b; }
};
struct Select {
  double operator()(double c, double a, double b) const { return c != 0.0 ? a : b; }
};

bool apply_exact(Op op, std::span<const Operand> in, double* out, Index n) {
  // a > b is b < a, also with NaN: fewer loops, and the same answers.
  const auto swapped = [&] { return std::array{in[1], in[0]}; };
  switch (op) {
    case Op::negate:
      exact_one<Negate>(in, out, n);
      return true;
    case Op::square:
      exact_one<Square>(in, out, n);
      return true;
    case Op::abs:
      exact_one<Abs>(in, out, n);
      return true;
    case Op::add:
      exact_two<Add>(in, out, n);
      return true;
    case Op::subtract:
      exact_two<Subtract>(in, out, n);
      return true;
    case Op::multiply:
      exact_two<Multiply>(in, out, n);
      return true;
    case Op::divide:
      exact_two<Divide>(in, out, n);
      return true;
    case Op::less:
      exact_two<Less>(in, out, n);
      return true;
    case Op::less_equal:
      exact_two<LessEqual>(in, out, n);
      return true;
    case Op::greater:
      exact_two<Less>(swapped(), out, n);
      return true;
    case Op::greater_equal:
      exact_two<LessEqual>(swapped(), out, n);
      return true;
    case Op::equal:
      exact_two<Equal>(in, out, n);
      return true;
    case Op::not_equal:
      exact_two<NotEqual>(in, out, n);
      return true;
    case Op::min:
      exact_two<Min>(in, out, n);
      return true;
    case Op::max:
      exact_two<Max>(in, out, n);
      return true;
    case Op::select:
      in_lanes<3>(in, out, n, lanes_of_three<Select>);
      return true;
    default:
      return false;
  }
}

void apply_function(Op op, std::span<const Operand> in, double* out, Index n) {
  switch (op) {
    case Op::sin:
      return call_one(in[0], out, n, [](double a) { return std::sin(a); });
    case Op::cos:
      return call_one(in[0], out, n, [](double a) { return std::cos(a); });
    case Op::tan:
      return call_one(in[0], out, n, [](double a) { return std::tan(a); });
    case Op::asin:
      return call_one(in[0], out, n, [](double a) { return std::asin(a); });
    case Op::acos:
      return call_one(in[0], out, n, [](double a) { return std::acos(a); });
    case Op::atan:
      return call_one(in[0], out, n, [](double a) { return std::atan(a); });
    case Op::sinh:
      return call_one(in[0], out, n, [](double a) { return std::sinh(a); });
    case Op::cosh:
      return call_one(in[0], out, n, [](double a) { return std::cosh(a); });
    case Op::tanh:
      return call_one(in[0], out, n, [](double a) { return std::tanh(a); });
    case Op::exp:
      return call_one(in[0], out, n, [](double a) { return std::exp(a); });
    case Op::log:
      return call_one(in[0], out, n, [](double a) { return std::log(a); });
    case Op::log10:
      return call_one(in[0], out, n, [](double a) { return std::log10(a); });
    case Op::sqrt:
      return call_one(in[0], out, n, [](double a) { return std::sqrt(a); });
    case Op::floor:
      return call_one(in[0], out, n, [](double a) { return std::floor(a); });
    case Op::ceil:
      return call_one(in[0], out, n, [](double a) { return std::ceil(a); });
    case Op::round:
      return call_one(in[0], out, n, [](double a) { return std::round(a); });
    case Op::power:
      return call_two(in[0], in[1], out, n, [](double a, double b) { return std::pow(a, b); });
    case Op::atan2:
      return call_two(in[0], in[1], out, n, [](double a, double b) { return std::atan2(a, b); });
    default:
      throw Bug("an operation of expressions has no kernel");
  }
}

}  // namespace

void apply_elementwise(Op op, std::span<const Operand> operands, double* out, Index n) {
  if (n == 0) return;  // an array without elements need not have any memory
  if (!apply_exact(op, operands, out, n)) apply_function(op, operands, out, n);
}

Index first_nonzero(const double* values, Index n) {
  return std::find_if(values, values + n, [](double value) { return value != 0.0; }) - values;
}

/// One sum in the order of the index. Several partial sums would be faster, but would round in another way
/// wherever the length changes.
double sum_of(const double* values, Index n) {
  double total = 0;
  for (Index k = 0; k < n; ++k) total += values[k];
  return total;
}

double product_of(const double* values, Index n) {
  double total = 1;
  for (Index k = 0; k < n; ++k) total *= values[k];
  return total;
}

double dot_of(const double* a, const double* b, Index n) {
  double total = 0;
  for (Index k = 0; k < n; ++k) total += a[k] * b[k];
  return total;
}

double smallest_of(const double* values, Index n) {
  double result = values[0];
  for (Index k = 1; k < n; ++k) result = Min{}(result, values[k]);
  return result;
}

double largest_of(const double* values, Index n) {
  double result = values[0];
  for (Index k = 1; k < n; ++k) result = Max{}(result, values[k]);
  return result;
}

}  // namespace mpipe::detail
