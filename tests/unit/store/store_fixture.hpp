// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A run as the store sees it: arrays of values that anybody can compute, appended by the ranks in turn.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include "base/api/file.hpp"
#include "store/api/run_store.hpp"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace mpipe::test {

/// All ranks of MPI, or the serial group: the same tests run in both kinds of programs.
const Communicator& test_communicator();

/// An empty folder that all ranks share, removed at the end. Collective.
class SharedFolder {
 public:
  explicit SharedFolder(const Communicator& comm) : comm_(comm) {
    std::string name;
    if (comm.is_root()) {
      name = (std::filesystem::temp_directory_path() / "mpipe-store-XXXXXX").string();
      if (mkdtemp(name.data()) == nullptr) name.clear();
    }
    path_ = comm.broadcast_text(name);
    if (path_.empty()) throw std::runtime_error("no temporary folder");
  }
  ~SharedFolder() {
    comm_.barrier();
    std::error_code ignored;
    if (comm_.is_root()) std::filesystem::remove_all(path_, ignored);
  }
  SharedFolder(const SharedFolder&) = delete;
  SharedFolder& operator=(const SharedFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  const Communicator& comm_;
  std::filesystem::path path_;
};

inline OutputLayout output(std::string name, const ElementType& type, std::vector<std::string> dims,
                           std::vector<bool> external, PartialShape shape) {
  OutputLayout layout;
  layout.name = std::move(name);
  layout.type = &type;
  layout.axes = std::move(dims);
  layout.external = std::move(external);
  layout.shape = std::move(shape);
  return layout;
}

/// One output, all of whose axes are external.
inline OutputLayout plain_output(std::string name, const ElementType& type, std::vector<std::string> dims,
                                 Shape shape) {
  return output(std::move(name), type, std::move(dims), std::vector<bool>(shape.size(), true),
                partial(shape));
}

/// All bytes of a file.
inline std::vector<std::byte> read_bytes(const std::filesystem::path& path) {
  const File file(path, File::Mode::read);
  std::vector<std::byte> bytes(file.size());
  file.read_at(0, bytes);
  return bytes;
}

/// The bytes of the `item`-th value of an element: anything, but the same for everybody and different from
/// others.
Bytes expected_value(const ElementType& type, std::size_t output, Index element, Index item);

inline PartialShape external_shape(const OutputLayout& output, bool external) {
  PartialShape shape;
  for (std::size_t axis = 0; axis < output.shape.size(); ++axis)
    if (output.external[axis] == external) shape.push_back(output.shape[axis]);
  return shape;
}

/// The arrays of one rank, and a store.
class TestRun {
 public:
  explicit TestRun(RunLayout layout, const Communicator& comm = test_communicator()) : comm_(comm) {
    static_cast<RunLayout&>(layout_) = std::move(layout);
  }

  RunDescription& layout() { return layout_; }
  StoreOptions& options() { return options_; }
  RunStore& store() { return *store_; }
  PartialArray& array(std::size_t k) { return *arrays_[k]; }

  void create(const std::filesystem::path& folder) {
    open(create_run_store(comm_, folder, layout_, options_));
  }
  void resume(const std::filesystem::path& folder, const std::vector<std::string>& redo = {}) {
    open(resume_run_store(comm_, folder, layout_, options_, redo));
  }
  /// As a crash does, but for what the system does then.
  void drop() { store_.reset(); }

  /// Outputs whose shapes are not known get their arrays here.
  void set_shape(std::size_t k, const Shape& shape) {
    const OutputLayout& at = layout_.outputs[k];
    Shape outer, inner;
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      (at.rank_known && at.external[axis] ? outer : inner).push_back(shape[axis]);
    if (!arrays_[k]) arrays_[k] = std::make_unique<PartialArray>(*at.type, outer, inner);
  }

  void set_late_shapes(const Shape& shape) {
    for (std::size_t k = 0; k < arrays_.size(); ++k)
      if (!arrays_[k]) set_shape(k, shape);
  }
  void resolve_late_shapes(const Shape& shape) {
    std::map<std::size_t, Shape> shapes;
    for (std::size_t k = 0; k < arrays_.size(); ++k)
      if (!store_->outputs()[k].shape_known()) shapes[k] = shape;
    store_->resolve(shapes);
  }

