// SPDX-License-Identifier: BSD-3-Clause
// Datasets that need more than their own file: what is missing is named, and never read as zeros.
#include "hdf5_inputs.hpp"

#include <fstream>
#include <utility>

namespace mpipe::test {
namespace {

class Hdf5Sources : public Hdf5 {
 protected:
  /// A file of its own with one dataset of 0, 1, .. of that extent.
  void source(const std::string& file, hsize_t extent, const char* name = "d", hsize_t most = 0) {
    const hid_t id = H5Fcreate((folder_.path() / file).c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hsize_t limit = most == 0 ? extent : most;
    const hid_t space = H5Screate_simple(1, &extent, &limit);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t chunk = 2;
    if (most != 0) H5Pset_chunk(creation, 1, &chunk);
    const hid_t dataset = H5Dcreate2(id, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    std::vector<double> numbers(extent);
    for (std::size_t k = 0; k < numbers.size(); ++k) numbers[k] = static_cast<double>(k + 1);
    H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data());
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
    H5Fclose(id);
  }

  /// A virtual dataset of three numbers of each source, behind each other.
  void join(const char* name, const std::vector<std::pair<std::string, std::string>>& sources,
            hsize_t each = 3) {
    const hsize_t extent = each * sources.size();
    const hid_t space = H5Screate_simple(1, &extent, nullptr);
    const hid_t part = H5Screate_simple(1, &each, nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    for (std::size_t k = 0; k < sources.size(); ++k) {
      const hsize_t start = k * each;
      H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, nullptr, &each, nullptr);
      H5Pset_virtual(creation, space, sources[k].first.c_str(), sources[k].second.c_str(), part);
    }
    H5Sselect_all(space);
    H5Dclose(H5Dcreate2(file_, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    H5Sclose(part);
    H5Sclose(space);
  }

  /// The file that was written so far goes to a folder of its own; a new one is in its place.
  void move_away(const std::string& name) {
    close();
    std::filesystem::create_directories((folder_.path() / name).parent_path());
    std::filesystem::rename(path_, folder_.path() / name);
    file_ = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  }

  /// A virtual dataset of blocks of two numbers, one of each source whose number stands for `%b`.
  void join_numbered(const char* name, const std::string& file, const std::string& dataset) {
    const hsize_t extent = 2;
    const hsize_t limit = H5S_UNLIMITED;
    const hid_t space = H5Screate_simple(1, &extent, &limit);
    const hid_t part = H5Screate_simple(1, &extent, nullptr);
    const hsize_t start = 0;
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, &extent, &limit, &extent);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    EXPECT_GE(H5Pset_virtual(creation, space, file.c_str(), dataset.c_str(), part), 0);
    const hid_t whole = H5Screate_simple(1, &extent, &limit);
    H5Dclose(H5Dcreate2(file_, name, H5T_NATIVE_DOUBLE, whole, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Sclose(whole);
    H5Pclose(creation);
    H5Sclose(part);
    H5Sclose(space);
  }

  void external(const char* name, const std::string& file, off_t offset, hsize_t extent) {
    const hid_t space = H5Screate_simple(1, &extent, nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(creation, file.c_str(), offset, extent * sizeof(double));
    H5Dclose(H5Dcreate2(file_, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    H5Sclose(space);
  }
};

TEST_F(Hdf5Sources, AreReadWhenAllAreThere) {
  source("a.h5", 3);
  source("b.h5", 3);
  join("v", {{"a.h5", "d"}, {"b.h5", "d"}});
  EXPECT_EQ(value("v").as<std::vector<double>>(), (std::vector<double>{1, 2, 3, 1, 2, 3}));
}

TEST_F(Hdf5Sources, FilesThatAreMissingAreNamed) {
  source("a.h5", 3);
  join("v", {{"a.h5", "d"}, {"gone.h5", "d"}});
  join("w", {{"a.h5", "d"}, {"a.h5", "e"}});
  EXPECT_TRUE(contains(refusal("v"), "'d' in the file 'gone.h5' is not there"));
  EXPECT_TRUE(contains(refusal("w"), "a.h5' has no dataset 'e'"));
}

TEST_F(Hdf5Sources, ThatAreTooSmallAreNamed) {
  source("a.h5", 3);
  source("b.h5", 2);
  join("v", {{"a.h5", "d"}, {"b.h5", "d"}});
  EXPECT_TRUE(contains(refusal("v"), "takes more from 'd' in the file 'b.h5' than its shape (2,) has"));
}

TEST_F(Hdf5Sources, ChainsAreFollowed) {
  source("a.h5", 3);
  join("v", {{"a.h5", "d"}, {"gone.h5", "d"}});
  join("chain", {{".", "v"}}, 6);
  EXPECT_TRUE(contains(refusal("chain"), "gone.h5"));
  EXPECT_TRUE(contains(refusal("chain", Category::bad_input_file), "'v'"));
}

TEST_F(Hdf5Sources, PlacesWithoutASourceAreRefused) {
  source("a.h5", 3);
  const hsize_t extent = 6;
  const hsize_t each = 3;
  const hsize_t start = 0;
  const hid_t space = H5Screate_simple(1, &extent, nullptr);
  const hid_t part = H5Screate_simple(1, &each, nullptr);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, nullptr, &each, nullptr);
  H5Pset_virtual(creation, space, "a.h5", "d", part);
  H5Sselect_all(space);
  H5Dclose(H5Dcreate2(file_, "v", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  const double fill = -1;
  H5Pset_fill_value(creation, H5T_NATIVE_DOUBLE, &fill);
  H5Dclose(H5Dcreate2(file_, "filled", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  H5Pclose(creation);
  H5Sclose(part);
  H5Sclose(space);
  EXPECT_TRUE(contains(refusal("v"), "some of its places"));
  EXPECT_EQ(value("filled").as<std::vector<double>>()[5], -1.0);
}

TEST_F(Hdf5Sources, ThatAreNumberedHaveNoGaps) {
  source("p-0.h5", 2);
  source("p-1.h5", 2);
  join_numbered("v", "p-%b.h5", "d");
  EXPECT_EQ(value("v").as<std::vector<double>>(), (std::vector<double>{1, 2, 1, 2}));
  source("p-3.h5", 2);
  EXPECT_TRUE(contains(refusal("v"), "'p-2.h5' is not there"));
  std::filesystem::remove(folder_.path() / "p-3.h5");
  source("p-1.h5", 1);
  EXPECT_TRUE(contains(refusal("v"), "'p-1.h5' than its shape (1,) has"));
  std::filesystem::remove(folder_.path() / "p-0.h5");
  EXPECT_TRUE(contains(refusal("v"), "'p-0.h5' is not there"));
}

TEST_F(Hdf5Sources, RawFilesAreFoundBesideTheFile) {
  const std::vector<double> numbers{7, 1.5, 2.5};
  std::ofstream(folder_.path() / "raw.bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(numbers.data()), 3 * sizeof(double));
  external("v", "raw.bin", 8, 2);
  external("long", "raw.bin", 8, 3);
  external("gone", "gone.bin", 0, 2);
  EXPECT_EQ(value("v").as<std::vector<double>>(), (std::vector<double>{1.5, 2.5}));
  EXPECT_TRUE(contains(refusal("long"), "has 24 bytes from 8 on in the file"));
  EXPECT_TRUE(contains(refusal("gone"), "has its numbers in the file 'gone.bin'"));
}

/// A filter that this program has while it writes, and no longer when it reads.
TEST_F(Hdf5Sources, FiltersThatAreNotInstalledAreNamed) {
  constexpr H5Z_filter_t kFilter = 300;
  const H5Z_class2_t filter{
      H5Z_CLASS_T_VERS,
      kFilter,
      1,
      1,
      "scrambled",
      nullptr,
      nullptr,
      [](unsigned, std::size_t, const unsigned*, std::size_t bytes, std::size_t*, void**) { return bytes; }};
  H5Zregister(&filter);
  const hsize_t extent = 4;
  const hid_t space = H5Screate_simple(1, &extent, nullptr);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 1, &extent);
  H5Pset_filter(creation, kFilter, 0, 0, nullptr);
  H5Dclose(H5Dcreate2(file_, "v", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  H5Pclose(creation);
  H5Sclose(space);
  close();
  H5Zunregister(kFilter);
  EXPECT_TRUE(
      contains(refusal("v"), "is packed by the filter 300 ('scrambled'), which is not installed here"));
}

TEST_F(Hdf5Sources, LinksThatLeadNowhereAreNamed) {
  H5Lcreate_soft("/gone", file_, "soft", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_external("gone.h5", "/d", file_, "outside", H5P_DEFAULT, H5P_DEFAULT);
  EXPECT_TRUE(contains(refusal("/soft"), "has the link '/soft', which leads to '/gone'"));
  EXPECT_TRUE(contains(refusal("outside"), "which leads to '/d' in the file 'gone.h5'"));
  std::filesystem::remove(path_);
  std::filesystem::create_symlink("elsewhere.h5", path_);
  EXPECT_TRUE(contains(refusal("soft"), "is a link to 'elsewhere.h5', and there is no such file"));
}

/// HDF5 searches sources beside the file that has the virtual dataset, which is not the one that the input names.
TEST_F(Hdf5Sources, AreSearchedBesideTheFileThatALinkLeadsTo) {
  std::filesystem::create_directory(folder_.path() / "sub");
  source("sub/a.h5", 3);
  source("a.h5", 3);
  join("v", {{"a.h5", "d"}, {"a.h5", "d"}});
  join("w", {{"b.h5", "d"}});
  move_away("sub/v.h5");
  H5Lcreate_external("sub/v.h5", "/v", file_, "v", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_external("sub/v.h5", "/w", file_, "w", H5P_DEFAULT, H5P_DEFAULT);
  source("b.h5", 3);
  const std::string missing = refusal("w");
  EXPECT_TRUE(contains(missing, "'d' in the file 'b.h5' is not there")) << "b.h5 is beside the wrong file";
  EXPECT_TRUE(contains(missing, "sub/v.h5")) << "the file that lacks its source is named";
  EXPECT_EQ(value("v").as<std::vector<double>>(), (std::vector<double>{1, 2, 3, 1, 2, 3}));
  std::filesystem::remove(folder_.path() / "a.h5");
  EXPECT_EQ(value("v").count(), 6) << "only the one beside the virtual dataset counts";
  std::filesystem::remove(folder_.path() / "sub/a.h5");
  EXPECT_TRUE(contains(refusal("v"), "'a.h5' is not there"));
}

/// A link of the file system: HDF5 searches beside the link first, then beside the file.
TEST_F(Hdf5Sources, AreFoundWhereALinkOfTheFileSystemLeads) {
  std::filesystem::create_directory(folder_.path() / "sub");
  source("sub/a.h5", 3);
  join("v", {{"a.h5", "d"}});
  move_away("sub/v.h5");
  close();
  std::filesystem::remove(path_);
  std::filesystem::create_symlink("sub/v.h5", path_);
  EXPECT_EQ(value("v").as<std::vector<double>>(), (std::vector<double>{1, 2, 3}));
}

TEST_F(Hdf5Sources, RawFilesAreFoundBesideTheFileThatALinkLeadsTo) {
  const std::vector<double> numbers{1.5, 2.5};
  std::filesystem::create_directory(folder_.path() / "sub");
  std::ofstream(folder_.path() / "sub/raw.bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(numbers.data()), 2 * sizeof(double));
  external("v", "raw.bin", 0, 2);
  move_away("sub/v.h5");
  H5Lcreate_external("sub/v.h5", "/v", file_, "v", H5P_DEFAULT, H5P_DEFAULT);
  EXPECT_EQ(value("v").as<std::vector<double>>(), numbers);
}

TEST_F(Hdf5Sources, LinksThatLeadInACircleAreNamed) {
  H5Lcreate_soft("/loop", file_, "loop", H5P_DEFAULT, H5P_DEFAULT);
  EXPECT_TRUE(contains(refusal("loop"), "which leads to '/loop', and from there back to itself"));
}

/// Neither fill values nor numbers: HDF5 would hand over what is in the memory.
TEST_F(Hdf5Sources, PlacesThatNobodyWroteAreRefusedWhereNothingStandsForThem) {
  const hsize_t extent = 10;
  const hsize_t chunk = 4;
  const hid_t space = H5Screate_simple(1, &extent, nullptr);
  const auto make = [&](const char* name, bool chunked, bool never, hsize_t written) {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (chunked) H5Pset_chunk(creation, 1, &chunk);
    if (never) H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    if (!never) H5Pset_fill_value(creation, H5T_NATIVE_DOUBLE, nullptr);
    const hid_t dataset =
        H5Dcreate2(file_, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    const std::vector<double> numbers(extent, 0.5);
    const hsize_t start = 0;
    if (written > 0) {
      H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, nullptr, &written, nullptr);
      const hid_t memory = H5Screate_simple(1, &written, nullptr);
      H5Dwrite(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, numbers.data());
      H5Sclose(memory);
      H5Sselect_all(space);
    }
    H5Dclose(dataset);
    H5Pclose(creation);
  };
  make("contiguous", false, true, 0);
  make("undefined", false, false, 0);
  make("chunked", true, true, 0);
  make("part", true, true, 4);
  make("part_undefined", true, false, 8);
  make("all", true, true, 10);
  make("all_contiguous", false, true, 10);
  H5Sclose(space);
  join("joined", {{".", "part"}}, 10);
  EXPECT_TRUE(contains(refusal("contiguous"), "was never written, and nothing stands for what is not there"));
  EXPECT_TRUE(contains(refusal("undefined"), "was never written"));
  EXPECT_TRUE(contains(refusal("chunked"), "has 0 of its 3 chunks only"));
  EXPECT_TRUE(contains(refusal("part"), "has 1 of its 3 chunks only"));
  EXPECT_TRUE(contains(refusal("part_undefined"), "has 2 of its 3 chunks only"));
  EXPECT_TRUE(contains(refusal("joined"), "has 1 of its 3 chunks only")) << "sources are held to it, too";
  for (const char* name : {"all", "all_contiguous"})
    EXPECT_EQ(value(name).as<std::vector<double>>(), std::vector<double>(10, 0.5)) << name;
}

/// The place of its values is one in the other file.
TEST_F(Hdf5Sources, LargeDatasetsBehindExternalLinksAreRead) {
  source("a.h5", 300'000);
  H5Lcreate_external("a.h5", "/d", file_, "outside", H5P_DEFAULT, H5P_DEFAULT);
  EXPECT_EQ(value("outside").as<std::vector<double>>()[299'999], 300'000.0);
}

}  // namespace
}  // namespace mpipe::test
