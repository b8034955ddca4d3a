// SPDX-License-Identifier: BSD-3-Clause
#include "store/agreement.hpp"

#include <utility>

namespace mpipe {
namespace {

struct Told {
  Category category = Category::storage_failed;
  std::string text;
};

Told tell(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& problem) {
    return {problem.category(), problem.what()};
  } catch (const std::exception& problem) {
    return {Category::storage_failed, std::string("storing the results failed: ") + problem.what()};
  } catch (...) {
    return {Category::storage_failed, "storing the results failed for an unknown reason."};
  }
}

}  // namespace

void Agreement::settle() {
  const std::int64_t nobody = comm_.size();
  const std::int64_t first = comm_.all_reduce(failed() ? comm_.rank() : nobody, ReduceOp::min);
  if (first == nobody) return;
  Told told;
  const int root = static_cast<int>(first);
  if (comm_.rank() == root) told = tell(error_);
  const auto number = comm_.broadcast_value(static_cast<int>(told.category), root);
  told.text = comm_.broadcast_text(std::move(told.text), root);
  const auto category = category_from_number(static_cast<std::uint32_t>(number));
  if (!category) throw Bug("a rank told an error of an unknown category");
  throw Error(*category, told.text);
}

}  // namespace mpipe
