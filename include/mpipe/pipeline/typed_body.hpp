// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Bodies made from C++ callables. The callable's signature gives the types; the loop over a block is
/// compiled for it.
#pragma once

#include <mpipe/core/comm.hpp>
#include <mpipe/data/value.hpp>
#include <mpipe/pipeline/function_body.hpp>

#include <algorithm>
#include <concepts>
#include <cstring>
#include <memory>
#include <tuple>
#include <typeinfo>

namespace mpipe::detail {

// ---- the signature of a callable
// -------------------------------------------------------------------------------

/// Empty for what is no callable, or has more than one signature.
template <class F>
struct Signature {};
template <class F>
requires requires { &F::operator(); }
struct Signature<F> : Signature<decltype(&F::operator())> {};
template <class R, class... Args>
struct Signature<R (*)(Args...)> {
  using Result = R;
  using Parameters = std::tuple<std::remove_cvref_t<Args>...>;
};
template <class R, class... Args>
struct Signature<R (*)(Args...) noexcept> : Signature<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct Signature<R (C::*)(Args...) const> : Signature<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct Signature<R (C::*)(Args...) const noexcept> : Signature<R (*)(Args...)> {};

template <class F>
concept HasSignature = requires {
  typename Signature<F>::Result;
};

/// Parameters that the library fills in itself and that have no name.
template <class P>
concept Injected = std::same_as<P, Random> || std::same_as<P, Resources> || std::same_as<P, Comm> ||
    std::same_as<P, StopToken> || std::same_as<P, Attempt>;

template <class T>
inline constexpr bool kIsView = false;
template <class T>
inline constexpr bool kIsView<ArrayView<T>> = true;
template <class T>
inline constexpr bool kIsWritableView = false;
template <class T>
inline constexpr bool kIsWritableView<ArrayView<T>> = !std::is_const_v<T>;

/// What one output, or a named parameter, may be.
template <class T>
concept Encodable = ElementValue<T> && kHasCodec<T>;

template <class P>
concept Parameter = Injected<P> ||(Encodable<P> && !kIsWritableView<P>);

/// As the body hands it over: numbers and texts lie in its columns, the rest is made for the call.
template <class P>
using Passed = std::conditional_t<Injected<P> || ArrayLike<P>, P, const P&>;

template <class F, class Parameters>
inline constexpr bool kTakes = false;
template <class F, class... P>
inline constexpr bool kTakes<F, std::tuple<P...>> = std::is_invocable_v<const F&, Passed<P>...>;

/// Each parameter by itself: the first that does not fit is named by the compiler in what it says of `P`.
template <class... P>
consteval bool check_parameters(const std::tuple<P...>*) {
  constexpr bool kFit = (Parameter<P> && ...);
  static_assert(
      kFit,
      "mpipe: a parameter of your function has a type that is not supported: use numbers, std::string "
      "(not string_view), std::complex, std::vector, std::array, mpipe::Array, mpipe::ArrayView<const "
      "T> (not span), or a default constructible class with a serialize function of "
      "Boost.Serialization");
  return kFit;
}

/// Refuses what cannot be the callable of a function, one cause at a time; false when it has.
template <class F>
consteval bool check_callable() {
  static_assert(!std::is_member_pointer_v<F>,
                "mpipe: a pointer to a member has no object to be called on; write a lambda that calls it on "
                "one: [](double x) { return Model{}.member(x); }");
  if constexpr (!std::is_member_pointer_v<F>) {
    static_assert(HasSignature<F>,
                  "mpipe: your callable has no single signature with a const call operator (generic lambdas, "
                  "overloaded "
                  "functors and mutable lambdas cannot be used; write out the parameter types)");
    if constexpr (HasSignature<F>) {
      using Result = typename Signature<F>::Result;
      using Parameters = typename Signature<F>::Parameters;
      static_assert(!std::is_void_v<Result>, "mpipe: your function returns nothing; an output needs a value");
      if constexpr (!std::is_void_v<Result> && check_parameters(static_cast<const Parameters*>(nullptr))) {
        static_assert(
            kTakes<F, Parameters>,
            "mpipe: a parameter of your function is a reference that is not const, but arguments are shared "
            "and cannot be changed; take it by value (mpipe::Random too) or as const T&");
        return kTakes<F, Parameters>;
      }
    }
  }
  return false;
}

/// Number of fields of an aggregate, by brace initialisation.
struct AnyField {
  template <class T>
  operator T() const;  // NOLINT(google-explicit-constructor)
};
template <class T, class... Fields>
consteval std::size_t field_count() {
  if constexpr (requires { T{Fields{}..., AnyField{}}; })
    return field_count<T, Fields..., AnyField>();
  else
    return sizeof...(Fields);
}

/// The several outputs of one call, as a tuple of references: from a tuple, a pair, or a plain struct of up
/// to 8 fields.
template <class R>
auto tie_results(const R& result) {
  if constexpr (requires { std::tuple_size<R>::value; }) {
    return std::apply([](const auto&... items) { return std::tie(items...); }, result);
  } else {
    static_assert(
        std::is_aggregate_v<R>,
        "mpipe: a function with several outputs returns a std::tuple, a std::pair or a plain struct");
    constexpr std::size_t n = field_count<R>();
    static_assert(1 <= n && n <= 8,
                  "mpipe: a struct of several outputs has at most 8 fields; return a std::tuple instead");
    if constexpr (n == 1) {
      const auto& [a] = result;
      return std::tie(a);
    } else if constexpr (n == 2) {
      const auto& [a, b] = result;
      return std::tie(a, b);
    } else if constexpr (n == 3) {
      const auto& [a, b, c] = result;
      return std::tie(a, b, c);
    } else if constexpr (n == 4) {
      const auto& [a, b, c, d] = result;
      return std::tie(a, b, c, d);
    } else if constexpr (n == 5) {
      const auto& [a, b, c, d, e] = result;
      return std::tie(a, b, c, d, e);
    } else if constexpr (n == 6) {
      const auto& [a, b, c, d, e, f] = result;
      return std::tie(a, b, c, d, e, f);
    } else if constexpr (n == 7) {
      const auto& [a, b, c, d, e, f, g] = result;
      return std::tie(a, b, c, d, e, f, g);
    } else {
      const auto& [a, b, c, d, e, f, g, h] = result;
      return std::tie(a, b, c, d, e, f, g, h);
    }
  }
}

/// How a callable's result becomes outputs: as one, or taken apart.
struct OneOutput {
  template <class R>
  static auto tie(const R& result) {
    return std::tie(result);
  }
};
struct SeveralOutputs {
  template <class R>
  static auto tie(const R& result) {
    return tie_results(result);
  }
};

template <class P>
ValueType parameter_type() {
  if constexpr (ArrayLike<P>) {
    constexpr bool any = requires { std::declval<const P&>().rank(); };
    return {&element_type<typename ArrayItem<P>::type>(), any ? std::optional<std::size_t>{} : 1, false};
  } else {
    return {&element_type<P>(), 0, false};
  }
}

// ---- cursors: one argument along a row
// -------------------------------------------------------------------------

/// A number: read in place.
template <class P>
class FixedCursor {
 public:
  explicit FixedCursor(const ArgumentView& view) : base_(reinterpret_cast<const P*>(view.data)) {}
  void start_row(Index position, Index step) {
    row_ = base_ + position;
    step_ = step;
  }
  const P& get(Index k) const { return row_[k * step_]; }

