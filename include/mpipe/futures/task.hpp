// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A call of a function that another process of the same program can carry out: which code, and the bytes of
/// the arguments. No function is registered anywhere: the code is named by its place in the program.
///
/// Values are raw bytes where their size is fixed; others have their length (u64) in front. The bytes of a
/// result are those of `encode`, without a length.
#pragma once

#include <mpipe/data/codec.hpp>
#include <mpipe/exec/messages.hpp>

#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>
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
    return CallSignature<void (*)()>{};  // refused by check_callable
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
consteval void check_callable() {
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
  static_assert((check_callable<F, Args...>(), true));
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

/// Appends `value` in the form that `TaskReader::get` reads.
template <class T>
void put_value(const T& value, Bytes& out) {
  if constexpr (FixedValue<T>) {
    append(out, &value, sizeof value);
  } else {
    const std::size_t at = out.size();
    out.resize(at + sizeof(std::uint64_t));
    encode(value, out);
    const std::uint64_t length = out.size() - at - sizeof length;
    std::memcpy(out.data() + at, &length, sizeof length);
  }
}

/// Takes values from the front of bytes that another process sent. Throws `Error` (storage_failed) where they
/// are not of these types.
class TaskReader {
 public:
  explicit TaskReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <class T>
  T get() {
    if constexpr (FixedValue<T>) {
      return decode<T>(take(sizeof(T)));
    } else {
      return decode<T>(take(get<std::uint64_t>()));
    }
  }
  void expect_end() const;

 private:
  std::span<const std::byte> take(std::uint64_t count);
  std::span<const std::byte> rest_;
};

template <class Tuple>
struct TupleReader;
template <class... T>
struct TupleReader<std::tuple<T...>> {
  static std::tuple<T...> read(TaskReader& reader) { return {reader.get<T>()...}; }  // braces: in this order
};

/// Puts one argument as the parameter `P` will find it.
template <class P, class Arg>
void put_argument(const Arg& arg, Bytes& out) {
  using T = typename StoredParameter<P>::type;
  if constexpr (SameBytes<Arg, T>) {
    put_value(arg, out);
  } else {
    check_argument<Arg, T>();
    put_value(static_cast<T>(arg), out);
  }
}

template <class... P, class... Args>
void put_arguments(std::tuple<P...>*, Bytes& out, const Args&... args) {
  static_assert(sizeof...(P) == sizeof...(Args),
                "mpipe: the submitted function has another number of parameters than there are arguments");
  if constexpr (sizeof...(P) == sizeof...(Args)) (put_argument<P>(args, out), ...);
}

// ---- the call -------------------------------------------------------------------------------------------

using AnyFunction = void (*)();

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
  TaskReader reader(input.arguments);
  auto stored = TupleReader<typename StoredTuple<Parameters>::type>::read(reader);
  reader.expect_end();
  with_callable<F>(input, [&](F& function) {
    if constexpr (std::is_void_v<Result>) {
      call_stored(function, types, stored);
    } else {
      const auto& value = call_stored(function, types, stored);
      encode<Result>(value, result);
    }
  });
}

/// In front of the arguments in the body of a call; filled in when it is sent.
inline constexpr std::size_t call_header_bytes = 32;
inline constexpr std::size_t inline_argument_bytes = max_body_bytes - call_header_bytes;

}  // namespace detail

/// A call that can be sent: a function and its arguments, which were copied. Made by `task`.
class Task {
 public:
  Task(detail::TaskInvoker code, detail::AnyFunction function) : invoker_(code), target_(function) {
    message_.size = detail::call_header_bytes;
  }

  // For executors.
  detail::TaskInvoker invoker() const { return invoker_; }
  detail::AnyFunction target() const { return target_; }
  EncodedMessage& message() { return message_; }
  /// Throws `Error` (too_large) beyond 1 GiB.
  void set_arguments(Bytes&& arguments);

 private:
  detail::TaskInvoker invoker_;
  detail::AnyFunction target_;
  EncodedMessage message_;  ///< header to come, arguments in the body where they fit, else in the payload
};

namespace detail {

/// The task that `invoker` carries out for the callable `function`.
template <class F>
Task empty_task(TaskInvoker invoker, [[maybe_unused]] const F& function) {
  if constexpr (FunctionPointer<F>) {
    return Task(invoker, reinterpret_cast<AnyFunction>(function));
  } else {
    return Task(invoker, nullptr);
  }
}

/// Fixed-size arguments that fit a message go there without any allocation.
template <class Tuple>
inline constexpr bool fits_inline = false;
template <class... T>
requires(FixedValue<T>&&...) inline constexpr bool fits_inline<std::tuple<T...>> =
    (std::size_t{0} + ... + sizeof(T)) <= inline_argument_bytes;

template <class... T, class... Args>
void put_inline(std::tuple<T...>*, EncodedMessage& message, const Args&... args) {
  [[maybe_unused]] const auto put = [&message]<class Value, class Arg>(Value*, const Arg& arg) {
    check_argument<Arg, Value>();
    const auto value = static_cast<Value>(arg);
    std::memcpy(message.bytes.data() + message.size, &value, sizeof value);
    message.size += sizeof value;
  };
  (put(static_cast<T*>(nullptr), args), ...);
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
  Task made = detail::empty_task<D>(&detail::invoke_task<D, Parameters, typename Types::Result>, function);
  if constexpr (detail::fits_inline<typename Types::Stored> &&
                std::tuple_size_v<Parameters> == sizeof...(Args)) {
    detail::put_inline(static_cast<typename Types::Stored*>(nullptr), made.message(), args...);
  } else {
    Bytes bytes;
    detail::put_arguments(static_cast<Parameters*>(nullptr), bytes, args...);
    made.set_arguments(std::move(bytes));
  }
  return made;
}

/// What the future of `task(function, args...)` holds.
template <class F, class... Args>
using TaskResult = typename detail::CallTypes<std::decay_t<F>, Args...>::Result;

}  // namespace mpipe
