#pragma once

#include "../../protocol/settings.hpp"
#include "group.hpp"

#include <array>

namespace cafka {

/// How a configuration names the protocols of groups.
inline constexpr std::array member_protocol_words{
  row::word<member_protocol>{"classic", member_protocol::classic},
  row::word<member_protocol>{"consumer", member_protocol::consumer},
  row::word<member_protocol>{"automatic", member_protocol::automatic},
};

/// The rows of a membership's options; see `protocol/settings.hpp`.
template <row::options_of<group_options> Options, class Visitor>
void each_setting(Options& options, Visitor& v) {
  using std::chrono::milliseconds;
  constexpr milliseconds day = std::chrono::hours{24};
  auto& [group_protocol, group_instance_id, session_timeout, heartbeat_interval,
    max_poll_interval, assignors, remote_assignor, auto_commit, auto_commit_interval,
    commit_threshold, static_leaves, own_assignors] = options;
  v(CAFKA_SETTING(group_protocol), row::choice{member_protocol_words},
    {"Who shares out partitions: classic: a member, in rounds that all take part in; "
     "consumer: the coordinator (KIP-848, Kafka 4.0 and later); automatic: consumer "
     "where brokers have it."});
  v(CAFKA_SETTING(group_instance_id), row::text{"a dynamic member"},
    {"Makes a static member, which keeps its partitions while it restarts (KIP-345); "
     "unique within the group. Empty: a dynamic member."});
  v(CAFKA_SETTING(session_timeout), row::period{milliseconds{0}, day},
    {"A member's partitions go to others when the coordinator has not heard of it for so "
     "long. Zero: 45 s, or 30 s where a broker takes no more. The consumer protocol: so "
     "long without an answer, and the partitions are lost."});
  v(CAFKA_SETTING(heartbeat_interval), row::period{milliseconds{10}, day},
    {"How often the coordinator hears of the member; a third of the session timeout at "
     "most. With the consumer protocol the coordinator names it."});
  v(CAFKA_SETTING(max_poll_interval), row::period{milliseconds{100}, day},
    {"How long the program may keep what it was handed before it polls again, and how "
     "long a rebalance waits for it."});
  v(CAFKA_SETTING(assignors), row::names{},
    {"How the group's leader shares out partitions, best first: cooperative-sticky, "
     "sticky, range, roundrobin. Of the classic protocol."});
  v(CAFKA_SETTING(remote_assignor), row::text{"the coordinator chooses"},
    {"How the coordinator shares out partitions, by an assignor of its own: Kafka has "
     "uniform and range. Of the consumer protocol. Empty: it chooses."});
  v(CAFKA_SETTING(auto_commit), row::yes_no{},
    {"Whether what is acknowledged is committed without being asked to."});
  v(CAFKA_SETTING(auto_commit_interval), row::period{milliseconds{10}, day},
    {"What is acknowledged is committed so long later at the latest."});
  v(CAFKA_SETTING(commit_threshold), row::whole{1, 1'000'000'000, "records"},
    {"As soon as so many records of a partition are acknowledged, they are committed."});
  v(CAFKA_SETTING(static_leaves), row::yes_no{},
    {"Whether a static member leaves the group when it is closed (KIP-1092)."});
  v(CAFKA_SETTING(own_assignors), row::of_code{"functions"},
    {"Assignors of the program's own, before those that assignors names."});
}

/// What is wrong with the options, by their rows and by what goes together:
/// `invalid_argument` names the option, its value and what is allowed.
[[nodiscard]] error check(const group_options& options);

} // namespace cafka
