// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Keys of elements: 128 bits that stand for a function and the values of its arguments.
#pragma once

#include <mpipe/data/value.hpp>
#include <mpipe/mapspec/mapspec.hpp>

#include "store/api/run_description.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe {

/// Two elements with equal keys were computed by the same function from the same arguments: keys are hashes of 128
/// bits, so that among 10^9 elements two others share one with a probability of 10^-21.
struct ElementKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const ElementKey&, const ElementKey&) = default;
};

struct ElementKeyHash {
  std::size_t operator()(const ElementKey& key) const noexcept { return static_cast<std::size_t>(key.low); }
};

/// The bytes that a key is the hash of. May be used again after `clear`.
class KeyBytes {
 public:
  void put(std::uint64_t number);
  void put(const ElementKey& key);
  void put_bytes(std::span<const std::byte> bytes);
  void put_text(std::string_view text);
  void clear() { bytes_.clear(); }
  ElementKey key() const;

 private:
  Bytes bytes_;
};

/// Functions of more elements are not compared: their keys would take gigabytes.
inline constexpr Index kMostKeys = Index{1} << 26;

/// An array that a function takes, in one of two runs that are compared.
struct KeyedArray {
  std::string pattern;  ///< what is the same for all of its elements, and must be in both runs
  std::vector<bool>
      external;  ///< per axis: its elements have keys of their own; the others lie inside of one
  PartialShape shape;
  const std::vector<ElementKey>* keys = nullptr;  ///< of an output: by element
  const Value* values = nullptr;  ///< of an input with one axis whose values are compared one by one
};

/// One call of a function, for all elements.
struct KeyedCall {
  ElementKey function;  ///< all that is the same for all elements
  /// External axes of the function, and how long they are.
  std::vector<std::string> axes;
  Shape shape;
  bool counts_places = false;  ///< its values depend on the position of the element, too
};

/// The keys of all elements of a function, in C order over `call.shape`. `arguments`: each array with how the mapspec
/// takes it; null: as a whole. Nothing where an extent that matters is not known. Precondition: there are at most
/// `kMostKeys` elements, and so many values of each input that is compared by values.
std::optional<std::vector<ElementKey>> keys_of(
    const KeyedCall& call, const std::vector<std::pair<KeyedArray, const ArraySpec*>>& arguments);

}  // namespace mpipe
