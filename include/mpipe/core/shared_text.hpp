// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `SharedText`: a long text that many hold.
#pragma once

#include <memory>
#include <string>
#include <utility>

namespace mpipe {

/// A text that does not change and that copies share. To be used as a `std::string`.
class SharedText {
 public:
  SharedText() = default;
  SharedText(std::string text)  // NOLINT(google-explicit-constructor): is a text
      : text_(std::make_shared<const std::string>(std::move(text))) {}
  SharedText(const char* text) : SharedText(std::string(text)) {}  // NOLINT(google-explicit-constructor)

  const std::string& get() const {
    static const std::string kNone;
    return text_ ? *text_ : kNone;
  }
  operator const std::string&() const { return get(); }  // NOLINT(google-explicit-constructor)

 private:
  std::shared_ptr<const std::string> text_;
};

}  // namespace mpipe
