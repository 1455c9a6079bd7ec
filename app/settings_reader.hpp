#pragma once

#include "settings.hpp"

#include <caf/config_value.hpp>
#include <caf/settings.hpp>

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace cafka {

/// A visitor that reads the settings of one block of a CAF configuration, and remembers
/// what was wrong first.
class settings_reader {
public:
  /// `name`: where the block is, as `cafka.ssl_options`.
  settings_reader(std::string name, const caf::settings& block)
    : name_(std::move(name)), block_(block) {}

  template <class Member, class Kind>
  void operator()(
    std::string_view key, Member& member, const Kind& kind, const row::about& says) {
    if constexpr (!std::is_same_v<Kind, row::of_code>) {
      known_.emplace_back(key);
      const auto found = find(key, says.alias);
      if (found.second != nullptr)
        read(found.first, *found.second, member, kind);
    }
  }

  /// What was wrong first, a key that there is no row for included.
  [[nodiscard]] error outcome() const;

private:
  using value = caf::config_value;

  /// The value and the name it goes by.
  std::pair<std::string, const value*> find(std::string_view key, std::string_view alias);

  // -- one for each kind ----------------------------------------------------------------

  template <class Number>
  void read(const std::string& key, const value& v, Number& out, const row::whole& w) {
    const auto x = caf::get_as<std::int64_t>(v);
    if (!x || *x < w.min || *x > w.max)
      refuse(key, v, "a whole number " + row::range(w));
    else if constexpr (std::is_integral_v<Number>)
      out = static_cast<Number>(*x);
    else
      out = static_cast<typename Number::value_type>(*x);
  }

  template <class Rep, class Period>
  void read(const std::string& key, const value& v,
    std::chrono::duration<Rep, Period>& out, const row::period& p) {
    using own = std::chrono::duration<Rep, Period>;
    const auto x = caf::get_as<caf::timespan>(v);
    const auto rounded = x ? std::chrono::duration_cast<own>(*x) : own{};
    if (!x || rounded != *x || rounded < p.min || rounded > p.max)
      refuse(key, v,
        std::string{"a duration such as 100ms, 30s or 1min, in whole "}
          + (std::is_same_v<Period, std::ratio<1>> ? "seconds, " : "milliseconds, ")
          + row::range(p));
    else
      out = rounded;
  }

  void read(const std::string& key, const value& v, bool& out, const row::yes_no&);
  void read(const std::string& key, const value& v, std::string& out, const row::text& t);
  void read(const std::string& key, const value& v, secret& out, const row::hidden_text&);
  void read(const std::string& key, const value& v, name_list& out, const row::names&);
  void read(const std::string& key, const value& v, std::vector<sasl_mechanism>& out,
    const row::mechanisms&);
  void read(
    const std::string& key, const value& v, broker_list& out, const row::addresses&);
  void read(const std::string& key, const value& v, consumer_group_setting& out,
    const row::group&);
  void read(const std::string& key, const value& v,
    std::optional<protocol::kafka_version>& out, const row::release&);
  void read(const std::string& key, const value& v, std::map<std::string, log_level>& out,
    const row::levels&);

  template <class Member, class Value>
  void read(
    const std::string& key, const value& v, Member& out, const row::choice<Value>& c) {
    const auto x = caf::get_as<std::string>(v);
    const auto found =
      std::ranges::find_if(c.words, [&](const auto& w) { return x && *x == w.name; });
    if (found == c.words.end())
      refuse(key, v, row::range(c));
    else
      out = found->value;
  }

  template <class Options>
  void read(const std::string& key, const value& v, Options& out, const row::block&) {
    if (const auto* content = block_of(key, v)) {
      settings_reader inner{name_ + '.' + key, *content};
      each_setting(out, inner);
      note(inner.outcome());
    }
  }

  template <class Options>
  void read(const std::string& key, const value& v, std::map<std::string, Options>& out,
    const row::named_blocks&) {
    const auto* content = block_of(key, v);
    if (content == nullptr)
      return;
    for (const auto& [name, each] : *content) {
      const std::string of{name};
      const auto* settings = block_of(key + '.' + of, each);
      if (settings == nullptr)
        continue;
      auto& options = out[of];
      settings_reader inner{name_ + '.' + key + '.' + of, *settings};
      each_setting(options, inner);
      options.name = of;
      note(inner.outcome());
      // What goes together no row says.
      if (auto wrong = check(options); wrong && !wrong_)
        note({wrong.code, name_ + '.' + key + '.' + of + '.' + wrong.detail});
    }
  }

  // -- what is wrong --------------------------------------------------------------------

  void note(error wrong) {
    if (!wrong_)
      wrong_ = std::move(wrong);
  }
  const caf::settings* block_of(const std::string& key, const value& v);
  void refuse(const std::string& key, const value& v, const std::string& allowed);
  /// The same for a value that must not be shown.
  void refuse_unseen(const std::string& key, const std::string& allowed);

  std::string name_;
  const caf::settings& block_;
  std::vector<std::string> known_;
  std::vector<std::string> aliases_;
  error wrong_;
};

} // namespace cafka
