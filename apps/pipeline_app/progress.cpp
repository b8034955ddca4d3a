// SPDX-License-Identifier: BSD-3-Clause
// Draws bars and writes lines about how far runs are.
#include "progress.hpp"

#include <mpipe/core/version.hpp>
#include <mpipe/plan/plan.hpp>

#include "output.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

namespace mpipe::app {
namespace {

constexpr auto kBarPeriod = std::chrono::milliseconds(100);
constexpr auto kLinePeriod = std::chrono::seconds(30);
constexpr auto kShortestLinePeriod = std::chrono::seconds(1);
constexpr double kLineStep = 0.05;
constexpr std::size_t kMostHostsShown = 3;
constexpr std::size_t kMostLines = 16;

std::string hosts_text(const std::vector<std::string>& hosts) {
  std::vector<std::string> shown(hosts.begin(),
                                 hosts.begin() + static_cast<long>(std::min(hosts.size(), kMostHostsShown)));
  if (hosts.size() > kMostHostsShown) shown.push_back("..");
  return fmt::format("{} ({})", count_text(static_cast<Index>(hosts.size()), "host"), fmt::join(shown, ", "));
}

/// Which part of the sweep is computed, and what is not before the parts are merged.
std::string shard_text(const Plan& plan) {
  std::vector<std::string> waiting;
  for (const PlannedOutput& output : plan.outputs())
    if (plan.waits(output.function)) waiting.push_back(output.name);
  const std::string later =
      waiting.empty() ? "" : fmt::format("; waiting for the merge: {}", fmt::join(waiting, ", "));
  return fmt::format("shard {} of {}{}\n", plan.shard()->number, plan.shard()->of, later);
}

}  // namespace

ProgressStyle progress_style(const std::string& name) {
  if (name == "auto") return stderr_is_terminal() ? ProgressStyle::bar : ProgressStyle::plain;
  if (name == "bar") return ProgressStyle::bar;
  if (name == "plain") return ProgressStyle::plain;
  return ProgressStyle::none;
}

std::string machine_text(const MachineInfo& machine) {
  std::string text = fmt::format("mpipe {}: {} on {}, {}", version(), count_text(machine.ranks, "rank"),
                                 hosts_text(machine.hosts), count_text(machine.cores, "core"));
  if (machine.oversubscribed)
    text += ", oversubscribed (more ranks than cores: expect them to wait for each other)";
  text += machine.bound ? ", bound to cores" : ", not bound";
  return text + fmt::format("; executor {}, rank 0 {}", machine.executor, machine.rank0);
}

Progress::Progress(ProgressStyle style, std::string name, std::shared_ptr<ProgressBoard> board,
                   std::size_t place)
    : style_(style),
      name_(std::move(name)),
      board_(std::move(board)),
      place_(place),
      colours_(stderr_has_colours()) {}

void ProgressBoard::set(std::size_t place, const std::string& line) {
  lines_[place] = line;
  while (lines_.size() > kMostLines && !over_.empty()) {
    lines_.erase(over_.front());
    over_.pop_front();
  }
  // All lines go out in one write, from the first one that was drawn before: nobody else's text comes between
  // them.
  std::string text = drawn_ > 0 ? fmt::format("\033[{}A", drawn_) : "";
  drawn_ = 0;
  for (const auto& [unused, each] : lines_) {
    if (drawn_ == kMostLines) break;
    text += "\r\033[K" + each + "\n";
    ++drawn_;
  }
  // Lines that were drawn before and are no more.
  say(text + "\033[J");
}

void ProgressBoard::end(std::size_t place, const std::string& line) {
  over_.push_back(place);
  set(place, line);
}

void ProgressBoard::clear() {
  if (drawn_ == 0) return;
  say(fmt::format("\033[{}A\033[J", drawn_));
  drawn_ = 0;
  lines_.clear();
  over_.clear();
}

Progress::~Progress() { clear_bar(); }

void Progress::read_plan(const Plan& plan) {
  for (const PlannedOutput& output : plan.outputs())
    if (is_known(plan.external_shape(output.stage)))
      functions_[output.function.value].total = plan.selected(output.stage).count();
}

void Progress::on_start(const Plan& plan, const MachineInfo& machine,
                        const std::vector<ElementCounts>& kept) {
  functions_.assign(plan.pipeline().functions().size(), {});
  read_plan(plan);
  Index all_kept = 0;
  for (std::size_t k = 0; k < kept.size(); ++k) {
    Counter& function = functions_[plan.outputs()[k].function.value];
    // Outputs of one function are made by the same calls: the largest count is that of the calls, and a sum
    // would count them several times.
    function.done = std::max(function.done, kept[k].done + kept[k].failed);
  }
  for (const Counter& function : functions_) all_kept += function.done;
  started_ = true;
  shown_fraction_ = fraction();
  if (style_ == ProgressStyle::none || board_) return;
  const std::string who = name_.empty() ? "" : name_ + ": ";
  say(fmt::format("{}{}\n", who, machine_text(machine)));
  if (plan.shard()) say(who + shard_text(plan));
  if (all_kept > 0)
    say(fmt::format("{}resuming: {} kept from earlier starts\n", who, count_text(all_kept, "element")));
}

void Progress::on_progress(FunctionId function, const ElementCounts& counts, TimePoint now) {
  functions_[function.value].done += counts.done + counts.failed + counts.blocked;
  // Blocked elements are settled, but took no time: they would make the rate look better than it is.
  calls_ += counts.done + counts.failed;
  failures_ += counts.failed;
  show(now);
}

/// Shapes that were open when the run began are known from here on, and totals with them.
void Progress::on_resolved(const Plan& plan) { read_plan(plan); }

void Progress::on_tick(TimePoint now) { show(now); }

void Progress::on_end(const std::string& state, const std::string&) {
  clear_bar();
  if (board_ && style_ == ProgressStyle::bar)
    board_->end(place_, fmt::format("{}: {}, {}", name_, state, figures(shown_)));
}

double Progress::fraction() const {
  double done = 0;
  double total = 0;
  for (const Counter& function : functions_) {
    done += static_cast<double>(function.done);
    // A function whose size is not known yet always has one more to do, so that the bar cannot be full before
    // it is.
    total += static_cast<double>(function.total.value_or(function.done + 1));
  }
  return total > 0 ? std::min(1.0, done / total) : 0;
}

std::string Progress::figures(TimePoint now) const {
  Index done = 0;
  Index total = 0;
  bool known = true;
  for (const Counter& function : functions_) {
    done += function.done;
    total += function.total.value_or(0);
    known = known && function.total.has_value();
  }
  // The rate counts the calls of this start only: what was kept from earlier ones took no time now.
  const double elapsed = seconds(now - begin_.value_or(now));
  const double rate = elapsed > 0 ? static_cast<double>(calls_) / elapsed : 0;
  std::string text = fmt::format("{:3.0f} % {}/{}{}", 100 * fraction(), done, total, known ? "" : "+");
  if (rate > 0) text += ", " + rate_text(rate);
  // When all is computed, some of it may still have to be moved to its place in the results.
  if (rate > 0 && known)
    text += done < total ? fmt::format(", {} left", duration_text(static_cast<double>(total - done) / rate))
                         : ", being stored";
  if (failures_ > 0) text += fmt::format(", {} failed", failures_);
  return text;
}

void Progress::show(TimePoint now) {
  if (!begin_) {
    begin_ = now;
    shown_ = now;
  }
  if (style_ == ProgressStyle::bar && now - shown_ >= kBarPeriod) {
    shown_ = now;
    draw_bar(now);
  }
  // A line is written for every few percent, but never two in a second; after half a minute there is one in
  // any case, so that a log shows that the run lives.
  if (style_ != ProgressStyle::plain || now - shown_ < kShortestLinePeriod) return;
  if (now - shown_ < kLinePeriod && fraction() < shown_fraction_ + kLineStep) return;
  shown_ = now;
  shown_fraction_ = fraction();
  say(fmt::format("progress{}: {}\n", name_.empty() ? "" : " of " + name_, figures(now)));
}

void Progress::draw_bar(TimePoint now) {
  std::string text = (name_.empty() ? "" : name_ + " ") + figures(now);
  constexpr int kLeast = 5;  // a shorter bar shows nothing
  constexpr int kMost = 40;
  const int width = stderr_width() - 1;  // many terminals go to the next line after the last column
  const int room = std::min(width - static_cast<int>(text.size()) - 3, kMost);
  // A line that is too long would go on in the next one, which nobody takes away.
  const auto most = static_cast<std::size_t>(std::max(width, 0));
  if (text.size() > most) text.resize(std::min(text.rfind(", ", most), most));
  const int filled = static_cast<int>(fraction() * room);
  const char* begin = colours_ ? (failures_ > 0 ? "\033[33m" : "\033[32m") : "";
  const char* end = colours_ ? "\033[0m" : "";
  const std::string bar =
      room < kLeast ? text
                    : fmt::format("{}[{:#<{}}{:.<{}}]{} {}", begin, "", filled, "", room - filled, end, text);
  if (board_) return board_->set(place_, bar);
  say("\r\033[K" + bar);
  bar_drawn_ = true;
}

void Progress::clear_bar() {
  if (!bar_drawn_) return;
  say("\r\033[K");
  bar_drawn_ = false;
}

}  // namespace mpipe::app
