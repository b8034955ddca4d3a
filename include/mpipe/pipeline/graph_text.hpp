// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A pipeline as a drawing.
#pragma once

#include <mpipe/pipeline/pipeline.hpp>

#include <string>

namespace mpipe {

/// Inputs and functions as nodes, who takes what of whom as arrows, in the language of Graphviz:
/// `dot -Tsvg`. `name`: of the graph; any text.
std::string to_dot(const Pipeline& pipeline, const std::string& name = "pipeline");

/// The same for Mermaid, which Markdown on many sites shows as a drawing.
std::string to_mermaid(const Pipeline& pipeline);

}  // namespace mpipe