 private:
  const P* base_;
  const P* row_ = nullptr;
  Index step_ = 0;
};

/// A value that varies in size: decoded, once for all elements that share it.
template <class P>
class DecodedCursor {
 public:
  explicit DecodedCursor(const ArgumentView& view) : view_(view) {}
  void start_row(Index position, Index step) {
    position_ = position;
    step_ = step;
  }
  const P& get(Index k) {
    const Index at = position_ + k * step_;
    if (decoded_ != at) value_ = decode<P>(view_.value(at));
    decoded_ = at;
    return value_;
  }

 private:
  const ArgumentView& view_;
  Index position_ = 0;
  Index step_ = 0;
  std::optional<Index> decoded_;
  P value_{};
};

/// An array: seen in place where its values lie dense, else copied together, once for all elements that share
/// it. It is a slice of the values, or one value that is an array itself.
template <class T>
class SliceCursor {
 public:
  explicit SliceCursor(const ArgumentView& view)
      : view_(view),
        is_element_(view.type->kind == Kind::array && view.slice_shape.empty()),
        dense_(FixedValue<T> && view.slice_is_dense()) {}
  void start_row(Index position, Index step) {
    position_ = position;
    step_ = step;
  }
  ArrayView<const T> get(Index k) {
    const Index at = position_ + k * step_;
    if (is_element_) {
      if (copied_ != at) copy_ = decode_element(view_.value(at));
      copied_ = at;
      return copy_.view();
    }
    if (dense_) return {reinterpret_cast<const T*>(view_.data) + at, view_.slice_shape};
    if (copied_ != at) copy(at);
    return copy_.view();
  }

