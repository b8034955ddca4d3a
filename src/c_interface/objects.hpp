// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the handles of C stand for.
#pragma once

#include <mpipe/document/document.hpp>
#include <mpipe/mpipe.h>
#include <mpipe/pipeline/function.hpp>
#include <mpipe/run/map.hpp>

#include "options/api/option_values.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

struct mpipe_pipeline {
  std::optional<mpipe::Document> document;
  std::vector<mpipe::Function> functions;  // those of the document first
  mpipe::Inputs inputs;                    // over those of the document
  mpipe::OptionValues options;
};

struct mpipe_results {
  mpipe::Results results;
  std::map<std::string, std::vector<unsigned char>> done;  // by output, of those that somebody asked about
};
