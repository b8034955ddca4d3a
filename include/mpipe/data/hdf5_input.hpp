// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Arrays in HDF5 files as inputs.
///
/// Thread rule of all: readers of inputs take turns in HDF5, which is not made for several threads. Nobody
/// else in the process may be in HDF5 meanwhile.
#pragma once

#include <mpipe/data/value.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace mpipe {

/// A dataset of an HDF5 file: integers, floating point numbers, h5py's booleans and complex numbers, texts.
/// Numbers of 1 MiB and more are not read now, but where somebody looks at them: those that lie in the file
/// as they would in memory are read from there (`Value::from_file`), others are unpacked piece by piece
/// (`DatasetSource`). Numbers are decoded by the conventions of netCDF, and an output of a run is taken when all of
/// its elements are there; `raw`: everything as it is stored. Throws `Error`: bad_input_file (not there, not all
/// there, damaged, of a type that is not read), too_large.
Value read_hdf5(const std::string& file, const std::string& dataset, bool raw = false);

namespace detail {
class Hdf5Dataset;
class PieceDigests;
}  // namespace detail

/// The numbers of a dataset of any layout, filters and byte order.
class DatasetSource final : public ArraySource {
 public:
  /// Where a dataset is, as another rank needs to know it.
  struct Place {
    FileStretch file;  ///< of no bytes: tells whether it is the same file
    std::string dataset;
    bool raw = false;  ///< its numbers are taken as they are stored
  };

  /// `type` is what the numbers become in memory. Throws `Error` (bad_input_file) when the file is not there
  /// or is not the one that `place` tells, or has no such dataset of this shape.
  DatasetSource(Place place, const ElementType& type, const Shape& shape);
  ~DatasetSource() override;

  const Place& place() const { return place_; }
  /// Whole indices of the first axis, and whole chunks of those; about 1 MiB where that allows.
  Index piece() const override { return piece_; }
  void read(IndexRange elements, std::byte* to) const override;
  void check_same() const override;

 private:
  void open() const;
  void check_unchanged() const;

  Place place_;
  ElementType type_;
  Shape shape_;
  Index row_ = 1;  ///< elements with one index of the first axis
  Index piece_ = 1;
  mutable std::unique_ptr<const detail::Hdf5Dataset> dataset_;
  std::unique_ptr<detail::PieceDigests> digests_;
  mutable std::int64_t state_changed_ns_ = 0;  ///< guarded by the turn in HDF5
};

}  // namespace mpipe
