// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a function's body sees and does: the boundary between typed user code (or expressions) and everything
/// that schedules, moves and stores values. It is crossed once per block, never per element.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/core/comm.hpp>
#include <mpipe/core/error.hpp>
#include <mpipe/core/shape.hpp>
#include <mpipe/data/codec.hpp>
#include <mpipe/data/element_type.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mpipe {

/// What one call of a function needs (`Function::resources`), and, as a parameter of a function, what the
/// call has: a parameter of this type has no name and is filled in. Zero: nothing is asked for, or no limit.
struct Resources {
  int ranks = 1;             ///< worker ranks that make one call together; above 1 it takes a communicator
  int threads = 0;           ///< that the call may use itself
  int gpus = 0;              ///< devices for the call alone
  std::uint64_t memory = 0;  ///< bytes
  Duration time{};           ///< that it may take
  /// Of a call in a `map`: the numbers of its devices on its node, `gpus` of them, which no other rank uses
  /// during this run. Not for functions to ask for.
  std::vector<int> devices = {};

  friend bool operator==(const Resources&, const Resources&) = default;
};

/// What is asked for, in the words of documents: `ranks 2, memory 2GB, time 10min`; empty for nothing.
std::string to_string(const Resources& needs);

/// Where a function is called.
enum class Isolation : std::uint8_t {
  none,    ///< in the process that computes the block: a crash ends it
  process  ///< in a child process: a crash, a time-out or too much memory is the failure of that element
};

/// Says whether a call should come to an end before it is done, as a parameter of a function: it has no name and
/// is filled in. A function that takes long asks now and then; where the answer is yes, it writes down what it
/// wants to find again, and throws `Stopped`, or returns its value if that is nearly there.
///
/// In a `map` the answer is yes from the moment on when
/// - SIGUSR1 (or `request_drain`, or a signal that ends the program) has reached the process of the call, or the
///   rank that forked it; launchers send it to all ranks, while a signal to one of them reaches that one alone;
/// - only the time for storing is left before the deadline of the run, which all ranks know when it begins;
/// - in a process of its own (`Isolation::process`) with a limit of time: nineteen twentieths of it are over.
/// Elsewhere the answer is always no. Calls no MPI. Copies are alike; any thread may ask.
class StopToken {
 public:
  StopToken() = default;  ///< never
  /// `requested` must outlive the token; null: nobody can ask. `at`: on the clock of `SteadyClock`.
  StopToken(const std::atomic<bool>* requested, TimePoint at) : requested_(requested), at_(at) {}

  bool stop_requested() const noexcept {
    if (requested_ != nullptr && requested_->load(std::memory_order_relaxed)) return true;
    return at_ != TimePoint::max() && SteadyClock().now() >= at_;
  }
  /// When it is time whatever else happens; `TimePoint::max()`: never.
  TimePoint at() const noexcept { return at_; }

 private:
  const std::atomic<bool>* requested_ = nullptr;
  TimePoint at_ = TimePoint::max();
};

/// Thrown by a function that its `StopToken` told to stop: its element is neither done nor failed, and a resume
/// computes it. Where nobody had told it to stop, this is a failure as any other exception. Where the time of the
/// call itself was over, it is the failure that running out of time is.
class Stopped final : public Error {
 public:
  explicit Stopped(const std::string& message = "the function stopped before it was done")
      : Error(Category::drained, message) {}
};

/// Which try of its element a call is (`MapOptions::retries`), as a parameter of a function: it has no name and is
/// filled in. Outside of a `map` each call is a first one; another start of the run counts anew.
struct Attempt {
  int number = 1;
  // What the last one failed with; both empty for the first.
  std::string type = {};     ///< as in `std::runtime_error`; `mpipe::ProcessDied` for a crash or a limit
  std::string message = {};  ///< as it would be reported
};

/// A stream of random numbers of one element: counter-based (Philox4x64-10; Salmon et al., "Parallel random
/// numbers: as easy as 1, 2, 3", SC11), keyed by (seed, stream) and counted from (element, 0). The same
/// numbers on any number of ranks, in any order, after any resume. Satisfies
/// `std::uniform_random_bit_generator`. Not thread-safe; copying copies the state.
class Random {
 public:
  using result_type = std::uint64_t;

  /// `stream`: of the function, see `stream_of`.
  Random(std::uint64_t seed, std::uint64_t stream, std::uint64_t element)
      : key_{seed, stream}, counter_{0, element, 0, 0} {}

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  result_type operator()() {
    if (used_ == block_.size()) refill();
    return block_[used_++];
  }

