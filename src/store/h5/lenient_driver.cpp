// SPDX-License-Identifier: BSD-3-Clause
// Reads and writes a file for HDF5, through the file system of the program, and keeps failures of writes from it.
#include "store/h5/lenient_driver.hpp"

#include <mpipe/core/error.hpp>

#include "base/api/file_system.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <vector>

namespace mpipe {
namespace {

/// What HDF5 wrote of its own structures and the disk did not take.
struct Unwritten {
  haddr_t address = 0;
  std::vector<std::byte> bytes;
};

/// The first member is what HDF5 knows of a file.
struct LenientFile {
  H5FD_t known_to_hdf5{};
  int descriptor = -1;
  haddr_t end_of_space = 0;  ///< that HDF5 has given away
  haddr_t end_of_file = 0;
  std::shared_ptr<int> error = std::make_shared<int>(0);
  std::vector<Unwritten> unwritten;  ///< in the order in which it was written
};

LenientFile& file_of(H5FD_t* file) { return *reinterpret_cast<LenientFile*>(file); }
const LenientFile& file_of(const H5FD_t* file) { return *reinterpret_cast<const LenientFile*>(file); }

H5FD_t* open_file(const char* name, unsigned flags, hid_t, haddr_t) {
  int how = (flags & H5F_ACC_RDWR) != 0 ? O_RDWR : O_RDONLY;
  if ((flags & H5F_ACC_TRUNC) != 0) how |= O_TRUNC;
  if ((flags & H5F_ACC_CREAT) != 0) how |= O_CREAT;
  if ((flags & H5F_ACC_EXCL) != 0) how |= O_EXCL;
  const int descriptor = file_system().open(name, how);
  if (descriptor < 0) {
    // HDF5 says that it cannot open the file, and leaves the reason to its driver.
    H5Epush2(H5E_DEFAULT, __FILE__, __func__, __LINE__, H5E_ERR_CLS, H5E_FILE, H5E_CANTOPENFILE, "%s",
             std::strerror(errno));
    return nullptr;
  }
  const off_t size = ::lseek(descriptor, 0, SEEK_END);
  auto file = std::make_unique<LenientFile>();
  file->descriptor = descriptor;
  file->end_of_file = size < 0 ? 0 : static_cast<haddr_t>(size);
  return &file.release()->known_to_hdf5;
}

herr_t close_file(H5FD_t* file) {
  const std::unique_ptr<LenientFile> closed(&file_of(file));
  // Some file systems tell only now of what they could not write.
  if (file_system().close(closed->descriptor) != 0 && *closed->error == 0) *closed->error = errno;
  return 0;
}

/// As of the driver that HDF5 has by default: the file looks the same.
herr_t tell_features(const H5FD_t*, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

haddr_t get_end_of_space(const H5FD_t* file, H5FD_mem_t) { return file_of(file).end_of_space; }
herr_t set_end_of_space(H5FD_t* file, H5FD_mem_t, haddr_t address) {
  file_of(file).end_of_space = address;
  return 0;
}
haddr_t get_end_of_file(const H5FD_t* file, H5FD_mem_t) { return file_of(file).end_of_file; }
herr_t get_handle(H5FD_t* file, hid_t, void** handle) {
  *handle = &file_of(file);
  return 0;
}

/// What the file does not have is zeros, and what could not be written is as it would be.
herr_t read_bytes(H5FD_t* from, H5FD_mem_t, hid_t, haddr_t address, std::size_t size, void* buffer) {
  LenientFile& file = file_of(from);
  auto* const bytes = static_cast<std::byte*>(buffer);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = file_system().read(file.descriptor, address + done, {bytes + done, size - done});
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  std::memset(bytes + done, 0, size - done);
  for (const Unwritten& part : file.unwritten) {
    const haddr_t begin = std::max(address, part.address);
    const haddr_t end = std::min(address + size, part.address + part.bytes.size());
    if (begin < end)
      std::memcpy(bytes + (begin - address), part.bytes.data() + (begin - part.address), end - begin);
  }
  return 0;
}

/// Whether all of it was written.
bool write_all(LenientFile& file, haddr_t address, const std::byte* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t wrote = file_system().write(file.descriptor, address, {bytes, size}, {});
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      *file.error = wrote == 0 ? ENOSPC : errno;
      return false;
    }
    bytes += wrote;
    address += static_cast<haddr_t>(wrote);
    size -= static_cast<std::size_t>(wrote);
  }
  return true;
}

/// After a failure nothing is written any more. Values are never read again by who makes the file, and may be many: they
/// are not kept.
herr_t write_bytes(H5FD_t* to, H5FD_mem_t type, hid_t, haddr_t address, std::size_t size,
                   const void* buffer) {
  LenientFile& file = file_of(to);
  const auto* const bytes = static_cast<const std::byte*>(buffer);
  const bool written = *file.error == 0 && write_all(file, address, bytes, size);
  if (!written && type != H5FD_MEM_DRAW) file.unwritten.push_back({address, {bytes, bytes + size}});
  file.end_of_file = std::max(file.end_of_file, address + size);
  return 0;
}

herr_t set_length(H5FD_t* of, hid_t, hbool_t) {
  LenientFile& file = file_of(of);
  if (file.end_of_space == file.end_of_file) return 0;
  if (*file.error == 0 && file_system().resize(file.descriptor, file.end_of_space) != 0) *file.error = errno;
  file.end_of_file = file.end_of_space;
  return 0;
}

H5FD_class_t lenient_class() {
  constexpr H5FD_mem_t kKinds[] = H5FD_FLMAP_DICHOTOMY;
  H5FD_class_t made{};
  made.name = "mpipe_lenient";
  made.maxaddr = static_cast<haddr_t>(std::numeric_limits<off_t>::max());
  made.fc_degree = H5F_CLOSE_WEAK;
  made.open = open_file;
  made.close = close_file;
  made.query = tell_features;
  made.get_eoa = get_end_of_space;
  made.set_eoa = set_end_of_space;
  made.get_eof = get_end_of_file;
  made.get_handle = get_handle;
  made.read = read_bytes;
  made.write = write_bytes;
  made.truncate = set_length;
  std::copy(std::begin(kKinds), std::end(kKinds), made.fl_map);
  return made;
}

}  // namespace

/// Registered anew each time, since HDF5 forgets its drivers when MPI ends.
H5Handle h5_use_lenient_driver(hid_t access) {
  const H5FD_class_t driver = lenient_class();
  H5Handle id{H5FDregister(&driver), &H5FDunregister, "register a driver"};
  h5_check(H5Pset_driver(access, id.get(), nullptr), "choose a driver");
  return id;
}

std::shared_ptr<const int> h5_write_error(hid_t file) {
  void* handle = nullptr;
  h5_check(H5Fget_vfd_handle(file, H5P_DEFAULT, &handle), "ask for the driver of a file");
  return static_cast<const LenientFile*>(handle)->error;
}

}  // namespace mpipe
