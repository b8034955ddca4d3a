// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A call of a function that another process of the same program can carry out: which code, and the bytes of
/// the arguments. No function is registered anywhere: the code is named by its place in the program.
///
/// Arguments are raw bytes where their size is fixed; others have their length (u64) in front. The bytes of a
/// result are those of `encode`, without a length.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/data/codec.hpp>

#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace mpipe {

namespace detail {

// ---- what may be submitted ------------------------------------------------------------------------------

template <class Member>
struct CallSignature {};
template <class R, class... P>
struct CallSignature<R (*)(P...)> {
  using Result = R;
  using Parameters = std::tuple<P...>;
};
template <class R, class... P>
struct CallSignature<R (*)(P...) noexcept> : CallSignature<R (*)(P...)> {};
template <class C, class R, class... P>
struct CallSignature<R (C::*)(P...)> : CallSignature<R (*)(P...)> {};
template <class C, class R, class... P>
struct CallSignature<R (C::*)(P...) noexcept> : CallSignature<R (*)(P...)> {};
template <class C, class R, class... P>
struct CallSignature<R (C::*)(P...) const> : CallSignature<R (*)(P...)> {};
template <class C, class R, class... P>
struct CallSignature<R (C::*)(P...) const noexcept> : CallSignature<R (*)(P...)> {};

template <class F>
concept FunctionPointer = std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>;

template <class F>
concept OneCallOperator = requires {
  &F::operator();
};

/// Result and parameters of `F`, which is called with `Args`: those of its declaration, or for generic
/// lambdas those that these arguments give.
template <class F, class... Args>
consteval auto call_signature() {
  if constexpr (FunctionPointer<F>) {
    return CallSignature<F>{};
  } else if constexpr (OneCallOperator<F>) {
    return CallSignature<decltype(&F::operator())>{};
  } else if constexpr (std::is_invocable_v<F&, std::decay_t<Args>...>) {
    using R = std::invoke_result_t<F&, std::decay_t<Args>...>;
    return CallSignature<R (*)(std::decay_t<Args>...)>{};
  } else {
    return CallSignature<void (*)()>{};  // refused by check_submitted
  }
}

template <class T>
struct IsView : std::false_type {};
template <class T>
struct IsView<ArrayView<T>> : std::true_type {};

/// How a parameter is kept between its bytes and the call.
template <class P>
struct StoredParameter {
  using type = std::remove_cvref_t<P>;
};
template <class P>
requires IsView<std::remove_cvref_t<P>>::value struct StoredParameter<P> {
  using type = Array<typename ArrayItem<std::remove_cvref_t<P>>::type>;
};

template <class Parameters>
struct StoredTuple;
template <class... P>
struct StoredTuple<std::tuple<P...>> {
  using type = std::tuple<typename StoredParameter<P>::type...>;
};

/// `arg` as `T` has it: itself, another array with the same items, or what it converts to.
template <class Arg, class T>
concept SameBytes = std::is_same_v<Arg, T> ||
    (ArrayLike<Arg>&& ArrayLike<T>&&
         std::is_same_v<typename ArrayItem<Arg>::type, typename ArrayItem<T>::type>);

template <class P>
consteval void check_parameter() {
  using T = std::remove_cvref_t<P>;
  constexpr bool changes_argument =
      std::is_lvalue_reference_v<P> && !std::is_const_v<std::remove_reference_t<P>>;
  static_assert(
      !changes_argument,
      "mpipe: a parameter of the submitted function is a non-const reference, but it runs in another "
      "process, on copies of the arguments; take the value or a const reference, and return what is "
      "new");
  static_assert(!std::is_pointer_v<T>,
                "mpipe: a parameter of the submitted function is a pointer, which means nothing in another "
                "process; take the value (std::string for text, std::vector or mpipe::Array for several)");
  static_assert(std::is_pointer_v<T> || ElementValue<T>,
                "mpipe: a parameter of the submitted function has a type that cannot be sent; use numbers, "
                "std::string, arrays of them, or a copyable class with Boost.Serialization support");
}

template <class R>
consteval void check_result() {
  using T = std::remove_cvref_t<R>;
  if constexpr (std::is_void_v<T>) {
  } else if constexpr (std::is_pointer_v<T> || IsView<T>::value) {
    static_assert(!std::is_pointer_v<T> && !IsView<T>::value,
                  "mpipe: the submitted function returns a pointer or a view, which means nothing in another "
                  "process; return the value (std::string, std::vector, mpipe::Array)");
  } else if constexpr (!std::is_copy_constructible_v<T>) {
    static_assert(std::is_copy_constructible_v<T>,
                  "mpipe: the submitted function returns a type that can only be moved (such as "
                  "std::unique_ptr), but results are copied from one process to another; return the value "
                  "itself");
  } else {
    static_assert(
        ElementValue<T>,
        "mpipe: the submitted function returns a type that cannot be sent; use numbers, std::string, "
        "arrays of them, or a default-constructible class with Boost.Serialization support");
  }
}

template <class Arg, class T>
consteval void check_argument() {
  static_assert(std::is_convertible_v<const Arg&, T>,
                "mpipe: an argument does not convert to the parameter of the submitted function");
}

template <class F, class... Args>
consteval void check_submitted() {
  static_assert(
      !std::is_member_pointer_v<F>,
      "mpipe: a pointer to a member cannot be submitted; submit a captureless lambda that calls it");
  if constexpr (std::is_class_v<F>) {
    static_assert(std::is_empty_v<F>,
                  "mpipe: the submitted callable captures or holds something, which other processes do not "
                  "have; pass values as arguments and submit a captureless lambda or a function");
    static_assert(
        std::is_default_constructible_v<F>,
        "mpipe: the submitted callable cannot be made again in another process; submit a captureless "
        "lambda or a function");
  }
  static_assert(FunctionPointer<F> || OneCallOperator<F> || std::is_invocable_v<F&, std::decay_t<Args>...>,
                "mpipe: what was submitted cannot be called with these arguments");
}

/// All types of a submitted call, checked.
template <class F, class... Args>
struct CallTypes {
  static_assert((check_submitted<F, Args...>(), true));
  using Signature = decltype(call_signature<F, Args...>());
  using Parameters = typename Signature::Parameters;
  using Stored = typename StoredTuple<Parameters>::type;
  using Result = std::remove_cvref_t<typename Signature::Result>;
  static_assert((check_result<typename Signature::Result>(), true));
  static_assert([]<class... P>(std::tuple<P...>*) {
    return (check_parameter<P>(), ..., true);
  }(static_cast<Parameters*>(nullptr)));
};

// ---- the bytes ------------------------------------------------------------------------------------------

/// Reads what another process sent of a task. It throws `Error` (storage_failed) where the bytes are not
/// those of the expected types, which is the failure of that task alone.
inline ByteReader task_reader(std::span<const std::byte> bytes) {
  return {bytes, "a task", ByteOrigin::file};
}

/// Appends `value` in the form that `get_value` reads.
template <class T>
void put_value(const T& value, ByteWriter& out) {
  if constexpr (FixedValue<T>) {
    out.put(value);
  } else {
    out.put_sized([&] { encode(value, out.bytes()); });
  }
}

template <class T>
T get_value(ByteReader& reader) {
  if constexpr (FixedValue<T>) {
    return reader.get<T>();
  } else {
    return decode<T>(reader.get_bytes());
  }
}

template <class Tuple>
struct TupleReader;
template <class... T>
struct TupleReader<std::tuple<T...>> {
  static std::tuple<T...> read(ByteReader& reader) {
    return {get_value<T>(reader)...};
  }  // braces: in this order
};

/// Puts one argument as the parameter `P` will find it.
template <class P, class Arg>
void put_argument(const Arg& arg, ByteWriter& out) {
  using T = typename StoredParameter<P>::type;
  if constexpr (SameBytes<Arg, T>) {
    put_value(arg, out);
  } else {
    check_argument<Arg, T>();
    put_value(static_cast<T>(arg), out);
  }
}

template <class... P, class... Args>
void put_arguments(std::tuple<P...>*, ByteWriter& out, const Args&... args) {
  static_assert(sizeof...(P) == sizeof...(Args),
                "mpipe: the submitted function has another number of parameters than there are arguments");
  if constexpr (sizeof...(P) == sizeof...(Args)) (put_argument<P>(args, out), ...);
}

// ---- the call -------------------------------------------------------------------------------------------

using AnyFunction = void (*)();

/// What a task calls, for people.
struct TaskName {
  const std::type_info* type = &typeid(void);  ///< of the callable
  AnyFunction target = nullptr;
  Index first = 0;  ///< of the elements of a map
  Index count = 0;  ///< 0: it is of no map

