#include "../sasl/failure.hpp"
#include "../text.hpp"
#include "dispatcher.hpp"

#include <algorithm>
#include <string>
#include <utility>

// What the dispatcher tells of, for a log. Whether a level is wanted is asked first:
// nothing is put together that nobody reads.

namespace cafka::protocol {

namespace {

/// `340 us`, `3.2 ms`, `12.5 s`: three digits or so.
std::string text_of(time_point::duration d) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(d).count();
  if (us < 1'000)
    return std::to_string(us) + " us";
  const auto tenths = us < 1'000'000 ? us / 100 : us / 100'000;
  return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10)
    + (us < 1'000'000 ? " ms" : " s");
}

std::string_view name_of(lane l) {
  switch (l) {
  case lane::normal: return {};
  case lane::group: return " (for groups)";
  case lane::long_poll: return " (for fetches)";
  case lane::resting: return " (for requests that rest)";
  }
  return {};
}

std::string text_of(broker_id id) {
  return "broker " + std::to_string(id.value());
}

/// `broker 1 at host:9092`, or the address alone while the number is not known.
std::string name_of(const broker_connection& l) {
  const auto address = to_string(l.address());
  return l.broker().value() < 0 ? address : text_of(l.broker()) + " at " + address;
}

/// The error without the address, which stands before it in the line.
std::string reason_of(const error& why, const endpoint& address) {
  const auto prefix = to_string(address) + ": ";
  return to_string(why.detail.starts_with(prefix)
      ? error{why.code, why.detail.substr(prefix.size())}
      : why);
}

} // namespace

void dispatcher::tell(log_level level, std::string text) {
  effects_.emplace_back(log_line{level, std::move(text)});
}

void dispatcher::tell_connecting(const broker_connection& l) {
  if (tells(log_level::debug))
    tell(
      log_level::debug, "connecting to " + name_of(l) + std::string{name_of(l.lane())});
}

void dispatcher::tell_handshake(const broker_connection& l, std::size_t bytes) {
  if (tells(log_level::trace))
    tell(log_level::trace,
      "handshake with " + name_of(l) + ": " + std::to_string(bytes) + " bytes out");
}

void dispatcher::tell_up(const broker_connection& l) {
  if (!tells(log_level::debug))
    return;
  auto text = "connected to " + name_of(l) + std::string{name_of(l.lane())};
  if (const auto old = l.old_release())
    text += ", which is a Kafka " + to_string(*old);
  if (const auto by = l.authenticated_by())
    text += ", logged in by " + std::string{to_string(*by)};
  if (const auto who = l.authenticated_as(); !who.empty())
    text += " as " + shown(who);
  tell(log_level::debug, std::move(text));
}

void dispatcher::tell_renewed(const broker_connection& l) {
  if (tells(log_level::debug))
    tell(log_level::debug, "login at " + name_of(l) + " renewed");
}

void dispatcher::tell_put_off(
  time_point now, const broker_connection& l, const error& why) {
  if (!tells(log_level::warning))
    return;
  const auto reason = reason_of(why, l.address());
  const auto level = reports_.failed(now, l.address(), l.lane(), reason)
    ? log_level::warning
    : log_level::debug;
  if (tells(level))
    tell(level, "cannot renew the login at " + name_of(l) + " yet: " + reason);
}

void dispatcher::tell_lost(time_point now, const broker_connection& l, const error& why,
  bool was_up, std::size_t in_flight) {
  if (!tells(log_level::warning))
    return;
  const auto reason = reason_of(why, l.address());
  // A broker closes what is idle, and may hang up while its release is found out.
  const bool trouble =
    !l.in_doubt() && !(was_up && in_flight == 0 && why.code == error_code::disconnected);
  const auto level = trouble && reports_.failed(now, l.address(), l.lane(), reason)
    ? log_level::warning
    : log_level::debug;
  if (!tells(level))
    return;
  auto text = (was_up ? "connection to " + name_of(l) + " lost: "
                      : (sasl::is_login_failure(why.code) ? "cannot log in to "
                                                          : "cannot connect to ")
                    + name_of(l) + ": ")
    + reason;
  if (was_up && in_flight > 0)
    text += ", with " + std::to_string(in_flight)
      + (in_flight == 1 ? " request on it" : " requests on it");
  tell(level, std::move(text));
}

