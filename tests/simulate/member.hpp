#pragma once

#include "shell.hpp"
#include <cafka/protocol/clients/group_client.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace cafka::simulate {

/// What the members of a group have handled, and what may be handled once more.
///
/// Promises: docs/groups.md. A partition has one member at a time, apart from one that
/// does not know yet that its session is over, and is told so; each record is handled,
/// and twice only where a member has lost its partition; nobody begins behind what was
/// handled.
class group_book {
public:
  group_book(world& w, std::string group) : world_(w), group_(std::move(group)) {}

  [[nodiscard]] const std::string& name() const { return group_; }
  /// A member reads from there on.
  void begins(const std::string& who, const place& where, std::int64_t offset);
  void handles(const std::string& who, const place& where, std::int64_t offset);
  /// It is through with what it was handed, and reads no more for now.
  void pauses(const std::string& who, const place& where);
  /// It goes on, where it `is_told` so because nobody else has read it meanwhile; if not,
  /// it may not know yet that somebody has.
  void goes_on(const std::string& who, const place& where, bool is_told);
  /// It reads no more, in order.
  void ends(const std::string& who, const place& where);
  /// All that was handled so far may be handled again.
  void loses(const std::string& who, const place& where);
  /// Who reads it; empty: nobody.
  [[nodiscard]] std::string reader_of(const place& where) const;

private:
  struct part {
    std::int64_t handled = 0; ///< All before it was, by somebody.
    std::int64_t again = 0;   ///< What lies before it may be handled again.
    std::set<std::string> readers;
    /// Who may go on, and who has begun since it paused.
    std::map<std::string, std::set<std::string>> paused;
    /// One of two readers is to be told that it has lost it: the earlier ones, and who
    /// has begun behind them.
    std::map<std::string, std::set<std::string>> astray;
  };

  world& world_;
  const std::string group_;
  std::map<place, part> parts_;
};

/// How a member and its program behave.
struct member_settings {
  client_settings client;
  protocol::group_client_options options;
  std::vector<std::string> topics;
  duration longest_pause = std::chrono::milliseconds{300};
  /// Of a thousand turns of its program, in how many it leaves, or comes back.
  unsigned moves = 5;
  /// Without faults each change is in order.
  bool loses_nothing = false;
};

/// A member's client, what its consumer and its core keep, and a program that reads the
/// model's own logs.
class member final : public shell<member, protocol::group_client> {
public:
  member(world& w, std::string name, member_settings settings,
    std::shared_ptr<group_book> all);

  void begin() override;
  void set_busy(bool busy) override;
  std::string waits_for() override;
  void stop() override;

private:
  friend shell;
  using client_type = protocol::group_client;

  struct reading {
    std::int64_t next = 0;
    std::int64_t acknowledged = 0;
    bool held = false;
  };

  void before_event() {}
  void after_event_done() {
    membership_ = client().member().membership();
    for (auto& [p, offset] : committed_)
      offset = client().offsets().committed_of(p);
  }
  void act(const client_type::given&) {}
  void act(const client_type::begin_reading& x);
  void act(const client_type::give_up& x);
  void act(const protocol::group_member::kept& x);
  void act(const protocol::group_member::released& x);
  void act(const protocol::group_member::lost& x);
  void act(const protocol::offset_keeper::commit_ended&) {}
  void act(const protocol::offset_keeper::progress&) {}
  void act(const client_type::request_took&) {}
  void act(const client_type::group_ended& x);
  void on_crash(std::vector<effect>&) {}
  void restart();

  void tell(std::string_view what, const std::vector<protocol::topic_partition>& those);
  void work();
  void read();
  void finish_giving_up();
  [[nodiscard]] static place place_of(const protocol::topic_partition& p) {
    return {p.topic, p.partition.value()};
  }

  member_settings with_;
  std::shared_ptr<group_book> all_;
  protocol::group_membership membership_;
  std::map<protocol::topic_partition, log_offset> committed_;
  std::map<protocol::topic_partition, reading> reads_;
  std::vector<protocol::topic_partition> giving_up_;
  time_point give_up_until_{};
  bool in_group_ = true;
  bool busy_ = false;
  bool stopped_ = false;
  bool has_left_ = false;
};

} // namespace cafka::simulate