  /// `mul(int, int)`, `elements 20 to 29 of a map of mul(int, int)`.
  std::string text() const;
};

/// Notes what this thread calls next, which is told if the process crashes in it.
void note_running(const TaskName& name);

/// What a worker has of a task.
struct TaskInput {
  AnyFunction target = nullptr;  ///< the function, where a function pointer was submitted
  std::span<const std::byte> arguments;
};

/// Reads the arguments, calls the function, appends the bytes of its result. One is compiled for each type of
/// callable and parameters; its place in the program is what a message names.
using TaskInvoker = void (*)(const TaskInput& input, Bytes& result);

/// An argument as the function gets it.
template <class P, class T>
decltype(auto) pass(T& stored) {
  if constexpr (IsView<std::remove_cvref_t<P>>::value) {
    return stored.view();
  } else {
    return std::move(stored);
  }
}

template <class F, class... P, class... T>
decltype(auto) call_stored(F& function, std::tuple<P...>*, std::tuple<T...>& stored) {
  return std::apply([&](T&... values) -> decltype(auto) { return function(pass<P>(values)...); }, stored);
}

/// Calls `visit` with the callable that was submitted.
template <class F, class Visit>
decltype(auto) with_callable(const TaskInput& input, Visit visit) {
  if constexpr (FunctionPointer<F>) {
    F function = reinterpret_cast<F>(input.target);
    return visit(function);
  } else {
    F function{};
    return visit(function);
  }
}

template <class F, class Parameters, class Result>
void invoke_task(const TaskInput& input, Bytes& result) {
  constexpr Parameters* types = nullptr;
  ByteReader reader = task_reader(input.arguments);
  auto stored = TupleReader<typename StoredTuple<Parameters>::type>::read(reader);
  reader.expect_end();
  note_running({.type = &typeid(F), .target = input.target});
  with_callable<F>(input, [&](F& function) {
    if constexpr (std::is_void_v<Result>) {
      call_stored(function, types, stored);
    } else {
      const auto& value = call_stored(function, types, stored);
      encode<Result>(value, result);
    }
  });
}

/// In front of the arguments in the message of a call; filled in when it is sent.
inline constexpr std::size_t kCallHeaderBytes = 32;

}  // namespace detail

