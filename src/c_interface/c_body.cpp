// SPDX-License-Identifier: BSD-3-Clause
// Calls functions of C for the elements of a block, and takes what they put into columns.
#include "c_interface/c_body.hpp"

#include <mpipe/core/error.hpp>

#include "c_interface/array.hpp"
#include "c_interface/guarded.hpp"
#include "core/api/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace mpipe {
namespace {

/// A parameter or an output.
struct Named {
  std::string name;
  const ElementType* type = nullptr;
};

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\n");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t\n") + 1 - begin);
}

/// `lift, n: int64`.
std::vector<Named> read_names(const std::string& text) {
  std::vector<Named> all;
  if (text.find_first_not_of(" \t\n") == std::string::npos) return all;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string entry = text.substr(begin, end - begin);
    const std::size_t colon = entry.find(':');
    const std::string type = colon == std::string::npos ? "float64" : trimmed(entry.substr(colon + 1));
    Named named{trimmed(entry.substr(0, colon)), find_element_type(type)};
    if (named.type == nullptr || !named.type->is_numeric())
      throw Error(Category::bad_option,
                  fmt::format("'{}': there are no numbers of the type '{}'. Write, say, {}: int64.",
                              printable(text), printable(type), printable(named.name)));
    all.push_back(std::move(named));
    begin = end + 1;
  }
  return all;
}

}  // namespace
}  // namespace mpipe

/// One call: where its outputs go, and what it said.
struct mpipe_outputs {
  mpipe::BlockCall& call;
  const std::vector<mpipe::Named>& names;
  std::vector<bool> put;
  std::string message;       // of mpipe_fail
  std::exception_ptr error;  // of an output that could not be put
};

namespace mpipe {
namespace {

void put_value(mpipe_outputs& outputs, int number, const mpipe_array* value) {
  if (number < 0 || static_cast<std::size_t>(number) >= outputs.names.size())
    throw Error(Category::bad_option,
                fmt::format("the function put its output {}, and has {} (counted from 0). Correct it.",
                            number, outputs.names.size()));
  const auto k = static_cast<std::size_t>(number);
  const std::string what = "the output '" + outputs.names[k].name + "'";
  const CArray array = read_array(value, what);
  OutputColumn& column = outputs.call.outputs[k];
  if (*array.type != *column.type)
    throw Error(Category::type_mismatch,
                fmt::format("{} was put as {}, and was said to be {}. Put what was said.", what,
                            array.type->name, column.type->name));
  if (outputs.put[k])
    throw Error(Category::bad_option, fmt::format("{} was put twice in one call. Put it once.", what));
  if (column.collects_items) {
    column.push_items(array.shape, array.bytes.data());
  } else if (array.shape.empty()) {
    std::memcpy(column.fixed + static_cast<std::size_t>(outputs.call.completed) * column.type->size,
                array.bytes.data(), column.type->size);
  } else {
    throw Error(
        Category::internal_shape_rank,
        fmt::format(
            "{} was put as an array of shape {}, and is one number for each element. Name its axes in the "
            "mapspec (-> {}[.., k]).",
            what, to_string(array.shape), outputs.names[k].name));
  }
  outputs.put[k] = true;
}

/// An argument of the element that is being called: where it lies where that is dense, else a copy.
class Argument {
 public:
  explicit Argument(const ArgumentView& view) : view_(view), dense_(view.slice_is_dense()) {}

  mpipe_array at(Index position) {
    const std::byte* data = view_.data + static_cast<std::size_t>(position) * view_.type->size;
    if (!dense_) {
      copy_.resize(static_cast<std::size_t>(element_count(view_.slice_shape)) * view_.type->size);
      view_.copy_slice(position, copy_.data());
      data = copy_.data();
    }
    return {static_cast<std::int32_t>(view_.type->kind), static_cast<std::int32_t>(view_.slice_shape.size()),
            view_.slice_shape.data(), data};
  }

 private:
  const ArgumentView& view_;
  bool dense_;
  Bytes copy_;
};

class CBody final : public FunctionBody {
 public:
  /// `item_rank`: axes that the function makes; empty where no mapspec says that.
  CBody(std::vector<Named> outputs, const std::vector<Named>& parameters,
        std::optional<std::size_t> item_rank, mpipe_callable callable, void* context)
      : outputs_(std::move(outputs)), item_rank_(item_rank), callable_(callable), context_(context) {
    for (const Named& parameter : parameters)
      parameters_.push_back(ValueType{parameter.type, std::nullopt, true, false});
  }

