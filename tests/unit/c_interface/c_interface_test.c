/* SPDX-License-Identifier: BSD-3-Clause */
/* A program in C that maps documents and functions of its own, and looks at what comes out, errors too. Every rank does all
 * of it; a check that fails ends the job. */
#include <mpipe/mpipe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) check((condition) != 0, #condition, __LINE__)
#define SAYS(text) check(strstr(mpipe_error_text(), (text)) != NULL, text, __LINE__)

static void check(int holds, const char* what, int line) {
  if (holds) return;
  fprintf(stderr, "c_interface_test.c:%d: does not hold: %s\nlast error (%s): %s\n", line, what, mpipe_error_category(),
          mpipe_error_text());
  MPI_Abort(MPI_COMM_WORLD, 1);
}

static int rank, ranks;

/* z = factor x + y, of int64 and float64. */
static int weighted(void* context, const mpipe_array* arguments, mpipe_outputs* outputs) {
  const int64_t x = *(const int64_t*)arguments[0].data;
  const double y = *(const double*)arguments[1].data;
  if (arguments[0].type != MPIPE_INT64 || arguments[1].type != MPIPE_FLOAT64 || arguments[0].rank != 0) return 7;
  return mpipe_put_float64(outputs, 0, *(const double*)context * (double)x + y);
}

/* The sum of an array, and the number of its items. */
static int summed(void* context, const mpipe_array* arguments, mpipe_outputs* outputs) {
  const double* values = arguments[0].data;
  int64_t count = 1;
  double sum = 0;
  (void)context;
  for (int axis = 0; axis < arguments[0].rank; ++axis) count *= arguments[0].shape[axis];
  for (int64_t k = 0; k < count; ++k) sum += values[k];
  const mpipe_array number = {MPIPE_INT64, 0, NULL, &count};
  return mpipe_put_float64(outputs, 0, sum) || mpipe_put(outputs, 1, &number);
}

/* Three multiples of x: an axis that the function makes. */
static int multiples(void* context, const mpipe_array* arguments, mpipe_outputs* outputs) {
  const double x = *(const double*)arguments[0].data;
  const double values[3] = {x, 2 * x, 3 * x};
  const int64_t shape[1] = {3};
  const mpipe_array array = {MPIPE_FLOAT64, 1, shape, values};
  (void)context;
  return mpipe_put(outputs, 0, &array);
}

/* Fails at 2, without a word at 3, and puts nothing at 4. */
static int picky(void* context, const mpipe_array* arguments, mpipe_outputs* outputs) {
  const double x = *(const double*)arguments[0].data;
  (void)context;
  if (x == 2) mpipe_fail(outputs, "two is refused");
  if (x == 2 || x == 3) return 9;
  if (x == 4) return 0;
  return mpipe_put_float64(outputs, 0, 10 * x);
}

/* Puts what does not fit, and does not look at the codes. */
static int careless(void* context, const mpipe_array* arguments, mpipe_outputs* outputs) {
  const float small = 1;
  const mpipe_array number = {MPIPE_FLOAT32, 0, NULL, &small};
  (void)context;
  (void)arguments;
  mpipe_put(outputs, 0, &number);
  mpipe_put_float64(outputs, 0, 1);
  return 0;
}

static int doubled(void* context, const mpipe_array* arguments, mpipe_outputs* outputs) {
  (void)context;
  (void)arguments;
  return mpipe_put_float64(outputs, 0, 1) || mpipe_put_float64(outputs, 0, 2);
}

static mpipe_array numbers(const double* values, const int64_t* length) {
  const mpipe_array array = {MPIPE_FLOAT64, 1, length, values};
  return array;
}

static void set_numbers(mpipe_pipeline* pipeline, const char* name, const double* values, int64_t length) {
  const mpipe_array array = numbers(values, &length);
  CHECK(mpipe_set_input(pipeline, name, &array) == 0);
}

