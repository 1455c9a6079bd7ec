#include "network.hpp"

#include <cafka/protocol/messages/fetch.hpp>
#include <cafka/protocol/messages/produce.hpp>
#include <cafka/protocol/records/record_batch.hpp>
#include <cafka/protocol/schema/header.hpp>
#include <cafka/protocol/wire/reader.hpp>

#include <algorithm>

namespace cafka::simulate {

using namespace protocol;
using namespace std::chrono_literals;

namespace {

/// How often those who wait are told that bytes come, as with the transport.
constexpr duration progress_interval = 500ms;

/// What a Fetch asks for: its session, and from where on each partition is read.
std::string asked_of(const fetch_request& asked) {
  auto text = " session " + std::to_string(asked.session_id) + '/'
    + std::to_string(asked.session_epoch);
  for (const auto& t : asked.topics) {
    for (const auto& p : t.partitions)
      text += " [" + t.topic + '/' + std::to_string(p.partition.value()) + " from "
        + std::to_string(p.fetch_offset.value()) + ']';
  }
  for (const auto& t : asked.forgotten_topics_data) {
    for (const auto& p : t.partitions)
      text += " [" + t.topic + '/' + std::to_string(p.value()) + " no more]";
  }
  return text;
}

/// What a request is; of a Fetch what it asks for, and of a Produce each batch: whose,
/// and its numbers.
std::string api_of(const shared_bytes& payload) {
  reader in{payload};
  const auto header = read_request_header(in);
  auto text = name(header.key) + 'v' + std::to_string(header.version) + " #"
    + std::to_string(header.correlation_id);
  if (header.key == api_key::fetch) {
    fetch_request asked;
    decode(in, asked, header.version);
    return text + asked_of(asked);
  }
  if (header.key != api_key::produce)
    return text;
  produce_request asked;
  decode(in, asked, header.version);
  for (const auto& t : asked.topic_data) {
    for (const auto& p : t.partition_data) {
      batch_reader batches{p.records.value_or(shared_bytes{})};
      record_batch batch;
      if (!batches.find(batch))
        continue;
      const auto& info = batch.info();
      text += " [" + t.name + '/' + std::to_string(p.index.value()) + " of "
        + std::to_string(info.producer_id) + " epoch "
        + std::to_string(info.producer_epoch) + " number "
        + std::to_string(info.base_sequence) + " records "
        + std::to_string(info.record_count) + ']';
    }
  }
  return text;
}

/// Of the request that an answer says it is to.
std::int32_t number_of(const shared_bytes& answer) {
  reader in{answer};
  return in.i32();
}

} // namespace

const endpoint network::bootstrap{"any", 9092};

// -- time -------------------------------------------------------------------------------

duration network::takes(std::size_t bytes) const {
  if (speed.bytes_per_second == 0)
    return {};
  return std::chrono::microseconds{bytes * 1'000'000 / speed.bytes_per_second};
}

void network::at(time_point when, number id, std::function<void(line&)> what) {
  plan_.at(when, [this, id, what = std::move(what)] { arrive(id, what); });
}

void network::arrive(number id, std::function<void(line&)> what) {
  const auto found = lines_.find(id);
  if (found == lines_.end() || found->second.broken)
    return;
  auto& mine = found->second;
  if (!mine.held.empty() || is_blocked(mine))
    mine.held.push_back(std::move(what));
  else
    what(mine);
}

/// So many bytes go one way: `part` is told of those that came, at times, and `whole`
/// when all have; or the connection breaks within them.
template <class OnPart>
void network::transfer(number id, line& mine, bool there, std::size_t size,
  std::function<void(line&)> whole, OnPart part) {
  auto& w = there ? mine.there : mine.back;
  const auto begin = std::max(w.free_at, now_ + latency());
  const auto stop = w.cut_in && *w.cut_in <= size ? *w.cut_in : size;
  for (auto t = begin + progress_interval; t < begin + takes(stop);
       t += progress_interval) {
    const auto come = static_cast<std::size_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(t - begin).count()
      * static_cast<std::int64_t>(speed.bytes_per_second) / 1'000'000);
    at(t, id, [part, come](line& l) { part(l, come); });
  }
  w.free_at = begin + takes(stop);
  if (!w.cut_in || *w.cut_in > size) {
    if (w.cut_in)
      *w.cut_in -= size;
    at(w.free_at, id, std::move(whole));
    return;
  }
  const auto later = w.cut_told_later;
  if (stop == size)
    at(w.free_at, id, std::move(whole));
  else
    at(w.free_at, id, [part, stop](line& l) { part(l, stop); });
  at(w.free_at, id, [this, id, later](line&) { break_off(id, later); });
}

