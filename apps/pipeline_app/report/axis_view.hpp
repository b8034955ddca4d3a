// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What stands at an axis of an output: an input that gives its positions their values, or their numbers.
#pragma once

#include <mpipe/store/run_reader.hpp>

#include "report/scale.hpp"

#include <string>
#include <vector>

namespace mpipe::app {

/// Refers to the output and the inputs that it was made of, which outlive it.
class AxisView {
 public:
  /// Of an output whose shape is known. Of several inputs along this axis alone, one that has the name of the axis comes
  /// first, then numbers before texts.
  AxisView(const OutputLayout& output, std::size_t axis, const std::vector<InputLayout>& inputs);

  Index length() const { return length_; }
  /// `temperature [K]`, or `t (position)`.
  std::string label() const;
  bool has_numbers() const { return input_ == nullptr || input_->value.type().is_real(); }
  bool has_coordinates() const { return input_ != nullptr; }
  /// The coordinate at a position. Precondition: `has_numbers()`.
  double number(Index position) const;
  /// The coordinate, or the position, as text.
  std::string text(Index position) const;
  /// `temperature = 2.5`, `t = 3`.
  std::string equation(Index position) const;
  /// From now on positions stand for themselves.
  void forget_coordinates() { input_ = nullptr; }

 private:
  std::string axis_;
  Index length_ = 0;
  const InputLayout* input_ = nullptr;
};

/// A name with its unit: `energy [J]`.
std::string with_units(const std::string& name, const std::string& units);

/// Ticks on an axis of `cells` of equal size, each of which stands for `step` positions: round coordinates where these are
/// evenly spaced, else those in the middle of some cells, at most `most`.
std::vector<Tick> cell_ticks(const AxisView& axis, Index cells, Index step, Index most);

}  // namespace mpipe::app