static void test_document(void) {
  const char* text =
      "{mpipe: 1, functions: [{output: z, expr: 10 * x + y, mapspec: 'x[i], y[j] -> z[i, j]'}],"
      " inputs: {x: [1, 2, 3], y: [0.5, 0.25]}, map: {seed: 5}}";
  mpipe_pipeline* pipeline = NULL;
  mpipe_results* results = NULL;
  mpipe_array z;
  const double x[2] = {7, 8};
  CHECK(mpipe_parse(text, "z.yaml", &pipeline) == 0);
  set_numbers(pipeline, "x", x, 2); /* over the document's */
  CHECK(mpipe_map(pipeline, MPI_COMM_WORLD, &results) == 0);
  CHECK(mpipe_failed_elements(results) == 0);
  if (rank == 0) {
    CHECK(mpipe_result(results, "z", &z) == 0);
    CHECK(z.type == MPIPE_FLOAT64 && z.rank == 2 && z.shape[0] == 2 && z.shape[1] == 2);
    CHECK(((const double*)z.data)[0] == 70.5 && ((const double*)z.data)[3] == 80.25);
    CHECK(mpipe_result(results, "zz", &z) == 2);
    CHECK(strcmp(mpipe_error_category(), "unknown_output") == 0);
  } else {
    CHECK(mpipe_result(results, "z", &z) == 2);
    SAYS("rank 0 alone gets values");
  }
  mpipe_free_results(results);
  mpipe_free_pipeline(pipeline);
}

static mpipe_pipeline* own_functions(double* factor) {
  const int64_t three = 3;
  const int64_t whole[3] = {1, 2, 3};
  const mpipe_array x = {MPIPE_INT64, 1, &three, whole};
  const double y[2] = {0.5, 0.25};
  mpipe_pipeline* pipeline = NULL;
  CHECK(mpipe_create(&pipeline) == 0);
  CHECK(mpipe_add_function(pipeline, "z", "x: int64, y", "x[i], y[j] -> z[i, j]", weighted, factor, 1) == 0);
  CHECK(mpipe_add_function(pipeline, "column, n: int64", "z", "z[:, j] -> column[j], n[j]", summed, NULL, 1) == 0);
  CHECK(mpipe_add_function(pipeline, "all, count:int64", "z", NULL, summed, NULL, 0) == 0);
  CHECK(mpipe_add_function(pipeline, "m", "y", "y[j] -> m[j, k]", multiples, NULL, 1) == 0);
  CHECK(mpipe_set_input(pipeline, "x", &x) == 0);
  set_numbers(pipeline, "y", y, 2);
  return pipeline;
}

static void check_own_results(const mpipe_results* results) {
  mpipe_array value;
  CHECK(mpipe_result(results, "column", &value) == 0); /* of 100 x + y over x, which is no dense part of z */
  CHECK(value.rank == 1 && ((const double*)value.data)[0] == 601.5 && ((const double*)value.data)[1] == 600.75);
  CHECK(mpipe_result(results, "n", &value) == 0);
  CHECK(value.type == MPIPE_INT64 && ((const int64_t*)value.data)[1] == 3);
  CHECK(mpipe_result(results, "all", &value) == 0);
  CHECK(value.rank == 0 && *(const double*)value.data == 1202.25);
  CHECK(mpipe_result(results, "count", &value) == 0 && *(const int64_t*)value.data == 6);
  CHECK(mpipe_result(results, "m", &value) == 0);
  CHECK(value.rank == 2 && value.shape[0] == 2 && value.shape[1] == 3 && ((const double*)value.data)[5] == 0.75);
}

static void test_functions(void) {
  double factor = 100;
  mpipe_pipeline* pipeline = own_functions(&factor);
  mpipe_results* results = NULL;
  CHECK(mpipe_map_fortran(pipeline, MPI_Comm_c2f(MPI_COMM_WORLD), &results) == 0);
  if (rank == 0) check_own_results(results);
  mpipe_free_results(results);
  CHECK(mpipe_map_alone(pipeline, &results) == 0); /* each rank for itself */
  check_own_results(results);
  mpipe_free_results(results);
  mpipe_free_pipeline(pipeline);
}

