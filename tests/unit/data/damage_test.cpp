// SPDX-License-Identifier: BSD-3-Clause
// Bytes that are not what they should be: refused with an Error, without a crash, and without an allocation
// that is much larger than the bytes themselves.
#include <mpipe/data/value.hpp>

#include "support/expect_error.hpp"
#include "unit/data/particle.hpp"

#include <complex>
#include <algorithm>
#include <cstdlib>
#include <new>
#include <random>
#include <string>
#include <vector>

namespace {

std::size_t largest_allocation = 0;

}  // namespace

// Not inlined, as GCC then takes the pair of malloc and free for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  largest_allocation = std::max(largest_allocation, size);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace mpipe {
namespace {

using test::Particle;

template <class T>
Bytes encoded(const T& value) {
  Bytes bytes;
  encode(value, bytes);
  return bytes;
}

// Whether `read` takes the bytes; when it does not, it must say so with the right Error.
template <class Read>
bool is_read(std::span<const std::byte> bytes, const Read& read) {
  largest_allocation = 0;
  bool taken = true;
  try {
    read(bytes);
  } catch (const Error& error) {
    EXPECT_EQ(to_string(error.category()), to_string(Category::storage_failed)) << error.what();
    taken = false;
  }
  // Items in memory are a few times as large as the smallest encoding of one.
  EXPECT_LE(largest_allocation, 8 * bytes.size() + 4096);
  return taken;
}

template <class Read>
void expect_short_and_long_refused(const Bytes& good, const Read& read) {
  ASSERT_TRUE(is_read(good, read));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(is_read(std::span(good).first(size), read)) << size << " of " << good.size() << " bytes";
  Bytes longer = good;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(is_read(longer, read));
}

// Overwrites some bytes, preferring values that are dangerous as lengths. Nothing is expected but that it
// ends well.
template <class Read>
void expect_survives_changes(const Bytes& good, const Read& read, unsigned seed) {
  std::mt19937 random(seed);
  const auto pick = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
  };
  constexpr unsigned char dangerous[] = {0x00, 0x01, 0x02, 0x3f, 0x40, 0x7f, 0x80, 0xff};
  for (int round = 0; round < 3000; ++round) {
    Bytes bytes = good;
    for (std::size_t changes = 1 + pick(4); changes > 0; --changes) {
      const std::size_t at = pick(bytes.size());
      const std::size_t run = pick(2) == 0 ? 1 : 8;  // a byte, or about a number
      for (std::size_t k = at; k < std::min(at + run, bytes.size()); ++k)
        bytes[k] = static_cast<std::byte>(pick(2) == 0 ? dangerous[pick(8)] : pick(256));
    }
    if (pick(4) == 0) bytes.resize(pick(bytes.size()) + 1);
    is_read(bytes, read);
  }
}

template <class T>
void expect_safe(const T& value, unsigned seed) {
  SCOPED_TRACE(element_type<T>().name);
  const auto read = [](std::span<const std::byte> bytes) { static_cast<void>(decode<T>(bytes)); };
  expect_short_and_long_refused(encoded(value), read);
  expect_survives_changes(encoded(value), read, seed);
}

TEST(DamagedBytes, of_numbers) {
  expect_safe(true, 1);
  expect_safe(std::int8_t{5}, 2);
  expect_safe(1.5, 3);
  expect_safe(std::complex<double>(1, 2), 4);
}

TEST(DamagedBytes, of_arrays) {
  expect_safe(std::vector<double>{1, 2, 3}, 5);
  expect_safe(std::vector<bool>{true, false}, 6);
  expect_safe(std::array<float, 3>{1, 2, 3}, 7);
  expect_safe(Array<std::int16_t>(Shape{2, 3, 4}), 8);
  expect_safe(Array<bool>{true, false, true}, 9);
  expect_safe(Array<double>(Shape{2, 0}), 10);
}

TEST(DamagedBytes, of_arrays_of_what_varies_in_size) {
  expect_safe(std::vector<std::string>{"ab", "", "cde"}, 11);
  expect_safe(Array<std::string>(Shape{2, 2}), 12);
  expect_safe(std::array<std::string, 2>{"x", "yz"}, 13);
  expect_safe(std::vector<std::vector<double>>{{1, 2}, {}, {3}}, 14);
  expect_safe(Array<Array<std::string>>{Array<std::string>{"a", "b"}, Array<std::string>{}}, 15);
}

// Boost's archives trust the lengths in them, so only what is too short or too long is tried.
TEST(DamagedBytes, of_objects) {
  const auto read = [](std::span<const std::byte> bytes) { static_cast<void>(decode<Particle>(bytes)); };
  expect_short_and_long_refused(encoded(Particle{"muon", {1, 2}, -1}), read);
}

TEST(DamagedBytes, a_bool_is_0_or_1) {
  for (int byte = 2; byte < 256; ++byte) {
    const Bytes bytes(1, static_cast<std::byte>(byte));
    EXPECT_FALSE(is_read(bytes, [](auto raw) { decode<bool>(raw); }));
  }
  Bytes array = encoded(Array<bool>{true, false});
  array.back() = std::byte{2};
  EXPECT_FALSE(is_read(array, [](auto raw) { decode<Array<bool>>(raw); }));
  EXPECT_FALSE(is_read(array, [](auto raw) { decode<std::vector<bool>>(raw); }));
  EXPECT_FALSE(is_read(array, [](auto raw) { decode<std::array<bool, 2>>(raw); }));
  Bytes wire = Value(std::vector<bool>{true, false}).to_wire();
  wire.back() = std::byte{2};
  EXPECT_FALSE(is_read(wire, [](auto raw) { static_cast<void>(Value::from_wire(raw)); }));
}

