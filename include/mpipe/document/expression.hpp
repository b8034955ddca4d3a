// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Functions written as expressions: `"sin(c * x) + y"`.
///
///     expr  := add (("<" | "<=" | ">" | ">=" | "==" | "!=") add)?      1.0 or 0.0
///     add   := mul (("+" | "-") mul)*
///     mul   := unary (("*" | "/") unary)*
///     unary := "-" unary | pow                                          -x^2 is -(x^2)
///     pow   := atom ("^" unary)?                                        2^3^2 is 2^(3^2)
///     atom  := number | name | name "(" [expr ("," expr)*] ")" | "(" expr ")" | "[" expr ("," expr)* "]"
///
/// All values are doubles: a scalar, or an array of any rank. Operators and scalar functions work element by
/// element on arrays (with a scalar, or with an array of equal shape). The functions are listed in
/// docs/document.md.
#pragma once

#include <mpipe/pipeline/function.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe {

/// The names in `expressions` that are values to be given, in the order in which they occur first. Throws as
/// `make_expression_body`.
std::vector<std::string> free_names(const std::vector<std::string>& expressions);

/// A body with one output per expression. Its parameters are the free names, in their order of first
/// occurrence unless `parameters` is given (which must have all of them and may have more). They take any
/// real number type, scalars and arrays. Immutable and thread-safe.
///
/// `types`: of the outputs, one per expression; empty: float64 for all. What was computed is then converted:
/// to integers and bool exactly, to float32 rounded as in NumPy, to complex128 with an imaginary part of zero.
///
/// An element fails when `fail_if(condition, value)` sees a condition that is not zero, when shapes, sizes or
/// indices do not fit, and when its value is none of the type of the output (2.5 as int64); the body then
/// reports exactly the elements before it as complete.
///
/// Throws `Error`, whose text shows the place: bad_document (syntax, unknown function, number of arguments,
/// too long or too deeply nested), unknown_name (a name that is none of `parameters`), rank_mismatch (an
/// array where a number is wanted or the other way round, as far as that can be seen without arguments;
/// `outputs` sees the rest), bad_option (a type that expressions do not give, or another number of types).
std::shared_ptr<const FunctionBody> make_expression_body(std::vector<std::string> expressions,
                                                         std::vector<std::string> parameters = {},
                                                         std::vector<const ElementType*> types = {});

/// The same as a `Function` with named parameters.
Function expression_function(std::vector<std::string> outputs, std::vector<std::string> expressions,
                             std::vector<std::string> parameters = {},
                             std::vector<const ElementType*> types = {});

}  // namespace mpipe
