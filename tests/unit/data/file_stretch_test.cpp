// SPDX-License-Identifier: BSD-3-Clause
// Values that lie in files.
#include <mpipe/data/value.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace mpipe::test {
namespace {

class FileStretchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (std::filesystem::temp_directory_path() / "mpipe-stretch-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    path_ = folder_ / "values";
    write(1000);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// 8 bytes of something else, then so many doubles.
  void write(int count) {
    std::ofstream out(path_, std::ios::binary | std::ios::trunc);
    out << "8 bytes.";
    for (int k = 0; k < count; ++k) {
      const double value = 0.5 * k;
      out.write(reinterpret_cast<const char*>(&value), sizeof(value));
    }
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(FileStretchTest, IsAValueLikeAnyOther) {
  const Value value = Value::from_file(element_type<double>(), {10, 100}, FileStretch::of(path_, 8, 8000));
  EXPECT_EQ(value.shape(), (Shape{10, 100}));
  const auto array = value.as<Array<double>>();
  EXPECT_EQ(array(9, 99), 499.5);
  const Value copy = Value(array);
  EXPECT_EQ(value, copy);
  EXPECT_EQ(value.digest(), copy.digest());
  EXPECT_EQ(value.to_wire(), copy.to_wire());
  ASSERT_NE(value.file(), nullptr);
  EXPECT_EQ(value.file()->offset, 8u);
  EXPECT_EQ(copy.file(), nullptr);
  EXPECT_NE(value.digest(), Value(0.5).digest());
}

TEST_F(FileStretchTest, StaysWhenTheFileIsRemoved) {
  const Value value = Value::from_file(element_type<double>(), {1000}, FileStretch::of(path_, 8, 8000));
  std::filesystem::remove(path_);
  EXPECT_EQ(value.as<std::vector<double>>()[999], 499.5);
}

TEST_F(FileStretchTest, IsNotOfAnotherFileThanItWas) {
  const FileStretch stretch = FileStretch::of(path_, 8, 8000);
  write(2000);
  const auto refusal = [&] {
    return error_message(Category::bad_input_file,
                         [&] { Value::from_file(element_type<double>(), {1000}, stretch); });
  };
  EXPECT_TRUE(contains(refusal(), "was changed"));
  std::filesystem::remove(path_);
  EXPECT_TRUE(contains(refusal(), "cannot be opened"));
}

/// What was read stays as it is, and the rest is no longer read.
TEST_F(FileStretchTest, IsNotMixedWithWhatIsWrittenLater) {
  write(400'000);
  const Value value =
      Value::from_file(element_type<double>(), {400'000}, FileStretch::of(path_, 8, 8 * 400'000));
  EXPECT_EQ(Value::copy_of(value.type(), {}, value.element(1)), Value(0.5));
  {
    std::fstream out(path_, std::ios::binary | std::ios::in | std::ios::out);
    out.write(std::string(3'200'000, 'x').data(), 3'200'000);
  }
  std::filesystem::last_write_time(path_, std::filesystem::file_time_type::clock::now());
  EXPECT_EQ(Value::copy_of(value.type(), {}, value.element(1)), Value(0.5));
  const auto refused = [&](auto&& action) { return error_message(Category::bad_input_file, action); };
  EXPECT_TRUE(contains(refused([&] { value.element(399'999); }), path_.string() + "' was changed"));
  EXPECT_TRUE(contains(refused([&] { value.source()->check_same(); }), "was changed"));
}

/// Whoever rewrites a file may set its time of writing to what it was.
TEST_F(FileStretchTest, IsNotMixedWithWhatIsWrittenUnderTheOldTime) {
  write(400'000);
  const Value value =
      Value::from_file(element_type<double>(), {400'000}, FileStretch::of(path_, 8, 8 * 400'000));
  EXPECT_EQ(Value::copy_of(value.type(), {}, value.element(1)), Value(0.5));
  const auto time = std::filesystem::last_write_time(path_);
  {
    std::fstream out(path_, std::ios::binary | std::ios::in | std::ios::out);
    out.write(std::string(3'200'000, 'x').data(), 3'200'000);
  }
  std::filesystem::last_write_time(path_, time);
  const auto refused = [&](auto&& action) { return error_message(Category::bad_input_file, action); };
  EXPECT_TRUE(contains(refused([&] { value.element(399'999); }), path_.string() + "' was changed"));
  EXPECT_TRUE(contains(refused([&] { value.source()->check_same(); }), "was changed"));
}

TEST_F(FileStretchTest, MayGetOtherRightsAndNames) {
  write(400'000);
  const Value value =
      Value::from_file(element_type<double>(), {400'000}, FileStretch::of(path_, 8, 8 * 400'000));
  EXPECT_EQ(Value::copy_of(value.type(), {}, value.element(1)), Value(0.5));
  std::filesystem::permissions(path_, std::filesystem::perms::owner_read);
  std::filesystem::create_hard_link(path_, folder_ / "second");
  EXPECT_NO_THROW(value.source()->check_same());
  EXPECT_EQ(Value::copy_of(value.type(), {}, value.element(399'999)), Value(0.5 * 399'999));
}

TEST_F(FileStretchTest, MayBeCutWithoutASignal) {
  write(400'000);
  const Value value =
      Value::from_file(element_type<double>(), {400'000}, FileStretch::of(path_, 8, 8 * 400'000));
  std::filesystem::resize_file(path_, 16);
  const std::string message =
      error_message(Category::bad_input_file, [&] { value.as<std::vector<double>>(); });
  EXPECT_TRUE(contains(message, path_.string()));
}

TEST_F(FileStretchTest, IsNotReplacedByAnotherFile) {
  const Value value = Value::from_file(element_type<double>(), {1000}, FileStretch::of(path_, 8, 8000));
  const auto time = std::filesystem::last_write_time(path_);
  std::filesystem::copy_file(path_, folder_ / "other");
  std::filesystem::rename(folder_ / "other", path_);
  std::filesystem::last_write_time(path_, time);
  EXPECT_TRUE(contains(error_message(Category::bad_input_file, [&] { value.source()->check_same(); }),
                       "was replaced by another file"));
  EXPECT_EQ(value.as<std::vector<double>>()[999], 499.5);
  std::filesystem::remove(path_);
  EXPECT_NO_THROW(value.source()->check_same());
}

TEST_F(FileStretchTest, EndsWithTheFile) {
  const auto refused = [&](std::uint64_t offset, std::uint64_t size) {
    return error_message(Category::bad_input_file, [&] { FileStretch::of(path_, offset, size); });
  };
  EXPECT_TRUE(contains(refused(16, 8000), "damaged or cut"));
  EXPECT_TRUE(contains(refused(~std::uint64_t{0}, 8), "damaged or cut"));
  EXPECT_TRUE(contains(refused(8, ~std::uint64_t{0}), "damaged or cut"));
}

}  // namespace
}  // namespace mpipe::test
