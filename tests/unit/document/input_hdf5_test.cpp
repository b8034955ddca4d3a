// SPDX-License-Identifier: BSD-3-Clause
// Inputs from HDF5 files, which the tests write with HDF5 itself.
#include <mpipe/data/hdf5_input.hpp>

#include "hdf5_inputs.hpp"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <chrono>
#include <complex>
#include <cstring>
#include <fstream>

namespace mpipe::test {
namespace {

TEST_F(Hdf5, Numbers) {
  const std::vector<double> doubles{1, 2.5, 3, 4, 5, 6};
  write("a", H5T_NATIVE_DOUBLE, {2, 3}, doubles.data());
  const auto array = value("/a").as<Array<double>>();
  EXPECT_EQ(array.shape(), (Shape{2, 3}));
  EXPECT_EQ(array(0, 1), 2.5);
  EXPECT_EQ(array(1, 0), 4.0);
}

TEST_F(Hdf5, TypesAreKept) {
  const std::int32_t integer = -7;
  const std::uint64_t large = 18446744073709551615U;
  const float single = 0.5F;
  write("i", H5T_NATIVE_INT32, {}, &integer);
  write("u", H5T_NATIVE_UINT64, {1}, &large);
  write("f", H5T_NATIVE_FLOAT, {1}, &single);
  EXPECT_EQ(value("i").as<std::int32_t>(), -7);
  EXPECT_EQ(value("i").type().dtype(), "int32");
  EXPECT_EQ(value("u").as<std::vector<std::uint64_t>>()[0], large);
  EXPECT_EQ(value("f").as<std::vector<float>>()[0], 0.5F);
}

TEST_F(Hdf5, OtherByteOrders) {
  const hid_t type = H5Tcopy(H5T_STD_I16BE);
  const std::int16_t raw = 0x0201;  // read as big-endian on this machine: 0x0102
  write("b", type, {1}, &raw);
  H5Tclose(type);
  EXPECT_EQ(value("b").as<std::vector<std::int16_t>>()[0], 0x0102);
}

TEST_F(Hdf5, BooleansAndComplexNumbersOfH5py) {
  const hid_t boolean = H5Tenum_create(H5T_NATIVE_INT8);
  std::int8_t code = 0;
  H5Tenum_insert(boolean, "FALSE", &code);
  code = 1;
  H5Tenum_insert(boolean, "TRUE", &code);
  const std::int8_t truth[] = {1, 0};
  write("t", boolean, {2}, truth);
  const hid_t pair = H5Tcreate(H5T_COMPOUND, 16);
  H5Tinsert(pair, "r", 0, H5T_NATIVE_DOUBLE);
  H5Tinsert(pair, "i", 8, H5T_NATIVE_DOUBLE);
  const std::complex<double> number(1.5, -2);
  write("c", pair, {}, &number);
  H5Tclose(boolean);
  H5Tclose(pair);
  EXPECT_EQ(value("t").type().dtype(), "bool");
  EXPECT_EQ(value("t").as<std::vector<std::uint8_t>>(), (std::vector<std::uint8_t>{1, 0}));
  EXPECT_EQ(value("c").as<std::complex<double>>(), number);
}

TEST_F(Hdf5, Texts) {
  const hid_t variable = H5Tcopy(H5T_C_S1);
  H5Tset_size(variable, H5T_VARIABLE);
  const char* texts[] = {"one", "", "three"};
  write("v", variable, {3}, texts);
  const hid_t fixed = H5Tcopy(H5T_C_S1);
  H5Tset_size(fixed, 4);
  H5Tset_strpad(fixed, H5T_STR_SPACEPAD);
  write("f", fixed, {2}, "ab  abcd");
  write("s", variable, {}, texts);
  H5Tclose(variable);
  H5Tclose(fixed);
  EXPECT_EQ(value("v").as<std::vector<std::string>>(), (std::vector<std::string>{"one", "", "three"}));
  EXPECT_EQ(value("f").as<std::vector<std::string>>(), (std::vector<std::string>{"ab", "abcd"}));
  EXPECT_EQ(value("s").as<std::string>(), "one");
}

TEST_F(Hdf5, EmptyAxes) {
  write("e", H5T_NATIVE_DOUBLE, {0, 3}, nullptr);
  EXPECT_EQ(value("e").shape(), (Shape{0, 3}));
}

TEST_F(Hdf5, Groups) {
  const hid_t group = H5Gcreate2(file_, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Gclose(group);
  const double number = 3;
  write("g/x", H5T_NATIVE_DOUBLE, {}, &number);
  EXPECT_EQ(value("/g/x").as<double>(), 3.0);
  EXPECT_TRUE(contains(refusal("/g"), "has no dataset '/g' that can be opened"));
  EXPECT_TRUE(contains(refusal("/g/y"), "has no dataset '/g/y' that can be opened"));
}

TEST_F(Hdf5, AHugeDatasetIsRefusedBeforeAnythingIsAllocated) {
  const hsize_t extents[] = {1000000000, 1000000000};
  const hsize_t chunk[] = {10, 10};
  const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(list, 2, chunk);
  const hid_t space = H5Screate_simple(2, extents, nullptr);
  const hid_t dataset = H5Dcreate2(file_, "huge", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, list, H5P_DEFAULT);
  ASSERT_GE(dataset, 0);
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(list);
  EXPECT_TRUE(contains(refusal("huge", Category::too_large), "an array of shape (1000000000, 1000000000)"));
}

TEST_F(Hdf5, FloatsOfTwoBytesBecomeFloatsOfFour) {
  const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(half, 15, 10, 5, 0, 10);
  H5Tset_size(half, 2);
  H5Tset_ebias(half, 15);
  const std::vector<std::uint16_t> stored{0x3C00, 0xC000, 0x7BFF};
  write("half", half, {3}, stored.data());
  H5Tclose(half);
  EXPECT_EQ(value("half").as<std::vector<float>>(), (std::vector<float>{1, -2, 65504}));
}

TEST_F(Hdf5, TypesThatAreNotReadAreNamed) {
  const hid_t pair = H5Tcreate(H5T_COMPOUND, 8);
  H5Tinsert(pair, "a", 0, H5T_NATIVE_INT);
  H5Tinsert(pair, "b", 4, H5T_NATIVE_INT);
  const hid_t list = H5Tvlen_create(H5T_NATIVE_INT);
  const hid_t opaque = H5Tcreate(H5T_OPAQUE, 4);
  const hid_t names = H5Tenum_create(H5T_NATIVE_INT);
  const int one = 1;
  H5Tenum_insert(names, "one", &one);
  write("pair", pair, {1}, nullptr);
  write("list", list, {1}, nullptr);
  write("opaque", opaque, {1}, nullptr);
  write("names", names, {1}, nullptr);
  write("long", H5T_NATIVE_LDOUBLE, {1}, nullptr);
  write("reference", H5T_STD_REF_OBJ, {1}, nullptr);
  for (const hid_t type : {pair, list, opaque, names}) H5Tclose(type);
  EXPECT_TRUE(contains(refusal("pair"), "records of several fields"));
  EXPECT_TRUE(contains(refusal("list"), "lists of varying length"));
  EXPECT_TRUE(contains(refusal("opaque"), "opaque bytes"));
  EXPECT_TRUE(contains(refusal("names"), "names of an enumeration"));
  EXPECT_TRUE(contains(refusal("long"), "floating point numbers of 16 bytes (long double?)"));
  EXPECT_TRUE(contains(refusal("reference"), "references to other datasets"));
}

TEST_F(Hdf5, FilesThatAreNone) {
  close();
  folder_.write("t.h5", "this is a text");
  EXPECT_TRUE(contains(refusal("x"), "cannot be opened as HDF5"));
  folder_.write("t.h5", std::string("CDF\1\0\0\0\0", 8));
  EXPECT_TRUE(contains(refusal("x"), "nccopy"));
  std::filesystem::remove(path_);
  EXPECT_TRUE(contains(refusal("x"), "is not there"));
}

TEST_F(Hdf5, ADamagedFileIsRefused) {
  const std::vector<double> doubles(1000, 1.0);
  write("a", H5T_NATIVE_DOUBLE, {1000}, doubles.data());
  close();
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 4000);
  EXPECT_TRUE(contains(refusal("a"), "t.h5"));
}

TEST_F(Hdf5, LargeArraysAreLookedAtInTheFile) {
  std::vector<double> numbers(200'000);
  for (std::size_t k = 0; k < numbers.size(); ++k) numbers[k] = 0.25 * static_cast<double>(k);
  write("big", H5T_NATIVE_DOUBLE, {1000, 200}, numbers.data());
  write("swapped", H5T_IEEE_F64BE, {1000, 200}, nullptr);
  write("small", H5T_NATIVE_DOUBLE, {5}, numbers.data());
  const Value big = value("big");
  ASSERT_NE(big.file(), nullptr);
  EXPECT_EQ(big.shape(), (Shape{1000, 200}));
  EXPECT_EQ(big.as<Array<double>>()(999, 199), 0.25 * 199'999);
  EXPECT_EQ(value("swapped").file(), nullptr);
  EXPECT_NE(value("swapped").source(), nullptr);
  EXPECT_EQ(value("small").file(), nullptr);
  EXPECT_EQ(value("small").source(), nullptr);
}

/// Numbers 0, 1, .. of 4 bytes, big-endian and packed, in chunks of (70, 30).
void write_packed(hid_t file, const char* name, hsize_t rows, hsize_t columns) {
  const hsize_t shape[] = {rows, columns};
  const hsize_t chunk[] = {70, 30};
  std::vector<std::int32_t> numbers(rows * columns);
  for (std::size_t k = 0; k < numbers.size(); ++k) numbers[k] = static_cast<std::int32_t>(k);
  const hid_t space = H5Screate_simple(2, shape, nullptr);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 2, chunk);
  H5Pset_shuffle(creation);
  H5Pset_deflate(creation, 4);
  const hid_t dataset = H5Dcreate2(file, name, H5T_STD_I32BE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  ASSERT_GE(H5Dwrite(dataset, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data()), 0);
  H5Dclose(dataset);
  H5Pclose(creation);
  H5Sclose(space);
}

std::int32_t number_at(const Value& value, Index k) {
  std::int32_t number = 0;
  std::memcpy(&number, value.address() + static_cast<std::size_t>(k) * sizeof(number), sizeof(number));
  return number;
}

TEST_F(Hdf5, LargePackedArraysAreReadByPieces) {
  write_packed(file_, "packed", 1000, 1000);
  const Value packed = value("packed");
  ASSERT_NE(packed.source(), nullptr);
  EXPECT_EQ(packed.source()->piece(), 210 * 1000);  // three rows of chunks
  packed.fetch({500'000, 500'001});
  EXPECT_EQ(number_at(packed, 499'999), 499'999);
  EXPECT_EQ(number_at(packed, 629'999), 629'999);
  EXPECT_EQ(number_at(packed, 0), 0);
  EXPECT_EQ(number_at(packed, 419'999), 0) << "was not asked for";
  EXPECT_EQ(packed.as<Array<std::int32_t>>()(999, 998), 999'998);
}

TEST_F(Hdf5, PackedArraysAreReadFromTheFileThatWasOpened) {
  write_packed(file_, "packed", 1000, 1000);
  const Value packed = value("packed");
  const auto& place = dynamic_cast<const DatasetSource&>(*packed.source()).place();
  EXPECT_NO_THROW(DatasetSource(place, packed.type(), packed.shape()));
  EXPECT_TRUE(contains(error_message(Category::bad_input_file,
                                     [&] {
                                       DatasetSource(place, packed.type(), {1000, 999});
                                     }),
                       "has another shape or type"));
  folder_.write("t.h5", "something else");
  EXPECT_TRUE(contains(
      error_message(Category::bad_input_file, [&] { DatasetSource(place, packed.type(), packed.shape()); }),
      "was changed"));
}

TEST_F(Hdf5, PackedArraysThatChangeAreNotMixed) {
  write_packed(file_, "packed", 1000, 1000);
  const Value packed = value("packed");
  packed.fetch({0, 1});
  std::filesystem::last_write_time(path_,
                                   std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  const auto refused = [&](auto&& action) { return error_message(Category::bad_input_file, action); };
  EXPECT_TRUE(contains(refused([&] { packed.data(); }), "was changed"));
  EXPECT_TRUE(contains(refused([&] { packed.source()->check_same(); }), "was changed"));
}

TEST_F(Hdf5, PackedArraysThatChangeUnderTheirOldTimeAreNotMixed) {
  write_packed(file_, "packed", 1000, 1000);
  const Value packed = value("packed");
  packed.fetch({0, 1});
  const auto time = std::filesystem::last_write_time(path_);
  std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
  EXPECT_NO_THROW(packed.source()->check_same()) << "only its rights have changed";
  std::ifstream in(path_, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  file_ = H5Fopen(path_.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(file_, "packed", H5P_DEFAULT);
  const hsize_t first[] = {0, 0};
  unsigned filters = 0;
  haddr_t place = HADDR_UNDEF;
  hsize_t size = 0;
  H5Dget_chunk_info_by_coord(dataset, first, &filters, &place, &size);
  H5Dclose(dataset);
  close();
  // In place and of the same length: a part of the first chunk is lost.
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(place) + 2, 64, '\0');
  {
    std::fstream out(path_, std::ios::binary | std::ios::in | std::ios::out);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  std::filesystem::last_write_time(path_, time);
  error_message(Category::bad_input_file, [&] { packed.fetch({999'999, 1'000'000}); });
  error_message(Category::bad_input_file, [&] { packed.source()->check_same(); });
}

/// Zeros on the disk, where a chunk was.
TEST_F(Hdf5, ADamagedPieceIsRefusedByWhoLooks) {
  write_packed(file_, "packed", 1000, 1000);
  close();
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(path_));
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(size / 2);
  file.write(std::string(static_cast<std::size_t>(size / 4), '\0').data(), size / 4);
  file.close();
  const Value packed = value("packed");
  EXPECT_TRUE(contains(error_message(Category::bad_input_file, [&] { packed.data(); }), "cannot be read"));
}

/// What the file does not have is one number, as many times as somebody wrote there.
TEST_F(Hdf5, AnArrayOfNothingIsRefused) {
  const hsize_t shape[] = {hsize_t{1} << 40U};
  const hsize_t chunk[] = {1000};
  const hid_t space = H5Screate_simple(1, shape, nullptr);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 1, chunk);
  H5Dclose(H5Dcreate2(file_, "empty", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  H5Pclose(creation);
  H5Sclose(space);
  refusal("empty", Category::too_large);
}

/// What stands before the file proper, e.g. the header of a MATLAB file, shifts all addresses.
TEST_F(Hdf5, LargeArraysBehindAUserBlockAreFound) {
  close();
  const hid_t creation = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_userblock(creation, 512);
  file_ = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, creation, H5P_DEFAULT);
  H5Pclose(creation);
  std::vector<std::int32_t> numbers(300'000);
  for (std::size_t k = 0; k < numbers.size(); ++k) numbers[k] = static_cast<std::int32_t>(k);
  write("big", H5T_NATIVE_INT32, {300'000}, numbers.data());
  const Value big = value("big");
  ASSERT_NE(big.file(), nullptr);
  EXPECT_EQ(big.as<std::vector<std::int32_t>>(), numbers);
}

}  // namespace
}  // namespace mpipe::test
