// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// N-D arrays of one type: `Array` owns its values, `ArrayView` looks at values of somebody else.
/// Both are dense and in C order: of an array of shape (2, 3), value (0, 1) is the second and (1, 0) the
/// fourth.
#pragma once

#include <mpipe/core/shape.hpp>

#include <algorithm>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace mpipe {

/// Non-owning view of a dense C-order array. Cheap to copy; valid while the values and the shape it was made
/// from are (for a parameter of a function: during the call).
template <class T>
class ArrayView {
 public:
  using value_type = std::remove_const_t<T>;

  ArrayView() = default;
  ArrayView(T* data, std::span<const Index> shape) : data_(data), shape_(shape), size_(1) {
    for (const Index extent : shape) size_ *= extent;
  }

  std::size_t rank() const { return shape_.size(); }
  Index extent(std::size_t axis) const { return shape_[axis]; }
  Shape shape() const { return {shape_.begin(), shape_.end()}; }
  Index size() const { return size_; }
  bool empty() const { return size_ == 0; }

  T* data() const { return data_; }
  T* begin() const { return data_; }
  T* end() const { return data_ + size_; }
  /// The k-th value in C order.
  T& operator[](Index k) const { return data_[k]; }
  /// The value at a multi-index; as many arguments as the rank.
  template <class... Indices>
  T& operator()(Indices... indices) const {
    Index linear = 0;
    std::size_t axis = 0;
    ((linear = linear * shape_[axis++] + static_cast<Index>(indices)), ...);
    return data_[linear];
  }

 private:
  T* data_ = nullptr;
  std::span<const Index> shape_;
  Index size_ = 0;
};

/// Owning dense C-order array; a value type.
template <class T>
class Array {
 public:
  using value_type = T;

  /// A 1-D array without values.
  Array() : shape_{0} {}
  /// Value-initialised. `Array<double>(Shape{3, 4})` has this shape; `Array<double>({3, 4})` and
  /// `Array<double>{3, 4}` are the two values 3 and 4; `zeros({3, 4})` cannot be taken for them.
  explicit Array(Shape shape)
      : shape_(std::move(shape)),
        size_(element_count(shape_)),
        data_(new T[static_cast<std::size_t>(size_)]()) {}
  /// From values in C order; as many as `shape` has elements.
  template <class Iterator>
  Array(Shape shape, Iterator first) : Array(std::move(shape)) {
    std::copy_n(first, size_, data_.get());
  }
  /// 1-D.
  Array(std::initializer_list<T> values) : Array({static_cast<Index>(values.size())}, values.begin()) {}

  static Array zeros(Shape shape) { return Array(std::move(shape)); }

  Array(const Array& other) : Array(other.shape_, other.begin()) {}
  Array(Array&& other) noexcept
      : shape_(std::exchange(other.shape_, Shape{0})),
        size_(std::exchange(other.size_, 0)),
        data_(std::move(other.data_)) {}
  Array& operator=(Array other) noexcept {
    std::swap(shape_, other.shape_);
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Array() = default;

  std::size_t rank() const { return shape_.size(); }
  Index extent(std::size_t axis) const { return shape_[axis]; }
  const Shape& shape() const { return shape_; }
  Index size() const { return size_; }
  bool empty() const { return size_ == 0; }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T& operator[](Index k) { return data_[static_cast<std::size_t>(k)]; }
  const T& operator[](Index k) const { return data_[static_cast<std::size_t>(k)]; }
  template <class... Indices>
  T& operator()(Indices... indices) {
    return ArrayView<T>(data(), shape_)(indices...);
  }
  template <class... Indices>
  const T& operator()(Indices... indices) const {
    return view()(indices...);
  }

  ArrayView<const T> view() const { return {data(), shape_}; }

  friend bool operator==(const Array& a, const Array& b) {
    return a.shape_ == b.shape_ && std::equal(a.begin(), a.end(), b.begin());
  }

 private:
  Shape shape_;
  Index size_ = 0;
  std::unique_ptr<T[]> data_;
};

}  // namespace mpipe
