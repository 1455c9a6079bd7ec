// Whole groups of members of the consumer protocol, with a coordinator that is one as
// well, on a way on which requests and answers get lost.

#include <cafka/protocol/machines/reconciling_member.hpp>
#include <cafka/testing/model/consumer_group.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

using namespace cafka::protocol;
using namespace cafka::testing;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

uuid some_id(std::uint8_t n) {
  uuid id;
  id.bytes[0] = 7;
  id.bytes[15] = n;
  return id;
}

class life {
public:
  explicit life(unsigned seed) : random_(seed) {
    settings_.assignment_interval = chance(500) ? 1'000ms : 0ms;
    group_.emplace(settings_);
    const auto topics = 1 + random_() % 3;
    for (unsigned i = 0; i != topics; ++i)
      make_topic(static_cast<std::int32_t>(1 + random_() % 20));
    const auto count = 2 + random_() % (chance(200) ? 60 : 8);
    for (unsigned i = 0; i != count; ++i) {
      members_.push_back(std::make_unique<one>());
      start(*members_.back(), {});
    }
  }

  /// A time of faults, and one in which all is well.
  void run() {
    for (auto& m : members_)
      later(between(0ms, 20s), [this, at = m.get()] { subscribe(*at); });
    until(now_ + 3min);
    troubled_ = false;
    for (auto& m : members_) {
      if (m->subscribed.empty())
        subscribe(*m);
      carry_out(*m);
    }
    until(now_ + 90s);
  }

  /// What is wrong in the end; empty: nothing.
  std::string wrong() const {
    for (const auto& m : members_) {
      if (m->member->state() != group_member::phase::stable)
        return m->id + " is " + std::string{to_string(m->member->state())};
    }
    for (const auto& [name, topic] : topics_) {
      std::size_t readers = 0;
      for (const auto& m : members_)
        readers += m->subscribed.contains(name) ? 1 : 0;
      for (std::int32_t p = 0; p != topic.partitions && readers > 0; ++p) {
        const auto who = reads_.find({topic.id, partition_id{p}});
        if (who == reads_.end() || who->second.empty())
          return "nobody reads " + name + '/' + std::to_string(p);
      }
    }
    if (group_->state() != "Stable")
      return "the group is " + group_->state();
    return "";
  }

  std::string broken; ///< The promise that was.
  std::size_t assigned = 0;
  std::size_t lost = 0;

private:
  using place = std::pair<uuid, partition_id>;
  struct one {
    std::string id;
    std::unique_ptr<reconciling_member> member;
    std::set<std::string> subscribed;
    std::map<topic_partition, uuid> reads;
    std::vector<topic_partition> giving_up;
    unsigned incarnation = 0;
    bool astray = false;  ///< Thrown out, and it does not know yet.
    time_point arrives{}; ///< The request that was sent last.
  };

