// SPDX-License-Identifier: BSD-3-Clause
#include "exec/result_cache.hpp"

#include <cstring>

namespace mpipe {
namespace {

template <class T>
void append(std::string& key, const T& number) {
  key.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

}  // namespace

void ResultCache::call(const FunctionBody& body, BlockCall& call, Index& evaluated) {
  call.completed = 0;
  for (Index element = call.range.begin; element < call.range.end; ++element) {
    std::string key = key_of(call, element);
    std::shared_ptr<const Result> result = find(key);
    if (!result) {
      ++evaluated;
      result = std::make_shared<const Result>(evaluate(body, call, element));
      insert(std::move(key), result);
    }
    put(*result, call, element - call.range.begin);
    ++call.completed;
  }
}

std::shared_ptr<const ResultCache::Result> ResultCache::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  used_.splice(used_.begin(), used_, found->second);
  return found->second->result;
}

void ResultCache::insert(std::string key, std::shared_ptr<const Result> result) {
  const std::lock_guard lock(mutex_);
  if (by_key_.contains(key)) return;  // another thread was faster
  if (used_.size() == entries_) {
    by_key_.erase(used_.back().key);
    used_.pop_back();
  }
  used_.push_front({std::move(key), std::move(result)});
  by_key_.emplace(used_.front().key, used_.begin());
}

/// Bytes of all arguments. Types need not be in it, as they are the same for all calls of a function.
std::string ResultCache::key_of(const BlockCall& call, Index element) {
  std::string key;
  const MultiIndex index = multi_index(element, *call.external);
  for (const ArgumentView& argument : call.arguments) {
    Index position = argument.origin;
    for (std::size_t axis = 0; axis < index.size(); ++axis) position += index[axis] * argument.strides[axis];
    for (const Index extent : argument.slice_shape) append(key, extent);
    argument.for_each_in_slice(position, [&](Index at) {
      const std::span<const std::byte> value = argument.value(at);
      if (argument.offsets != nullptr) append(key, value.size());
      key.append(reinterpret_cast<const char*>(value.data()), value.size());
    });
  }
  return key;
}

ResultCache::Result ResultCache::evaluate(const FunctionBody& body, const BlockCall& call, Index element) {
  std::vector<OutputColumn> columns;
  std::vector<Bytes> fixed(call.outputs.size());
  for (std::size_t k = 0; k < call.outputs.size(); ++k) {
    const OutputColumn& output = call.outputs[k];
    OutputColumn& column = columns.emplace_back();
    column.type = output.type;
    column.collects_items = output.collects_items;
    column.item_rank = output.item_rank;
    column.declared = output.declared;
    if (output.fixed == nullptr) continue;
    fixed[k].resize(output.type->size);
    column.fixed = fixed[k].data();
  }
  BlockCall single{{element, element + 1}, call.external, call.arguments, columns, call.seed, call.stream, 0,
                   call.resources};
  body.call(single);
  Result result;
  for (std::size_t k = 0; k < columns.size(); ++k) {
    const bool is_fixed = call.outputs[k].fixed != nullptr;
    result.push_back({std::move(columns[k].internal),
                      is_fixed ? std::move(fixed[k]) : std::move(columns[k].bytes),
                      std::move(columns[k].offsets)});
  }
  return result;
}

void ResultCache::put(const Result& result, BlockCall& call, Index position) {
  for (std::size_t k = 0; k < result.size(); ++k) {
    const Output& output = result[k];
    OutputColumn& column = call.outputs[k];
    if (column.fixed != nullptr) {
      const std::size_t size = output.bytes.size();
      std::memcpy(column.fixed + static_cast<std::size_t>(position) * size, output.bytes.data(), size);
      continue;
    }
    if (column.type->fixed_size()) {
      column.push_items(output.shape.value_or(Shape{}), output.bytes.data());
      continue;
    }
    if (output.shape) column.check_items(*output.shape);
    for (std::size_t value = 0; value + 1 < output.offsets.size(); ++value)
      column.push_encoded(
          std::span(output.bytes)
              .subspan(static_cast<std::size_t>(output.offsets[value]),
                       static_cast<std::size_t>(output.offsets[value + 1] - output.offsets[value])));
  }
}

}  // namespace mpipe
