#include "printer.hpp"

#include "text.hpp"

#include <spdlog/fmt/fmt.h>

#include <cstdio>
#include <nlohmann/json.hpp>

namespace cafka::cli {

namespace {

using json_value = nlohmann::ordered_json;
using optional_bytes = std::optional<protocol::byte_view>;

/// Names from brokers are text that was not checked; a replacement character stands
/// for what is not.
std::string dump(const json_value& value) {
  return value.dump(-1, ' ', false, json_value::error_handler_t::replace);
}

json_value json_of(const optional_bytes& bytes) {
  if (!bytes)
    return nullptr;
  const auto text = protocol::as_text(*bytes);
  if (is_utf8(text))
    return std::string{text};
  return {{"base64", base64(text)}};
}

json_value json_of(std::optional<timestamp> time) {
  if (!time || *time == protocol::no_timestamp)
    return nullptr;
  return time->time_since_epoch().count();
}

template <class T>
json_value json_of(const std::optional<T>& value) {
  return value ? json_value(*value) : json_value(nullptr);
}

json_value json_of(const std::optional<log_offset>& offset) {
  return offset ? json_value(offset->value()) : json_value(nullptr);
}

json_value json_of(const std::vector<broker_id>& ids) {
  auto result = json_value::array();
  for (const auto id : ids)
    result.push_back(id.value());
  return result;
}

/// Kafka's name of the error; null for none.
json_value json_of(error_code status) {
  return status == error_code::none ? json_value(nullptr) : json_value(name(status));
}

json_value json_of(const topic_info& topic) {
  json_value result{{"name", topic.name}, {"error", json_of(topic.status)},
    {"internal", topic.internal}, {"partitions", json_value::array()}};
  for (const auto& p : topic.partitions) {
    json_value partition{{"id", p.id.value()}, {"error", json_of(p.status)},
      {"leader", p.leader.value()}, {"leader_epoch", p.epoch.value()},
      {"replicas", json_of(p.replicas)},
      {"in_sync_replicas", json_of(p.in_sync_replicas)},
      {"offline_replicas", json_of(p.offline_replicas)}};
    result["partitions"].push_back(std::move(partition));
  }
  return result;
}

std::string text_of(const optional_bytes& bytes) {
  return bytes ? escaped(protocol::as_text(*bytes)) : "\\N";
}

std::string text_of(const std::vector<broker_id>& ids) {
  std::string result;
  for (const auto id : ids)
    result += (result.empty() ? "" : ",") + std::to_string(id.value());
  return result.empty() ? "-" : result;
}

std::string text_of(std::optional<timestamp> time) {
  return time && *time != protocol::no_timestamp ? time_text(*time) : "-";
}

std::string text_of(const protocol::record_view& record) {
  std::string headers;
  for (const auto& h : record.headers)
    headers += (headers.empty() ? "" : ",") + escaped(h.key) + '=' + text_of(h.value);
  return fmt::format("{}\t{}\t{}\t{}\t{}", record.offset.value(), text_of(record.time),
    text_of(record.key), text_of(record.value), headers);
}

using optional_list = std::optional<std::vector<std::string>>;

/// What a member of a group of consumers wants to read; nothing where it says it in
/// words of its own. Brokers before Kafka 2.5 do not name the kind of group again.
optional_list topics_of(const std::string& protocol_type, const std::string& metadata) {
  if (protocol_type != "consumer" && !protocol_type.empty())
    return std::nullopt;
  auto read = subscription_from(metadata);
  return read ? optional_list{std::move(read->topics)} : std::nullopt;
}

/// The same for what a member is to read, as `orders/0`.
optional_list places_of(const std::string& protocol_type, const std::string& assignment) {
  if (protocol_type != "consumer" && !protocol_type.empty())
    return std::nullopt;
  const auto read = assignment_from(assignment);
  if (!read)
    return std::nullopt;
  std::vector<std::string> result;
  for (const auto& t : read->partitions) {
    for (const auto p : t.partitions)
      result.push_back(place(t.topic, p));
  }
  return result;
}

std::string listed(const std::vector<std::string>& all) {
  std::string result;
  for (const auto& one : all)
    result += (result.empty() ? "" : ",") + escaped(one);
  return result.empty() ? "nothing" : result;
}

std::string number_or_dash(std::optional<log_offset> offset) {
  return offset ? std::to_string(offset->value()) : "-";
}

} // namespace

void printer::line(std::string text) {
  text += '\n';
  append(text);
}

void printer::append(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() > 64 * 1024)
    flush();
}

bool printer::flush() {
  if (std::fwrite(buffer_.data(), 1, buffer_.size(), stdout) != buffer_.size()
    || std::fflush(stdout) != 0)
    why_failed_ = errno;
  buffer_.clear();
  return why_failed_ == 0;
}

