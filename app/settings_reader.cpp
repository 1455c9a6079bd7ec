#include "settings_reader.hpp"

#include "log.hpp"

namespace cafka {

namespace {

/// Whether there may be a password within it that stands at the wrong place.
bool holds_block(const caf::config_value& v) {
  if (const auto* list = caf::get_if<caf::config_value::list>(&v))
    return std::ranges::any_of(*list, &holds_block);
  return caf::get_if<caf::settings>(&v) != nullptr;
}

} // namespace

std::pair<std::string, const caf::config_value*> settings_reader::find(
  std::string_view key, std::string_view alias) {
  const auto own = block_.find(key);
  const auto other = alias.empty() ? block_.end() : block_.find(alias);
  if (!alias.empty())
    aliases_.emplace_back(alias);
  if (own != block_.end() && other != block_.end())
    note({error_code::invalid_argument,
      name_ + '.' + std::string{alias} + " is " + std::string{key}
        + " by another name: one of them must go"});
  if (own != block_.end())
    return {std::string{key}, &own->second};
  if (other != block_.end())
    return {std::string{alias}, &other->second};
  return {std::string{key}, nullptr};
}

error settings_reader::outcome() const {
  if (wrong_)
    return wrong_;
  for (const auto& [key, v] : block_) {
    if (std::ranges::find(known_, key) != known_.end()
      || std::ranges::find(aliases_, key) != aliases_.end())
      continue;
    std::string all;
    for (const auto& k : known_)
      all += (all.empty() ? "" : ", ") + k;
    return {error_code::invalid_argument,
      name_ + '.' + std::string{key} + " is no setting; there are: " + all};
  }
  return {};
}

void settings_reader::read(
  const std::string& key, const value& v, bool& out, const row::yes_no&) {
  if (const auto x = caf::get_as<bool>(v))
    out = *x;
  else
    refuse(key, v, "true or false");
}

void settings_reader::read(
  const std::string& key, const value& v, std::string& out, const row::text& t) {
  if (t.empty.empty()) {
    const auto x = caf::get_as<std::string>(v);
    // CAF would make a text of a block, too.
    if (!x || x->empty() || holds_block(v))
      refuse(key, v, "a text that is not empty");
    else
      out = *x;
  } else if (const auto* x = caf::get_if<std::string>(&v)) {
    out = *x;
  } else {
    refuse(key, v, "a text in quotation marks");
  }
}

void settings_reader::read(
  const std::string& key, const value& v, secret& out, const row::hidden_text&) {
  if (const auto* x = caf::get_if<std::string>(&v))
    out = *x;
  else
    refuse_unseen(key, "a text in quotation marks");
}

void settings_reader::read(
  const std::string& key, const value& v, name_list& out, const row::names&) {
  // Asked for a list, CAF would read a text as one.
  const auto* one = caf::get_if<std::string>(&v);
  const auto all = caf::get_as<std::vector<std::string>>(v);
  if (one != nullptr || !all || std::ranges::count(*all, std::string{}) > 0
    || holds_block(v))
    refuse(key, v, "a list of names as [\"a\", \"b\"]");
  else
    out = *all;
}

void settings_reader::read(const std::string& key, const value& v,
  std::vector<sasl_mechanism>& out, const row::mechanisms&) {
  std::string joined;
  if (const auto* one = caf::get_if<std::string>(&v)) {
    joined = *one;
  } else if (const auto list = caf::get_as<std::vector<std::string>>(v)) {
    for (const auto& item : *list)
      joined += (joined.empty() ? "" : ",") + item;
  } else {
    joined = to_string(v);
  }
  const auto all = parse_sasl_mechanisms(joined);
  if (!all)
    refuse(key, v,
      "a mechanism, or a list as [\"SCRAM-SHA-512\", ...] (" + all.error().detail + ")");
  else
    out = *all;
}

void settings_reader::read(
  const std::string& key, const value& v, broker_list& out, const row::addresses&) {
  // A list, or one text with commas; asked for a list, CAF would read the text as one.
  std::string joined;
  if (const auto* one = caf::get_if<std::string>(&v)) {
    joined = *one;
  } else if (const auto list = caf::get_as<std::vector<std::string>>(v)) {
    for (const auto& item : *list)
      joined += (joined.empty() ? "" : ",") + item;
  }
  const auto all = protocol::parse_endpoints(joined);
  if (!all)
    refuse(key, v, "brokers as [\"host:port\", ...] (" + all.error().detail + ")");
  else
    out = *all;
}

void settings_reader::read(const std::string& key, const value& v,
  consumer_group_setting& out, const row::group&) {
  const auto* x = caf::get_if<std::string>(&v);
  if (x == nullptr)
    refuse(key, v, "a text in quotation marks");
  else if (x->empty())
    out = no_consumer_group;
  else
    out = *x;
}

void settings_reader::read(const std::string& key, const value& v,
  std::optional<protocol::kafka_version>& out, const row::release&) {
  // A number it cannot be: 0.10 would be 0.1.
  const auto* text = caf::get_if<std::string>(&v);
  const auto read = text == nullptr
    ? error{error_code::invalid_argument, "it needs quotes"}
    : read_kafka_version(*text, out);
  if (read)
    refuse(key, v, "\"ask\" or a release such as \"0.9.0.1\" (" + read.detail + ")");
}

void settings_reader::read(const std::string& key, const value& v,
  std::map<std::string, log_level>& out, const row::levels&) {
  const auto* content = block_of(key, v);
  if (content == nullptr)
    return;
  settings_reader inner{name_ + '.' + key, *content};
  for (const auto& component : log_components()) {
    auto level = log_level::off;
    inner(component, level, row::choice{log_level_words}, {{}});
    if (content->contains(component))
      out[component] = level;
  }
  note(inner.outcome());
}

const caf::settings* settings_reader::block_of(const std::string& key, const value& v) {
  const auto* content = caf::get_if<caf::settings>(&v);
  if (content == nullptr) {
    const std::string allowed = "a block { ... }";
    // A text in the place of a block may be meant for what is in the block.
    if (caf::get_if<std::string>(&v) != nullptr
      || caf::get_if<caf::config_value::list>(&v) != nullptr)
      refuse_unseen(key, allowed);
    else
      refuse(key, v, allowed);
  }
  return content;
}

void settings_reader::refuse(
  const std::string& key, const value& v, const std::string& allowed) {
  if (holds_block(v))
    return refuse_unseen(key, allowed);
  note(row::refused(name_ + '.' + key, to_string(v), allowed));
}

void settings_reader::refuse_unseen(const std::string& key, const std::string& allowed) {
  note(row::refused(name_ + '.' + key, "<redacted>", allowed));
}

} // namespace cafka
