// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What functions in Python return, as values of outputs.
#pragma once

#include <mpipe/pipeline/function_body.hpp>

#include "interpreter.hpp"

#include <string>
#include <vector>

namespace mpipe::python {

/// A vectorized function returned something that is not one value for each element: it would do so again.
class WrongLength final : public Error {
 public:
  explicit WrongLength(const std::string& message) : Error(Category::type_mismatch, message) {}
};

/// The objects for each output, from what a call returned: of several outputs a tuple, a list, or a dict by
/// their names `outputs`. Throws `Error` (type_mismatch). The lock is held, here and below.
std::vector<py::object> outputs_of(py::handle returned, const std::vector<std::string>& outputs);

/// Puts one output of the element number `k` of a block, the next one, into its column. Throws `Error`
/// (type_mismatch and as `OutputColumn::push_items`) and `py::error_already_set`.
void put_output(OutputColumn& column, Index k, py::handle object, const std::string& name);

/// Of what a vectorized function returned for two elements, that of the first. Throws `WrongLength`.
py::object first_of_two(py::handle object, const std::string& name);

/// The same as `put_output` for `count` elements at once, from element number `first` of the block on. Throws
/// `WrongLength`.
void put_column(OutputColumn& column, Index first, Index count, py::handle object, const std::string& name);

}  // namespace mpipe::python
