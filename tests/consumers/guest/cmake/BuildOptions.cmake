# SPDX-License-Identifier: BSD-3-Clause
# Called as a module of mpipe is, and told from it by this message.
message(STATUS "BuildOptions of ${PROJECT_NAME}")
