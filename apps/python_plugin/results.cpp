// SPDX-License-Identifier: BSD-3-Clause
// Takes what Python returned into columns, and says what does not fit.
#include "results.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/data/codec.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pybind11/numpy.h>

#include <cstring>
#include <utility>

namespace mpipe::python {
namespace {

/// A function of support.py about what was returned for an output.
py::object called(PyObject* function, py::handle returned, py::handle how, const std::string& output) {
  PyObject* const result =
      PyObject_CallFunctionObjArgs(function, returned.ptr(), how.ptr(), py::str(output).ptr(), nullptr);
  if (result == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(result);
}

/// Numbers of an output, dense.
py::array numbers_of(py::handle object, const ElementType& type, const std::string& name) {
  return py::reinterpret_borrow<py::array>(
      called(tools().fit, object, py::str(type.dtype().data(), type.dtype().size()), name));
}

Shape shape_of(const py::array& array) { return Shape(array.shape(), array.shape() + array.ndim()); }

const std::byte* bytes_of(const py::array& array) { return static_cast<const std::byte*>(array.data()); }

/// Texts and objects of an output, one after the other.
struct Items {
  Shape shape;
  py::list items;
};

/// `rank`: of the array, or none where the object itself tells.
Items items_of(py::handle object, std::optional<std::size_t> rank, const std::string& name) {
  const py::object wanted = rank ? py::object(py::int_(*rank)) : py::object(py::none());
  const auto [shape, items] =
      called(tools().flatten, object, wanted, name).cast<std::pair<py::tuple, py::list>>();
  Items all{{}, items};
  for (const py::handle extent : shape) all.shape.push_back(extent.cast<Index>());
  return all;
}

void append_encoded(Bytes& out, py::handle item, const ElementType& type, const std::string& name) {
  const char* text = nullptr;
  Py_ssize_t size = 0;
  py::object pickled;
  if (type.kind == Kind::string) {
    if (!PyUnicode_Check(item.ptr()))
      throw Error(
          Category::type_mismatch,
          fmt::format("the function returned a value of type {} for '{}', where a text was expected. Say its "
                      "type (dtype: float64, dtype: object).",
                      Py_TYPE(item.ptr())->tp_name, name));
    text = PyUnicode_AsUTF8AndSize(item.ptr(), &size);
    if (text == nullptr) throw py::error_already_set();
  } else {
    pickled = py::reinterpret_steal<py::object>(PyObject_CallOneArg(tools().dump, item.ptr()));
    char* bytes = nullptr;
    if (!pickled || PyBytes_AsStringAndSize(pickled.ptr(), &bytes, &size) != 0) throw py::error_already_set();
    text = bytes;
  }
  detail::append(out, text, static_cast<std::size_t>(size));
}

/// The fast way of a number: what Python's own numbers hold exactly. False: some other object, or number.
template <class T>
bool put_own_number(std::byte* out, PyObject* object) {
  T number{};
  if constexpr (std::is_floating_point_v<T>) {
    if (PyFloat_Check(object) == 0) return false;
    number = static_cast<T>(PyFloat_AS_DOUBLE(object));
  } else {
    if (PyLong_CheckExact(object) == 0) return false;
    int overflow = 0;
    number = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow != 0) return false;
  }
  std::memcpy(out, &number, sizeof number);
  return true;
}

void put_number(std::byte* out, const ElementType& type, py::handle object, const std::string& name) {
  if (type.kind == Kind::float64 && put_own_number<double>(out, object.ptr())) return;
  if (type.kind == Kind::int64 && put_own_number<long long>(out, object.ptr())) return;
  const py::array number = numbers_of(object, type, name);
  if (number.ndim() != 0)
    throw Error(
        Category::internal_shape_rank,
        fmt::format("the function returned an array of shape {} for '{}', where one value was expected. Name "
                    "its axes in the mapspec (-> {}[.., k]), or annotate the function (-> numpy.ndarray) to "
                    "have arrays as elements.",
                    to_string(shape_of(number)), name, name));
  std::memcpy(out, bytes_of(number), type.size);
}

/// An element that is an array itself, as `encode` of Array does it.
void push_array(OutputColumn& column, py::handle object, const std::string& name) {
  const ElementType& item = *column.type->item;
  Bytes bytes;
  if (item.fixed_size()) {
    const py::array numbers = numbers_of(object, item, name);
    detail::write_shape(shape_of(numbers), bytes);
    detail::append(bytes, numbers.data(), static_cast<std::size_t>(numbers.nbytes()));
    return column.push_encoded(bytes);
  }
  const Items all = items_of(object, std::nullopt, name);
  detail::write_shape(all.shape, bytes);
  Bytes values;
  for (const py::handle each : all.items) {
    const std::size_t begin = values.size();
    append_encoded(values, each, item, name);
    const std::uint64_t length = values.size() - begin;
    detail::append(bytes, &length, sizeof length);
  }
  bytes.insert(bytes.end(), values.begin(), values.end());
  column.push_encoded(bytes);
}

void push_items(OutputColumn& column, py::handle object, const std::string& name) {
  // An object that nothing names axes of is one object, be it a list.
  const bool whole = column.type->kind == Kind::object && !column.item_rank;
  const Items all = items_of(object, whole ? 0 : column.item_rank, name);
  column.check_items(all.shape);
  for (const py::handle each : all.items) {
    Bytes bytes;
    append_encoded(bytes, each, *column.type, name);
    column.push_encoded(bytes);
  }
}

[[noreturn]] void refuse_length(const Shape& shape, Index count, const std::string& name) {
  throw WrongLength(
      fmt::format("the function is vectorized, and returned {} of shape {} for '{}' of a block of {} "
                  "elements, where the first "
                  "axis has one value for each element. Compute with whole arrays, or remove 'vectorize'.",
                  shape.empty() ? "a value" : "an array", to_string(shape), name, count));
}

}  // namespace

std::vector<py::object> outputs_of(py::handle returned, const std::vector<std::string>& outputs) {
  std::vector<py::object> all;
  if (outputs.size() == 1) {
    all.push_back(py::reinterpret_borrow<py::object>(returned));
  } else if (py::isinstance<py::dict>(returned)) {
    const auto by_name = py::reinterpret_borrow<py::dict>(returned);
    for (const std::string& name : outputs) {
      if (!by_name.contains(name))
        throw Error(Category::type_mismatch,
                    fmt::format("the function returned a dict without '{}'. Its keys are the outputs: {}.",
                                name, fmt::join(outputs, ", ")));
      all.push_back(by_name[py::str(name)]);
    }
  } else if (py::isinstance<py::tuple>(returned) || py::isinstance<py::list>(returned)) {
    const auto items = py::reinterpret_borrow<py::sequence>(returned);
    for (const py::handle item : items) all.push_back(py::reinterpret_borrow<py::object>(item));
    if (all.size() != outputs.size())
      throw Error(Category::type_mismatch, fmt::format("the function returned {} values for {} outputs ({}).",
                                                       all.size(), outputs.size(), fmt::join(outputs, ", ")));
  } else {
    throw Error(
        Category::type_mismatch,
        fmt::format(
            "the function returned a value of type {}, where a tuple or a dict with the outputs {} was "
            "expected.",
            Py_TYPE(returned.ptr())->tp_name, fmt::join(outputs, ", ")));
  }
  return all;
}

void put_output(OutputColumn& column, Index k, py::handle object, const std::string& name) {
  const ElementType& type = *column.type;
  if (column.collects_items && type.fixed_size()) {
    const py::array numbers = numbers_of(object, type, name);
    return column.push_items(shape_of(numbers), bytes_of(numbers));
  }
  if (column.collects_items) return push_items(column, object, name);
  if (type.fixed_size())
    return put_number(column.fixed + static_cast<std::size_t>(k) * type.size, type, object, name);
  if (type.kind == Kind::array) return push_array(column, object, name);
  Bytes bytes;
  append_encoded(bytes, object, type, name);
  column.push_encoded(bytes);
}

py::object first_of_two(py::handle object, const std::string& name) {
  const bool is_sequence = py::isinstance<py::array>(object)
                               ? py::reinterpret_borrow<py::array>(object).ndim() > 0
                               : PySequence_Check(object.ptr()) != 0;
  const Py_ssize_t length = is_sequence ? PySequence_Size(object.ptr()) : 0;
  if (length < 0) throw py::error_already_set();
  if (length != 2) refuse_length(is_sequence ? Shape{length} : Shape{}, 2, name);
  PyObject* const first = PySequence_GetSlice(object.ptr(), 0, 1);
  if (first == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(first);
}

void put_column(OutputColumn& column, Index first, Index count, py::handle object, const std::string& name) {
  const ElementType& type = *column.type;
  if (!type.fixed_size()) {
    const Items elements = items_of(object, 1, name);
    if (std::ssize(elements.items) != count) refuse_length(elements.shape, count, name);
    for (Index k = 0; k < count; ++k)
      put_output(column, first + k, elements.items[static_cast<std::size_t>(k)], name);
    return;
  }
  const py::array numbers = numbers_of(object, type, name);
  Shape shape = shape_of(numbers);
  if (shape.empty() || shape.front() != count || (!column.collects_items && shape.size() != 1))
    refuse_length(shape, count, name);
  const std::byte* const bytes = bytes_of(numbers);
  if (!column.collects_items) {
    std::memcpy(column.fixed + static_cast<std::size_t>(first) * type.size, bytes,
                static_cast<std::size_t>(count) * type.size);
    return;
  }
  shape.erase(shape.begin());
  const auto size = static_cast<std::size_t>(element_count(shape)) * type.size;
  for (Index k = 0; k < count; ++k) column.push_items(shape, bytes + static_cast<std::size_t>(k) * size);
}

}  // namespace mpipe::python
