// SPDX-License-Identifier: BSD-3-Clause
// Calls a function in Python for the elements of a block: one by one, or with arrays of them.
#include "python_body.hpp"

#include <mpipe/core/error.hpp>

#include "arguments.hpp"
#include "python_error.hpp"
#include "results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace mpipe::python {
namespace {

py::object stolen(PyObject* object) {
  if (object == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(object);
}

/// The elements of one block, called one by one. The lock is held.
class ElementCalls {
 public:
  ElementCalls(const PythonFunction& function, const std::vector<std::string>& names, BlockCall& call)
      : function_(function), names_(names), call_(call), passed_(function.slots.size() + 1) {
    for (const ArgumentView& argument : call.arguments) readers_.emplace_back(argument);
    const Py_ssize_t by_name = function.keywords != nullptr ? PyTuple_GET_SIZE(function.keywords) : 0;
    positional_ = function.slots.size() - static_cast<std::size_t>(by_name);
  }

  void run() {
    RowWalker row(call_);
    while (row.next()) {
      for (std::size_t a = 0; a < readers_.size(); ++a) readers_[a].start_row(row.position(a), row.step(a));
      for (Index k = 0; k < row.length(); ++k) {
        if (call_.at != nullptr) call_.at->store(row.first() + k, std::memory_order_relaxed);
        put(call_element(k, row.first() + k));
        ++call_.completed;
      }
    }
  }

 private:
  py::object call_element(Index k, Index element) {
    py::object generator;
    // One place is left free in front, which the callee may use.
    for (std::size_t slot = 0; slot < function_.slots.size(); ++slot) {
      const int from = function_.slots[slot];
      if (from == PythonFunction::kGenerator && !generator) generator = generator_of(element);
      passed_[slot + 1] = from == PythonFunction::kGenerator
                              ? generator.ptr()
                              : readers_[static_cast<std::size_t>(from)].get(k);
    }
    return stolen(PyObject_Vectorcall(function_.callable, passed_.data() + 1,
                                      positional_ | PY_VECTORCALL_ARGUMENTS_OFFSET, function_.keywords));
  }

  py::object generator_of(Index element) const {
    const py::int_ seed(call_.seed);
    const py::int_ stream(call_.stream);
    const py::int_ number(element);
    return stolen(
        PyObject_CallFunctionObjArgs(tools().generator, seed.ptr(), stream.ptr(), number.ptr(), nullptr));
  }

  void put(const py::object& returned) {
    if (names_.size() == 1) return put_output(call_.outputs[0], call_.completed, returned, names_[0]);
    const std::vector<py::object> outputs = outputs_of(returned, names_);
    for (std::size_t k = 0; k < outputs.size(); ++k)
      put_output(call_.outputs[k], call_.completed, outputs[k], names_[k]);
  }

  const PythonFunction& function_;
  const std::vector<std::string>& names_;
  BlockCall& call_;
  std::vector<ArgumentReader> readers_;
  std::vector<PyObject*> passed_;
  std::size_t positional_ = 0;
};

class PythonBody final : public FunctionBody {
 public:
  explicit PythonBody(PythonFunction function)
      : function_(std::move(function)),
        parameters_(function_.parameters, ValueType{nullptr, std::nullopt, true, true}),
        draws_(std::find(function_.slots.begin(), function_.slots.end(), PythonFunction::kGenerator) !=
               function_.slots.end()) {
    for (const PythonOutput& output : function_.outputs) names_.push_back(output.name);
  }

  const std::vector<ValueType>& parameters() const override { return parameters_; }
  std::size_t output_count() const override { return function_.outputs.size(); }
  bool draws_random_numbers() const override { return draws_; }
  BodyCode code() const override { return {{}, {}, function_.sources}; }

  std::string identity() const override {
    std::string text = fmt::format("python 1 {}{}", function_.code, function_.vectorize ? " vectorized" : "");
    for (const PythonOutput& output : function_.outputs)
      text += fmt::format(" {}:{}:{}", output.name, output.type->name, static_cast<int>(output.form));
    return text;
  }

  std::vector<ValueType> outputs(std::span<const ValueType>) const override {
    std::vector<ValueType> types;
    for (const PythonOutput& output : function_.outputs) types.push_back(type_of(output));
    return types;
  }

  void call(BlockCall& call) const override {
    call.completed = 0;
    const InterpreterLock lock;
    as_failures([&] {
      tell_place(call.place);
      if (function_.vectorize)
        call_vectorized(call);
      else
        ElementCalls(function_, names_, call).run();
    });
  }

 private:
  /// Whose log what is printed goes to: told when it is another run than before. The lock of the interpreter is held.
  static void tell_place(const CallPlace* place) {
    static std::pair<std::string, int> known;
    if (place == nullptr || place->run_folder.empty() || known == std::pair(place->run_folder, place->rank))
      return;
    known = {place->run_folder, place->rank};
    stolen(PyObject_CallFunction(tools().log_to, "si", known.first.c_str(), known.second));
  }

  ValueType type_of(const PythonOutput& output) const {
    const ElementType* const type = output.type;
    if (!function_.item_rank) {
      // What nothing names axes of has those that it shows, but for objects, each of which is one value.
      if (type->kind == Kind::object || output.form == PythonOutput::Form::value) return {type, 0, false};
      return {type, std::nullopt, output.form == PythonOutput::Form::unknown};
    }
    if (*function_.item_rank == 0 && output.form == PythonOutput::Form::array)
      return {type, std::nullopt, false};
    return {type, *function_.item_rank, false};
  }

  /// The whole block at once where that is well. Behind a failure first one element, then twice as many as
  /// before, so that little is computed again on the way to the element that fails.
  void call_vectorized(BlockCall& call) const {
    throw_if_broken();
    const Index all = call.range.size();
    Index count = careful_ ? 1 : all;
    while (call.completed < all) {
      count = std::min(count, all - call.completed);
      try {
        call_part(call, {call.range.begin + call.completed, call.range.begin + call.completed + count});
      } catch (const WrongLength& error) {
        note_broken(error);
        throw;
      } catch (const std::exception&) {
        careful_ = true;
        if (count == 1) throw;
        count = 1;
        continue;
      }
      call.completed += count;
      count *= 2;
    }
    careful_ = false;
  }

  void call_part(BlockCall& call, IndexRange range) const {
    // A block of one element would hide that a function makes one value of whatever it gets. Until a larger
    // block has shown that the length follows, the element is passed twice.
    const bool twice = range.size() == 1 && !length_follows_;
    std::vector<py::object> columns;
    std::vector<PyObject*> passed(1);  // one place is left free in front, which the callee may use
    for (const int slot : function_.slots) {
      const auto argument = static_cast<std::size_t>(slot);
      py::object column = column_of(call, argument, range);
      if (twice && !is_shared(call.arguments[argument]))
        column = stolen(PyObject_CallOneArg(tools().repeat, column.ptr()));
      columns.push_back(std::move(column));
      passed.push_back(columns.back().ptr());
    }
    const Py_ssize_t by_name = function_.keywords != nullptr ? PyTuple_GET_SIZE(function_.keywords) : 0;
    const std::size_t positional = function_.slots.size() - static_cast<std::size_t>(by_name);
    const py::object returned =
        stolen(PyObject_Vectorcall(function_.callable, passed.data() + 1,
                                   positional | PY_VECTORCALL_ARGUMENTS_OFFSET, function_.keywords));
    std::vector<py::object> outputs = outputs_of(returned, names_);
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      if (twice) outputs[k] = first_of_two(outputs[k], names_[k]);
      put_column(call.outputs[k], call.completed, range.size(), outputs[k], names_[k]);
    }
    length_follows_ = true;
  }

  // It would return the same again: the function is not called any more in this process.
  void note_broken(const WrongLength& error) const {
    const std::lock_guard guard(mutex_);
    broken_ = error.what();
  }
  void throw_if_broken() const {
    const std::lock_guard guard(mutex_);
    if (broken_) throw WrongLength(*broken_);
  }

  PythonFunction function_;
  std::vector<ValueType> parameters_;
  std::vector<std::string> names_;
  bool draws_;
  mutable std::atomic<bool> careful_ = false;
  mutable std::atomic<bool> length_follows_ = false;
  mutable std::mutex mutex_;
  mutable std::optional<std::string> broken_;
};

}  // namespace

std::shared_ptr<const FunctionBody> make_python_body(PythonFunction function) {
  return std::make_shared<const PythonBody>(std::move(function));
}

}  // namespace mpipe::python
