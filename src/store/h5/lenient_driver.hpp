// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A driver of HDF5 for files that are made by one process, which may meet a full disk.
#pragma once

#include "store/h5/h5.hpp"

#include <memory>

namespace mpipe {

/// Has files that are opened with `access` written by the driver. HDF5 does not get over a write that fails: the file
/// cannot be closed then, and the end of MPI or of the program crashes. So the driver tells it of no such failure. What
/// cannot be written is kept in memory, as far as HDF5 may read it again, and the file is of no use: see
/// `h5_write_error`. What is returned must live until such a file is closed: HDF5 looks at the driver once more then,
/// when the file has given it up. Throws `Error` (storage_failed) where HDF5 does not take the driver. One thread at a time.
[[nodiscard]] H5Handle h5_use_lenient_driver(hid_t access);

/// Of a file that the driver has open: the `errno` of the first write that failed, 0 without one. It outlives the file,
/// so that it also tells of what is written when that is closed.
std::shared_ptr<const int> h5_write_error(hid_t file);

}  // namespace mpipe
