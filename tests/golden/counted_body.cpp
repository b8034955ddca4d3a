// SPDX-License-Identifier: BSD-3-Clause
#include "golden/counted_body.hpp"

#include <sys/mman.h>

#include <new>

namespace golden {
namespace {

class CountedBody final : public mpipe::FunctionBody {
 public:
  CountedBody(std::shared_ptr<const mpipe::FunctionBody> body, std::shared_ptr<Counter> counter)
      : body_(std::move(body)), counter_(std::move(counter)) {}

  const std::vector<mpipe::ValueType>& parameters() const override { return body_->parameters(); }
  std::size_t output_count() const override { return body_->output_count(); }
  std::vector<mpipe::ValueType> outputs(std::span<const mpipe::ValueType> arguments) const override {
    return body_->outputs(arguments);
  }
  bool thread_safe() const override { return body_->thread_safe(); }
  bool draws_random_numbers() const override { return body_->draws_random_numbers(); }
  bool takes_communicator() const override { return body_->takes_communicator(); }
  std::string identity() const override { return body_->identity(); }

  void call(mpipe::BlockCall& call) const override {
    try {
      body_->call(call);
    } catch (...) {
      *counter_ += call.completed + 1;
      throw;
    }
    *counter_ += call.completed;
  }

 private:
  std::shared_ptr<const mpipe::FunctionBody> body_;
  std::shared_ptr<Counter> counter_;
};

}  // namespace

std::shared_ptr<Counter> make_counter() {
  void* const memory =
      ::mmap(nullptr, sizeof(Counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return {new (memory) Counter(0), [](Counter* counter) { ::munmap(counter, sizeof(Counter)); }};
}

std::shared_ptr<const mpipe::FunctionBody> counted(std::shared_ptr<const mpipe::FunctionBody> body,
                                                   std::shared_ptr<Counter> counter) {
  return std::make_shared<const CountedBody>(std::move(body), std::move(counter));
}

}  // namespace golden
