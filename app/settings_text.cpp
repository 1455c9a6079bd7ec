#include "settings_text.hpp"

#include "settings.hpp"

#include <algorithm>
#include <utility>

namespace cafka {

namespace {

// -- values as text ---------------------------------------------------------------------

std::string quoted(std::string_view text) {
  return '"' + std::string{text} + '"';
}

std::string number(std::int64_t n) {
  auto digits = std::to_string(n);
  for (auto at = std::ssize(digits) - 3; at > (n < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

/// A number of bytes as people write it, as `64 MiB`.
std::string bytes(std::int64_t n) {
  constexpr std::int64_t kilo = 1'024;
  constexpr std::int64_t mega = kilo * kilo;
  constexpr std::int64_t giga = kilo * mega;
  if (n >= giga && n % giga == 0)
    return number(n / giga) + " GiB";
  if (n >= mega && n % mega == 0)
    return number(n / mega) + " MiB";
  if (n >= 16 * kilo && n % kilo == 0)
    return number(n / kilo) + " KiB";
  return number(n) + (n == 1 ? " byte" : " bytes");
}

std::string duration(std::chrono::milliseconds d, std::string_view space) {
  const auto in = [&](std::int64_t n, std::string_view unit) {
    return std::to_string(n) + std::string{space} + std::string{unit};
  };
  const auto n = d.count();
  if (n >= 120'000 && n % 60'000 == 0)
    return in(n / 60'000, "min");
  return n > 0 && n % 1'000 == 0 ? in(n / 1'000, "s") : in(n, "ms");
}

std::string counted(std::int64_t n, const row::whole& w) {
  return w.of == "bytes" ? bytes(n) : number(n);
}

/// A visitor that writes rows as texts, with the values of the options it visits.
class describe {
public:
  explicit describe(std::string block) : block_(std::move(block)) {}

  template <class Member, class Kind>
  void operator()(
    std::string_view key, const Member& member, const Kind& kind, const row::about& a) {
    setting_text t;
    t.key = key;
    t.block = block_;
    t.says = a.says;
    t.alias = a.alias;
    t.flag = a.flag;
    t.everyday = a.everyday;
    write(t, member, kind);
    all_.push_back(std::move(t));
  }

  [[nodiscard]] std::vector<setting_text> take() { return std::move(all_); }

private:
  template <class Number>
  void write(setting_text& t, const Number& n, const row::whole& w) {
    if constexpr (std::is_integral_v<Number>) {
      t.value = std::to_string(n);
      t.shown = counted(static_cast<std::int64_t>(n), w);
    } else if (n) {
      write(t, *n, w);
    }
    if (w.max >= std::numeric_limits<std::int64_t>::max() / 2)
      t.allowed = w.min > std::numeric_limits<std::int32_t>::min()
        ? counted(w.min, w) + " or more"
        : "a number";
    else if (w.min == std::numeric_limits<std::int32_t>::min())
      t.allowed = "a number";
    else
      t.allowed = counted(w.min, w) + " to " + counted(w.max, w);
  }

  template <class Rep, class Period>
  void write(
    setting_text& t, std::chrono::duration<Rep, Period> d, const row::period& p) {
    t.value = duration(d, "");
    t.shown = duration(d, " ");
    t.allowed = p.max != std::chrono::milliseconds::max()
      ? std::to_string(p.min.count()) + " to " + number(p.max.count()) + " ms"
      : p.min.count() == 0 ? "0 or more"
                           : "more than 0";
    if (std::is_same_v<Period, std::ratio<1>>)
      t.allowed += ", whole seconds";
  }

  void write(setting_text& t, bool b, const row::yes_no&) {
    t.value = t.shown = b ? "true" : "false";
    t.allowed = "true, false";
    t.yes_no = true;
  }

  void write(setting_text& t, const std::string& s, const row::text& kind) {
    t.value = quoted(s);
    t.shown = s.empty() ? "" : '`' + s + '`';
    t.allowed = kind.empty.empty() ? "a text that is not empty" : "a text";
  }

  void write(setting_text& t, const secret&, const row::hidden_text&) {
    t.value = quoted("");
    t.allowed = "a text";
  }

  template <class Member, class Value>
  void write(setting_text& t, const Member& m, const row::choice<Value>& c) {
    if (const auto name = row::name_of(c, m); !name.empty()) {
      t.value = quoted(name);
      t.shown = '`' + std::string{name} + '`';
    }
    for (const auto& w : c.words) {
      t.allowed += (t.allowed.empty() ? "`" : ", `") + std::string{w.name} + '`';
      if (!w.flag.empty())
        t.word_flags.emplace_back(w.name, w.flag);
    }
  }

  void write(setting_text& t, const name_list& names, const row::names&) {
    std::string all;
    for (const auto& n : names)
      all += (all.empty() ? "" : ", ") + quoted(n);
    t.value = '[' + all + ']';
    t.shown = all;
    t.allowed = "a list of names";
  }

  void write(
    setting_text& t, const std::vector<sasl_mechanism>&, const row::mechanisms&) {
    t.value = "[]";
    t.allowed = "a mechanism, or a list of them";
  }

  void write(setting_text& t, const broker_list& brokers, const row::addresses&) {
    std::string all;
    std::string shown;
    if (const auto endpoints = brokers.endpoints()) {
      for (const auto& e : *endpoints) {
        all += (all.empty() ? "" : ", ") + quoted(to_string(e));
        shown += (shown.empty() ? "`" : ", `") + to_string(e) + '`';
      }
    }
    t.value = '[' + all + ']';
    t.shown = shown;
    t.allowed = "a list of `host:port`";
  }

  void write(setting_text& t, const consumer_group_setting& g, const row::group&) {
    t.value = quoted(g.name().value_or(""));
    t.allowed = "a text";
  }

  void write(
    setting_text& t, const std::optional<protocol::kafka_version>&, const row::release&) {
    t.value = quoted("ask");
    t.shown = "`ask`";
    t.allowed = "`ask`, `0.8.0` to `4.3`";
  }

  template <class Member>
  void write(setting_text& t, const Member&, const row::levels&) {
    t.is_block = true;
    t.allowed = "a block";
  }
  template <class Member>
  void write(setting_text& t, const Member&, const row::block&) {
    t.is_block = true;
    t.allowed = "a block";
  }
  template <class Member>
  void write(setting_text& t, const Member&, const row::named_blocks&) {
    t.is_block = true;
    t.allowed = "blocks by name";
  }
  template <class Member>
  void write(setting_text& t, const Member& m, const row::of_code& c) {
    t.of_code = true;
    if constexpr (std::is_same_v<Member, std::string>)
      t.shown = '`' + m + '`';
    t.allowed = c.shape;
  }

  std::string block_;
  std::vector<setting_text> all_;
};

template <class Options>
std::vector<setting_text> described(const std::string& block) {
  describe d{block};
  const Options defaults;
  each_setting(defaults, d);
  return d.take();
}

// -- pages ------------------------------------------------------------------------------

/// Text in lines of so many characters at most.
std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width)
      lines.emplace_back();
    if (!lines.back().empty())
      lines.back() += ' ';
    lines.back() += word;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

constexpr std::size_t line_width = 92;

void write_rows(std::string& to, std::string_view block, const std::string& indent) {
  bool first = true;
  for (const auto& s : settings_of(block)) {
    if (s.of_code)
      continue;
    if (!first)
      to += '\n';
    first = false;
    auto says = s.says;
    // What a text or a bool may be shows in its default.
    if (!s.is_block && !s.yes_no && s.allowed != "a text")
      says += " Allowed: " + s.allowed + '.';
    std::erase(says, '`');
    if (!s.alias.empty())
      says += " KafkaEx: " + s.alias + '.';
    for (const auto& line : wrapped(says, line_width - indent.size() - 2))
      to += indent + "# " + line + '\n';
    if (s.key == "producers" || s.key == "consumers") {
      to += indent + s.key + " {\n" + indent + "  example {\n";
      write_rows(to, s.key, indent + "    ");
      to += indent + "  }\n" + indent + "}\n";
    } else if (s.is_block) {
      to += indent + s.key + " {\n";
      write_rows(
        to, block.empty() ? s.key : std::string{block} + '.' + s.key, indent + "  ");
      to += indent + "}\n";
    } else if (s.value.empty()) {
      to += indent + "# " + s.key + " is not set.\n";
    } else {
      to += indent + s.key + " = " + s.value + '\n';
    }
  }
}

} // namespace

const std::vector<setting_text>& settings_of(std::string_view block) {
  static const auto application = described<application_options>("");
  static const auto tls = described<ssl_options>("ssl_options");
  static const auto sasl = described<sasl_options>("sasl");
  static const auto oidc = described<oidc_options>("sasl.oidc");
  static const auto oidc_tls = described<ssl_options>("sasl.oidc_ssl_options");
  static const auto kerberos = described<kerberos_options>("sasl.kerberos");
  static const auto producer = described<producer_options>("producers");
  static const auto consumer = described<consumer_options>("consumers");
  static const auto membership = described<group_options>("consumers.membership");
  static const std::vector<setting_text> none;
  if (block.empty())
    return application;
  if (block == "ssl_options")
    return tls;
  if (block == "sasl")
    return sasl;
  if (block == "sasl.oidc")
    return oidc;
  if (block == "sasl.oidc_ssl_options")
    return oidc_tls;
  if (block == "sasl.kerberos")
    return kerberos;
  if (block == "producers")
    return producer;
  if (block == "consumers.membership")
    return membership;
  return block == "consumers" ? consumer : none;
}

std::string settings_table(std::string_view block) {
  std::string page =
    "| setting | default | allowed | what it says |\n|---|---|---|---|\n";
  for (const auto& s : settings_of(block)) {
    page += "| `" + s.key + "` | " + s.shown + " | " + s.allowed + " | " + s.says;
    if (!s.flag.empty() && !s.flag.starts_with("("))
      page += " Command line: `" + s.flag + "`.";
    for (const auto& [word, flag] : s.word_flags)
      page += " Command line: `" + flag + "` for `" + word + "`.";
    if (!s.alias.empty())
      page += " A file may use KafkaEx's name, `" + s.alias + "`.";
    page += " |\n";
  }
  return page;
}

std::string settings_example() {
  std::string page =
    R"(# Every setting of cafka at its default, as `cafka settings` prints it.
#
# This is a CAF configuration file: the actor system that cafka runs in is configured in the
# same file, in the block `caf`. Blocks are nested; dotted keys such as
# `cafka.client_id = "x"` get lost in CAF 0.18. Durations are written 100ms, 30s or 1min. A
# key that means nothing, or a value out of its range, is refused with a sentence that names
# it.
#
# Read by `cafka ... --config FILE`, and by a program with
# `cafka::options_from(caf::content(config))`.

cafka {
)";
  write_rows(page, {}, "  ");
  page += "}\n";
  return page;
}

} // namespace cafka
