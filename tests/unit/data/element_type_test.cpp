// SPDX-License-Identifier: BSD-3-Clause
// Each C++ type of a value has one description, which knows its kind, size and items.
#include <mpipe/data/element_type.hpp>

#include "support/expect_error.hpp"
#include "unit/data/particle.hpp"

#include <complex>
#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::Particle;

TEST(ElementType, of_each_cpp_type) {
  EXPECT_EQ(element_type<bool>().name, "bool");
  EXPECT_EQ(element_type<std::int8_t>().name, "int8");
  EXPECT_EQ(element_type<std::int16_t>().name, "int16");
  EXPECT_EQ(element_type<std::int32_t>().name, "int32");
  EXPECT_EQ(element_type<std::int64_t>().name, "int64");
  EXPECT_EQ(element_type<std::uint8_t>().name, "uint8");
  EXPECT_EQ(element_type<std::uint16_t>().name, "uint16");
  EXPECT_EQ(element_type<std::uint32_t>().name, "uint32");
  EXPECT_EQ(element_type<std::uint64_t>().name, "uint64");
  EXPECT_EQ(element_type<float>().name, "float32");
  EXPECT_EQ(element_type<double>().name, "float64");
  EXPECT_EQ(element_type<std::complex<float>>().name, "complex64");
  EXPECT_EQ(element_type<std::complex<double>>().name, "complex128");
  EXPECT_EQ(element_type<std::string>().name, "str");
  EXPECT_EQ((element_type<std::vector<std::array<double, 2>>>().name), "array<array<float64>>");
  EXPECT_EQ(element_type<ArrayView<const int>>(), element_type<Array<int>>());
  EXPECT_EQ(element_type<long long>(), element_type<std::int64_t>());
  EXPECT_EQ(element_type<unsigned long>(), element_type<std::uint64_t>());
}

// Each kind has the size of its C++ type, its number is its place in the table, and its name leads back to
// it.
TEST(ElementType, of_each_basic_kind) {
  const std::vector<std::size_t> sizes{1, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8, 8, 16, 0};
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    const ElementType& type = element_type(static_cast<Kind>(k));
    EXPECT_EQ(type.kind, static_cast<Kind>(k));
    EXPECT_EQ(type.size, sizes[k]) << type.name;
    EXPECT_EQ(type.fixed_size(), sizes[k] != 0);
    EXPECT_EQ(type.dtype(), type.name);
    EXPECT_EQ(find_element_type(type.name), &type);
  }
  EXPECT_EQ(find_element_type("float128"), nullptr);
  EXPECT_EQ(find_element_type(""), nullptr);
  EXPECT_THROW(element_type(Kind::array), Bug);
  EXPECT_THROW(element_type(Kind::object), Bug);
}

TEST(ElementType, sorts_of_numbers) {
  EXPECT_TRUE(element_type<std::uint64_t>().is_integer());
  EXPECT_FALSE(element_type<bool>().is_integer());
  EXPECT_FALSE(element_type<float>().is_integer());
  EXPECT_TRUE(element_type<bool>().is_real());
  EXPECT_FALSE(element_type<std::complex<float>>().is_real());
  EXPECT_TRUE(element_type<std::complex<double>>().is_numeric());
  EXPECT_FALSE(element_type<std::string>().is_numeric());
  EXPECT_FALSE(element_type<Array<double>>().is_numeric());
}

TEST(ElementType, of_an_array_knows_its_items) {
  const ElementType& type = element_type<Array<std::vector<std::string>>>();
  EXPECT_EQ(type.kind, Kind::array);
  EXPECT_EQ(type.dtype(), "object");
  ASSERT_NE(type.item, nullptr);
  EXPECT_EQ(type.item->name, "array<str>");
  ASSERT_NE(type.item->item, nullptr);
  EXPECT_EQ(*type.item->item, element_type<std::string>());
  EXPECT_EQ(&array_type(element_type<double>()), &array_type(element_type<double>()));
}

TEST(ElementType, of_an_object_is_its_cpp_name) {
  const ElementType& type = element_type<Particle>();
  EXPECT_EQ(type.kind, Kind::object);
  EXPECT_EQ(type.name, "mpipe::test::Particle");
  EXPECT_EQ(type.dtype(), "object");
  EXPECT_FALSE(type.fixed_size());
  // Another library's description of the same type
  EXPECT_EQ(type, (ElementType{Kind::object, "mpipe::test::Particle", 0, nullptr}));
  EXPECT_NE(type, (ElementType{Kind::object, "mpipe::test::Other", 0, nullptr}));
}

TEST(ElementType, arrays_of_objects_outlive_the_description_they_were_made_from) {
  const ElementType* array = nullptr;
  {
    const ElementType from_plugin{Kind::object, "plugin::Type", 0, nullptr};
    array = &array_type(from_plugin);
  }
  EXPECT_EQ(array->item->name, "plugin::Type");
}

struct Widening {
  const char* from;
  const char* to;
  bool allowed;
};

class Widens : public ::testing::TestWithParam<Widening> {};

TEST_P(Widens, as_promised) {
  const auto& [from, to, allowed] = GetParam();
  EXPECT_EQ(widens(*find_element_type(from), *find_element_type(to)), allowed) << from << " to " << to;
}

INSTANTIATE_TEST_SUITE_P(
    Edges, Widens,
    ::testing::Values(Widening{"int32", "int64", true}, Widening{"int64", "int32", false},
                      Widening{"uint8", "int16", true}, Widening{"uint32", "int64", true},
                      Widening{"uint64", "int64", false}, Widening{"int8", "uint64", false},
                      Widening{"bool", "uint8", true}, Widening{"bool", "int8", true},
                      Widening{"int8", "bool", false}, Widening{"int64", "float64", true},
                      Widening{"int32", "float32", false}, Widening{"int16", "float32", true},
                      Widening{"float32", "float64", true}, Widening{"float64", "float32", false},
                      Widening{"float64", "int64", false}, Widening{"float32", "int64", false},
                      Widening{"float32", "complex64", true}, Widening{"float64", "complex128", true},
                      Widening{"float64", "complex64", false}, Widening{"complex64", "complex128", true},
                      Widening{"complex128", "complex64", false}, Widening{"complex64", "float64", false},
                      Widening{"str", "str", true}, Widening{"str", "float64", false},
                      Widening{"float64", "str", false}));

}  // namespace
}  // namespace mpipe
