// SPDX-License-Identifier: BSD-3-Clause
// The group of a single rank, which talks to itself.
#include <mpipe/core/error.hpp>

#include "comm/comm_state.hpp"

#include <algorithm>

namespace mpipe {
namespace {

/// Only one rank is asked, so the answer is there at once.
class SerialConsent final : public ConsentState {
 public:
  explicit SerialConsent(Bytes objection) : objection_(std::move(objection)) {}
  bool poll() override { return true; }
  const Bytes& objection() const override { return objection_; }

 private:
  Bytes objection_;
};

class SerialState final : public CommState {
 public:
  explicit SerialState(std::shared_ptr<Zygote> zygote) : CommState({.zygote = std::move(zygote)}) {}

  std::vector<Node> nodes() const override { return {{host_name(), {0}}}; }
  void barrier() const override {}
  void broadcast(std::span<std::byte>, int) const override {}
  std::vector<Bytes> gather(std::span<const std::byte> bytes, int) const override {
    return {Bytes(bytes.begin(), bytes.end())};
  }
  void reduce(std::span<std::int64_t>, ReduceOp) const override {}
  void reduce(std::span<double>, ReduceOp) const override {}
  void exchange(std::span<const SendPart> sends, std::span<const ReceivePart> receives) const override {
    if (sends.size() != receives.size())
      throw Bug("Communicator::exchange: parts that nobody receives, or sends");
    for (std::size_t i = 0; i < sends.size(); ++i) {
      const std::span<const std::byte> from = sends[i].bytes;
      if (from.size() != receives[i].bytes.size())
        throw Bug("Communicator::exchange: parts of different sizes");
      std::copy(from.begin(), from.end(), receives[i].bytes.begin());
    }
  }
  std::unique_ptr<ConsentState> ask(Bytes objection) const override {
    return std::make_unique<SerialConsent>(std::move(objection));
  }

  std::shared_ptr<const CommState> split(std::optional<int> color, int) const override {
    return color ? duplicate() : nullptr;
  }
  std::shared_ptr<const CommState> subgroup(std::span<const int>) const override { return duplicate(); }
  std::shared_ptr<const CommState> duplicate() const override { return make_serial_state(facts().zygote); }
  /// There is nobody to outlive.
  std::shared_ptr<const CommState> surviving() const override { return duplicate(); }

  std::unique_ptr<RootTransport> root_transport(RunId) const override {
    throw Bug("a transport between ranks in a serial group");
  }
  std::unique_ptr<WorkerTransport> worker_transport(RunId) const override {
    throw Bug("a transport between ranks in a serial group");
  }
};

}  // namespace

std::shared_ptr<const CommState> make_serial_state(std::shared_ptr<Zygote> zygote) {
  return std::make_shared<const SerialState>(std::move(zygote));
}

}  // namespace mpipe
