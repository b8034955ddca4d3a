// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Values of options that are one of a few: enumerators in programs, names in documents and on the command
/// line. Where a program sets an option it may write either (`StorageKind::hdf5` or `"hdf5"`).
#pragma once

#include <mpipe/core/error.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mpipe {

/// Where the values of an output are kept.
enum class StorageKind : std::uint8_t {
  memory,  ///< in memory; in the results file too, from the next commit on
  hdf5,    ///< in the results file, and safe before an element is reported done
  file,    ///< in a file per element, and safe before it is reported done; marks are in the results file
};

/// What happens when a function throws. `raise`: the run stops, and `map` throws `FunctionError`.
/// `proceed` (named `continue`): that element is failed, with all outputs of the call; what needs it is blocked
/// and never called; everything else is computed, and `map` returns.
enum class ErrorHandling : std::uint8_t { raise, proceed };

/// What rank 0 does besides scheduling. `automatic`: it computes elements that are short, or on a thread of
/// its own where all functions are thread-safe. `work`: elements of any length, during which it schedules
/// nothing, so others have a block ahead.
enum class Rank0 : std::uint8_t { automatic, schedule, work };

/// Who calls functions. `user` is an executor of the program's own.
enum class ExecutorKind : std::uint8_t { mpi, threads, processes, sequential, user };

/// The names of an enumeration, in the order of its enumerators, and the option that has such values.
template <class Enum>
struct NamesOf;

template <>
struct NamesOf<StorageKind> {
  static constexpr std::string_view kOption = "storage";
  static constexpr Category kUnknown = Category::unknown_storage;
  static constexpr std::array<std::string_view, 3> kNames{"memory", "hdf5", "file"};
};
template <>
struct NamesOf<ErrorHandling> {
  static constexpr std::string_view kOption = "error_handling";
  static constexpr Category kUnknown = Category::bad_option;
  static constexpr std::array<std::string_view, 2> kNames{"raise", "continue"};
};
template <>
struct NamesOf<Rank0> {
  static constexpr std::string_view kOption = "rank0";
  static constexpr Category kUnknown = Category::bad_option;
  static constexpr std::array<std::string_view, 3> kNames{"auto", "schedule", "work"};
};

/// The name of an enumerator.
template <class Enum>
requires(NamesOf<Enum>::kNames.size() > 0) constexpr std::string_view to_string(Enum value) {
  return NamesOf<Enum>::kNames[static_cast<std::size_t>(value)];
}

/// The enumerator of that name; empty when there is none.
template <class Enum>
constexpr std::optional<Enum> find_named(std::string_view name) {
  for (std::size_t k = 0; k < NamesOf<Enum>::kNames.size(); ++k)
    if (NamesOf<Enum>::kNames[k] == name) return static_cast<Enum>(k);
  return std::nullopt;
}

/// Throws `Error`: `storage cannot be 'hdf'. Did you mean 'hdf5'? Use memory, hdf5 or file.`
[[noreturn]] void refuse_name(std::string_view option, Category category, std::string_view name,
                              std::span<const std::string_view> known);

/// An enumerator, or its name. A name that no enumerator has is kept until somebody asks for the value: so
/// `map` refuses it, on all ranks alike, and not the line in which one of them wrote it.
template <class Enum>
class Named {
 public:
  Named() = default;                    ///< the first enumerator
  Named(Enum value) : value_(value) {}  // NOLINT(google-explicit-constructor)
  template <class Text>
  requires std::convertible_to<const Text&, std::string_view> Named(  // NOLINT(google-explicit-constructor)
      const Text& name) {
    const auto found = find_named<Enum>(name);
    if (found)
      value_ = *found;
    else
      unknown_ = std::string(std::string_view(name));
  }
  /// Throws `Error` for the name of no enumerator.
  Enum value() const {
    using Names = NamesOf<Enum>;
    if (unknown_) refuse_name(Names::kOption, Names::kUnknown, *unknown_, Names::kNames);
    return value_;
  }
  friend bool operator==(const Named&, const Named&) = default;

 private:
  Enum value_{};
  std::optional<std::string> unknown_;
};

/// An executor, and how many workers it has. Made from the text that documents have: `mpi`, `threads`,
/// `threads:4`, `processes`, `processes:4`, `sequential`. Any other text names an executor of the program's
/// own (`MapOptions::user_executors`); whether there is one is checked by `map`.
struct ExecutorChoice {
  ExecutorKind kind = ExecutorKind::sequential;
  std::uint32_t count = 0;          ///< of threads or processes; 0: as many as the machine has cores
  std::string user = {};            ///< the name of one of the program's own
  bool calls_from_threads = false;  ///< of this process, other than the one that dispatches

  ExecutorChoice() = default;
  template <class Text>
  requires std::convertible_to<const Text&, std::string_view> ExecutorChoice(  // NOLINT
      const Text& text)
      : ExecutorChoice(parsed(text)) {}
  static ExecutorChoice parsed(std::string_view text);
  std::string to_string() const;
  friend bool operator==(const ExecutorChoice&, const ExecutorChoice&) = default;
};

/// Refuses a text that is no executor of this library. Throws `Error` (bad_option).
[[noreturn]] void refuse_executor(std::string_view text);

}  // namespace mpipe
