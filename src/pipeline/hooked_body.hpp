// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A body whose calls somebody looks at.
#pragma once

#include <mpipe/pipeline/function.hpp>

#include "pipeline/api/body_decorator.hpp"
#include "pipeline/api/element_call.hpp"

namespace mpipe {

/// Calls the inner body element by element, and the hook after each.
class HookedBody final : public BodyDecorator {
 public:
  HookedBody(std::shared_ptr<const FunctionBody> inner, PostExecutionHook hook,
             std::vector<std::string> outputs, std::vector<std::string> parameters)
      : BodyDecorator(std::move(inner)),
        hook_(std::move(hook)),
        outputs_(std::move(outputs)),
        names_(std::move(parameters)) {}

  void call(BlockCall& call) const override;

 private:
  FinishedCall describe(const BlockCall& call, Index element,
                        const std::vector<ElementOutput>& outputs) const;

  PostExecutionHook hook_;
  std::vector<std::string> outputs_;
  std::vector<std::string> names_;  ///< of parameters
};

}  // namespace mpipe
