// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Everything that a program needs to build a pipeline and to map it over MPI ranks.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/comm/environment.hpp>
#include <mpipe/core/error.hpp>
#include <mpipe/core/version.hpp>
#include <mpipe/data/array.hpp>
#include <mpipe/data/hdf5_input.hpp>
#include <mpipe/data/value.hpp>
#include <mpipe/document/expression.hpp>
#include <mpipe/futures/mpi_pool_executor.hpp>
#include <mpipe/launch/launch.hpp>
#include <mpipe/pipeline/function.hpp>
#include <mpipe/pipeline/pipeline.hpp>
#include <mpipe/pipeline/sweep.hpp>
#include <mpipe/pipeline/variants.hpp>
#include <mpipe/run/map.hpp>
