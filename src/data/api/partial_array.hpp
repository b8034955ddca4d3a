// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `PartialArray`: the elements of one output that this process has.
#pragma once

#include <mpipe/core/shape.hpp>
#include <mpipe/data/value.hpp>

#include "base/api/file.hpp"
#include "data/api/shared_pages.hpp"

#include <functional>
#include <map>
#include <optional>

namespace mpipe {

/// Where an array lies in memory that processes share. Values that vary in size take two slots, the second one for
/// their offsets.
struct PagesSlot {
  std::shared_ptr<const SharedPages> pages = nullptr;
  std::size_t slot = 0;
};

/// Values that vary in size, behind one another in the order of their elements.
struct JoinedValues {
  std::shared_ptr<void> bytes_memory;
  std::shared_ptr<void> offsets_memory;
  std::uint64_t size = 0;  ///< of all values, in bytes

  std::byte* bytes() const { return static_cast<std::byte*>(bytes_memory.get()); }
  /// Of each value its begin, and behind the last one `size`.
  std::uint64_t* offsets() const { return static_cast<std::uint64_t*>(offsets_memory.get()); }
};

/// The values of some elements of an output, numbered by the linear index over its external axes. Each
/// element has `internal` extents of its own (`{}` for a plain value), its values dense behind one another:
/// *element-major* layout.
///
/// Of fixed-size types the whole array has its address from the start, and pages that were never written cost
/// nothing: 10^9 elements can be declared anywhere, blocks are written in place. They may lie in memory that
/// other processes of the machine have mapped as well: then all of them see what any of them has written, once
/// they have been told of it. Values that vary in size are kept per block, by each process for itself, until they are
/// joined in such memory.
///
/// Thread rule: `destination` and writes behind it may happen from several threads for disjoint ranges;
/// everything else from one thread at a time.
class PartialArray {
 public:
  /// `internal` may be given later with `set_internal` when it is not known yet. Values of fixed size lie in
  /// `place`, or in memory of this process where it is empty.
  PartialArray(const ElementType& type, Shape external, std::optional<Shape> internal, PagesSlot place = {});
  PartialArray(PartialArray&&) noexcept;
  PartialArray& operator=(PartialArray&&) noexcept;
  ~PartialArray();

  const ElementType& type() const { return *type_; }
  const Shape& external() const { return external_; }
  Index element_total() const { return total_; }
  bool internal_known() const { return internal_.has_value(); }
  /// Precondition: known.
  const Shape& internal() const { return *internal_; }
  /// Values per element. Precondition: `internal_known()`.
  Index values_per_element() const { return per_element_; }
  std::size_t element_bytes() const { return static_cast<std::size_t>(per_element_) * type_->size; }
  /// Fixes the internal shape once; again with the same is fine, with another throws `Error`
  /// (internal_shape_mismatch).
  void set_internal(const Shape& internal);

  /// The elements that are here.
  const RangeSet& have() const { return have_; }
  void mark(IndexRange range) { have_.insert(range); }

  /// Fixed-size types: where the elements of a range are (to be) written; `mark` says when they are.
  /// Precondition: internal shape known.
  std::byte* destination(Index element) {
    return data_ + static_cast<std::size_t>(element) * element_bytes();
  }
  const std::byte* data(Index element) const {
    return data_ + static_cast<std::size_t>(element) * element_bytes();
  }

  /// Fixed-size types: values of `elements` are looked at in `file` from here on, where the values of the whole
  /// array lie behind one another from `offset` (a multiple of the size of a page) on, with the same bytes. They are
  /// read when somebody looks at them, and must not be written any more. Only what is worth it: long stretches, in
  /// whole pages. Returns the elements that are wholly there and were not before. Memory of this process alone is
  /// free then; shared memory must be given back. Throws `Error` (storage_failed). Where the file turns out to be
  /// cut, the values are zeros: see `file_faults`.
  RangeSet look_into(const File& file, std::uint64_t offset, const RangeSet& elements);
  /// Of some elements, those that `look_into` would find worth it.
  RangeSet worth_a_file(const RangeSet& elements) const;
  /// Gives the memory of elements back that all processes which share it look at in a file.
  void give_back(const RangeSet& elements);
  /// The elements that are looked at in a file.
  const RangeSet& in_file() const { return in_file_; }

  /// Types that vary in size: the encoded values of `range` (values_per_element of them each), `offsets` from
  /// 0; marks. Elements of it that are here already are replaced. Throws `Bug` when the offsets do not fit
  /// the range or the bytes.
  void put(IndexRange range, std::span<const std::byte> bytes, std::span<const std::uint64_t> offsets);

  /// Types that vary in size: room for the values of all elements, `size` bytes, in the place of the array. Those who
  /// share it fill it together. Precondition: internal shape known.
  JoinedValues make_room(std::uint64_t size) const;
  /// From here on the values are those in `values`, of `elements`; others are empty. Copies of this process are free.
  void adopt(JoinedValues values, const RangeSet& elements);
  /// Null until `adopt`.
  const JoinedValues* joined() const { return joined_ ? &*joined_ : nullptr; }
  /// Types that vary in size: the values of a range of elements that are all here, in parts, in their order. Offsets
  /// are those of the bytes, but begin anywhere. Throws `Bug` when an element is not here.
  using TakePart = std::function<void(IndexRange elements, std::span<const std::byte> bytes,
                                      std::span<const std::uint64_t> offsets)>;
  void visit(IndexRange range, const TakePart& take) const;

  /// The bytes of a range of elements that are all here, with offsets (from 0) for types that vary in size.
  struct Piece {
    std::span<const std::byte> bytes;
    std::vector<std::uint64_t> offsets;
    Bytes owned;  ///< backs `bytes` where they had to be put together
  };
  Piece piece(IndexRange range) const;

  /// All elements as one `Value` of shape external + internal. Elements that are not here: zero bytes, empty
  /// strings. Throws `Bug` when the internal shape is not known. Of fixed-size types the value shares this
  /// array's memory, which then must not be written any more, unless that is shared and small.
  Value to_value() const;
  /// Keeps the memory alive that `data()` points to.
  std::shared_ptr<const void> owner() const { return memory_; }

 private:
  struct Block {
    IndexRange range;
    Bytes bytes;
    std::vector<std::uint64_t> offsets;
  };
  void map_memory();
  IndexRange pages_of(IndexRange elements) const;
  IndexRange elements_within(IndexRange bytes) const;
  /// Takes a range out of `blocks_`, which stay disjoint; blocks that reach beyond it keep the rest.
  void cut_blocks(IndexRange range);
  /// The part of a block in `range`, which lies within it.
  Block part_of(const Block& block, IndexRange range) const;

  const ElementType* type_;
  Shape external_;
  Index total_ = 0;
  std::optional<Shape> internal_;
  Index per_element_ = 1;
  RangeSet have_;
  RangeSet in_file_;
  PagesSlot place_;
  std::shared_ptr<void> memory_;
  std::byte* data_ = nullptr;
  std::shared_ptr<void> guard_;    ///< see `guard_file_faults`; ends before `memory_`
  std::map<Index, Block> blocks_;  ///< by first element; only for types that vary in size
  std::optional<JoinedValues> joined_;
};

}  // namespace mpipe
