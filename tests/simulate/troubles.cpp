#include "troubles.hpp"

#include <algorithm>

namespace cafka::simulate {

using namespace protocol;
using namespace std::chrono_literals;
using testing::fate;

troubles::troubles(world& w, trouble_settings settings)
  : world_(w), with_(std::move(settings)), random_(w.random.fork("troubles")) {
  kinds_ = {{with_.cut, &troubles::cut}, {with_.cut_within, &troubles::cut_within},
    {with_.answer, &troubles::answer}, {with_.refuse, &troubles::refuse},
    {with_.throttle, &troubles::throttle}, {with_.slow, &troubles::slow},
    {with_.kill, &troubles::kill}, {with_.pause, &troubles::pause},
    {with_.partition, &troubles::partition}, {with_.split, &troubles::split},
    {with_.lie, &troubles::lie}, {with_.login, &troubles::login},
    {with_.lead, &troubles::lead}, {with_.session, &troubles::session},
    {with_.truncate, &troubles::truncate}, {with_.trim, &troubles::trim},
    {with_.remake, &troubles::remake}, {with_.jump, &troubles::jump},
    {with_.stall, &troubles::stall}, {with_.crash, &troubles::crash},
    {with_.group, &troubles::group}, {with_.records, &troubles::lie_about_records},
    {with_.swap, &troubles::swap}, {with_.outdate, &troubles::outdate}};
  for (const auto& k : kinds_)
    weights_ += k.weight;
  password_ = world_.password;
}

void troubles::begin() {
  on_ = true;
  ++round_;
  well_ = world_.net.speed;
  plan_next();
}

void troubles::end() {
  on_ = false;
  say("all is well");
  auto& c = world_.cluster;
  c.be_well();
  heal();
  c.lie_in_logins(testing::login_lie::none);
  world_.password = password_;
  world_.has_credentials = true;
  world_.net.speed = well_;
  world_.net.unblock_all();
  for (const auto b : c.brokers()) {
    if (!c.listens(b))
      c.restart(b);
    else
      c.resume(b);
  }
  c.move_controller(c.brokers().front());
  for (const auto& a : world_.actors) {
    a->calm();
    c.move_coordinator(0, a->name(), some_broker());
  }
  for (const auto& t : with_.topics) {
    if (c.partitions(t) == 0)
      continue;
    for (std::int32_t p = 0; p != c.partitions(t); ++p) {
      if (c.leader(t, p) < 0)
        c.move_leader(t, p, some_broker());
    }
  }
  for (const auto id : std::exchange(hanging_, {}))
    c.cut(id);
  world_.net.hand_back();
  world_.net.end_half_open();
}

void troubles::plan_next() {
  later(random_.between(1ms, with_.longest_pause), [this] { next(); });
}

void troubles::later(duration by, std::function<void()> what) {
  world_.later(by, [this, round = round_, what = std::move(what)] {
    if (on_ && round == round_)
      what();
  });
}

void troubles::next() {
  auto drawn = random_.below(weights_);
  for (const auto& k : kinds_) {
    if (drawn < k.weight) {
      (this->*k.happen)();
      break;
    }
    drawn -= k.weight;
  }
  plan_next();
}

std::int32_t troubles::some_broker() {
  return random_.pick(world_.cluster.brokers());
}

/// The partition is -1 where the topic is not there.
place troubles::some_place() {
  const auto& topic = random_.pick(with_.topics);
  const auto count = world_.cluster.partitions(topic);
  if (count == 0)
    return {topic, -1};
  return {
    topic, static_cast<std::int32_t>(random_.below(static_cast<std::uint64_t>(count)))};
}

actor& troubles::some_actor() {
  return *world_.actors[static_cast<std::size_t>(random_.below(world_.actors.size()))];
}

void troubles::say(std::string_view what, std::int64_t about) {
  world_.story.tell(world_.now, "trouble:", what, about);
}

// -- connections ------------------------------------------------------------------------

void troubles::cut() {
  const auto all = world_.net.connections();
  if (all.empty())
    return;
  const auto id = random_.pick(all);
  // Now and then one end learns late that the other is gone.
  world_.net.cut(
    id, random_.chance(800) ? random_.between(0us, 2ms) : random_.between(0us, 3s));
}

void troubles::cut_within() {
  const auto all = world_.net.connections();
  if (all.empty())
    return;
  const auto id = random_.pick(all);
  const auto bytes = random_.chance(700) ? random_.below(300) : random_.skewed(100'000);
  say("a cut is ahead on", static_cast<std::int64_t>(id));
  world_.net.cut_after(
    id, random_.chance(500), static_cast<std::size_t>(bytes), random_.between(0us, 2ms));
}

void troubles::swap() {
  const auto all = world_.net.connections();
  if (all.size() < 2)
    return;
  world_.net.swap(random_.pick(all), random_.pick(all));
}

void troubles::outdate() {
  for (const auto id : world_.net.connections()) {
    if (random_.chance(500))
      world_.net.outdate(id);
  }
}

void troubles::partition() {
  const auto broker = some_broker();
  const auto all = random_.chance(300);
  const auto client = some_actor().number();
  say("nothing passes to broker", broker);
  for (const auto& a : world_.actors) {
    if (all || a->number() == client)
      world_.net.block(a->number(), broker);
  }
  later(random_.between(10ms, 15s), [this] {
    say("everything passes again");
    world_.net.unblock_all();
  });
}

void troubles::slow() {
  if (random_.chance(400)) {
    const auto broker = some_broker();
    say("answers are slow from broker", broker);
    world_.cluster.slow(broker, milliseconds{random_.between(1, 2'000)});
    later(
      random_.between(100ms, 10s), [this, broker] { world_.cluster.slow(broker, 0ms); });
    return;
  }
  say("the network is slow");
  world_.net.speed = {100us, random_.between(1ms, 800ms),
    static_cast<std::uint64_t>(
      random_.chance(500) ? random_.between(5'000, 1'000'000) : 0)};
  later(random_.between(100ms, 10s), [this] {
    say("the network is fast again");
    world_.net.speed = well_;
  });
}

// -- requests ---------------------------------------------------------------------------

void troubles::answer() {
  static const std::vector<fate> fates{fate::served, fate::cut, fate::answer_cut,
    fate::answer_cut, fate::lost, fate::answer_lost};
  static const std::vector<api_key> keys{api_key::produce, api_key::fetch,
    api_key::metadata, api_key::list_offsets, api_key::init_producer_id,
    api_key::find_coordinator, api_key::offset_commit, api_key::offset_fetch,
    api_key::api_versions};
  const auto key = random_.pick(keys);
  const testing::treatment how{random_.pick(fates), milliseconds{random_.skewed(3'000)}};
  say("answers are lost or late of", static_cast<std::int64_t>(key));
  world_.cluster.treat(
    key,
    [this, how](const testing::seen_request& seen) {
      if (how.what == fate::lost || how.what == fate::answer_lost)
        hanging_.push_back(seen.connection);
      return how;
    },
    static_cast<int>(random_.between(1, 3)));
}

void troubles::refuse() {
  // What passes, of each API.
  static const std::vector<std::pair<api_key, error_code>> all{
    {api_key::produce, error_code::not_enough_replicas},
    {api_key::produce, error_code::not_leader_or_follower},
    {api_key::produce, error_code::request_timed_out},
    {api_key::fetch, error_code::not_leader_or_follower},
    {api_key::fetch, error_code::kafka_storage_error},
    {api_key::list_offsets, error_code::leader_not_available},
    {api_key::list_offsets, error_code::not_leader_or_follower},
    {api_key::init_producer_id, error_code::coordinator_load_in_progress},
    {api_key::find_coordinator, error_code::coordinator_not_available},
    {api_key::offset_commit, error_code::not_coordinator},
    {api_key::offset_fetch, error_code::coordinator_load_in_progress}};
  const auto& [key, why] = random_.pick(all);
  say("requests are refused of", static_cast<std::int64_t>(key));
  world_.cluster.fail(key, why, static_cast<int>(random_.between(1, 5)));
}

void troubles::group() {
  static const std::vector<std::pair<api_key, error_code>> all{
    {api_key::join_group, error_code::not_coordinator},
    {api_key::join_group, error_code::coordinator_load_in_progress},
    {api_key::join_group, error_code::unknown_member_id},
    {api_key::sync_group, error_code::rebalance_in_progress},
    {api_key::sync_group, error_code::not_coordinator},
    {api_key::sync_group, error_code::illegal_generation},
    {api_key::heartbeat, error_code::rebalance_in_progress},
    {api_key::heartbeat, error_code::illegal_generation},
    {api_key::heartbeat, error_code::unknown_member_id},
    {api_key::heartbeat, error_code::coordinator_not_available},
    {api_key::offset_commit, error_code::rebalance_in_progress},
    {api_key::offset_commit, error_code::illegal_generation},
    {api_key::offset_commit, error_code::request_timed_out},
    {api_key::offset_fetch, error_code::unstable_offset_commit},
    {api_key::leave_group, error_code::not_coordinator}};
  static const std::vector<std::pair<api_key, error_code>> by_consumer_protocol{
    {api_key::consumer_group_heartbeat, error_code::not_coordinator},
    {api_key::consumer_group_heartbeat, error_code::coordinator_load_in_progress},
    {api_key::consumer_group_heartbeat, error_code::coordinator_not_available},
    {api_key::consumer_group_heartbeat, error_code::fenced_member_epoch},
    {api_key::consumer_group_heartbeat, error_code::unknown_member_id},
    {api_key::consumer_group_heartbeat, error_code::topic_authorization_failed},
    {api_key::offset_commit, error_code::stale_member_epoch},
    {api_key::offset_commit, error_code::unknown_member_id},
    {api_key::offset_fetch, error_code::stale_member_epoch}};
  const auto& [key, why] = random_.pick(
    with_.consumer_groups && random_.chance(600) ? by_consumer_protocol : all);
  say("a coordinator refuses", static_cast<std::int64_t>(key));
  world_.cluster.fail(key, why, static_cast<int>(random_.between(1, 3)));
}

void troubles::lie() {
  using testing::answer_lie;
  static const std::vector<answer_lie> all{answer_lie::other_number,
    answer_lie::cut_short, answer_lie::left_out, answer_lie::other_leader,
    answer_lie::closer_replica, answer_lie::wrong_addresses};
  world_.lied_about_leaders |= lie_by(all) == answer_lie::other_leader;
}

void troubles::lie_about_records() {
  using testing::answer_lie;
  static const std::vector<answer_lie> all{
    answer_lie::damaged_records, answer_lie::twice_batches, answer_lie::twice_topics};
  lie_by(all);
}

testing::answer_lie troubles::lie_by(const std::vector<testing::answer_lie>& one_of) {
  const auto how = random_.pick(one_of);
  say("answers are lies of kind", static_cast<std::int64_t>(how));
  world_.cluster.lie(how, static_cast<int>(random_.between(1, 5)));
  return how;
}

void troubles::throttle() {
  const auto key = random_.chance(500) ? api_key::produce : api_key::fetch;
  say("requests are throttled of", static_cast<std::int64_t>(key));
  world_.cluster.throttle(key, milliseconds{random_.between(1, 3'000)},
    static_cast<int>(random_.between(1, 3)));
}

// -- brokers ----------------------------------------------------------------------------

void troubles::kill() {
  const auto broker = some_broker();
  auto& c = world_.cluster;
  if (!c.listens(broker))
    return;
  say("dead is broker", broker);
  c.kill(broker);
  world_.net.hand_back();
  if (random_.chance(250)) {
    // At another place, or where one of the others was.
    const auto port = static_cast<std::uint16_t>(9'092 + random_.below(4));
    const endpoint where{
      "b" + std::to_string(random_.chance(500) ? broker : some_broker()), port};
    if (!c.broker_at(where))
      c.set_address(broker, where);
  }
  later(random_.between(10ms, 20s), [this, broker] {
    if (world_.cluster.listens(broker))
      return;
    say("back is broker", broker);
    world_.cluster.restart(broker);
  });
}

void troubles::pause() {
  const auto broker = some_broker();
  if (!world_.cluster.listens(broker))
    return;
  say("still stands broker", broker);
  world_.cluster.pause(broker);
  later(random_.between(10ms, 15s), [this, broker] {
    say("on goes broker", broker);
    world_.cluster.resume(broker);
  });
}

void troubles::lead() {
  const auto where = some_place();
  if (where.second < 0)
    return;
  const auto to = random_.chance(100) ? -1 : some_broker();
  if (to >= 0 && !world_.cluster.listens(to))
    return;
  say("a leader moves to", to);
  world_.cluster.move_leader(where.first, where.second, to);
}

void troubles::session() {
  auto& c = world_.cluster;
  const auto broker = some_broker();
  switch (random_.below(4)) {
  case 0: c.forget_sessions(broker); break;
  case 1: c.set_session_limit(broker, random_.chance(500) ? 0 : 1'000); break;
  case 2: c.move_controller(random_.chance(300) ? -1 : broker); break;
  default:
    // Groups are named after whose they are.
    c.move_coordinator(0, some_actor().name(), random_.chance(200) ? -1 : broker);
  }
  say("sessions or coordinators change");
}

void troubles::split() {
  auto& c = world_.cluster;
  std::vector<std::int32_t> one;
  std::vector<std::int32_t> other;
  for (const auto b : c.brokers())
    (random_.chance(500) ? one : other).push_back(b);
  if (one.empty() || other.empty())
    return;
  say("brokers do not reach each other");
  world_.note_split(true);
  c.partition(one, other);
  world_.net.hand_back();
  later(random_.between(10ms, 20s), [this] { heal(); });
}

void troubles::heal() {
  if (!world_.is_split())
    return;
  say("brokers reach each other again");
  world_.note_split(false);
  world_.cluster.heal();
  world_.net.hand_back();
}

// -- logins -----------------------------------------------------------------------------

void troubles::login() {
  auto& c = world_.cluster;
  switch (random_.below(3)) {
  case 0:
    password_ = "password " + std::to_string(++passwords_);
    say("there is another password");
    c.set_password(world_.user, password_);
    later(random_.between(1ms, 10s), [this, known = password_] {
      say("clients know the password");
      world_.password = known;
    });
    break;
  case 1:
    say("nobody has credentials");
    world_.has_credentials = false;
    later(random_.between(1ms, 10s), [this] { world_.has_credentials = true; });
    break;
  default: {
    static const std::vector<testing::login_lie> all{testing::login_lie::few_iterations,
      testing::login_lie::wrong_signature, testing::login_lie::endless_challenge,
      testing::login_lie::huge_challenge};
    say("logins are lied in");
    c.lie_in_logins(random_.pick(all));
    later(random_.between(1ms, 10s),
      [this] { world_.cluster.lie_in_logins(testing::login_lie::none); });
  }
  }
}

// -- logs -------------------------------------------------------------------------------

void troubles::truncate() {
  const auto where = some_place();
  if (where.second < 0)
    return;
  auto& c = world_.cluster;
  const auto& log = c.log(where.first, where.second);
  const auto lost = static_cast<std::int64_t>(random_.skewed(50));
  const log_offset end = std::max(log.start().value(), log.end().value() - lost);
  say("an unclean election loses", lost);
  world_.book.truncates(where, log.end());
  c.truncate(where.first, where.second, end); // Batches go as a whole.
  world_.book.truncates(where, c.log(where.first, where.second).end());
  for (const auto b : c.brokers()) {
    if (c.listens(b)) {
      c.move_leader(where.first, where.second, b);
      break;
    }
  }
}

void troubles::trim() {
  const auto where = some_place();
  if (where.second < 0)
    return;
  const auto& log = world_.cluster.log(where.first, where.second);
  world_.book.trims(where);
  const auto start = random_.between(log.start().value(), log.end().value());
  say("retention takes what lies before", start);
  world_.cluster.trim(where.first, where.second, start);
}

void troubles::remake() {
  const auto& topic = random_.pick(with_.topics);
  auto& c = world_.cluster;
  const auto partitions = c.partitions(topic);
  // Brokers that are apart would take records of one that is gone.
  if (partitions == 0 || world_.is_split())
    return;
  say("a topic is made anew");
  world_.book.removes(topic);
  c.remake_topic(topic);
}

// -- clients ----------------------------------------------------------------------------

void troubles::jump() {
  some_actor().jump(milliseconds{1 + random_.skewed(120'000)});
}

void troubles::stall() {
  some_actor().stall(milliseconds{1 + random_.skewed(20'000)});
}

void troubles::crash() {
  some_actor().crash();
}

} // namespace cafka::simulate