  bool chance(unsigned of_thousand) { return random_() % 1'000 < of_thousand; }
  milliseconds between(milliseconds a, milliseconds b) {
    return a + milliseconds{static_cast<std::int64_t>(random_()) % ((b - a).count() + 1)};
  }
  void later(milliseconds wait, std::function<void()> what) {
    agenda_.emplace(now_ + wait, std::move(what));
  }

  void make_topic(std::int32_t partitions) {
    const auto n = ++topics_made_;
    topics_["t" + std::to_string(n % 4)] = {
      some_id(static_cast<std::uint8_t>(n)), partitions};
  }

  void start(one& m, group_membership before) {
    ++m.incarnation;
    group_member_options o;
    o.group = "g";
    o.rebalance_timeout = 20s;
    o.seed = random_();
    if (m.id.empty())
      m.id = "m" + std::to_string(random_());
    o.own_id = m.id;
    m.giving_up.clear();
    m.member = std::make_unique<reconciling_member>(o, std::move(before));
  }

  void subscribe(one& m) {
    m.subscribed.clear();
    for (const auto& [name, topic] : topics_) {
      if (m.subscribed.empty() || chance(800))
        m.subscribed.insert(name);
    }
    m.member->subscribe(now_, {m.subscribed.begin(), m.subscribed.end()});
  }

  void until(time_point end) {
    while (now_ < end && broken.empty()) {
      auto next = agenda_.empty() ? end : std::min(end, agenda_.begin()->first);
      for (auto& m : members_)
        next = std::min(next, m->member->next_time());
      now_ = std::max(now_, next);
      while (!agenda_.empty() && agenda_.begin()->first <= now_) {
        const auto what = std::move(agenda_.begin()->second);
        agenda_.erase(agenda_.begin());
        what();
      }
      for (auto& m : members_)
        carry_out(*m);
      if (troubled_ && chance(10))
        trouble();
      group_->on_time(now_);
      for (auto& m : members_) {
        m->member->on_time(now_);
        carry_out(*m);
      }
    }
  }

  void trouble() {
    auto& m = *members_[random_() % members_.size()];
    switch (random_() % 8) {
    case 0: subscribe(m); return;
    case 1:
      m.subscribed.clear();
      m.member->subscribe(now_, {});
      return;
    case 2:
      m.subscribed.clear();
      m.member->step_out(now_, {error_code::timed_out, "it does not poll"});
      return;
    case 3: // Its actor crashes: what it was given goes on.
      if (const auto is = m.member->membership(); is.generation > 0) {
        start(m, is);
        m.member->subscribe(now_, {m.subscribed.begin(), m.subscribed.end()});
        std::erase_if(m.reads, [&](const auto& r) {
          if (std::ranges::binary_search(is.owned, r.first))
            return false;
          reads_[{r.second, r.first.partition}].erase(&m);
          return true;
        });
      }
      return;
    case 4:
      if (chance(300))
        make_topic(static_cast<std::int32_t>(1 + random_() % 20));
      return;
    case 5: topics_.begin()->second.partitions += static_cast<int>(random_() % 2); return;
    case 6: // Silence of a while.
      deaf_[&m] = now_ + between(1s, chance(100) ? 60s : 5s);
      return;
    default: // By an administrator.
      static_cast<void>(group_->leave(m.id, std::nullopt));
      m.astray = true;
      for (auto& [at, who] : reads_)
        who.erase(&m);
      return;
    }
  }

  void carry_out(one& m) {
    for (auto& e : m.member->take_effects())
      std::visit([&](auto& x) { act(m, x); }, e);
  }

  template <class Effect>
  void act(one&, Effect&) {}

  void act(one& m, group_member::send_consumer_heartbeat& x) {
    const auto now = m.incarnation;
    const auto fail = [this, &m, now, request = x.request](milliseconds after) {
      later(after, [this, &m, now, request] {
        if (m.incarnation == now)
          m.member->on_failure(now_, request, {error_code::disconnected, "it broke"});
      });
    };
    const auto deaf = troubled_ && deaf_[&m] > now_;
    if (deaf || (troubled_ && chance(20))) {
      fail(between(1ms, 2s));
      return;
    }
    // In the order in which they were sent.
    m.arrives = std::max(m.arrives, now_ + between(1ms, 20ms));
    const auto answer_lost = troubled_ && chance(20);
    if (answer_lost)
      fail(between(50ms, 2s));
    agenda_.emplace(
      m.arrives, [this, &m, now, answer_lost, request = x.request, what = x.what] {
        consumer_group_heartbeat_response answer;
        if (troubled_ && chance(15))
          answer.error_code = error_code::not_coordinator;
        else {
          m.astray = m.astray && what.member_epoch > 0;
          answer = group_->heartbeat(now_, what, "client", topics_);
        }
        if (answer_lost)
          return;
        later(between(1ms, 20ms), [this, &m, now, request, answer] {
          if (m.incarnation == now)
            m.member->on_heartbeat(now_, request, answer);
        });
      });
  }

  void act(one& m, group_member::resolve_topics& x) {
    later(between(1ms, 50ms), [this, &m, now = m.incarnation, x] {
      if (m.incarnation != now)
        return;
      std::map<uuid, std::string> names;
      for (const auto& [name, topic] : topics_) {
        if (std::ranges::find(x.ids, topic.id) != x.ids.end())
          names[topic.id] = name;
      }
      m.member->on_topic_names(now_, x.request, names);
    });
  }

  void act(one& m, group_member::assigned& x) {
    for (const auto& p : x.partitions) {
      ++assigned;
      const auto id = m.member->membership().topic_ids.at(p.topic);
      m.reads[p] = id;
      if (m.astray)
        continue;
      auto& who = reads_[{id, p.partition}];
      who.insert(&m);
      if (who.size() > 1 && broken.empty())
        broken = to_string(p) + " has two readers, the later one is " + m.id;
    }
  }

  void act(one& m, group_member::revoke& x) {
    m.giving_up = x.partitions;
    // Some take longer than they may.
    later(between(0ms, chance(30) ? 25s : 500ms), [this, &m, now = m.incarnation] {
      if (m.incarnation == now)
        m.member->on_revoked(now_);
    });
  }

  void act(one& m, group_member::released& x) { end(m, x.partitions); }
  void act(one& m, group_member::lost& x) {
    lost += x.partitions.size();
    end(m, x.partitions);
  }
  void act(one& m, group_member::ended& x) {
    if (broken.empty())
      broken = m.id + " has ended: " + to_string(x.why);
  }

  void end(one& m, const std::vector<topic_partition>& those) {
    for (const auto& p : those) {
      const auto found = m.reads.find(p);
      if (found == m.reads.end()) {
        broken = m.id + " gives up " + to_string(p) + ", which it does not read";
        return;
      }
      reads_[{found->second, p.partition}].erase(&m);
      m.reads.erase(found);
    }
  }

  std::minstd_rand random_;
  time_point now_{1h};
  consumer_group_settings settings_;
  std::optional<consumer_group> group_;
  known_topics topics_;
  unsigned topics_made_ = 0;
  std::vector<std::unique_ptr<one>> members_;
  std::multimap<time_point, std::function<void()>> agenda_;
  std::map<place, std::set<const one*>> reads_;
  std::map<const one*, time_point> deaf_;
  bool troubled_ = true;
};

} // namespace

TEST_CASE("whatever happens, a partition has one reader at most, and in the end one",
  "[groups]") {
  std::size_t assigned = 0;
  std::size_t lost = 0;
  for (unsigned seed = 1; seed != 61; ++seed) {
    INFO("seed " << seed);
    life l{seed};
    l.run();
    REQUIRE(l.broken == "");
    REQUIRE(l.wrong() == "");
    assigned += l.assigned;
    lost += l.lost;
  }
  // They did live.
  CHECK(assigned > 2'000);
  CHECK(lost > 200);
}
