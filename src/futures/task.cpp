// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/futures/task.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {

namespace detail {

void TaskReader::expect_end() const {
  if (!rest_.empty())
    throw Error(Category::storage_failed,
                "the bytes of a task are not those of its arguments: some are left over");
}

std::span<const std::byte> TaskReader::take(std::uint64_t count) {
  if (count > rest_.size())
    throw Error(Category::storage_failed,
                "the bytes of a task are not those of its arguments: it is too short");
  const std::span<const std::byte> taken = rest_.first(count);
  rest_ = rest_.subspan(count);
  return taken;
}

}  // namespace detail

void Task::set_arguments(Bytes&& arguments) {
  if (arguments.size() > max_payload_bytes) {
    throw Error(
        Category::too_large,
        fmt::format("The arguments of a task have {} bytes (a message carries {} at most). Send them in "
                    "parts, or let the workers read them.",
                    arguments.size(), max_payload_bytes));
  }
  message_.size = detail::call_header_bytes;
  if (arguments.size() <= detail::inline_argument_bytes) {
    std::copy(arguments.begin(), arguments.end(),
              message_.bytes.begin() + static_cast<std::ptrdiff_t>(message_.size));
    message_.size += arguments.size();
  } else {
    message_.payload = std::move(arguments);
  }
}

}  // namespace mpipe
