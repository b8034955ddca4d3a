// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// mpipe for C, and for languages that call C: a pipeline from a document or from function pointers, mapped on the ranks of
/// a communicator, and its results. docs/howto/c.md shows it in use.
///
/// Every function that returns `int` returns 0, or the exit code that pipeline_app would end with (docs/reference.md): 1 a
/// function failed, 2 wrong input or use, 3 the run folder refuses, 4 storage, 5 a rank was lost or an internal error, 75
/// stopped early. After such a code `mpipe_error_text` and `mpipe_error_category` of the same thread say more, until its next
/// call that fails. No exception of C++ comes out.
///
/// An object is to be used by one thread at a time. Texts end with a zero byte, are UTF-8, and are copied.
#ifndef MPIPE_MPIPE_H
#define MPIPE_MPIPE_H

// NOLINTBEGIN(modernize-deprecated-headers,modernize-redundant-void-arg,modernize-use-using,readability-identifier-naming): C
#include <mpi.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Types of numbers. Booleans are bytes of 0 or 1; complex numbers are two floating point numbers.
typedef enum mpipe_type {
  MPIPE_BOOL = 0,
  MPIPE_INT8 = 1,
  MPIPE_INT16 = 2,
  MPIPE_INT32 = 3,
  MPIPE_INT64 = 4,
  MPIPE_UINT8 = 5,
  MPIPE_UINT16 = 6,
  MPIPE_UINT32 = 7,
  MPIPE_UINT64 = 8,
  MPIPE_FLOAT32 = 9,
  MPIPE_FLOAT64 = 10,
  MPIPE_COMPLEX64 = 11,
  MPIPE_COMPLEX128 = 12
} mpipe_type;

/// A number, or a dense array of numbers in C order (the last axis is the fastest). It owns nothing.
typedef struct mpipe_array {
  int32_t type;         ///< an `mpipe_type`
  int32_t rank;         ///< the number of axes; 0: one number
  const int64_t* shape; ///< `rank` extents
  const void* data;
} mpipe_array;

typedef struct mpipe_pipeline mpipe_pipeline; ///< functions, inputs and options
typedef struct mpipe_results mpipe_results;   ///< what a map brought back
typedef struct mpipe_outputs mpipe_outputs;   ///< where a call puts what it computed; lives as long as the call

/// One call of a function: for one element, with `context` as it was given, and one argument for each parameter, which live
/// as long as the call. Puts every output by `mpipe_put`, and returns 0; anything else is the failure of the element, with
/// the text of `mpipe_fail`. Must not throw, nor leave by longjmp.
typedef int (*mpipe_callable)(void* context, const mpipe_array* arguments, mpipe_outputs* outputs);

/// The version, as in `0.1.0`.
const char* mpipe_version(void);

/// Of the last call of this thread that failed: the text, `problem (why it matters). how to mend it`. Empty: none did.
const char* mpipe_error_text(void);
/// Of the same: the category, as in `missing_input`.
const char* mpipe_error_category(void);

/// A pipeline without functions. Free it by `mpipe_free_pipeline`.
int mpipe_create(mpipe_pipeline** pipeline);
/// The functions, inputs and options of a document (YAML or JSON), whose plugins are loaded. Documents with `runs` are for
/// pipeline_app.
int mpipe_load(const char* file, mpipe_pipeline** pipeline);
/// The same of a text; paths in it are relative to the folder of `file`, by which messages name it.
int mpipe_parse(const char* text, const char* file, mpipe_pipeline** pipeline);
/// Null is allowed.
void mpipe_free_pipeline(mpipe_pipeline* pipeline);

/// Adds a function. `outputs` and `parameters` are names with their types, separated by commas: `lift, drag`,
/// `n: int64, x` (float64 where none is said). A parameter gets a number or an array, as the pipeline has it, of its type.
/// `mapspec` is as in documents, or null or empty: the function is called once, with whole arrays. `context` is handed to each call
/// and stays the caller's; it must live until the pipeline is freed. `thread_safe` other than 0 promises that several threads may
/// call it at once. Every rank adds the same functions.
int mpipe_add_function(mpipe_pipeline* pipeline, const char* outputs, const char* parameters, const char* mapspec,
                       mpipe_callable call, void* context, int thread_safe);
/// Within a call: the value of the output with this number, counted from 0 in the order of `outputs`. It has the type
/// that was said; an array where the function makes axes. The value is copied.
int mpipe_put(mpipe_outputs* outputs, int output, const mpipe_array* value);
/// The same for one number of type float64.
int mpipe_put_float64(mpipe_outputs* outputs, int output, double value);
/// Within a call that will return something else than 0: why it fails.
void mpipe_fail(mpipe_outputs* outputs, const char* message);

/// An input, over one of the document. Copied. Those of rank 0 count.
int mpipe_set_input(mpipe_pipeline* pipeline, const char* name, const mpipe_array* value);
/// An option by its key in documents (docs/reference.md), over that of the document: `run_folder`, `seed`, `error_handling`.
/// Options by output take `mean=memory,cd=hdf5`; those without a value, such as `resume`, take `true`.
int mpipe_set_option(mpipe_pipeline* pipeline, const char* name, const char* value);

/// Runs the pipeline. Collective over `comm`, which is duplicated: every rank returns the same code. MPI must have been
/// initialised, and the calling thread may call it. `results` are to be freed by `mpipe_free_results` on every rank; where
/// the call fails, there are none. With `error_handling` = `continue` it succeeds though elements failed.
int mpipe_map(mpipe_pipeline* pipeline, MPI_Comm comm, mpipe_results** results);
/// The same for Fortran: `comm` is `comm%MPI_VAL` of mpi_f08, or the integer of older modules.
int mpipe_map_fortran(mpipe_pipeline* pipeline, MPI_Fint comm, mpipe_results** results);
/// The same in this process alone, without MPI.
int mpipe_map_alone(mpipe_pipeline* pipeline, mpipe_results** results);
/// Null is allowed.
void mpipe_free_results(mpipe_results* results);

/// The number of elements that failed, of all functions. On every rank.
int64_t mpipe_failed_elements(const mpipe_results* results);
/// The value of an output that is complete, which lives as long as the results. On rank 0 only.
int mpipe_result(const mpipe_results* results, const char* output, mpipe_array* value);
/// The same of an output that need not be complete: `*done` gets a byte for each number, 1 where it has a value.
int mpipe_partial_result(mpipe_results* results, const char* output, mpipe_array* value, const unsigned char** done);

#ifdef __cplusplus
}
#endif
// NOLINTEND(modernize-deprecated-headers,modernize-redundant-void-arg,modernize-use-using,readability-identifier-naming)

#endif