Bytes with_shape(const std::vector<std::uint64_t>& rank_and_extents, std::size_t more_bytes) {
  Bytes bytes;
  detail::append(bytes, rank_and_extents.data(), rank_and_extents.size() * sizeof(std::uint64_t));
  bytes.resize(bytes.size() + more_bytes);
  return bytes;
}

TEST(DamagedBytes, shapes_that_lie) {
  constexpr std::uint64_t large = std::uint64_t{1} << 62;
  const auto doubles = [](std::span<const std::byte> bytes) { decode<Array<double>>(bytes); };
  const auto texts = [](std::span<const std::byte> bytes) { decode<Array<std::string>>(bytes); };
  for (const std::vector<std::uint64_t>& shape :
       std::vector<std::vector<std::uint64_t>>{{1, 3},          // one item more than there is
                                               {0},             // a single one, which is not there either
                                               {1, large},      // too many
                                               {1, large + 1},  // more than an index holds
                                               {1, ~std::uint64_t{0}},  // negative as an index
                                               {2, large, 4},           // 0 modulo 2^64
                                               {3, 0, large, large},    // none, but strides that overflow
                                               {65, 1},                 // a rank over 64
                                               {~std::uint64_t{0}},     // a rank that nothing has
                                               {2, std::uint64_t{1} << 32, std::uint64_t{1} << 32}}) {
    const bool says_none = shape.front() == 0 || (shape.size() > 1 && shape[1] == 0);
    const std::size_t more = says_none ? 0 : 2 * sizeof(double);
    EXPECT_FALSE(is_read(with_shape(shape, more), doubles)) << ::testing::PrintToString(shape);
    EXPECT_FALSE(is_read(with_shape(shape, more), texts)) << ::testing::PrintToString(shape);
  }
  std::vector<std::uint64_t> rank_65(66, 1);
  rank_65.front() = 65;
  EXPECT_FALSE(is_read(with_shape(rank_65, sizeof(double)), doubles));
  rank_65.pop_back();
  rank_65.front() = 64;
  EXPECT_TRUE(is_read(with_shape(rank_65, sizeof(double)), doubles));
  EXPECT_TRUE(is_read(with_shape({1, 2}, 2 * sizeof(double)), doubles));
  EXPECT_TRUE(is_read(with_shape({2, 0, 5}, 0), doubles));
}

TEST(DamagedBytes, of_values_on_the_wire) {
  unsigned seed = 100;
  const auto read = [](std::span<const std::byte> bytes) {
    const Value value = Value::from_wire(bytes);
    describe(value);  // what is taken must be usable
    if (value.count() > 0) describe_element(value.type(), value.element(value.count() - 1));
  };
  for (const Value& value :
       {Value(1.5), Value(true), Value(std::vector<bool>{true, false}), Value("text"),
        Value(Array<float>(Shape{2, 3})), Value({"a", "", "bcd"}),
        Value(std::vector<std::vector<double>>{{1}, {2, 3}}), Value(Particle{"p", {1}, 1})}) {
    SCOPED_TRACE(describe(value));
    const Bytes wire = value.to_wire();
    expect_short_and_long_refused(wire, read);
    expect_survives_changes(wire, read, ++seed);
  }
}

Bytes wire_of_type(std::string_view name, Kind kind) {
  Bytes bytes;
  const std::uint64_t length = name.size();
  detail::append(bytes, &length, sizeof length);
  detail::append(bytes, name.data(), name.size());
  detail::append(bytes, &kind, sizeof kind);
  const std::uint64_t shape_and_offset[] = {1, 0, 0};  // an array without elements
  detail::append(bytes, shape_and_offset, sizeof shape_and_offset);
  return bytes;
}

TEST(DamagedBytes, types_on_the_wire) {
  const auto read = [](std::span<const std::byte> bytes) { static_cast<void>(Value::from_wire(bytes)); };
  EXPECT_TRUE(is_read(wire_of_type("str", Kind::string), read));
  EXPECT_TRUE(is_read(wire_of_type("array<array<str>>", Kind::array), read));
  EXPECT_FALSE(is_read(wire_of_type("str", Kind::int8), read));  // one says this, the other that
  EXPECT_FALSE(is_read(wire_of_type("text", Kind::string), read));
  EXPECT_FALSE(is_read(wire_of_type("str", static_cast<Kind>(200)), read));
  for (const char* name : {"str", "array", "array<", "array<>", "array<float64", "list<float64>"})
    EXPECT_FALSE(is_read(wire_of_type(name, Kind::array), read)) << name;
  std::string deep;
  for (int level = 0; level < 100'000; ++level) deep += "array<";
  EXPECT_FALSE(is_read(wire_of_type(deep + "str" + std::string(100'000, '>'), Kind::array), read));
}

}  // namespace
}  // namespace mpipe