  /// Uniform in [0, 1), 53 random bits.
  double uniform() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }
  /// Normal with mean 0 and standard deviation 1 (Box-Muller, both values used).
  double normal();

 private:
  void refill();

  std::array<std::uint64_t, 2> key_;
  std::array<std::uint64_t, 4> counter_;
  std::array<std::uint64_t, 4> block_{};
  std::size_t used_ = 4;
  double spare_ = 0;
  bool has_spare_ = false;
};

/// The stream number of a function: a hash (64-bit FNV-1a) of the name of its first output, so that it
/// survives edits of other functions.
std::uint64_t stream_of(const char* first_output);

/// The type of one value as a body takes or returns it; what is not known yet is empty.
struct ValueType {
  const ElementType* element = nullptr;  ///< nullptr: not known (a parameter: any real number type)
  std::optional<std::size_t> rank =
      0;                  ///< 0: a scalar; empty: not known (a parameter: any rank >= 1 unless `any_rank`)
  bool any_rank = false;  ///< a parameter that takes scalars and arrays alike (expressions)
  bool any_element =
      false;  ///< a parameter of an element type that is not known takes texts and objects as well

  std::string to_string() const;  ///< `float64`, `array of float64 (rank 2)`
};

/// One argument over a block: where its value is for every element.
///
/// The value for external multi-index (i0, i1, ..) starts `origin + i0 * strides[0] + i1 * strides[1] + ..`
/// values into `data` (stride 0: the same for all, a broadcast). It is a scalar when `slice_shape` is empty,
/// else an array of that shape whose neighbours are `slice_strides` values apart.
struct ArgumentView {
  const ElementType* type = nullptr;
  const std::byte* data = nullptr;
  const std::uint64_t* offsets =
      nullptr;  ///< types that vary in size: value k is data[offsets[k] .. offsets[k + 1])
  Index origin = 0;
  Strides strides;  ///< one per external axis of the function
  Shape slice_shape;
  Strides slice_strides;

  /// Bytes of the value that is `at` values into the data.
  std::span<const std::byte> value(Index at) const {
    const auto k = static_cast<std::size_t>(at);
    if (offsets == nullptr) return {data + k * type->size, type->size};
    return {data + offsets[k], static_cast<std::size_t>(offsets[k + 1] - offsets[k])};
  }
  bool slice_is_dense() const;
  /// Copies the slice that starts `at` values into the data to `out`, dense, C order. Fixed-size types.
  void copy_slice(Index at, std::byte* out) const;
  /// Calls `visit(position)` for each value of the slice in C order, position in values from the start of the
  /// data.
  template <class Visitor>
  void for_each_in_slice(Index at, Visitor&& visit) const;
};

/// Where a body puts one output of a block, element after element.
///
/// Scalars of fixed size go to `fixed[k - range.begin]`. Everything else is pushed: values of varying size,
/// and arrays, which are either items of the output itself (`collects_items`: the function has internal axes,
/// or is not mapped) or elements of type `array<T>`.
class OutputColumn {
 public:
  const ElementType* type = nullptr;        ///< of the values in the column
  bool collects_items = false;              ///< arrays are taken apart into their items
  std::optional<std::size_t> item_rank;     ///< of the arrays, when declared by the mapspec
  PartialShape declared;                    ///< extents that are known beforehand (empty: none)
  std::byte* fixed = nullptr;               ///< destination of scalars; not owned
  std::optional<Shape> internal;            ///< shape of every element's array, from the first one on
  Bytes bytes;                              ///< pushed values
  std::vector<std::uint64_t> offsets;       ///< for types that vary in size: as many + 1 as values pushed
  std::string_view name;                    ///< of the output, for messages
  const OutputColumn* same_axes = nullptr;  ///< see `tie_columns`

  void clear();
  /// Appends one encoded value of a type that varies in size.
  void push_encoded(std::span<const std::byte> value);
  /// Appends the items of one element's array of fixed-size items. Throws `Error` (internal_shape_rank,
  /// internal_shape_mismatch) when the shape is not the one of the mapspec, the declaration, or the elements
  /// before; dimension_mismatch when it is not that of another output of the call.
  void push_items(const Shape& shape, const std::byte* items);
  /// The same for items that vary in size, to be pushed one by one with `push_encoded` afterwards.
  void check_items(const Shape& shape);
  /// Refuses (dimension_mismatch) a shape that is not that of the column with the same axes.
  void check_same_axes(const Shape& shape) const;
};

/// Where a call is made, for bodies that tell others.
struct CallPlace {
  std::string run_folder;  ///< empty: the run has none
  int rank = 0;            ///< of the job
  std::string scratch;     ///< where working folders go; empty: into the run folder
};

/// Holds the outputs of one call, whose axes the mapspec names once for all of them, to equal shapes: an axis
/// has one length. The columns must stay where they are while they are filled.
void tie_columns(std::span<OutputColumn> columns);

