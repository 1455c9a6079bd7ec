#include "topic_directory.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

namespace {

using namespace std::chrono_literals;

/// Between two looks at what is not used any more, at least.
constexpr std::chrono::seconds least_release{1};

} // namespace

topic_directory::topic_directory(topic_directory_options options)
  : options_(options),
    random_(static_cast<std::minstd_rand::result_type>(options.seed + 1)) {
}

// -- who uses what ----------------------------------------------------------------------

void topic_directory::start(time_point now) {
  if (next_refresh_ == time_point::max() && options_.update_interval > 0ms)
    next_refresh_ = now + options_.update_interval;
}

void topic_directory::stop() {
  wanted_ = all_wanted_ = at_once_ = asking_ = false;
  next_refresh_ = release_at_ = time_point::max();
}

void topic_directory::set_asked(topic& t, bool asked) {
  if (t.asked_ == asked)
    return;
  t.asked_ = asked;
  if (asked)
    --unasked_;
  else
    ++unasked_;
}

topic_directory::topic& topic_directory::enter(const std::string& name) {
  const auto at = topics_.try_emplace(name).first;
  auto& t = at->second;
  t.name_ = &at->first;
  if (!std::exchange(t.used_, true)) {
    ++used_;
    t.asked_ = false;
    ++unasked_;
  }
  return t;
}

topic_directory::topic& topic_directory::use(const std::string& name, time_point now) {
  auto& t = enter(name);
  t.last_used_ = now;
  if (options_.idle > 0ms && !t.kept_)
    plan_release(now);
  return t;
}

topic_directory::topic& topic_directory::keep(const std::string& name) {
  auto& t = enter(name);
  t.kept_ = true;
  return t;
}

topic_directory::topics::iterator topic_directory::erase(topics::iterator at) {
  const auto& t = at->second;
  if (t.used_) {
    --used_;
    unasked_ -= t.asked_ ? 0 : 1;
  }
  return topics_.erase(at);
}

void topic_directory::release(const std::string& name) {
  if (const auto at = topics_.find(name); at != topics_.end())
    erase(at);
}

void topic_directory::plan_release(time_point now) {
  if (release_at_ == time_point::max())
    release_at_ = now + std::max<time_point::duration>(options_.idle / 4, least_release);
}

void topic_directory::drop_idle(time_point now) {
  for (auto at = topics_.begin(); at != topics_.end();) {
    const auto& t = at->second;
    const bool idle =
      t.used_ && !t.kept_ && options_.idle > 0ms && now - t.last_used_ > options_.idle;
    at = idle ? erase(at) : std::next(at);
  }
}

// -- what is wanted ---------------------------------------------------------------------

void topic_directory::want_after(std::chrono::milliseconds pause) {
  if (options_.update_interval > 0ms)
    pause = std::min(pause, options_.update_interval);
  pause_ = std::exchange(wanted_, true) ? std::min(pause_, pause) : pause;
}

void topic_directory::want(topic& t, std::chrono::milliseconds pause) {
  t.wanted_ = true;
  at_once_ = at_once_ || (t.used_ && !t.asked_);
  want_after(pause);
}

void topic_directory::want_all(std::chrono::milliseconds pause) {
  all_wanted_ = true;
  at_once_ = at_once_ || unasked_ > 0;
  want_after(pause);
}

void topic_directory::want_anew(topic& t) {
  if (t.used_)
    set_asked(t, false);
  want(t, 0ms);
}

// -- events -----------------------------------------------------------------------------

void topic_directory::on_time(time_point now) {
  if (next_refresh_ <= now) {
    next_refresh_ = time_point::max();
    want_all(0ms);
  }
  if (release_at_ > now)
    return;
  release_at_ = time_point::max();
  drop_idle(now);
  bool rest = false;
  for (auto at = topics_.begin(); at != topics_.end();) {
    rest = rest || (at->second.used_ && !at->second.kept_);
    at = at->second.used_ ? std::next(at) : erase(at);
  }
  if (rest)
    plan_release(now);
}

std::vector<topic_directory::change> topic_directory::learn(
  time_point now, const metadata_response& answer, bool complete) {
  std::vector<change> changes;
  for (auto& [name, t] : topics_)
    t.named_ = false;
  for (const auto& told : answer.topics) {
    if (!told.name)
      continue;
    auto at = topics_.find(*told.name);
    if (at == topics_.end() && !options_.keeps_unused)
      continue;
    if (at == topics_.end())
      at = topics_.try_emplace(*told.name).first;
    auto& t = at->second;
    t.name_ = &at->first;
    t.named_ = true;
    auto& c = changes.emplace_back();
    c.about = &t;
    c.former = t.id();
    c.answer = &told;
    c.what = t.learn(now, told, options_.kept, moves_);
  }
  for (auto at = topics_.begin(); complete && at != topics_.end();) {
    auto& t = at->second;
    if (!t.named_)
      t.forget();
    at = t.named_ || t.used_ ? std::next(at) : erase(at);
  }
  doubted_ =
    std::ranges::any_of(topics_, [](const auto& t) { return t.second.doubted(); });
  return changes;
}