static void test_failures(void) {
  const double x[5] = {1, 2, 3, 4, 5};
  mpipe_pipeline* pipeline = NULL;
  mpipe_results* results = NULL;
  CHECK(mpipe_create(&pipeline) == 0);
  CHECK(mpipe_add_function(pipeline, "y", "x", "x[i] -> y[i]", picky, NULL, 0) == 0);
  set_numbers(pipeline, "x", x, 5);
  CHECK(mpipe_map(pipeline, MPI_COMM_WORLD, &results) == 1 && results == NULL);
  CHECK(strcmp(mpipe_error_category(), "function_raised") == 0);
  SAYS("two is refused");

  CHECK(mpipe_set_option(pipeline, "error_handling", "continue") == 0);
  CHECK(mpipe_map(pipeline, MPI_COMM_WORLD, &results) == 0 && mpipe_failed_elements(results) == 3);
  if (rank == 0) {
    mpipe_array y;
    const unsigned char* done = NULL;
    CHECK(mpipe_result(results, "y", &y) == 2);
    CHECK(mpipe_partial_result(results, "y", &y, &done) == 0);
    CHECK(memcmp(done, "\1\0\0\0\1", 5) == 0);
    CHECK(((const double*)y.data)[0] == 10 && ((const double*)y.data)[4] == 50);
  }
  mpipe_free_results(results);
  mpipe_free_pipeline(pipeline);
}

/* A function whose every element fails, with this text. */
static void check_refused(mpipe_callable call, const char* text) {
  const double x = 1;
  mpipe_pipeline* pipeline = NULL;
  mpipe_results* results = NULL;
  CHECK(mpipe_create(&pipeline) == 0);
  CHECK(mpipe_add_function(pipeline, "y", "x", "x[i] -> y[i]", call, NULL, 0) == 0);
  set_numbers(pipeline, "x", &x, 1);
  CHECK(mpipe_map(pipeline, MPI_COMM_WORLD, &results) == 1);
  SAYS(text);
  mpipe_free_pipeline(pipeline);
}

static void test_outputs_that_do_not_fit(void) {
  check_refused(careless, "was put as float32, and was said to be float64");
  check_refused(doubled, "was put twice in one call");
  check_refused(multiples, "Name its axes in the mapspec (-> y[.., k])");
}

static void test_wrong_use(void) {
  double factor = 1;
  mpipe_results* results = NULL;
  mpipe_pipeline* none = NULL;
  mpipe_pipeline* pipeline = own_functions(&factor);
  mpipe_array odd = {99, 0, NULL, &factor};
  CHECK(mpipe_set_option(pipeline, "sed", "1") == 2);
  SAYS("Did you mean 'seed'?");
  CHECK(mpipe_set_option(pipeline, "seed", "many") == 2);
  CHECK(mpipe_set_option(pipeline, "resume", "yes") == 2);
  CHECK(mpipe_set_input(pipeline, "x", &odd) == 2);
  SAYS("has the type 99");
  odd.type = MPIPE_FLOAT64;
  odd.rank = 40;
  CHECK(mpipe_set_input(pipeline, "x", &odd) == 2);
  CHECK(mpipe_add_function(pipeline, "a: text", "x", NULL, summed, NULL, 0) == 2);
  CHECK(mpipe_add_function(pipeline, "a", "x", "x[i] -> a[", summed, NULL, 0) == 2);
  CHECK(strcmp(mpipe_error_category(), "mapspec_syntax") == 0);
  CHECK(mpipe_load("no/such.yaml", &none) == 2 && none == NULL);
  CHECK(mpipe_parse("{mpipe: 1, functions: [{output: y, expr: 2 * x}], runs: [{name: a, inputs: {x: 1}}]}", "r.yaml", &none) == 2);
  CHECK(strcmp(mpipe_error_category(), "not_supported") == 0 && none == NULL);
  set_numbers(pipeline, "unheard_of", &factor, 1);
  CHECK(mpipe_map(pipeline, MPI_COMM_WORLD, &results) == 2 && results == NULL);
  CHECK(strcmp(mpipe_error_category(), "extra_input") == 0);
  /* The last rank has none: all are told. */
  CHECK(mpipe_map(rank == ranks - 1 ? NULL : pipeline, MPI_COMM_WORLD, &results) == 2);
  SAYS("the pipeline is a null pointer");
  CHECK(mpipe_map(pipeline, MPI_COMM_NULL, &results) == 2);
  mpipe_free_pipeline(pipeline);
  mpipe_free_pipeline(NULL);
  mpipe_free_results(NULL);
}

int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  CHECK(strlen(mpipe_version()) >= 5 && strlen(mpipe_error_text()) == 0);
  test_document();
  test_functions();
  test_failures();
  test_outputs_that_do_not_fit();
  test_wrong_use();
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) printf("c_interface_test: passed on %d ranks\n", ranks);
  MPI_Finalize();
  return 0;
}
