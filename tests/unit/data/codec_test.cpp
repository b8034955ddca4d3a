// SPDX-License-Identifier: BSD-3-Clause
// Bytes of values and back.
#include <mpipe/data/codec.hpp>

#include "support/expect_error.hpp"
#include "unit/data/particle.hpp"

#include <mpipe/data/boost_archive.hpp>

#include <boost/serialization/base_object.hpp>
#include <boost/serialization/list.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/shared_ptr.hpp>
#include <boost/serialization/split_member.hpp>
#include <boost/serialization/unordered_map.hpp>

#include <cmath>
#include <complex>
#include <limits>
#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::Particle;

struct Named {
  std::string name;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(name);
  }
  auto operator<=>(const Named&) const = default;
};

enum class Phase : std::uint8_t { solid, liquid };

/// Whatever Boost.Serialization offers besides pointers.
class Everything : public Named {
 public:
  Phase phase = Phase::solid;
  char letter = 'a';
  bool flag = false;
  int corners[2] = {};
  std::complex<double> number;
  std::list<Named> list;
  std::map<std::string, std::vector<Phase>> map;
  std::unordered_map<int, Named> table;
  std::vector<Particle> particles;
  unsigned read_version = 0;

  auto tie() const { return std::tie(name, phase, letter, flag, number, list, map, table, particles); }

  friend bool operator==(const Everything& a, const Everything& b) {
    return a.tie() == b.tie() && std::equal(a.corners, a.corners + 2, b.corners);
  }

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void common(Archive& archive) {
    archive& boost::serialization::base_object<Named>(*this) & phase & letter & flag & corners & number & list;
    archive& map& table& particles;
  }
  template <class Archive>
  void save(Archive& archive, unsigned version) const {
    const_cast<Everything*>(this)->common(archive);
    archive << version;
  }
  template <class Archive>
  void load(Archive& archive, unsigned version) {
    common(archive);
    archive >> read_version;
    if (read_version != version) throw std::runtime_error("the version is not the one that was written");
  }
  BOOST_SERIALIZATION_SPLIT_MEMBER()
};

/// Two ways to one object, which only an archive that follows pointers keeps.
struct Shared {
  std::shared_ptr<Named> left;
  std::shared_ptr<Named> right;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& left& right;
  }
};

}  // namespace
}  // namespace mpipe

BOOST_CLASS_VERSION(mpipe::Everything, 3)
MPIPE_BOOST_ARCHIVE(mpipe::Shared)

