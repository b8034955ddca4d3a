// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The body of a function that does the work of several.
#pragma once

#include <mpipe/pipeline/pipeline.hpp>

#include "pipeline/api/described_body.hpp"

namespace mpipe::detail {

/// Calls the bodies of several functions one after the other, for some elements at a time: what one makes for
/// the next stays in memory. An element is complete when all of them have computed it. Each function draws
/// the random numbers that it would draw by itself.
class NestedBody final : public FunctionBody, public DescribedBody {
 public:
  /// Where a function inside gets an argument from.
  struct Argument {
    enum class From : std::uint8_t { outside, inside, bound } from = From::outside;
    std::size_t number = 0;  ///< of the nested function's parameter, or of the function inside
    std::size_t output = 0;  ///< of that function inside
    Value bound;
  };
  struct Part {
    FunctionNode node;
    std::uint64_t stream = 0;
    std::vector<Argument> arguments;
    std::vector<std::optional<std::size_t>> kept;  ///< per output: which one of the nested function it is
  };

  /// `parts`: producers first. Throws `Error` (type_mismatch) when two of them want one of the `parameters`
  /// as different types.
  NestedBody(std::vector<Part> parts, const std::vector<std::string>& parameters, std::size_t outputs);

  const std::vector<ValueType>& parameters() const override { return parameters_; }
  std::size_t output_count() const override { return outputs_; }
  std::vector<ValueType> outputs(std::span<const ValueType> arguments) const override;
  void call(BlockCall& call) const override;
  bool thread_safe() const override;
  bool draws_random_numbers() const override;
  bool takes_communicator() const override;
  std::string identity() const override;
  std::string formula(std::span<const std::string> parameters) const override;
  BodyCode code() const override;
  std::map<std::string, std::string> keys() const override;

  const std::vector<Part>& parts() const { return parts_; }
  /// Types of all outputs of all parts.
  std::vector<std::vector<ValueType>> infer(std::span<const ValueType> arguments) const;

 private:
  void merge_parameter(const std::string& name, std::size_t number, const ValueType& wanted);

  std::vector<Part> parts_;
  std::vector<ValueType> parameters_;
  std::size_t outputs_;
};

}  // namespace mpipe::detail
