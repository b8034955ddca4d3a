// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Bodies around other bodies.
#pragma once

#include <mpipe/pipeline/function_body.hpp>

#include "pipeline/api/described_body.hpp"

#include <memory>
#include <utility>

namespace mpipe {

/// Is its inner body in everything; what is derived from it changes what it must.
class BodyDecorator : public FunctionBody, public DescribedBody {
 public:
  explicit BodyDecorator(std::shared_ptr<const FunctionBody> inner) : inner_(std::move(inner)) {}

  const std::vector<ValueType>& parameters() const override { return inner_->parameters(); }
  std::size_t output_count() const override { return inner_->output_count(); }
  std::vector<ValueType> outputs(std::span<const ValueType> arguments) const override {
    return inner_->outputs(arguments);
  }
  void call(BlockCall& call) const override { inner_->call(call); }
  bool thread_safe() const override { return inner_->thread_safe(); }
  bool draws_random_numbers() const override { return inner_->draws_random_numbers(); }
  bool takes_communicator() const override { return inner_->takes_communicator(); }
  std::string identity() const override { return inner_->identity(); }
  std::string formula(std::span<const std::string> parameters) const override {
    return inner_->formula(parameters);
  }
  BodyCode code() const override { return inner_->code(); }
  std::map<std::string, std::string> keys() const override { return keys_of(*inner_); }

 protected:
  const FunctionBody& inner() const { return *inner_; }

 private:
  std::shared_ptr<const FunctionBody> inner_;
};

}  // namespace mpipe