/// One call of a body: a range of elements of the function, which are numbered in C order over `external`.
struct BlockCall {
  IndexRange range;
  const Shape* external = nullptr;
  std::span<const ArgumentView> arguments;
  std::span<OutputColumn> outputs;
  std::uint64_t seed = 0;    ///< of the run
  std::uint64_t stream = 0;  ///< of the function: hash of its first output's name
  Index completed = 0;       ///< set by the body: elements that are complete when it returns or throws
  const Resources* resources = nullptr;  ///< that the call has; nullptr: none in particular
  const Comm* comm = nullptr;            ///< ranks that make this call together; nullptr: this one alone
  const CallPlace* place = nullptr;      ///< nullptr: not in a run
  StopToken stop = {};
  const Attempt* attempt = nullptr;  ///< of the first element; nullptr, and of the others: the first one
  std::atomic<Index>* at =
      nullptr;  ///< where the body notes which element it computes, if it can; or nullptr
};

class FunctionBody;

/// How another process that has this one's code at the same addresses, but not its memory, makes a body.
struct BodyRecipe {
  using Maker = std::shared_ptr<const FunctionBody> (*)(std::span<const std::byte>);
  Maker maker = nullptr;
  Bytes bytes;                 ///< what the maker is given
  const void* code = nullptr;  ///< more code that must be there; null: none
};

/// The code of a body, as far as other processes can be asked whether theirs is the same.
struct BodyCode {
  /// A text that is code, such as a module of an interpreted language.
  struct Source {
    std::string name;    ///< of its file, without folders
    std::string digest;  ///< of the text
  };
  std::vector<const void*> places;  ///< addresses of compiled code in the program or in libraries
  Bytes captures;                   ///< of a callable that is its bytes
  std::vector<Source> sources;
};

/// The body of a function: typed C++ code, or an expression. Immutable; `call` may run in several processes
/// at once, and in several threads when `thread_safe()`.
class FunctionBody {
 public:
  virtual ~FunctionBody() = default;

  /// Types of the parameters that have names, in order.
  virtual const std::vector<ValueType>& parameters() const = 0;
  virtual std::size_t output_count() const = 0;
  /// Types of the outputs for arguments of these types (which fit `parameters()`, as far as they are known).
  virtual std::vector<ValueType> outputs(std::span<const ValueType> arguments) const = 0;
  /// Computes the block. Whatever it throws is the failure of element `range.begin + completed`.
  virtual void call(BlockCall& call) const = 0;
  virtual bool thread_safe() const { return false; }
  /// Its values depend on random numbers, so on more than the arguments.
  virtual bool draws_random_numbers() const { return false; }
  /// It takes a `Comm`: `call` may be made by several ranks together, for the same element.
  virtual bool takes_communicator() const { return false; }
  /// Empty: it has values of its own, and can only be copied together with all memory.
  virtual std::optional<BodyRecipe> recipe() const { return std::nullopt; }
  /// Text that differs when the body does, as far as that can be known: compared between ranks.
  virtual std::string identity() const = 0;
  /// What it computes, written with these names of its parameters: compared between starts of a run, and by
  /// programs of different versions. Empty: its code alone says that.
  virtual std::string formula(std::span<const std::string> /*parameters*/) const { return {}; }
  /// Where its code is; nothing for what a formula describes.
  virtual BodyCode code() const { return {}; }
};

/// Walks a block row by row: a row is a run of elements along the last external axis.
class RowWalker {
 public:
  explicit RowWalker(const BlockCall& call);
  /// Goes to the next row; false when the block is done. Call it before the first row as well.
  bool next();
  Index length() const { return length_; }
  /// Linear index of the row's first element.
  Index first() const { return linear_; }
  /// Position of argument `a` for the row's first element, and its distance to the next one.
  Index position(std::size_t a) const { return positions_[a]; }
  Index step(std::size_t a) const { return steps_[a]; }

 private:
  const BlockCall& call_;
  MultiIndex index_;
  Index linear_ = 0;
  Index length_ = 0;
  bool started_ = false;
  std::vector<Index> positions_;
  std::vector<Index> steps_;
};

// ---------------------------------------------------------------------------------------------------------------

template <class Visitor>
void ArgumentView::for_each_in_slice(Index at, Visitor&& visit) const {
  const Index count = element_count(slice_shape);
  MultiIndex index(slice_shape.size(), 0);
  for (Index k = 0; k < count; ++k) {
    visit(at);
    for (std::size_t axis = slice_shape.size(); axis-- > 0;) {
      at += slice_strides[axis];
      if (++index[axis] < slice_shape[axis]) break;
      at -= slice_strides[axis] * slice_shape[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace mpipe