// -- clients ----------------------------------------------------------------------------

network::number network::connect(std::uint32_t client, const std::string& name,
  const endpoint& to, duration connect_timeout, receiver tell) {
  const auto id = ++last_;
  auto& mine = lines_[id];
  mine.client = client;
  mine.name = name;
  mine.tell = std::move(tell);
  mine.there.free_at = mine.back.free_at = now_;
  if (to == bootstrap) {
    std::vector<std::int32_t> alive;
    for (const auto b : cluster_.brokers()) {
      if (cluster_.listens(b))
        alive.push_back(b);
    }
    mine.broker = alive.empty() ? -1 : random_.pick(alive);
  } else {
    mine.broker = cluster_.broker_at(to).value_or(-1);
  }
  story_.tell(
    now_, name, "connects", id, "to", mine.broker, cafka::protocol::to_string(to));
  at(now_ + latency(), id, [this, id, to](line& l) {
    if (l.broker < 0 || !cluster_.listens(l.broker)) {
      const auto why = cafka::protocol::to_string(to) + ": refused";
      at(now_ + latency(), id, [this, id, why](line& x) {
        go_down(id, x, {error_code::connection_failed, why});
      });
      return;
    }
    cluster_.on_connect(now_, l.broker, id);
    hand_back();
    l.back.free_at = now_ + latency();
    at(l.back.free_at, id, [this, id](line& x) {
      x.up = true;
      story_.tell(now_, x.name, "is connected", id);
      if (x.tell)
        x.tell(came_up{});
    });
  });
  plan_.at(now_ + connect_timeout, [this, id] {
    const auto found = lines_.find(id);
    if (found == lines_.end() || found->second.up || !found->second.tell)
      return;
    end_at_broker(id, found->second);
    go_down(
      id, found->second, {error_code::connection_failed, "connecting took too long"});
  });
  return id;
}

network::sent network::send(number id, const frame& bytes) {
  const auto found = lines_.find(id);
  if (found == lines_.end() || !found->second.tell || !found->second.up) {
    story_.tell(now_, "network does not send on", id, ", which is closed");
    return sent::closed;
  }
  auto& mine = found->second;
  if (mine.waits > 0 && mine.waits + bytes.size > write_queue_limit)
    return sent::full;
  std::vector<std::byte> all;
  all.reserve(bytes.size);
  for (const auto& part : bytes.parts)
    all.insert(all.end(), part.view().begin(), part.view().end());
  const auto payload = shared_bytes::from(std::move(all)).slice(4, bytes.size);
  if (story_.listener)
    story_.tell(now_, mine.name, "sends on", id, api_of(payload), "of", bytes.size);
  reader in{payload};
  const auto header = read_request_header(in);
  mine.asked[header.correlation_id] = header.key;
  if (mine.broken)
    return sent::queued; // Nobody knows yet that it goes nowhere.
  mine.waits += bytes.size;
  transfer(
    id, mine, true, bytes.size,
    [this, id, payload, size = bytes.size](line& l) {
      l.waits -= size;
      if (!l.at_broker) { // That broker does not know the connection any more.
        at(now_ + latency(), id, [this, id](line& x) {
          go_down(id, x, {error_code::disconnected, "reset"});
        });
        return;
      }
      if (story_.listener)
        story_.tell(now_, "broker", l.broker, "gets on", id, api_of(payload));
      cluster_.on_request(now_, l.broker, id, payload);
      hand_back();
    },
    [](line& l, std::size_t) {
      if (l.tell)
        l.tell(came_progress{});
    });
  return sent::queued;
}

void network::close(number id) {
  const auto found = lines_.find(id);
  if (found == lines_.end())
    return;
  auto& mine = found->second;
  story_.tell(now_, mine.name, "closes", id);
  mine.tell = nullptr;
  if (mine.broken) {
    lines_.erase(found);
    return;
  }
  mine.there.free_at = std::max(mine.there.free_at, now_ + latency());
  at(mine.there.free_at, id, [this, id](line& l) {
    end_at_broker(id, l);
    lines_.erase(id);
  });
}

// -- the cluster ------------------------------------------------------------------------