void printer::print(const cluster_metadata& cluster) {
  if (json()) {
    json_value all{{"cluster_id", json_of(cluster.cluster_id)},
      {"controller", cluster.controller.value()}, {"brokers", json_value::array()},
      {"topics", json_value::array()}};
    for (const auto& b : cluster.brokers)
      all["brokers"].push_back({{"id", b.id.value()}, {"host", b.address.host},
        {"port", b.address.port}, {"rack", json_of(b.rack)}});
    for (const auto& t : cluster.topics)
      all["topics"].push_back(json_of(t));
    line(dump(all));
    return;
  }
  line(fmt::format("cluster {}  controller {}", escaped(cluster.cluster_id.value_or("-")),
    cluster.controller.value()));
  for (const auto& b : cluster.brokers)
    line(fmt::format("broker {}  {}{}", b.id.value(), escaped(to_string(b.address)),
      b.rack ? "  rack " + escaped(*b.rack) : ""));
  for (const auto& t : cluster.topics)
    print(t);
}

void printer::print(const topic_info& t) {
  if (json()) {
    line(dump(json_of(t)));
    return;
  }
  line(fmt::format("topic {}  {} partition{}{}{}", escaped(t.name), t.partitions.size(),
    t.partitions.size() == 1 ? "" : "s", t.internal ? "  internal" : "",
    t.status == error_code::none ? "" : "  " + name(t.status)));
  for (const auto& p : t.partitions)
    line(fmt::format("  partition {}  leader {}  replicas {}  in sync {}{}", p.id.value(),
      p.leader.value(), text_of(p.replicas), text_of(p.in_sync_replicas),
      p.status == error_code::none ? "" : "  " + name(p.status)));
}

void printer::print(const produce_summary& written) {
  const auto seconds = std::chrono::duration<double>(written.elapsed).count();
  if (json()) {
    json_value all{{"topic", written.topic}, {"records", written.records},
      {"bytes", written.bytes}, {"seconds", seconds},
      {"not_written", written.not_written}, {"unknown", written.unknown},
      {"partitions", json_value::array()}};
    const auto or_null = [](log_offset o) {
      return o.value() < 0 ? json_value(nullptr) : json_value(o.value());
    };
    for (const auto& [id, part] : written.partitions)
      all["partitions"].push_back({{"partition", id.value()}, {"records", part.records},
        {"base_offset", or_null(part.base_offset)},
        {"last_offset", or_null(part.last_offset)}});
    line(dump(all));
    return;
  }
  auto text = escaped(written.topic);
  const auto& all = written.partitions;
  if (all.size() == 1)
    text += '/' + std::to_string(all.begin()->first.value());
  text += "  " + counted(written.records, "record");
  if (all.size() == 1 && all.begin()->second.base_offset.value() >= 0)
    text += " from offset " + std::to_string(all.begin()->second.base_offset.value());
  if (all.size() > 1)
    text += "  " + counted(all.size(), "partition");
  text += fmt::format("  {}  {:.2f} s", counted(written.bytes, "byte"), seconds);
  if (!written.answered)
    text += "  no answer was asked for";
  line(std::move(text));
}

void printer::print(
  const std::string& topic, partition_id partition, const protocol::record_view& record) {
  if (json()) {
    json_value out{{"topic", topic}, {"partition", partition.value()},
      {"offset", record.offset.value()},
      {"timestamp", json_of(std::optional{record.time})}, {"key", json_of(record.key)},
      {"value", json_of(record.value)}, {"headers", json_value::array()}};
    // A list: names may repeat, and their order counts.
    for (const auto& h : record.headers)
      out["headers"].push_back({{"name", json_of(protocol::as_bytes(h.key))},
        {"value", json_of(optional_bytes{h.value})}});
    line(dump(out));
    return;
  }
  line(text_of(record));
}

void printer::print_with_partition(
  const std::string& topic, partition_id partition, const protocol::record_view& record) {
  if (json())
    print(topic, partition, record);
  else
    line(fmt::format("{}\t{}", partition.value(), text_of(record)));
}

void printer::print_with_topic(
  const std::string& topic, partition_id partition, const protocol::record_view& record) {
  if (json())
    print(topic, partition, record);
  else
    line(fmt::format("{}\t{}\t{}", escaped(topic), partition.value(), text_of(record)));
}

void printer::print(const record_format& format, const std::string& topic,
  partition_id partition, const protocol::record_view& record) {
  format.append(buffer_, topic, partition, record);
  append({});
}

void printer::print(const listed_offset& found, const std::string& at) {
  if (json()) {
    line(dump({{"topic", found.topic}, {"partition", found.partition.value()}, {"at", at},
      {"offset", json_of(found.offset)}, {"timestamp", json_of(found.time)}}));
  } else {
    line(fmt::format("{}/{}  {}  {}{}", escaped(found.topic), found.partition.value(), at,
      number_or_dash(found.offset),
      found.time ? "  " + text_of(found.time) : std::string{}));
  }
}

