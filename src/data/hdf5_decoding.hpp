// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What stored numbers mean by the conventions of netCDF: packed, missing, unsigned, truth values.
#pragma once

#include <mpipe/core/index.hpp>
#include <mpipe/data/element_type.hpp>

#include "h5/api/h5_handle.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace mpipe::detail {

/// Made from the attributes of a dataset: from then on it needs no HDF5. Value type.
class Hdf5Decoding {
 public:
  /// Numbers stay as they are stored.
  explicit Hdf5Decoding(const ElementType& stored) : stored_(&stored), type_(&stored) {}
  /// As the attributes of a dataset of numbers say. Throws `Error` (bad_input_file) `the attribute 'N', which ..`
  /// for one that cannot be followed.
  Hdf5Decoding(hid_t dataset, const ElementType& stored);

  /// Of the decoded values: packed numbers, and integers that may be missing, are float64.
  const ElementType& type() const { return *type_; }
  /// Stored bytes are not yet the values, or have to be looked at.
  bool changes() const { return changes_; }
  /// There may be a value that `decode` refuses.
  bool may_refuse() const;
  /// Puts the values of stored numbers at `to`. `elements` are their numbers in the dataset, in C order, by which
  /// messages name them. Throws `Error` (bad_input_file) `the value ..` for one that has no
  /// meaning.
  void decode(const std::byte* from, IndexRange elements, std::byte* to) const;

 private:
  void find_missing(hid_t dataset);
  void find_range(hid_t dataset);
  /// A number in an attribute, as a value of the type that the numbers are taken for.
  long double as_stored(long double number) const;
  bool is_packed() const { return scale_ != 1 || offset_ != 0; }
  template <class T>
  void check(T stored, double value, Index element) const;
  template <class T>
  void decode_as(const std::byte* from, IndexRange elements, std::byte* to) const;

  const ElementType* stored_;  ///< the type that the bytes are taken for: `_Unsigned` changes the sign
  const ElementType* type_;
  bool changes_ = false;
  long double scale_ = 1;
  long double offset_ = 0;
  std::vector<long double> missing_;
  std::optional<long double> unwritten_;  ///< what netCDF puts where nobody wrote; of integers
  std::optional<long double> lowest_;
  std::optional<long double> highest_;
  bool range_of_values_ = false;  ///< the two are compared with decoded values
};

}  // namespace mpipe::detail