void network::hand_back() {
  while (cluster_.has_effects()) {
    for (auto& e : cluster_.take_effects()) {
      const auto id = e.connection;
      const auto found = lines_.find(id);
      if (found == lines_.end() || found->second.broken)
        continue;
      auto& mine = found->second;
      if (e.hangs_up()) {
        mine.at_broker = false;
        mine.back.free_at = std::max(mine.back.free_at, now_ + latency());
        at(mine.back.free_at, id, [this, id](line& l) {
          go_down(id, l, {error_code::disconnected, "the broker has hung up"});
        });
        continue;
      }
      const auto size = e.bytes.size();
      const auto on = way_of(id, mine, e.payload());
      transfer(
        on, lines_.at(on), false, size,
        [this, on, payload = e.payload()](line& l) {
          story_.tell(now_, l.name, "gets on", on, payload.size());
          l.asked.erase(number_of(payload));
          if (l.tell)
            l.tell(came_frame{payload});
        },
        [size](line& l, std::size_t come) {
          constexpr std::size_t length = 4;
          if (l.tell && come > 0)
            l.tell(come < length ? came_progress{}
                                 : came_progress{come - length, size - length});
        });
    }
  }
}

network::number network::way_of(number id, line& mine, const shared_bytes& answer) {
  const auto to = std::exchange(mine.answers_on, 0);
  const auto other = lines_.find(to);
  if (other == lines_.end() || other->second.broken || !other->second.tell)
    return id;
  const auto& there = other->second.asked;
  const auto which = number_of(answer);
  const auto asks_versions = [](const auto& all) {
    return std::ranges::any_of(
      all, [](const auto& one) { return one.second == api_key::api_versions; });
  };
  if (there.contains(which) || asks_versions(there) || asks_versions(mine.asked))
    return id;
  story_.tell(now_, "network swaps: what was to come on", id, "comes on", to);
  mine.misses_answer = true;
  ++swapped_;
  return to;
}

void network::end_at_broker(number id, line& mine) {
  if (!std::exchange(mine.at_broker, false))
    return;
  cluster_.on_disconnect(now_, id);
  hand_back();
}

void network::go_down(number id, line& mine, error why) {
  end_at_broker(id, mine);
  story_.tell(now_, mine.name, "loses", id, why.detail);
  const auto tell = std::move(mine.tell);
  lines_.erase(id);
  if (tell)
    tell(went_down{std::move(why)});
}

// -- faults -----------------------------------------------------------------------------

std::vector<network::number> network::connections() const {
  std::vector<number> all;
  for (const auto& [id, l] : lines_) {
    if (l.up && !l.broken)
      all.push_back(id);
  }
  return all;
}

void network::break_off(number id, duration later) {
  const auto found = lines_.find(id);
  if (found == lines_.end() || found->second.broken)
    return;
  auto& mine = found->second;
  story_.tell(now_, "network breaks", id, "of", mine.name);
  mine.broken = true;
  mine.held.clear();
  end_at_broker(id, mine);
  plan_.at(now_ + later, [this, id] {
    if (const auto l = lines_.find(id); l != lines_.end())
      go_down(id, l->second, {error_code::disconnected, "broken"});
  });
}

void network::cut(number id, duration later) {
  break_off(id, later);
}

void network::cut_after(number id, bool there, std::size_t bytes, duration later) {
  const auto found = lines_.find(id);
  if (found == lines_.end())
    return;
  auto& w = there ? found->second.there : found->second.back;
  w.cut_in = bytes;
  w.cut_told_later = later;
}

void network::swap(number one, number other) {
  if (one == other || !lines_.contains(one) || !lines_.contains(other))
    return;
  lines_.at(one).answers_on = other;
  lines_.at(other).answers_on = one;
}

void network::outdate(number id) {
  const auto found = lines_.find(id);
  if (found == lines_.end() || !found->second.tell)
    return;
  story_.tell(now_, found->second.name, "is to replace", id);
  found->second.tell(came_outdated{});
}

void network::block(std::uint32_t client, std::int32_t broker) {
  blocked_.insert({client, broker});
}

void network::unblock_all() {
  blocked_.clear();
  std::vector<number> all;
  for (const auto& [id, l] : lines_) {
    if (!l.held.empty())
      all.push_back(id);
  }
  for (const auto id : all) {
    for (auto found = lines_.find(id);
         found != lines_.end() && !found->second.held.empty(); found = lines_.find(id)) {
      const auto what = std::move(found->second.held.front());
      found->second.held.pop_front();
      what(found->second);
    }
  }
}

void network::end_half_open() {
  std::vector<number> all;
  for (auto& [id, l] : lines_) {
    l.there.cut_in.reset();
    l.back.cut_in.reset();
    l.answers_on = 0;
    const auto until = std::max(l.there.free_at, l.back.free_at);
    if (l.broken || l.misses_answer || (l.up && !l.at_broker)
      || until > now_ + std::chrono::seconds{1})
      all.push_back(id);
  }
  for (const auto id : all) {
    if (const auto l = lines_.find(id); l != lines_.end())
      go_down(id, l->second, {error_code::disconnected, "broken"});
  }
}

} // namespace cafka::simulate