 private:
  /// Items of another number type, as of an array of integers where doubles are wanted, are converted.
  Array<T> decode_element(std::span<const std::byte> bytes) const {
    if (*view_.type->item == element_type<T>()) return decode<Array<T>>(bytes);
    const Value items = Value::open_array(*view_.type, bytes).converted(element_type<T>());
    Array<T> array(items.shape());
    for (Index k = 0; k < items.count(); ++k) array[k] = decode<T>(items.element(k));
    return array;
  }

  void copy(Index at) {
    if (copy_.shape() != view_.slice_shape) copy_ = Array<T>(view_.slice_shape);
    Index k = 0;
    if constexpr (FixedValue<T>)
      view_.copy_slice(at, reinterpret_cast<std::byte*>(copy_.data()));
    else
      view_.for_each_in_slice(at, [&](Index position) { copy_[k++] = decode<T>(view_.value(position)); });
    copied_ = at;
  }

  const ArgumentView& view_;
  bool is_element_;
  bool dense_;
  Index position_ = 0;
  Index step_ = 0;
  std::optional<Index> copied_;
  Array<T> copy_;
};

/// An array that the function wants to own.
template <class P>
class OwnedArrayCursor {
 public:
  explicit OwnedArrayCursor(const ArgumentView& view) : slice_(view), type_(&element_type<P>()) {}
  void start_row(Index position, Index step) { slice_.start_row(position, step); }
  P get(Index k) {
    const auto view = slice_.get(k);
    P array = make_array<P>(view.shape(), *type_);
    std::copy(view.begin(), view.end(), array.begin());
    return array;
  }

 private:
  SliceCursor<typename ArrayItem<P>::type> slice_;
  const ElementType* type_;
};

template <class P>
struct CursorOf {
  using type = std::conditional_t<FixedValue<P>, FixedCursor<P>, DecodedCursor<P>>;
};
template <class T>
struct CursorOf<ArrayView<const T>> {
  using type = SliceCursor<T>;
};
template <ArrayLike P>
struct CursorOf<P> {
  using type = OwnedArrayCursor<P>;
};

/// A parameter that the library fills in: it comes from the call, not from an argument.
template <Injected P>
struct FilledIn {};
template <Injected P>
struct CursorOf<P> {
  using type = FilledIn<P>;
};

// ---- outputs
// ---------------------------------------------------------------------------------------------------

/// Puts one output of the element number `k` of the block into its column.
template <class T>
void write_output(OutputColumn& column, Index k, const T& value) {
  if constexpr (FixedValue<T>) {
    reinterpret_cast<T*>(column.fixed)[k] = value;
  } else if constexpr (ArrayLike<T>) {
    using Item = typename ArrayItem<T>::type;
    if (!column.collects_items) {
      Bytes encoded;
      encode(value, encoded);
      column.push_encoded(encoded);
    } else if constexpr (FixedValue<Item> && requires { value.data(); }) {
      column.push_items(shape_of(value), reinterpret_cast<const std::byte*>(value.data()));
    } else if constexpr (FixedValue<Item>) {
      const Array<Item> copy({static_cast<Index>(value.size())}, value.begin());  // std::vector<bool>
      column.push_items(copy.shape(), reinterpret_cast<const std::byte*>(copy.data()));
    } else {
      column.check_items(shape_of(value));
      for (const Item& item : value) {
        Bytes encoded;
        encode(item, encoded);
        column.push_encoded(encoded);
      }
    }
  } else {
    Bytes encoded;
    encode(value, encoded);
    column.push_encoded(encoded);
  }
}

// ---- the body
// --------------------------------------------------------------------------------------------------

template <class... T>
consteval bool check_outputs(const std::tuple<T...>*) {
  constexpr bool kViews = (kIsView<std::remove_cvref_t<T>> || ...);
  constexpr bool kFit = (Encodable<std::remove_cvref_t<T>> && ...);
  static_assert(
      !kViews,
      "mpipe: your function returns an ArrayView, but the values that it looks at are gone when the "
      "function has returned; return an mpipe::Array");
  static_assert(
      kViews || kFit,
      "mpipe: your function returns a type that is not supported as an output: use numbers, "
      "std::string, std::complex, std::vector, std::array, mpipe::Array, or a default constructible "
      "class with a serialize function of Boost.Serialization");
  return kFit && !kViews;
}

template <class F, class Outputs>
class TypedBody final : public FunctionBody {
  using Result = typename Signature<F>::Result;
  using Parameters = typename Signature<F>::Parameters;
  static constexpr std::size_t kArity = std::tuple_size_v<Parameters>;
  using Tied = decltype(Outputs::tie(std::declval<const Result&>()));
  static constexpr std::size_t kOutputs = std::tuple_size_v<Tied>;
  template <std::size_t I>
  using Output = std::remove_cvref_t<std::tuple_element_t<I, Tied>>;

