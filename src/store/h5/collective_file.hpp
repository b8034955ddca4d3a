// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A results file as the writers hold it together through MPI-IO. Open only within a commit: nothing that
/// waits for other ranks is left open while functions of the user run, which may exit, fork or throw.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include "store/h5/h5.hpp"
#include "store/output/element_order.hpp"

#include <map>

namespace mpipe {

class CollectiveFile {
 public:
  /// Collective over the writers.
  CollectiveFile(const std::filesystem::path& path, const Communicator& writers);

  /// Collective over the writers. Writes one box of values of a dataset; a writer that has none takes part
  /// with null.
  void write(const std::string& dataset, const ElementType& type, const OrderedBox* box,
             const std::byte* data);
  /// Collective over the writers.
  void close();

 private:
  struct Dataset {
    H5Handle dataset;
    H5Handle type;
  };
  Dataset& dataset(const std::string& name, const ElementType& type);

  std::string path_;
  H5Handle transfer_;
  H5Handle file_;
  std::map<std::string, Dataset> datasets_;
};

}  // namespace mpipe