  const std::vector<ValueType>& parameters() const override { return parameters_; }
  std::size_t output_count() const override { return outputs_.size(); }
  BodyCode code() const override { return {{reinterpret_cast<const void*>(callable_)}, {}, {}}; }

  std::vector<ValueType> outputs(std::span<const ValueType>) const override {
    std::vector<ValueType> types;
    for (const Named& output : outputs_)
      types.push_back(ValueType{output.type, item_rank_, !item_rank_, false});
    return types;
  }

  std::string identity() const override {
    std::string text = "c 1";
    for (const Named& output : outputs_) text += fmt::format(" {}:{}", output.name, output.type->name);
    for (const ValueType& parameter : parameters_) text += " " + parameter.element->name;
    return text;
  }

  void call(BlockCall& call) const override {
    call.completed = 0;
    std::vector<Argument> arguments(call.arguments.begin(), call.arguments.end());
    std::vector<mpipe_array> passed(arguments.size());
    RowWalker row(call);
    while (row.next())
      for (Index k = 0; k < row.length(); ++k) {
        for (std::size_t a = 0; a < arguments.size(); ++a)
          passed[a] = arguments[a].at(row.position(a) + k * row.step(a));
        if (call.at != nullptr) call.at->store(row.first() + k, std::memory_order_relaxed);
        call_element(call, passed);
        ++call.completed;
      }
  }

 private:
  void call_element(BlockCall& call, const std::vector<mpipe_array>& passed) const {
    mpipe_outputs outputs{call, outputs_, std::vector<bool>(outputs_.size()), {}, {}};
    const int code = callable_(context_, passed.data(), &outputs);
    if (outputs.error) std::rethrow_exception(outputs.error);
    if (code != 0)
      throw std::runtime_error(outputs.message.empty() ? fmt::format("the function returned {}", code)
                                                       : outputs.message);
    for (std::size_t k = 0; k < outputs_.size(); ++k)
      if (!outputs.put[k])
        throw std::runtime_error(
            fmt::format("the function returned 0 and did not put its output '{}'", outputs_[k].name));
  }

  std::vector<Named> outputs_;
  std::vector<ValueType> parameters_;
  std::optional<std::size_t> item_rank_;
  mpipe_callable callable_;
  void* context_;
};

}  // namespace

Function c_function(const std::string& outputs, const std::string& parameters, const char* mapspec,
                    mpipe_callable callable, void* context, bool thread_safe) {
  const std::vector<Named> named = read_names(outputs);
  const std::vector<Named> taken = read_names(parameters);
  std::optional<std::size_t> item_rank;
  if (mapspec != nullptr) item_rank = MapSpec::parse(mapspec).internal_axes().size();
  std::vector<std::string> names;
  for (const Named& output : named) names.push_back(output.name);
  Function function(std::move(names),
                    std::make_shared<const CBody>(named, taken, item_rank, callable, context));
  std::vector<std::string> own;
  for (const Named& parameter : taken) own.push_back(parameter.name);
  function.parameters(std::move(own)).thread_safe(thread_safe);
  if (mapspec != nullptr) function.mapspec(mapspec);
  function.check();
  return function;
}

}  // namespace mpipe

int mpipe_put(mpipe_outputs* outputs, int output, const mpipe_array* value) {
  return mpipe::guarded([&] {
    mpipe::need(outputs, "place of the outputs");
    try {
      mpipe::put_value(*outputs, output, value);
    } catch (const mpipe::Error&) {
      // It is the failure of the element also where the function does not look at the code.
      if (!outputs->error) outputs->error = std::current_exception();
      throw;
    }
  });
}

int mpipe_put_float64(mpipe_outputs* outputs, int output, double value) {
  const mpipe_array number{MPIPE_FLOAT64, 0, nullptr, &value};
  return mpipe_put(outputs, output, &number);
}

void mpipe_fail(mpipe_outputs* outputs, const char* message) {
  if (outputs != nullptr && message != nullptr) outputs->message = message;
}