 public:
  explicit TypedBody(F callable) : callable_(std::move(callable)) {
    add_parameters(std::make_index_sequence<kArity>{});
    add_outputs(std::make_index_sequence<kOutputs>{});
  }

  const std::vector<ValueType>& parameters() const override { return parameters_; }
  std::size_t output_count() const override { return kOutputs; }
  std::vector<ValueType> outputs(std::span<const ValueType>) const override { return outputs_; }
  std::string identity() const override { return type_name(typeid(F)); }
  /// A callable of a class of its own is known by what is compiled for that class, another one by its address.
  BodyCode code() const override {
    BodyCode code;
    if constexpr (std::is_pointer_v<F>) {
      code.places.push_back(reinterpret_cast<const void*>(callable_));
    } else {
      code.places.push_back(reinterpret_cast<const void*>(&remake));
      add_captures(code.captures);
    }
    return code;
  }

  void call(BlockCall& call) const override { run(call, std::make_index_sequence<kArity>{}); }
  /// Function pointers are their bytes, and callables without captures are all the same.
  std::optional<BodyRecipe> recipe() const override {
    if constexpr (std::is_pointer_v<F>) {
      BodyRecipe recipe{&remake, {}, reinterpret_cast<const void*>(callable_)};
      append(recipe.bytes, &callable_, sizeof(callable_));
      return recipe;
    } else if constexpr (kIsStateless) {
      return BodyRecipe{&remake, {}, nullptr};
    } else {
      return std::nullopt;
    }
  }
  bool draws_random_numbers() const override { return takes<Random>(std::make_index_sequence<kArity>{}); }
  bool takes_communicator() const override { return takes<Comm>(std::make_index_sequence<kArity>{}); }

 private:
  template <class P, std::size_t... I>
  static constexpr bool takes(std::index_sequence<I...>) {
    return (std::same_as<std::tuple_element_t<I, Parameters>, P> || ...);
  }
  /// Bytes between members have any value, and are made zeros first.
  void add_captures([[maybe_unused]] Bytes& bytes) const {
#if defined(__has_builtin) && __has_builtin(__builtin_clear_padding)
    if constexpr (!std::is_empty_v<F> && std::is_trivially_copyable_v<F>) {
      alignas(F) std::byte copy[sizeof(F)];
      std::memcpy(copy, static_cast<const void*>(&callable_), sizeof(F));
      __builtin_clear_padding(reinterpret_cast<F*>(copy));
      append(bytes, copy, sizeof(F));
    }
#else
    if constexpr (!std::is_empty_v<F> && std::has_unique_object_representations_v<F>)
      append(bytes, &callable_, sizeof(F));
#endif
  }
  static constexpr bool kIsStateless = std::is_empty_v<F> && std::is_trivially_default_constructible_v<F>;

  static std::shared_ptr<const FunctionBody> remake([[maybe_unused]] std::span<const std::byte> bytes) {
    if constexpr (std::is_pointer_v<F>) {
      F callable = nullptr;
      std::memcpy(&callable, bytes.data(), std::min(bytes.size(), sizeof(callable)));
      return std::make_shared<const TypedBody>(callable);
    } else if constexpr (kIsStateless) {
      return std::make_shared<const TypedBody>(F{});
    } else {
      return nullptr;
    }
  }

