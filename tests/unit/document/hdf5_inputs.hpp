// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Inputs of a document from an HDF5 file that a test writes with HDF5 itself.
#pragma once

#include "document_text.hpp"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <vector>

namespace mpipe::test {

class Hdf5 : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = folder_.path() / "t.h5";
    file_ = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(file_, 0);
  }

  void write(const char* name, hid_t type, const std::vector<hsize_t>& shape, const void* values) {
    const hid_t space = shape.empty()
                            ? H5Screate(H5S_SCALAR)
                            : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t dataset = H5Dcreate2(file_, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(dataset, 0);
    if (values != nullptr) {
      ASSERT_GE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    }
    H5Dclose(dataset);
    H5Sclose(space);
  }
  /// `more`: further keys of the input.
  Value value(const std::string& dataset, const std::string& more = "") {
    close();
    return Document::parse("functions: [{output: y, expr: x}]\ninputs:\n  x: {hdf5: t.h5, dataset: " +
                               dataset + more + "}\n",
                           folder_.path() / "doc.yaml")
        .load_inputs({"x"})
        .at("x");
  }
  std::string refusal(const std::string& dataset, Category category = Category::bad_input_file) {
    const std::string message = error_message(category, [&] { value(dataset); });
    EXPECT_TRUE(contains(message, "doc.yaml:3:6: "));
    return message;
  }
  void close() {
    if (file_ >= 0) {
      EXPECT_GE(H5Fclose(file_), 0);
    }
    file_ = -1;
  }
  void TearDown() override {
    close();
    EXPECT_EQ(H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL), 0) << "something stayed open";
  }

  Folder folder_;
  std::filesystem::path path_;
  hid_t file_ = -1;
};

}  // namespace mpipe::test
