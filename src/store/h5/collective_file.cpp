// SPDX-License-Identifier: BSD-3-Clause
// Writes of several ranks into one HDF5 file through MPI-IO.
#include "store/h5/collective_file.hpp"

#include <mpipe/comm/native_comm.hpp>

#include "base/api/file_system.hpp"

#include <mpi.h>

namespace mpipe {
namespace {

H5Handle open_together(const std::string& path, const Communicator& writers) {
  const H5Turn turn;
  const H5Handle access = h5_file_access();
  h5_check(H5Pset_fapl_mpio(access.get(), native_comm(writers), MPI_INFO_NULL), "choose the MPI-IO driver");
  return {H5Fopen(path_now(path).c_str(), H5F_ACC_RDWR, access.get()), &H5Fclose,
          "open '" + path + "' together"};
}

H5Handle collective_transfer() {
  const H5Turn turn;
  H5Handle transfer = h5_property_list(H5P_DATASET_XFER);
  h5_check(H5Pset_dxpl_mpio(transfer.get(), H5FD_MPIO_COLLECTIVE), "choose collective transfers");
  return transfer;
}

}  // namespace

CollectiveFile::CollectiveFile(const std::filesystem::path& path, const Communicator& writers)
    : path_(path.string()), transfer_(collective_transfer()), file_(open_together(path_, writers)) {}

CollectiveFile::Dataset& CollectiveFile::dataset(const std::string& name, const ElementType& type) {
  const auto known = datasets_.find(name);
  if (known != datasets_.end()) return known->second;
  return datasets_.emplace(name, Dataset{h5_open_dataset(file_.get(), name), h5_file_type(type)})
      .first->second;
}

void CollectiveFile::write(const std::string& name, const ElementType& type, const OrderedBox* box,
                           const std::byte* data) {
  const H5Turn turn;
  Dataset& at = dataset(name, type);
  const H5Handle in_file{H5Dget_space(at.dataset.get()), &H5Sclose, "read the shape of '" + name + "'"};
  H5Handle in_memory;
  // A rank without data takes part with an empty selection, as the others wait for it in the write.
  if (box == nullptr) {
    h5_check(H5Sselect_none(in_file.get()), "select nothing");
    in_memory = H5Handle{H5Scopy(in_file.get()), &H5Sclose, "select nothing"};
  } else if (box->extent.empty()) {
    in_memory = h5_scalar_space();
  } else {
    const std::vector<hsize_t> begin(box->begin.begin(), box->begin.end());
    const std::vector<hsize_t> count(box->extent.begin(), box->extent.end());
    h5_check(H5Sselect_hyperslab(in_file.get(), H5S_SELECT_SET, begin.data(), nullptr, count.data(), nullptr),
             "select a part of '" + name + "'");
    in_memory = h5_space(box->extent);
  }
  // HDF5 wants a pointer even for an empty selection.
  const std::byte nothing{};
  h5_check(H5Dwrite(at.dataset.get(), at.type.get(), in_memory.get(), in_file.get(), transfer_.get(),
                    data == nullptr ? &nothing : data),
           "write to '" + name + "' in '" + path_ + "'");
}

void CollectiveFile::close() {
  const H5Turn turn;
  // Datasets go before their file: closing the file makes the ids of what is open in it invalid.
  datasets_.clear();
  file_.close("close '" + path_ + "'");
}

}  // namespace mpipe
