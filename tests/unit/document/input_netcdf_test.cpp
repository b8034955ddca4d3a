// SPDX-License-Identifier: BSD-3-Clause
// Inputs from HDF5 files that follow the conventions of netCDF, and from results of runs.
#include "hdf5_inputs.hpp"

#include <cmath>
#include <cstring>

namespace mpipe::test {
namespace {

class Netcdf : public Hdf5 {
 protected:
  template <class T>
  void attribute(const char* dataset, const char* name, hid_t type, const std::vector<T>& values) {
    const hsize_t count = values.size();
    const hid_t space = count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, nullptr);
    const hid_t id =
        H5Acreate_by_name(file_, dataset, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(H5Awrite(id, type, values.data()), 0);
    H5Aclose(id);
    H5Sclose(space);
  }
  void attribute(const char* dataset, const char* name, double value) {
    attribute<double>(dataset, name, H5T_NATIVE_DOUBLE, {value});
  }
  void text_attribute(const char* dataset, const char* name, const std::string& text) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, text.size());
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t id =
        H5Acreate_by_name(file_, dataset, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(H5Awrite(id, type, text.data()), 0);
    H5Aclose(id);
    H5Sclose(space);
    H5Tclose(type);
  }
  void shorts(const char* name, const std::vector<std::int16_t>& values) {
    write(name, H5T_NATIVE_INT16, {values.size()}, values.data());
  }
};

TEST_F(Netcdf, PackedNumbersAreUnpacked) {
  shorts("t", {0, 100, -32768, -999});
  attribute("t", "scale_factor", 0.01);
  attribute("t", "add_offset", 20);
  attribute<std::int16_t>("t", "_FillValue", H5T_NATIVE_INT16, {-32768});
  attribute<double>("t", "missing_value", H5T_NATIVE_DOUBLE, {-999, -998});
  const auto numbers = value("t").as<std::vector<double>>();
  EXPECT_EQ(numbers[0], 20.0);
  EXPECT_EQ(numbers[1], 100 * 0.01 + 20);
  EXPECT_TRUE(std::isnan(numbers[2]) && std::isnan(numbers[3]));
  EXPECT_EQ(value("t", ", raw: true").as<std::vector<std::int16_t>>()[2], -32768);
}

TEST_F(Netcdf, LargePackedArraysAreUnpackedByPieces) {
  std::vector<std::int16_t> stored(1'000'000);
  for (std::size_t k = 0; k < stored.size(); ++k) stored[k] = static_cast<std::int16_t>(k % 1000);
  shorts("t", stored);
  attribute("t", "scale_factor", 0.5);
  const Value numbers = value("t");
  ASSERT_NE(numbers.source(), nullptr);
  EXPECT_EQ(numbers.type().dtype(), "float64");
  EXPECT_EQ(numbers.as<std::vector<double>>()[999'999], 999 * 0.5);
}

TEST_F(Netcdf, FloatsThatAreMissingAreNotANumber) {
  const std::vector<float> stored{1.5F, -999.9F, 9.96921e36F};
  write("t", H5T_NATIVE_FLOAT, {3}, stored.data());
  attribute("t", "missing_value", -999.9);
  auto numbers = value("t").as<std::vector<float>>();
  EXPECT_EQ(numbers[0], 1.5F);
  EXPECT_TRUE(std::isnan(numbers[1]));
  EXPECT_EQ(numbers[2], 9.96921e36F) << "it is no fill value, as nobody said so";
}

TEST_F(Netcdf, WhatNobodyWroteIsMissing) {
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  const double fill = 9.9692099683868690e+36;
  const std::int32_t integer_fill = -2147483647;
  const hsize_t extent = 2;
  const hid_t space = H5Screate_simple(1, &extent, nullptr);
  H5Pset_fill_value(creation, H5T_NATIVE_DOUBLE, &fill);
  H5Dclose(H5Dcreate2(file_, "d", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  H5Pset_fill_value(creation, H5T_NATIVE_INT32, &integer_fill);
  H5Dclose(H5Dcreate2(file_, "i", H5T_NATIVE_INT32, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  H5Sclose(space);
  H5Pclose(creation);
  EXPECT_TRUE(std::isnan(value("d").as<std::vector<double>>()[1]));
  EXPECT_TRUE(contains(refusal("i"), "the value -2147483647 in place 0"));
  EXPECT_EQ(value("i", ", raw: true").as<std::vector<std::int32_t>>()[0], integer_fill);
}

TEST_F(Netcdf, SignsAreAsTheAttributeSays) {
  const std::vector<std::int8_t> stored{-1, 1, -2};
  write("t", H5T_NATIVE_INT8, {3}, stored.data());
  text_attribute("t", "_Unsigned", "true");
  EXPECT_EQ(value("t").as<std::vector<std::uint8_t>>(), (std::vector<std::uint8_t>{255, 1, 254}));
}

TEST_F(Netcdf, SignsMayBeWrittenInAnyCaseButOnlyInWords) {
  const std::vector<std::int8_t> stored{-1};
  for (const char* const name : {"upper", "mixed", "number", "other"})
    write(name, H5T_NATIVE_INT8, {1}, stored.data());
  const std::vector<std::uint8_t> bytes{255};
  write("signed", H5T_NATIVE_UINT8, {1}, bytes.data());
  text_attribute("upper", "_Unsigned", "TRUE");
  text_attribute("mixed", "_Unsigned", "True");
  text_attribute("signed", "_Unsigned", "FALSE");
  attribute<std::int8_t>("number", "_Unsigned", H5T_NATIVE_INT8, {1});
  text_attribute("other", "_Unsigned", "yes");
  EXPECT_EQ(value("upper").as<std::vector<std::uint8_t>>().front(), 255);
  EXPECT_EQ(value("mixed").as<std::vector<std::uint8_t>>().front(), 255);
  EXPECT_EQ(value("signed").as<std::vector<std::int8_t>>().front(), -1);
  for (const char* const name : {"number", "other"})
    EXPECT_TRUE(contains(refusal(name), "has the attribute '_Unsigned', which is neither the text true nor"));
  EXPECT_EQ(value("number", ", raw: true").as<std::vector<std::int8_t>>().front(), -1);
}

TEST_F(Netcdf, FillValuesHaveTheSignToo) {
  const std::vector<std::int8_t> stored{-1, 1};
  write("t", H5T_NATIVE_INT8, {2}, stored.data());
  text_attribute("t", "_Unsigned", "true");
  attribute<std::int8_t>("t", "_FillValue", H5T_NATIVE_INT8, {-1});
  const auto numbers = value("t").as<std::vector<double>>();
  EXPECT_TRUE(std::isnan(numbers[0]));
  EXPECT_EQ(numbers[1], 1.0);
}

TEST_F(Netcdf, ValuesOutsideOfTheirRangeAreRefused) {
  shorts("t", {5, 50, 500});
  attribute<std::int16_t>("t", "valid_range", H5T_NATIVE_INT16, {0, 100});
  EXPECT_TRUE(contains(refusal("t"), "the value 500 in place 2"));
  EXPECT_EQ(value("t", ", raw: true").as<std::vector<std::int16_t>>()[2], 500);
}

TEST_F(Netcdf, RangesOfPackedNumbersMayBeOfTheirValues) {
  shorts("t", {500, 5000});
  attribute("t", "scale_factor", 0.01);
  attribute("t", "valid_max", 50);
  EXPECT_EQ(value("t").as<std::vector<double>>()[1], 50.0);
}

TEST_F(Netcdf, AttributesThatAreNoNumbersAreRefused) {
  shorts("t", {1});
  text_attribute("t", "scale_factor", "0.1");
  EXPECT_TRUE(contains(refusal("t"), "has the attribute 'scale_factor', which is no number"));
}

TEST_F(Netcdf, LargeIntegersAreNotRoundedWhereTheyMayBeMissing) {
  const std::vector<std::int64_t> stored{1, 9007199254740993, -1};
  write("t", H5T_NATIVE_INT64, {3}, stored.data());
  attribute<std::int64_t>("t", "_FillValue", H5T_NATIVE_INT64, {-1});
  EXPECT_TRUE(contains(refusal("t"), "the value 9007199254740993 in place 1"));
}

TEST_F(Netcdf, ADimensionHasNoValues) {
  write("x", H5T_NATIVE_FLOAT, {7}, nullptr);
  text_attribute("x", "NAME", "This is a netCDF dimension but not a netCDF variable.         7");
  EXPECT_TRUE(contains(refusal("x"), "{arange: [0, 7, 1]}"));
}

TEST_F(Netcdf, AVariableWithTheNameOfADimensionIsFound) {
  write("v", H5T_NATIVE_FLOAT, {2}, nullptr);
  text_attribute("v", "NAME", "This is a netCDF dimension but not a netCDF variable.         2");
  const std::vector<float> numbers{1, 2};
  write("_nc4_non_coord_v", H5T_NATIVE_FLOAT, {1, 2}, numbers.data());
  EXPECT_TRUE(contains(refusal("v"), "is stored as '/_nc4_non_coord_v'. Name that"));
  EXPECT_EQ(value("_nc4_non_coord_v").count(), 2);
}

TEST_F(Netcdf, CharactersAreTexts) {
  const hid_t character = H5Tcopy(H5T_C_S1);
  H5Tset_size(character, 1);
  write("names", character, {2, 4}, "ab\0\0wxyz");
  H5Tclose(character);
  EXPECT_EQ(value("names").as<std::vector<std::string>>(), (std::vector<std::string>{"ab", "wxyz"}));
}

TEST_F(Netcdf, BooleansOfXarrayAndOfOurs) {
  const std::vector<std::int8_t> stored{0, 1};
  write("t", H5T_NATIVE_INT8, {2}, stored.data());
  text_attribute("t", "dtype", "bool");
  EXPECT_EQ(value("t").type().dtype(), "bool");
}

/// results.h5 of a run, with an output `y` whose elements have these states.
class RunOutput : public Netcdf {
 protected:
  void write_run(const std::vector<std::uint8_t>& states) {
    attribute<std::int32_t>("/", "mpipe_format", H5T_NATIVE_INT32, {1});
    const std::vector<double> numbers(states.size(), 0.5);
    write("y", H5T_NATIVE_DOUBLE, {states.size()}, numbers.data());
    write("y__re", H5T_NATIVE_DOUBLE, {states.size()}, numbers.data());
    write("y__status", H5T_NATIVE_UINT8, {states.size()}, states.data());
    write("z__status", H5T_NATIVE_UINT8, {states.size()}, states.data());
  }
};

TEST_F(RunOutput, IsTakenWhenItIsComplete) {
  write_run({1, 1});
  EXPECT_EQ(value("y").count(), 2);
}

TEST_F(RunOutput, IsRefusedWhenElementsArePending) {
  write_run({1, 0, 2, 1, 3, 0, 0, 0});
  const std::string message = refusal("/y");
  EXPECT_TRUE(contains(message,
                       "[1] is pending, [2] failed, [4] is blocked by a failure, [5] is pending, [6] is "
                       "pending and 1 more"))
      << message;
  EXPECT_TRUE(contains(message, "(--resume --retry-failed, as what failed is not computed again otherwise)"));
  EXPECT_TRUE(contains(refusal("y__re"), "[1] is pending"));
  EXPECT_TRUE(contains(refusal("z"), "It is an output of a run"));
  EXPECT_EQ(value("y", ", raw: true").count(), 8);
}

TEST_F(RunOutput, OnlyWhatFailedNeedsAnotherTry) {
  write_run({1, 0});
  EXPECT_TRUE(contains(refusal("y"), "Go on with that run (--resume) before"));
}

/// Whatever the link, and whatever its name.
TEST_F(RunOutput, IsRefusedBehindLinksToo) {
  write_run({1, 0});
  H5Lcreate_soft("/y", file_, "soft", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(file_, "/y", file_, "hard", H5P_DEFAULT, H5P_DEFAULT);
  close();
  std::filesystem::rename(path_, folder_.path() / "results.h5");
  file_ = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  for (const char* name : {"y", "soft", "hard"})
    H5Lcreate_external("results.h5", name, file_, name, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t extent = 2;
  const hid_t space = H5Screate_simple(1, &extent, nullptr);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_virtual(creation, space, "results.h5", "y", space);
  H5Dclose(H5Dcreate2(file_, "joined", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  H5Pclose(creation);
  H5Sclose(space);
  for (const char* name : {"y", "soft", "hard", "joined"})
    EXPECT_TRUE(contains(refusal(name), "[1] is pending")) << name;
  EXPECT_EQ(value("joined", ", raw: true").count(), 2);
}

}  // namespace
}  // namespace mpipe::test
