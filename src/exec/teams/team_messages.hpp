// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Messages about teams, put into bytes.
#pragma once

#include "exec/api/message_bytes.hpp"

namespace mpipe::wire {

EncodedMessage encode_team(const TeamMessage& message);
EncodedMessage encode_news(const TeamNews& news);
/// `body`: what is left of the frame's. Throw `Bug` as all that decode.
TeamMessage decode_team(const Frame& frame, Reader& body);
TeamNews decode_news(const Frame& frame, Reader& body);

}  // namespace mpipe::wire
