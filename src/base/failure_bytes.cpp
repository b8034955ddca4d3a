// SPDX-License-Identifier: BSD-3-Clause
// The one encoding of what was thrown, for messages between processes.
#include "base/api/failure_bytes.hpp"

namespace mpipe {
namespace {

constexpr std::string_view kCutMark = " .. (cut)";

}  // namespace

std::string cut_text(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  std::size_t length = most - kCutMark.size();
  // Bytes 10xxxxxx continue a character of UTF-8: the cut moves back to where a character begins.
  while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) --length;
  return std::string(text.substr(0, length)).append(kCutMark);
}

// The order of the fields is the format, and `get_failure` reads them in the same order. Texts are cut before
// they are sent, as the receiver refuses longer ones.
void put_failure(ByteWriter& out, const Failure& failure) {
  out.put(failure.element);
  out.put(static_cast<std::int32_t>(failure.rank));
  out.put(failure.category);
  out.put(failure.subject.kind);
  out.put_list(failure.index);
  for (const std::string* text : {&failure.output, &failure.message, &failure.type, &failure.arguments,
                                  &failure.host, &failure.subject.name})
    out.put_text(cut_text(*text, kMaxFailureText));
}

Failure get_failure(ByteReader& in) {
  Failure failure;
  failure.element = in.get_index();
  failure.rank = in.get<std::int32_t>();
  failure.category = in.get_enum(Category::storage_failed);
  failure.subject.kind = in.get_enum(Subject::Kind::file);
  failure.index = in.get_indices();
  for (std::string* text : {&failure.output, &failure.message, &failure.type, &failure.arguments,
                            &failure.host, &failure.subject.name})
    *text = in.get_text(kMaxFailureText);
  return failure;
}

}  // namespace mpipe
