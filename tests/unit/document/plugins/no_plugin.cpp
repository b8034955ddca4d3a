// SPDX-License-Identifier: BSD-3-Clause
// A shared library that is no plugin.
extern "C" int mpipe_test_answer() { return 42; }
