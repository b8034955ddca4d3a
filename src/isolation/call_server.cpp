// SPDX-License-Identifier: BSD-3-Clause
// The loop of a child that calls bodies: it receives a call, makes it, and sends back the result.
#include "isolation/call_server.hpp"

#include <mpipe/core/failure.hpp>

#include "isolation/api/resource_scope.hpp"
#include "isolation/call_message.hpp"
#include "isolation/descendants.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <map>
#include <new>

namespace mpipe {
namespace {

/// The size of this process's data: the sixth number of /proc/self/statm, in bytes; 0 if it cannot be read.
std::uint64_t data_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long long pages = 0;
  const int read = std::fscanf(file, "%*u %*u %*u %*u %*u %llu", &pages);
  std::fclose(file);
  return read == 1 ? pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

/// Room for the scalars of a call's outputs.
class FixedValues {
 public:
  /// Throws `Error` (too_large) and std::bad_alloc where there is no such room.
  explicit FixedValues(CallRequest& request) : values_(request.outputs.size()) {
    for (std::size_t k = 0; k < values_.size(); ++k) {
      if (!request.has_fixed[k]) continue;
      OutputColumn& column = request.outputs[k];
      const auto elements = static_cast<std::size_t>(request.range.size());
      if (elements > values_[k].max_size() / column.type->size)
        throw Error(Category::too_large,
                    "a call has more elements than fit the memory of a process. Use smaller axes.");
      values_[k].resize(elements * column.type->size);
      column.fixed = values_[k].data();
    }
  }

 private:
  std::vector<Bytes> values_;
};

/// While it lives, the process may have so many bytes of data more than at its beginning.
class MemoryLimit {
 public:
  explicit MemoryLimit(std::uint64_t bytes) {
    if (bytes == 0 || ::getrlimit(RLIMIT_DATA, &before_) != 0) return;
    rlimit limit = before_;
    // Only the soft limit changes: a process may raise that again without privileges, as the destructor
    // does.
    limit.rlim_cur = std::min<rlim_t>(before_.rlim_max, data_bytes() + bytes);
    set_ = ::setrlimit(RLIMIT_DATA, &limit) == 0;
  }
  ~MemoryLimit() {
    if (set_) ::setrlimit(RLIMIT_DATA, &before_);
  }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

 private:
  rlimit before_{};
  bool set_ = false;
};

class CallServer {
 public:
  explicit CallServer(Channel channel) : channel_(std::move(channel)) {}

  void serve() {
    Channel::Message message;
    while (channel_.receive(message) == Arrival::message) {
      if (!answer(message.bytes())) return;
    }
  }

 private:
  /// False when nobody is there any more.
  bool answer(std::span<const std::byte> bytes) {
    CallRequest request;
    std::optional<FixedValues> values;
    CallResult result;
    try {
      request = decode_call(bytes);
      // The room for results is made outside of the limit, which is meant for what the function itself
      // uses.
      values.emplace(request);
      result = call(request);
    } catch (...) {
      fail(result, false);
    }
    // Processes that the function has started end with its call, before anybody is told that it is done.
    if (detail::has_children()) detail::end_descendants();
    // A function's own output likewise.
    std::cout.flush();
    std::fflush(nullptr);
    try {
      return send(result, request);
    } catch (const JobShortage&) {
      // A result that there is no memory to hand over is told as what it is, and not as the end of a process.
      CallResult none;
      fail(none, false);
      return send(none, request);
    }
  }

  bool send(const CallResult& result, const CallRequest& request) {
    const EncodedResult encoded(result, request.outputs);
    return channel_.send(static_cast<std::uint16_t>(CallKind::result), encoded.pieces());
  }

  CallResult call(CallRequest& request) {
    const std::shared_ptr<const FunctionBody> body = find_body(request.body);
    BlockCall call = request.call();
    CallResult result;
    try {
      // A child calls from one thread, and has an environment of its own.
      std::optional<ResourceScope> scope;
      if (ResourceScope::changes_anything(request.resources))
        scope.emplace(request.resources, ResourceScope::Sets::process);
      const MemoryLimit limit(request.memory);
      body->call(call);
    } catch (...) {
      fail(result, request.memory > 0);
    }
    // Elements before the one that failed are complete, and travel with the failure.
    result.completed = call.completed;
    return result;
  }

  /// Notes the exception that is being handled.
  static void fail(CallResult& result, bool limited) {
    result.failure = failure_from_current_exception();
    try {
      throw;
    } catch (const std::bad_alloc&) {
      result.out_of_memory = limited;
    } catch (...) {
      // Other exceptions have nothing to do with the limit.
    }
  }

  std::shared_ptr<const FunctionBody> find_body(const BodyPlace& place) {
    if (place.how == BodyPlace::How::object)
      // The object lies in memory that was there at the fork and stays until this process ends, so the
      // pointer owns nothing.
      return {std::shared_ptr<void>(), reinterpret_cast<const FunctionBody*>(place.address)};
    // A body is made once per recipe: each block of its function comes with the same one.
    auto& body = made_[{place.address, place.bytes}];
    if (!body) body = reinterpret_cast<BodyRecipe::Maker>(place.address)(place.bytes);
    return body;
  }

  Channel channel_;
  std::map<std::pair<std::uint64_t, Bytes>, std::shared_ptr<const FunctionBody>> made_;
};

}  // namespace

void serve_calls(Channel channel) { CallServer(std::move(channel)).serve(); }

}  // namespace mpipe