void topic_directory::on_answered(time_point now) {
  asking_ = false;
  failures_ = 0;
  last_error_ = {};
  answered_at_ = now;
  failed_until_ = time_point::min();
  // Questions about single topics must not put off that about all of them for ever.
  if (options_.update_interval > 0ms
    && (all_asked_ || next_refresh_ == time_point::max()))
    next_refresh_ = now + options_.update_interval;
}

std::vector<topic_directory::change> topic_directory::on_metadata(
  time_point now, const metadata_response& answer) {
  on_answered(now);
  auto changes = learn(now, answer);
  for (auto& [name, t] : topics_) {
    if (std::exchange(t.asking_, false) && !t.named_)
      changes.push_back({&t, known_topic::update::left_out, t.id(), nullptr});
  }
  return changes;
}

void topic_directory::on_failure(time_point now, const error& why) {
  asking_ = false;
  last_error_ = why;
  failed_until_ = now + backoff(options_.retry_backoff, ++failures_, random_);
  for (auto& [name, t] : topics_)
    t.wanted_ = std::exchange(t.asking_, false) || t.wanted_;
  all_wanted_ = all_wanted_ || all_asked_;
  want_after(0ms);
}

void topic_directory::on_stale(
  const std::string& name, partition_id p, broker_id leader) {
  auto* t = find(name);
  const auto* known = t == nullptr ? nullptr : t->find(p);
  if (known == nullptr || known->leader != leader)
    return;
  t->forget_leader(p);
  contradicted_ = true;
}

void topic_directory::on_disowned(
  const std::string& name, partition_id p, broker_id leader) {
  if (auto* t = find(name))
    t->on_disowned(p, leader);
}

void topic_directory::on_led(const std::string& name, partition_id p, broker_id leader) {
  if (!doubted_)
    return;
  if (auto* t = find(name))
    t->on_led(p, leader);
}

bool topic_directory::on_leader_named(
  topic& t, partition_id p, broker_id leader, leader_epoch e) {
  auto* known = t.find(p);
  if (known == nullptr || !known->learn_newer(leader, e))
    return false;
  moves_.note(known->logged, known->leader, t.name(), p);
  return true;
}

// -- what is to be done -----------------------------------------------------------------

topic_directory::time_point topic_directory::not_before() const {
  // The sum would overflow before the first answer.
  return answered() ? std::max(answered_at_ + pause_, failed_until_) : failed_until_;
}

bool topic_directory::due(time_point now) const {
  if (!wanted_ || asking_ || (used_ == 0 && !options_.about_brokers))
    return false;
  return at_once_ || now >= not_before();
}

/// Whether topics are left out that the other kind of question will name.
bool topic_directory::gather(question& q, bool create, const filter& names) {
  bool rest = false;
  for (auto& [name, t] : topics_) {
    if (!t.used_ || !(options_.names_all || all_asked_ || t.wanted_))
      continue;
    const bool named = !names || names(t);
    if (named && t.create_ != create && t.partition_count() == 0) {
      t.wanted_ = rest = true;
      at_once_ = at_once_ || !t.asked_;
      continue;
    }
    set_asked(t, true);
    t.wanted_ = t.create_ = false;
    t.asking_ = named;
    if (named)
      q.topics.push_back(name);
  }
  return rest;
}

std::optional<topic_directory::question> topic_directory::ask(
  time_point now, const filter& names) {
  if (!due(now))
    return std::nullopt;
  drop_idle(now);
  wanted_ = at_once_ = false;
  all_asked_ = std::exchange(all_wanted_, false) || options_.names_all;
  question q;
  // What may be made is not asked about together with what must not be, which is next.
  q.create = !left_out_ && std::ranges::any_of(topics_, [](const auto& t) {
    return t.second.used_ && t.second.create_;
  });
  auto rest = gather(q, q.create, names);
  if (rest && q.topics.empty()) {
    q.create = !q.create;
    rest = gather(q, q.create, names);
  }
  left_out_ = q.create && rest;
  if (rest)
    want_after(leader_pause);
  if (q.topics.empty() && !options_.about_brokers) {
    if (all_asked_ && options_.update_interval > 0ms)
      next_refresh_ = now + options_.update_interval;
    return std::nullopt;
  }
  q.elsewhere = std::exchange(contradicted_, false);
  q.failures = failures_;
  asking_ = true;
  return q;
}

topic_directory::time_point topic_directory::next_time() const {
  auto next = std::min(next_refresh_, release_at_);
  if (wanted_ && !asking_ && (used_ > 0 || options_.about_brokers))
    next = std::min(next, not_before());
  return next;
}

// -- what is known ----------------------------------------------------------------------

topic_directory::topic* topic_directory::find(const std::string& name) {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : &found->second;
}

const topic_directory::topic* topic_directory::find(const std::string& name) const {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : &found->second;
}

bool topic_directory::uses(const std::string& name) const {
  const auto* t = find(name);
  return t != nullptr && t->used_;
}

std::size_t topic_directory::known_count() const {
  return static_cast<std::size_t>(
    std::ranges::count_if(topics_, [](const auto& t) { return t.second.is_known(); }));
}

} // namespace cafka::protocol
