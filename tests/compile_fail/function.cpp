// SPDX-License-Identifier: BSD-3-Clause
// What functions of pipelines and their values must not be, and what is nearest to it that they may.
#include <mpipe/data/boost_archive.hpp>
#include <mpipe/pipeline/function.hpp>

#include <boost/serialization/access.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/split_free.hpp>

#include <array>
#include <complex>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

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

struct Plain {
  double value = 0;
};

/// A class with all that a serialize may look like: private, of a base, in two halves.
class Private {
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& value_;
  }
  double value_ = 0;
};
struct Derived final : Private {};
struct Outside {
  double value = 0;
  std::map<std::string, double> parts;
};
namespace boost::serialization {
template <class Archive>
void save(Archive& archive, const Outside& outside, unsigned) {
  archive << outside.value << outside.parts;
}
template <class Archive>
void load(Archive& archive, Outside& outside, unsigned) {
  archive >> outside.value >> outside.parts;
}
}  // namespace boost::serialization
BOOST_SERIALIZATION_SPLIT_FREE(Outside)

struct Holder {
#ifdef PLAIN_MEMBER
  std::optional<double> value;
#else
  Private value;
#endif
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& value;
  }
};
struct WithCodec {
  double value = 0;
};
template <>
struct mpipe::ObjectCodec<WithCodec> {
  static void write(const WithCodec& object, Bytes& out) { encode(object.value, out); }
  static void read(WithCodec& object, ByteReader& reader) { object.value = reader.get<double>(); }
};
struct Pointing {
  std::shared_ptr<double> value;
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};
MPIPE_BOOST_ARCHIVE(Pointing)

struct Model {
  double slope = 2;
  double at(double x) const { return slope * x; }
  double operator()(double x) const noexcept { return at(x); }
};

void make() {
  mpipe::function("y", owned);
  mpipe::function("y", Model{});
  mpipe::function("y", [](const Private&, Derived x, Outside, const std::vector<Holder>&) { return x; });
  mpipe::function("y", [](WithCodec x, Pointing) { return x; });
  mpipe::function("y", [](const mpipe::Random&, mpipe::Comm&&, const mpipe::Resources&) { return 1; });
  mpipe::function("y", [](std::vector<double>&& x, const std::string&, std::complex<float>) { return x; });
  mpipe::function("y", [](std::map<std::string, double> x) { return std::array<double, 1>{x["a"]}; });
  mpipe::function("n", [](double x) { return Node{x}; });
#ifdef VIEW_RESULT
  mpipe::function("y", view);
#endif
#ifdef VIEW_AMONG_RESULTS
  mpipe::function({"a", "y"}, two);
#endif
#ifdef MEMBER
  mpipe::function("y", &Model::at);
#endif
#ifdef GENERIC
  mpipe::function("y", [](auto x) { return x; });
#endif
#ifdef REFERENCE
  mpipe::function("y", [](double& x) { return x; });
#endif
#ifdef RANDOM_REFERENCE
  mpipe::function("y", [](mpipe::Random& x) { return x.uniform(); });
#endif
#ifdef PLAIN
  mpipe::function("y", [](Plain x) { return x.value; });
#endif
#ifdef SPAN
  mpipe::function("y", [](std::span<const double> x) { return x[0]; });
#endif
#ifdef STRING_VIEW
  mpipe::function("y", [](std::string_view) { return 1; });
#endif
#ifdef OPTIONAL
  mpipe::function("y", [](std::optional<double>) { return 1; });
#endif
#ifdef WRITABLE_VIEW
  mpipe::function("y", [](mpipe::ArrayView<double>) { return 1; });
#endif
#ifdef OPTIONAL_RESULT
  mpipe::function("y", [](double x) { return std::optional(x); });
#endif
#ifdef OPTIONAL_AMONG_RESULTS
  mpipe::function({"y", "z"}, [](double x) { return std::pair(x, std::optional(x)); });
#endif
#ifdef REFERENCE_RESULT
  mpipe::function("y", [](const std::string& x) -> const std::string& { return x; });
#endif
#ifdef NO_RESULT
  mpipe::function("y", [](double) {});
#endif
#ifdef NO_RESULTS
  mpipe::function({"y", "z"}, [](double) {});
#endif
#ifdef RULE_REFERENCE
  mpipe::function("y", Model{}).ranks({"x"}, [](double& x) { return x > 1 ? 2 : 1; });
#endif
#ifdef RULE_RESULT
  mpipe::function("y", Model{}).ranks({"x"}, [](double x) { return x; });
#endif
}
