// SPDX-License-Identifier: BSD-3-Clause
// How many devices a machine has, by its environment and by what drivers show in the file system.
#include "run/devices.hpp"

#include "support/environment.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_folder.hpp"

#include <fstream>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;
using test::WithVariable;
using Devices = std::vector<int>;

class FindDevices : public ::testing::Test {
 protected:
  void write(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories((folder_.path() / file).parent_path());
    std::ofstream(folder_.path() / file) << text;
  }
  Devices found() { return find_devices(folder_.path()); }

  test::TemporaryFolder folder_;
  WithVariable count_{"MPIPE_GPUS", std::nullopt};
  WithVariable cuda_{"CUDA_VISIBLE_DEVICES", std::nullopt};
  WithVariable rocr_{"ROCR_VISIBLE_DEVICES", std::nullopt};
  WithVariable hip_{"HIP_VISIBLE_DEVICES", std::nullopt};
};

TEST_F(FindDevices, NoneWithoutADriver) { EXPECT_EQ(found(), Devices{}); }

TEST_F(FindDevices, ThoseOfNvidia) {
  for (const char* name : {"nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia", "null"})
    write(std::filesystem::path("dev") / name, "");
  EXPECT_EQ(found(), (Devices{0, 1}));
}

TEST_F(FindDevices, ThoseOfAmd) {
  const std::filesystem::path nodes = "sys/class/kfd/kfd/topology/nodes";
  write(nodes / "0/properties", "cpu_cores_count 64\nsimd_count 0\n");
  write(nodes / "1/properties", "cpu_cores_count 0\nsimd_count 440\nmem_banks_count 1\n");
  write(nodes / "2/properties", "cpu_cores_count 0\nsimd_count 440\n");
  write(nodes / "3/name", "no properties");
  EXPECT_EQ(found(), (Devices{0, 1}));
}

TEST_F(FindDevices, AsManyAsOneIsTold) {
  write("dev/nvidia0", "");
  const WithVariable cuda("CUDA_VISIBLE_DEVICES", "5");
  {
    const WithVariable count("MPIPE_GPUS", "3");
    EXPECT_EQ(found(), (Devices{0, 1, 2}));
  }
  const WithVariable count("MPIPE_GPUS", "0");
  EXPECT_EQ(found(), Devices{});
}

TEST_F(FindDevices, ThoseThatABatchSystemChose) {
  write("dev/nvidia0", "");
  {
    const WithVariable hip("HIP_VISIBLE_DEVICES", "0");
    const WithVariable rocr("ROCR_VISIBLE_DEVICES", "7,2,7");
    EXPECT_EQ(found(), (Devices{2, 7}));
  }
  const WithVariable none("CUDA_VISIBLE_DEVICES", "");
  EXPECT_EQ(found(), Devices{}) << "chosen: none";
}

TEST_F(FindDevices, RefuseWhatIsNoNumber) {
  for (const char* text : {"", "two", "-1", "1.5", "2 ", "63", "99999999999"}) {
    const WithVariable count("MPIPE_GPUS", text);
    EXPECT_TRUE(contains(error_message(Category::bad_option, [&] { found(); }), "MPIPE_GPUS is '"));
  }
  for (const char* text : {"GPU-8932f937", "0,,1", "0, 1", "-1", "62"}) {
    const WithVariable cuda("CUDA_VISIBLE_DEVICES", text);
    EXPECT_TRUE(
        contains(error_message(Category::bad_option, [&] { found(); }), "CUDA_VISIBLE_DEVICES names"));
  }
}

}  // namespace
}  // namespace mpipe
