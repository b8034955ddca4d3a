// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A random pipeline with inputs, and what a plain interpreter says its outputs are.
#pragma once

#include <mpipe/pipeline/pipeline.hpp>

#include "property/functions.hpp"

#include <map>
#include <random>

namespace mpipe::property {

/// An array as the plain interpreter has it.
struct NaiveArray {
  Type type = Type::uint64;
  std::optional<ArrayRule> rule;  ///< its elements are arrays of their own
  std::vector<std::string> axes;  ///< as the mapspecs name them
  bool has_names = true;          ///< false: nobody can index it
  Shape shape;
  std::vector<Code> codes;  ///< C order

  Code code_at(const MultiIndex& index) const;
  Code digest_at(std::size_t k) const;
  Bytes encoded_at(std::size_t k) const;
};

class RandomPipeline {
 public:
  explicit RandomPipeline(std::uint64_t seed);

  const std::vector<Function>& functions() const { return functions_; }
  const Inputs& inputs() const { return inputs_; }
  const InternalShapes& internal_shapes() const { return internal_shapes_; }
  /// By name; inputs are not in it.
  const std::map<std::string, NaiveArray>& outputs() const { return outputs_; }
  /// Names of axes that elements of some function are numbered over.
  const std::vector<std::string>& external_axes() const { return external_axes_; }
  /// The mapspecs, a line each.
  const std::string& text() const { return text_; }
  Index below(Index limit) { return static_cast<Index>(random_() % static_cast<std::uint64_t>(limit)); }
  bool chance(int percent) { return below(100) < percent; }

 private:
  /// An argument: an array, and which of its axes the mapspec indexes.
  struct Argument {
    std::string name;
    const NaiveArray* array = nullptr;
    std::vector<bool> indexed;
    bool in_mapspec = false;
  };
  /// A function under construction.
  struct Draft {
    FunctionSpec spec;
    Argument first;
    Argument second;
    std::vector<std::string> external;  ///< axes that elements are numbered over
    std::vector<std::string> axes;      ///< of the outputs
    std::vector<bool> is_external;      ///< per axis of the outputs
    Shape external_shape;
    std::optional<PartialShape> declared;
  };

  void add_inputs();
  void add_input(const std::string& name, Type type, bool ragged, std::size_t rank);
  bool add_function(int number);
  const std::string& any_name();
  Argument choose_first();
  Argument choose_second();
  void index_some(Argument& argument, bool all);
  bool choose_external(Draft& draft);
  void choose_output(Draft& draft, int number);
  void choose_array(Draft& draft, int number);
  void choose_declaration(Draft& draft);
  void finish(Draft& draft);
  void interpret(const Draft& draft);
  Code digest_of_first(const Draft& draft, const MultiIndex& element) const;
  std::string array_text(const Argument& argument) const;
  std::string mapspec(const Draft& draft) const;

  std::mt19937_64 random_;
  std::map<std::string, Index> extents_;  ///< by axis
  std::map<std::string, NaiveArray> arrays_;
  std::vector<std::string> order_;  ///< of `arrays_`
  std::vector<Function> functions_;
  Inputs inputs_;
  InternalShapes internal_shapes_;
  std::map<std::string, NaiveArray> outputs_;
  std::vector<std::string> external_axes_;
  std::string text_;
};

}  // namespace mpipe::property