  template <std::size_t... I>
  void add_parameters(std::index_sequence<I...>) {
    (add_parameter<std::tuple_element_t<I, Parameters>>(), ...);
  }
  template <class P>
  void add_parameter() {
    if constexpr (!Injected<P>) parameters_.push_back(parameter_type<P>());
  }
  template <std::size_t... I>
  void add_outputs(std::index_sequence<I...>) {
    (outputs_.push_back(parameter_type<Output<I>>()), ...);
  }

  /// What stands before parameter I among the named ones: its position among the arguments.
  template <std::size_t I>
  static constexpr std::size_t argument_index() {
    return []<std::size_t... J>(std::index_sequence<J...>) {
      return (std::size_t{0} + ... + (Injected<std::tuple_element_t<J, Parameters>> ? 0 : 1));
    }
    (std::make_index_sequence<I>{});
  }

  template <std::size_t I>
  static auto make_cursor(const BlockCall& call) {
    using P = std::tuple_element_t<I, Parameters>;
    if constexpr (Injected<P>)
      return FilledIn<P>{};
    else
      return typename CursorOf<P>::type(call.arguments[argument_index<I>()]);
  }

  template <std::size_t I, class Cursor>
  static void start_row(Cursor& cursor, const RowWalker& row) {
    if constexpr (!Injected<std::tuple_element_t<I, Parameters>>) {
      constexpr std::size_t a = argument_index<I>();
      cursor.start_row(row.position(a), row.step(a));
    }
  }

  template <class Cursor>
  static decltype(auto) argument(Cursor& cursor, Index k, Index, const BlockCall&) {
    return cursor.get(k);
  }
  static Random argument(FilledIn<Random>&, Index, Index element, const BlockCall& call) {
    return Random(call.seed, call.stream, static_cast<std::uint64_t>(element));
  }
  static const Resources& argument(FilledIn<Resources>&, Index, Index, const BlockCall& call) {
    static const Resources kNone;
    return call.resources == nullptr ? kNone : *call.resources;
  }
  static Comm argument(FilledIn<Comm>&, Index, Index, const BlockCall& call) {
    return call.comm == nullptr ? Comm() : *call.comm;
  }
  static StopToken argument(FilledIn<StopToken>&, Index, Index, const BlockCall& call) { return call.stop; }
  static const Attempt& argument(FilledIn<Attempt>&, Index, Index element, const BlockCall& call) {
    static const Attempt kFirst;
    return call.attempt == nullptr || element != call.range.begin ? kFirst : *call.attempt;
  }

  template <std::size_t... I>
  void run(BlockCall& call, std::index_sequence<I...>) const {
    std::tuple<decltype(make_cursor<I>(call))...> cursors{make_cursor<I>(call)...};
    RowWalker row(call);
    Index done = 0;
    try {
      while (row.next()) {
        (start_row<I>(std::get<I>(cursors), row), ...);
        const Index length = row.length();
        const Index first = row.first();
        for (Index k = 0; k < length; ++k, ++done) {
          if (call.at != nullptr) call.at->store(first + k, std::memory_order_relaxed);
          write(call.outputs, done, callable_(argument(std::get<I>(cursors), k, first + k, call)...));
        }
      }
    } catch (...) {
      call.completed = done;
      throw;
    }
    call.completed = done;
  }

  static void write(std::span<OutputColumn> columns, Index k, const Result& result) {
    const auto tied = Outputs::tie(result);
    [&]<std::size_t... O>(std::index_sequence<O...>) {
      (write_output(columns[O], k, std::get<O>(tied)), ...);
    }
    (std::make_index_sequence<kOutputs>{});
  }

  F callable_;
  std::vector<ValueType> parameters_;
  std::vector<ValueType> outputs_;
};

/// The body of a callable. What cannot be one is refused by the compiler before anything is made of it, so that
/// our message is the only one.
template <class Outputs, class F>
std::shared_ptr<const FunctionBody> make_body(F callable) {
  if constexpr (check_callable<F>()) {
    using Tied = decltype(Outputs::tie(std::declval<const typename Signature<F>::Result&>()));
    if constexpr (check_outputs(static_cast<const Tied*>(nullptr)))
      return std::make_shared<const TypedBody<F, Outputs>>(std::move(callable));
  }
  return nullptr;
}

}  // namespace mpipe::detail