namespace mpipe {
namespace {

using namespace std::string_literals;

template <class T>
Bytes encoded(const T& value) {
  Bytes bytes;
  encode(value, bytes);
  return bytes;
}

template <class T>
void expect_round_trip(const T& value) {
  SCOPED_TRACE(element_type<T>().name);
  EXPECT_TRUE(decode<T>(encoded(value)) == value);
}

std::uint64_t number_at(const Bytes& bytes, std::size_t position) {
  std::uint64_t value = 0;
  EXPECT_LE(position + sizeof value, bytes.size());
  std::memcpy(&value, bytes.data() + position, sizeof value);
  return value;
}

template <class T>
class FixedCodec : public ::testing::Test {};
using FixedTypes = ::testing::Types<bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                                    std::uint16_t, std::uint32_t, std::uint64_t, float, double>;
TYPED_TEST_SUITE(FixedCodec, FixedTypes);

TYPED_TEST(FixedCodec, is_the_bytes_of_the_value) {
  using T = TypeParam;
  using Limits = std::numeric_limits<T>;
  for (const T value : {T{0}, T{1}, Limits::lowest(), Limits::max(), Limits::min()}) {
    const Bytes bytes = encoded(value);
    ASSERT_EQ(bytes.size(), sizeof(T));
    EXPECT_EQ(std::memcmp(bytes.data(), &value, sizeof(T)), 0);
    expect_round_trip(value);
  }
}

TYPED_TEST(FixedCodec, arrays_of_it) {
  using T = TypeParam;
  const T low = std::numeric_limits<T>::lowest();
  const T high = std::numeric_limits<T>::max();
  expect_round_trip(std::vector<T>{low, high, T{1}});
  expect_round_trip(std::vector<T>{});
  expect_round_trip(std::array<T, 4>{low, T{0}, high, T{1}});
  expect_round_trip(Array<T>{low, high});
  Array<T> cube(Shape{2, 3, 2});
  for (Index k = 0; k < cube.size(); ++k) cube[k] = static_cast<T>(k % 2);
  expect_round_trip(cube);
  expect_round_trip(Array<T>((Shape())));
  expect_round_trip(Array<T>(Shape{3, 0, 2}));
}

TYPED_TEST(FixedCodec, arrays_of_arrays_of_it) {
  using T = TypeParam;
  expect_round_trip(std::vector<std::vector<T>>{{T{1}}, {}, {T{0}, T{1}}});
  expect_round_trip(std::array<std::vector<T>, 2>{std::vector<T>{T{1}}, std::vector<T>{}});
  expect_round_trip(Array<Array<T>>{Array<T>(Shape{2, 2}), Array<T>(), Array<T>{T{1}}});
}

TEST(Codec, complex_numbers) {
  expect_round_trip(std::complex<float>(1.5f, -2.5f));
  expect_round_trip(std::complex<double>(1e300, -1e-300));
  expect_round_trip(std::vector<std::complex<double>>{{1, 2}, {3, 4}});
  expect_round_trip(Array<std::complex<float>>{{1, 2}, {3, 4}});
  EXPECT_EQ(encoded(std::complex<double>(1, 2)).size(), 16U);
}

TEST(Codec, numbers_that_are_none_keep_their_bits) {
  EXPECT_TRUE(std::isnan(decode<double>(encoded(std::nan("")))));
  EXPECT_TRUE(std::signbit(decode<double>(encoded(-0.0))));
  EXPECT_EQ(decode<float>(encoded(-HUGE_VALF)), -HUGE_VALF);
}

TEST(Codec, strings_are_their_bytes) {
  for (const std::string& text :
       {""s, "abc"s, "größer \u4e2d\U0001f600"s, "a\0b\0"s, std::string(3'000'000, 'x')}) {
    const Bytes bytes = encoded(text);
    ASSERT_EQ(bytes.size(), text.size());
    expect_round_trip(text);
  }
  expect_round_trip(std::vector<std::string>{"", "a\0b"s, "ä", std::string(100'000, 'y')});
  expect_round_trip(Array<std::string>(Shape{2, 2}));
  expect_round_trip(std::array<std::string, 2>{"x", ""});
  expect_round_trip(std::vector<std::vector<std::string>>{{"a"}, {}, {"", "b"}});
}

TEST(Codec, a_view_is_encoded_as_the_array) {
  const Array<double> array{1, 2, 3};
  EXPECT_EQ(encoded(array.view()), encoded(array));
}

// What the header says about the layout: files are written with it.
TEST(Codec, layout_of_arrays) {
  Array<std::int16_t> array(Shape{2, 3});
  array(1, 2) = 0x0102;
  const Bytes numbers = encoded(array);
  ASSERT_EQ(numbers.size(), 3 * 8 + 6 * 2U);
  EXPECT_EQ(number_at(numbers, 0), 2U);
  EXPECT_EQ(number_at(numbers, 8), 2U);
  EXPECT_EQ(number_at(numbers, 16), 3U);
  EXPECT_EQ(numbers[34], std::byte{2});
  EXPECT_EQ(numbers[35], std::byte{1});

  const Bytes texts = encoded(std::vector<std::string>{"ab", "", "c"});
  ASSERT_EQ(texts.size(), 2 * 8 + 3 * 8 + 3U);
  EXPECT_EQ(number_at(texts, 16), 2U);
  EXPECT_EQ(number_at(texts, 24), 0U);
  EXPECT_EQ(number_at(texts, 32), 1U);
  EXPECT_EQ(texts[40], std::byte{'a'});
  EXPECT_EQ(texts[42], std::byte{'c'});
}

TEST(Codec, appends) {
  Bytes bytes;
  encode(std::int32_t{1}, bytes);
  encode("abc"s, bytes);
  encode(Particle{"p", {}, 0}, bytes);
  EXPECT_EQ(bytes.size(), 7 + encoded(Particle{"p", {}, 0}).size());
  EXPECT_EQ(decode<Particle>(std::span(bytes).subspan(7)), (Particle{"p", {}, 0}));
}

TEST(Codec, objects_with_boost_serialization) {
  expect_round_trip(Particle{});
  expect_round_trip(Particle{"muon \xc2\xb5\0"s, {1.5, -2.5, 1e300}, -1});
  expect_round_trip(Particle{std::string(100'000, 'z'), std::vector<double>(10'000, 0.5), 3});
  expect_round_trip(std::vector<Particle>{{"a", {1}, 1}, {}, {"b", {}, 2}});
  expect_round_trip(Array<Particle>(Shape{2, 1}));
}

TEST(Codec, equal_objects_have_equal_bytes) {
  const Particle one{"electron", {1, 2, 3}, -1};
  Bytes behind_others = encoded(Particle{"other", {}, 0});
  const std::size_t begin = behind_others.size();
  encode(one, behind_others);
  EXPECT_EQ(encoded(one),
            Bytes(behind_others.begin() + static_cast<std::ptrdiff_t>(begin), behind_others.end()));
}

TEST(Codec, objects_of_every_kind) {
  Everything object;
  object.name = "water";
  object.phase = Phase::liquid;
  object.letter = 'z';
  object.flag = true;
  object.corners[1] = 7;
  object.number = {1, -2};
  object.list = {{"a"}, {""}};
  object.map = {{"x", {Phase::liquid, Phase::solid}}, {"", {}}};
  object.table = {{3, {"three"}}};
  object.particles = {{"p", {1.5}, -1}, {}};
  expect_round_trip(object);
  EXPECT_EQ(decode<Everything>(encoded(object)).read_version, 3U);
  expect_round_trip(Everything());
}

TEST(Codec, objects_with_pointers_by_archives_of_boost) {
  const auto both = std::make_shared<Named>(Named{"both"});
  const auto read = decode<Shared>(encoded(Shared{both, both}));
  ASSERT_NE(read.left, nullptr);
  EXPECT_EQ(read.left->name, "both");
  EXPECT_EQ(read.left, read.right);
  const Bytes bytes = encoded(Shared{});
  EXPECT_NE(test::error_message(Category::storage_failed, [&] { decode<Shared>(std::span(bytes).first(1)); }), "");
}

TEST(Codec, of_another_type_is_refused) {
  const auto refused = [](auto&& action) {
    EXPECT_NE(test::error_message(Category::storage_failed, action), "");
  };
  refused([] { decode<double>(encoded(1.5f)); });
  refused([] { decode<std::uint8_t>(Bytes()); });
  refused([] { decode<std::vector<double>>(encoded(std::vector<float>{1, 2})); });
  refused([] { decode<std::vector<std::int8_t>>(encoded(std::vector<double>{1, 2})); });
  refused([] { decode<std::vector<double>>(encoded(Array<double>(Shape{2, 2}))); });
  refused([] { decode<std::vector<double>>(encoded(Array<double>((Shape())))); });
  refused([] { (decode<std::array<double, 3>>(encoded(std::vector<double>{1, 2}))); });
  refused([] { decode<std::vector<std::string>>(encoded(std::vector<double>{1, 2})); });
  refused([] { decode<Particle>(encoded("abc"s)); });
}

TEST(Codec, refusals_name_the_type) {
  const std::string message =
      test::error_message(Category::storage_failed, [] { decode<std::vector<double>>(Bytes(3)); });
  EXPECT_TRUE(test::contains(message, "array<float64>"));
}

}  // namespace
}  // namespace mpipe
