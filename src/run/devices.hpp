// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The devices (GPUs) of this machine, without any vendor's library.
#pragma once

#include <filesystem>
#include <vector>

namespace mpipe {

/// Devices have numbers from 0 up to this one.
inline constexpr int max_device = 61;

/// Numbers of the devices that this process may use, ascending. `MPIPE_GPUS` says how many there are; else
/// the batch system may have chosen some (`CUDA_VISIBLE_DEVICES`, `ROCR_VISIBLE_DEVICES`,
/// `HIP_VISIBLE_DEVICES`, the first one that is set); else all that the drivers show below `root`, NVIDIA's
/// or AMD's. Reads the environment: not while another thread changes it. Throws `Error` (bad_option) for a
/// variable that does not hold numbers up to `max_device`.
std::vector<int> find_devices(const std::filesystem::path& root = "/");

}  // namespace mpipe