/// A call that can be sent: a function and its arguments, which were copied. Made by `task`.
class Task {
 public:
  /// `message`: room for the header, then the arguments. Throws `Error` (too_large) beyond 1 GiB.
  Task(detail::TaskInvoker code, detail::TaskName name, Bytes message);

  // For executors.
  detail::TaskInvoker invoker() const { return invoker_; }
  detail::AnyFunction target() const { return name_.target; }
  const detail::TaskName& name() const { return name_; }
  void set_elements(Index first, Index count) {
    name_.first = first;
    name_.count = count;
  }
  Bytes& message() { return message_; }

 private:
  detail::TaskInvoker invoker_;
  detail::TaskName name_;
  Bytes message_;
};

namespace detail {

/// The task that `invoker` carries out for the callable `function`, with the arguments that `put` appends.
template <class F, class Put>
Task make_task(TaskInvoker invoker, [[maybe_unused]] const F& function, const Put& put) {
  Bytes message;
  message.reserve(2 * kCallHeaderBytes);
  message.resize(kCallHeaderBytes);
  ByteWriter out(message);
  put(out);
  TaskName name{.type = &typeid(F)};
  if constexpr (FunctionPointer<F>) name.target = reinterpret_cast<AnyFunction>(function);
  return Task(invoker, name, std::move(message));
}

}  // namespace detail

/// A call of `function` with `args`, which are converted to its parameters and copied. A function pointer, a
/// captureless lambda, or another callable without members; the compiler refuses others, with a message that
/// begins with `mpipe:`. Parameters are values, const references or `ArrayView<const T>` (for which any array
/// of `T` is an argument).
///
/// Functions of shared libraries that choose an implementation for the processor when they are loaded (as
/// glibc's `sin`) should be wrapped in a lambda, or workers on other processors get the wrong one.
template <class F, class... Args>
Task task(F&& function, const Args&... args) {
  using D = std::decay_t<F>;
  using Types = detail::CallTypes<D, Args...>;
  using Parameters = typename Types::Parameters;
  return detail::make_task<D>(
      &detail::invoke_task<D, Parameters, typename Types::Result>, function,
      [&](ByteWriter& out) { detail::put_arguments(static_cast<Parameters*>(nullptr), out, args...); });
}

/// What the future of `task(function, args...)` holds.
template <class F, class... Args>
using TaskResult = typename detail::CallTypes<std::decay_t<F>, Args...>::Result;

}  // namespace mpipe