void dispatcher::tell_closing(const broker_connection& l, std::string_view why) {
  if (tells(log_level::debug))
    tell(log_level::debug,
      "closing the connection to " + name_of(l) + std::string{name_of(l.lane())} + ": "
        + std::string{why});
}

void dispatcher::tell_recovered(time_point now, const broker_connection& l) {
  if (const auto since = reports_.answered(now, l.address(), l.lane()))
    tell(log_level::info, name_of(l) + " answers again, after " + text_of(now - *since));
}

void dispatcher::tell_answered(time_point now, const broker_connection& from,
  const pending_call& c, std::size_t bytes, const error& outcome) {
  if (!tells(log_level::trace))
    return;
  auto text = name(c.what->what().key) + " v" + std::to_string(c.version) + " to "
    + name_of(from) + ": " + std::to_string(c.sent_bytes) + " bytes out, ";
  text += c.what->what().answered
    ? std::to_string(bytes) + " in, " + text_of(now - c.sent_at)
    : std::string{"no answer wanted"};
  if (outcome)
    text += ", " + to_string(outcome);
  tell(log_level::trace, std::move(text));
}

void dispatcher::tell_unanswered(time_point now, const pending_call& c) {
  if (tells(log_level::trace))
    tell(log_level::trace,
      name(c.what->what().key) + " v" + std::to_string(c.version) + " to "
        + name_of(*c.on) + ": " + std::to_string(c.sent_bytes)
        + " bytes out, no answer in " + text_of(now - c.sent_at));
}

void dispatcher::tell_pause(
  time_point now, const broker_connection& from, std::chrono::milliseconds time) {
  if (!tells(log_level::info) || (time.count() == 0 && !reports_.any_pause()))
    return;
  switch (reports_.paused(now, from.address(), time)) {
  case connection_reports::quota_change::begins:
    return tell(log_level::warning,
      "a quota of " + name_of(from) + " holds requests back, now for " + text_of(time));
  case connection_reports::quota_change::ends:
    return tell(log_level::info,
      "the quota of " + name_of(from) + " does not hold requests back any more");
  case connection_reports::quota_change::nothing: return;
  }
}

void dispatcher::tell_cluster_news() {
  const auto changes = cluster_.take_changes();
  if (tells(log_level::info) && !changes.leaders.empty())
    tell(log_level::info, changes.leaders.text());
  if (tells(log_level::info) && !changes.brokers.empty()) {
    constexpr std::size_t most_named = 5;
    std::string text = "address changed:";
    for (std::size_t i = 0; i != std::min(most_named, changes.brokers.size()); ++i) {
      const auto& b = changes.brokers[i];
      text += (i == 0 ? " " : ", ") + text_of(b.id) + " from " + to_string(b.before)
        + " to " + to_string(b.now);
    }
    if (changes.brokers.size() > most_named)
      text += " and " + std::to_string(changes.brokers.size() - most_named) + " more";
    tell(log_level::info, std::move(text));
  }
  // Brokers of a cluster without ZooKeeper each name another broker, themselves as often.
  if (changes.controller && tells(log_level::debug))
    tell(log_level::debug, "controller: " + text_of(*changes.controller));
}

void dispatcher::tell_coordinator(
  const coordinator_of& what, broker_id& told, broker_id now) {
  const auto before = std::exchange(told, now);
  if (before.value() >= 0 && before != now && tells(log_level::info))
    tell(log_level::info,
      "coordinator moved: " + to_string(what) + " from " + text_of(before) + " to "
        + text_of(now));
}

} // namespace cafka::protocol