void printer::print(const supported_versions& versions) {
  for (const auto& api : versions.apis) {
    if (json())
      line(dump({{"key", static_cast<int>(api.key)}, {"name", name(api.key)},
        {"min", api.min}, {"max", api.max}}));
    else
      line(fmt::format("{:>3}  {}  {} to {}", static_cast<int>(api.key), name(api.key),
        api.min, api.max));
  }
}

void printer::print_name(const topic_info& topic) {
  if (json())
    line(dump({{"name", topic.name}, {"partitions", topic.partitions.size()},
      {"internal", topic.internal}}));
  else
    line(fmt::format(
      "{}  {}", escaped(topic.name), counted(topic.partitions.size(), "partition")));
}

void printer::print(const topic_result& topic, const std::string& done) {
  if (json())
    line(dump({{"name", topic.name}, {"error", json_of(topic.status)},
      {"message",
        topic.message.empty() ? json_value(nullptr) : json_value(topic.message)}}));
  else if (topic.status == error_code::none)
    line(escaped(topic.name) + "  " + done);
}

void printer::print(const found_coordinator& found) {
  if (json())
    line(dump({{"key", found.key}, {"broker", found.id.value()},
      {"host", found.address.host}, {"port", found.address.port}}));
  else
    line(fmt::format("{}  broker {}  {}", escaped(found.key), found.id.value(),
      escaped(to_string(found.address))));
}

void printer::print(const joined_group& joined) {
  if (json()) {
    json_value all{{"group", joined.group}, {"generation", joined.generation},
      {"protocol_type", joined.protocol_type}, {"protocol", joined.protocol_name},
      {"leader", joined.leader}, {"member_id", joined.member_id},
      {"members", json_value::array()}};
    for (const auto& m : joined.members) {
      json_value member{{"member_id", m.member_id},
        {"instance_id", json_of(m.group_instance_id)}, {"topics", nullptr},
        {"metadata", json_of(protocol::as_bytes(m.metadata))}};
      if (const auto topics = topics_of(joined.protocol_type, m.metadata))
        member["topics"] = *topics;
      all["members"].push_back(std::move(member));
    }
    line(dump(all));
    return;
  }
  line(fmt::format("{}  generation {}  protocol {}  member {}{}", escaped(joined.group),
    joined.generation, escaped(joined.protocol_name), escaped(joined.member_id),
    joined.is_leader() ? "  leads" : "  leader " + escaped(joined.leader)));
  for (const auto& m : joined.members) {
    const auto topics = topics_of(joined.protocol_type, m.metadata);
    line(fmt::format("  member {}{}  {}", escaped(m.member_id),
      m.group_instance_id ? "  instance " + escaped(*m.group_instance_id) : "",
      topics ? "reads " + listed(*topics) : "says " + escaped(m.metadata)));
  }
}

void printer::print(const synced_group& synced) {
  const auto places = places_of(synced.protocol_type, synced.assignment);
  if (json()) {
    json_value all{{"protocol_type", synced.protocol_type},
      {"protocol", synced.protocol_name}, {"partitions", nullptr},
      {"assignment", json_of(protocol::as_bytes(synced.assignment))}};
    if (places)
      all["partitions"] = *places;
    line(dump(all));
  } else {
    line(places ? "reads " + listed(*places) : "is told " + escaped(synced.assignment));
  }
}

void printer::print(const heartbeat& answered) {
  if (json())
    line(dump({{"group", answered.group}, {"generation", answered.generation},
      {"member_id", answered.member_id}}));
  else
    line(fmt::format("{}  generation {}  member {} is in", escaped(answered.group),
      answered.generation, escaped(answered.member_id)));
}

void printer::print(const left_member& member) {
  if (json())
    line(dump({{"member_id", member.member_id},
      {"instance_id", json_of(member.group_instance_id)},
      {"error", json_of(member.status)}}));
  else if (member.status == error_code::none)
    line(fmt::format(
      "{}  has left", escaped(member.group_instance_id.value_or(member.member_id))));
}

void printer::print(const fetched_offset& found) {
  if (json())
    line(dump({{"topic", found.topic}, {"partition", found.partition.value()},
      {"offset", json_of(found.offset)}, {"metadata", found.metadata}}));
  else
    line(fmt::format("{}  {}{}", escaped(place(found.topic, found.partition)),
      number_or_dash(found.offset),
      found.metadata.empty() ? "" : "  " + escaped(found.metadata)));
}

void printer::print(const offset_to_commit& kept) {
  print(
    fetched_offset{kept.topic, kept.partition, kept.offset, kept.epoch, kept.metadata});
}

} // namespace cafka::cli
