// SPDX-License-Identifier: BSD-3-Clause
// Makes objects of Python from values in memory: arrays of numbers are looked at, everything else is copied.
#include "arguments.hpp"

#include <mpipe/core/error.hpp>

#include <pybind11/numpy.h>

#include <algorithm>
#include <complex>
#include <cstring>
#include <string>
#include <vector>

namespace mpipe::python {
namespace {

template <class T>
T read(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

py::object stolen(PyObject* object) {
  if (object == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(object);
}

py::object unpickled(std::span<const std::byte> bytes) {
  const py::object text = stolen(PyMemoryView_FromMemory(
      const_cast<char*>(reinterpret_cast<const char*>(bytes.data())), std::ssize(bytes), PyBUF_READ));
  return stolen(PyObject_CallOneArg(tools().load, text.ptr()));
}

/// One value as Python's own number, text or object.
py::object scalar_of(const ElementType& type, std::span<const std::byte> bytes) {
  switch (type.kind) {
    case Kind::boolean:
      return py::bool_(read<bool>(bytes));
    case Kind::int8:
      return stolen(PyLong_FromLong(read<std::int8_t>(bytes)));
    case Kind::int16:
      return stolen(PyLong_FromLong(read<std::int16_t>(bytes)));
    case Kind::int32:
      return stolen(PyLong_FromLong(read<std::int32_t>(bytes)));
    case Kind::int64:
      return stolen(PyLong_FromLongLong(read<std::int64_t>(bytes)));
    case Kind::uint8:
      return stolen(PyLong_FromLong(read<std::uint8_t>(bytes)));
    case Kind::uint16:
      return stolen(PyLong_FromLong(read<std::uint16_t>(bytes)));
    case Kind::uint32:
      return stolen(PyLong_FromUnsignedLong(read<std::uint32_t>(bytes)));
    case Kind::uint64:
      return stolen(PyLong_FromUnsignedLongLong(read<std::uint64_t>(bytes)));
    case Kind::float32:
      return stolen(PyFloat_FromDouble(static_cast<double>(read<float>(bytes))));
    case Kind::float64:
      return stolen(PyFloat_FromDouble(read<double>(bytes)));
    case Kind::complex64: {
      const auto number = read<std::complex<float>>(bytes);
      return stolen(PyComplex_FromDoubles(number.real(), number.imag()));
    }
    case Kind::complex128: {
      const auto number = read<std::complex<double>>(bytes);
      return stolen(PyComplex_FromDoubles(number.real(), number.imag()));
    }
    case Kind::string:
      return stolen(
          PyUnicode_DecodeUTF8(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes), "strict"));
    case Kind::object:
      if (type == object_type()) return unpickled(bytes);
      throw Error(
          Category::type_mismatch,
          "a function in Python gets an object of the C++ type " + type.name +
              ", which Python does not know. Have the function before it give numbers, texts or arrays.");
    case Kind::array:
      break;
  }
  throw Bug("an array is no scalar of Python");
}

/// The description of numbers of this type, which lives as long as the process.
PyObject* descriptor(const ElementType& type) {
  static PyObject* known[static_cast<std::size_t>(Kind::object) + 1] = {};
  PyObject*& found = known[static_cast<std::size_t>(type.kind)];
  if (found == nullptr) found = py::dtype(std::string(type.dtype())).inc_ref().ptr();
  return found;
}

/// An array over memory of others, which NumPy cannot be told to write to: an object whose own memory is
/// constant stands for the owner.
py::object view_of(const ElementType& type, const std::byte* data, const Shape& shape,
                   const Strides& strides) {
  static PyObject* const owner = py::bytes("").inc_ref().ptr();
  std::vector<Py_intptr_t> extents(shape.begin(), shape.end());
  std::vector<Py_intptr_t> steps;
  for (const Index stride : strides)
    steps.push_back(static_cast<Py_intptr_t>(stride) * static_cast<Py_intptr_t>(type.size));
  auto& numpy = py::detail::npy_api::get();
  PyObject* const description = descriptor(type);
  Py_INCREF(description);  // which is handed over
  py::object array = stolen(
      numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, description, static_cast<int>(extents.size()),
                                  extents.data(), steps.data(), const_cast<std::byte*>(data), 0, nullptr));
  Py_INCREF(owner);
  if (numpy.PyArray_SetBaseObject_(array.ptr(), owner) != 0) throw py::error_already_set();
  return array;
}

/// An array of objects of Python: texts, and what was pickled.
py::object object_array(const Shape& shape, const py::list& items) {
  py::array array(py::dtype("O"), std::vector<py::ssize_t>(shape.begin(), shape.end()));
  // Into its memory, as an assignment would take items apart that are arrays or lists.
  auto** out = static_cast<PyObject**>(array.mutable_data());
  for (std::size_t k = 0; k < items.size(); ++k) {
    PyObject* const item = py::object(items[k]).release().ptr();
    Py_XDECREF(out[k]);
    out[k] = item;
  }
  array.attr("setflags")(py::arg("write") = false);
  return array;
}

py::object slice_of(const ArgumentView& view, Index at) {
  const ElementType& type = *view.type;
  if (type.fixed_size())
    return view_of(type, view.data + static_cast<std::size_t>(at) * type.size, view.slice_shape,
                   view.slice_strides);
  py::list items;
  view.for_each_in_slice(at, [&](Index position) { items.append(scalar_of(type, view.value(position))); });
  return object_array(view.slice_shape, items);
}

/// An element that is an array itself, as an array of its own.
py::object array_of(const Value& value) {
  if (value.type().fixed_size()) {
    py::array array(py::dtype(std::string(value.type().dtype())),
                    std::vector<py::ssize_t>(value.shape().begin(), value.shape().end()));
    if (value.byte_size() != 0) std::memcpy(array.mutable_data(), value.data(), value.byte_size());
    array.attr("setflags")(py::arg("write") = false);
    return array;
  }
  py::list items;
  for (Index k = 0; k < value.count(); ++k) items.append(scalar_of(value.type(), value.element(k)));
  return object_array(value.shape(), items);
}

/// Walks over the elements of `range` of a call: `visit(position of the argument)`.
template <class Visitor>
void for_each_position(const BlockCall& call, std::size_t argument, IndexRange range, Visitor&& visit) {
  BlockCall part = call;
  part.range = range;
  RowWalker row(part);
  while (row.next())
    for (Index k = 0; k < row.length(); ++k) visit(row.position(argument) + k * row.step(argument));
}

/// Numbers of this many bytes along one row.
template <std::size_t size>
std::byte* copy_row(const ArgumentView& view, Index position, Index step, Index length, std::byte* out) {
  const std::byte* from = view.data + static_cast<std::size_t>(position) * size;
  for (Index k = 0; k < length; ++k, out += size)
    std::memcpy(out, from + k * step * static_cast<Index>(size), size);
  return out;
}

std::byte* copy_numbers(const ArgumentView& view, Index position, Index step, Index length, std::byte* out) {
  switch (view.type->size) {
    case 1:
      return copy_row<1>(view, position, step, length, out);
    case 2:
      return copy_row<2>(view, position, step, length, out);
    case 4:
      return copy_row<4>(view, position, step, length, out);
    case 8:
      return copy_row<8>(view, position, step, length, out);
    default:
      return copy_row<16>(view, position, step, length, out);
  }
}

/// Numbers of several rows, put together row by row.
py::object gathered(const BlockCall& part, std::size_t argument, const Shape& shape) {
  const ArgumentView& view = part.arguments[argument];
  py::array array(py::dtype(std::string(view.type->dtype())),
                  std::vector<py::ssize_t>(shape.begin(), shape.end()));
  auto* out = static_cast<std::byte*>(array.mutable_data());
  const std::size_t size = static_cast<std::size_t>(element_count(view.slice_shape)) * view.type->size;
  RowWalker row(part);
  while (row.next()) {
    if (view.slice_shape.empty()) {
      out = copy_numbers(view, row.position(argument), row.step(argument), row.length(), out);
      continue;
    }
    for (Index k = 0; k < row.length(); ++k, out += size)
      view.copy_slice(row.position(argument) + k * row.step(argument), out);
  }
  array.attr("setflags")(py::arg("write") = false);
  return array;
}

py::object numbers_of(const BlockCall& call, std::size_t argument, IndexRange range) {
  const ArgumentView& view = call.arguments[argument];
  BlockCall part = call;
  part.range = range;
  RowWalker row(part);
  row.next();
  Shape shape{range.size()};
  shape.insert(shape.end(), view.slice_shape.begin(), view.slice_shape.end());
  // The step of one row is that of all of them where the rows follow each other in memory as well.
  const Index step = row.step(argument);
  bool regular = true;
  for (std::size_t axis = view.strides.size(); axis-- > 1;)
    regular = regular && view.strides[axis - 1] == view.strides[axis] * (*call.external)[axis];
  if (row.length() < range.size() && !regular) return gathered(part, argument, shape);
  Strides strides{step};
  strides.insert(strides.end(), view.slice_strides.begin(), view.slice_strides.end());
  return view_of(*view.type, view.data + static_cast<std::size_t>(row.position(argument)) * view.type->size,
                 shape, strides);
}

}  // namespace

const ElementType& object_type() {
  static const ElementType type{Kind::object, "object of Python", 0, nullptr};
  return type;
}

Value value_of(py::handle object) {
  if (PyBool_Check(object.ptr())) return Value(object.ptr() == Py_True);
  if (PyLong_CheckExact(object.ptr())) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(object.ptr(), &overflow);
    if (overflow == 0) return Value(static_cast<std::int64_t>(number));
  }
  if (PyFloat_Check(object.ptr())) return Value(PyFloat_AS_DOUBLE(object.ptr()));
  if (PyComplex_CheckExact(object.ptr()))
    return Value(
        std::complex<double>(PyComplex_RealAsDouble(object.ptr()), PyComplex_ImagAsDouble(object.ptr())));
  if (PyUnicode_CheckExact(object.ptr())) return Value(object.cast<std::string>());
  if (py::isinstance<py::array>(object)) {
    const py::array array = py::array::ensure(object, py::array::c_style);
    const ElementType* const type =
        find_element_type(py::str(array.dtype().attr("name")).cast<std::string>());
    if (type != nullptr && type->fixed_size() && array.dtype().attr("isnative").cast<bool>())
      return Value::copy_of(
          *type, Shape(array.shape(), array.shape() + array.ndim()),
          {static_cast<const std::byte*>(array.data()), static_cast<std::size_t>(array.nbytes())});
  }
  const auto pickled = stolen(PyObject_CallOneArg(tools().dump, object.ptr())).cast<std::string>();
  const std::uint64_t offsets[] = {0, pickled.size()};
  return Value::copy_of(object_type(), {}, std::as_bytes(std::span(pickled)), offsets);
}

void ArgumentReader::make(Index at) {
  if (view_.slice_shape.empty() && view_.type->kind == Kind::array)
    made_ = array_of(Value::open_array(*view_.type, view_.value(at)));
  else if (view_.slice_shape.empty())
    made_ = scalar_of(*view_.type, view_.value(at));
  else
    made_ = slice_of(view_, at);
  made_at_ = at;
}

bool is_shared(const ArgumentView& view) {
  return std::all_of(view.strides.begin(), view.strides.end(), [](Index step) { return step == 0; });
}

py::object column_of(const BlockCall& call, std::size_t argument, IndexRange range) {
  const ArgumentView& view = call.arguments[argument];
  ArgumentReader reader(view);
  if (is_shared(view)) {
    reader.start_row(view.origin, 0);
    return py::reinterpret_borrow<py::object>(reader.get(0));
  }
  if (view.type->fixed_size()) return numbers_of(call, argument, range);
  py::list items;
  for_each_position(call, argument, range, [&](Index at) {
    reader.start_row(at, 0);
    items.append(py::reinterpret_borrow<py::object>(reader.get(0)));
  });
  return object_array({range.size()}, items);
}

}  // namespace mpipe::python