  /// Computes elements on this rank, and appends them.
  void compute(std::size_t k, IndexRange range) {
    if (range.empty()) return;
    fill(k, range);
    store_->append(k, range, *arrays_[k]);
  }
  void fill(std::size_t k, IndexRange range) {
    PartialArray& array = *arrays_[k];
    Bytes bytes;
    std::vector<std::uint64_t> offsets{0};
    for (Index element = range.begin; element < range.end; ++element)
      for (Index item = 0; item < array.values_per_element(); ++item) {
        const Bytes value = expected_value(array.type(), k, element, item);
        bytes.insert(bytes.end(), value.begin(), value.end());
        offsets.push_back(bytes.size());
      }
    if (!array.type().fixed_size()) return array.put(range, bytes, offsets);
    if (!bytes.empty()) std::memcpy(array.destination(range.begin), bytes.data(), bytes.size());
    array.mark(range);
  }
  /// Blocks of `elements`, dealt out to the ranks.
  void compute_all(std::size_t k, IndexRange range, Index block) {
    const auto ranks = static_cast<Index>(comm_.size());
    Index number = 0;
    for (Index begin = range.begin; begin < range.end; begin += block, ++number)
      if (number % ranks == comm_.rank()) compute(k, {begin, std::min(range.end, begin + block)});
  }

  std::vector<const PartialArray*> arrays() const {
    std::vector<const PartialArray*> all;
    for (const auto& array : arrays_) all.push_back(array.get());
    return all;
  }
  void commit() { store_->commit(arrays()); }
  void finish(bool complete = true) { store_->finish(arrays(), complete); }

  /// Forgets all values, loads what is stored and compares.
  void expect_stored(std::size_t k, const RangeSet& elements) {
    EXPECT_EQ(store_->stored()[k], elements) << layout_.outputs[k].name;
    ASSERT_TRUE(store_->outputs()[k].shape_known());
    arrays_[k].reset();
    set_shape(k, known_shape(store_->outputs()[k].shape));
    store_->load(k, store_->stored()[k], *arrays_[k]);
    EXPECT_EQ(arrays_[k]->have(), store_->stored()[k]);
    for (const IndexRange& range : elements.ranges()) expect_values(k, range);
  }
  /// Memory of an output is given up, as `run` does where nobody needs it any more.
  void release(std::size_t k) {
    const PartialArray before = std::move(*arrays_[k]);
    arrays_[k] = std::make_unique<PartialArray>(before.type(), before.external(), before.internal());
  }
  void expect_values(std::size_t k, IndexRange range) {
    const PartialArray& array = *arrays_[k];
    const PartialArray::Piece piece = array.piece(range);
    std::size_t at = 0;
    for (Index element = range.begin; element < range.end; ++element)
      for (Index item = 0; item < array.values_per_element(); ++item) {
        const Bytes expected = expected_value(array.type(), k, element, item);
        ASSERT_LE(at + expected.size(), piece.bytes.size());
        ASSERT_EQ(Bytes(piece.bytes.begin() + static_cast<Index>(at),
                        piece.bytes.begin() + static_cast<Index>(at + expected.size())),
                  expected)
            << layout_.outputs[k].name << " element " << element << " item " << item;
        at += expected.size();
      }
    EXPECT_EQ(at, piece.bytes.size());
  }

 private:
  void open(std::unique_ptr<RunStore> store) {
    store_ = std::move(store);
    // A run that goes on has the outputs of earlier starts as well.
    if (store_->outputs().size() != layout_.outputs.size()) layout_.outputs = store_->outputs();
    arrays_.clear();
    arrays_.resize(store_->outputs().size());
    for (std::size_t k = 0; k < arrays_.size(); ++k)
      if (store_->outputs()[k].shape_known()) set_shape(k, known_shape(store_->outputs()[k].shape));
  }

  RunDescription layout_;
  Communicator comm_;
  StoreOptions options_;
  std::unique_ptr<RunStore> store_;
  std::vector<std::unique_ptr<PartialArray>> arrays_;
};

/// A single value of which nobody knows the rank.
inline OutputLayout unknown_output(std::string name, const ElementType& type) {
  OutputLayout layout = output(std::move(name), type, {}, {}, {});
  layout.rank_known = false;
  return layout;
}

/// One output of each kind: types, orders, variable sizes, scalars, nothing at all.
RunLayout every_kind();

}  // namespace mpipe::test
