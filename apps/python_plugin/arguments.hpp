// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Arguments of functions as objects of Python: numbers, texts, what was pickled, and arrays that are looked
/// at in place.
#pragma once

#include <mpipe/data/value.hpp>
#include <mpipe/pipeline/function_body.hpp>

#include "interpreter.hpp"

namespace mpipe::python {

/// The type of values that are objects of Python, pickled.
const ElementType& object_type();

/// A value that Python gives, such as the default of a parameter: numbers, texts and arrays of numbers as
/// themselves, anything else pickled. Throws `py::error_already_set`.
Value value_of(py::handle object);

/// One argument along a row of a block. All functions are called with the lock held, and throw
/// `py::error_already_set`.
///
/// Arrays are views of memory that lives as long as the call of the block. They cannot be written to.
class ArgumentReader {
 public:
  explicit ArgumentReader(const ArgumentView& view) : view_(view) {}
  void start_row(Index position, Index step) {
    position_ = position;
    step_ = step;
  }
  /// The argument of the k-th element of the row, owned by this reader until the next call. What several
  /// elements share is made once.
  PyObject* get(Index k) {
    const Index at = position_ + k * step_;
    if (at != made_at_ || !made_) make(at);
    return made_.ptr();
  }

 private:
  void make(Index at);

  const ArgumentView& view_;
  Index position_ = 0;
  Index step_ = 0;
  Index made_at_ = 0;
  py::object made_;
};

/// All elements of the function have the same argument.
bool is_shared(const ArgumentView& view);

/// The arguments of the elements of `range` as one array, whose first axis numbers them; of an argument that
/// is shared, the argument itself.
py::object column_of(const BlockCall& call, std::size_t argument, IndexRange range);

}  // namespace mpipe::python
