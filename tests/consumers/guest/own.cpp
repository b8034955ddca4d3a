// SPDX-License-Identifier: BSD-3-Clause
// Has nothing to do with mpipe.
int main() { return 0; }
