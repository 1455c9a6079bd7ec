#include "worker_fixture.hpp"

#include <cafka/protocol/messages/api_versions.hpp>
#include <cafka/protocol/messages/list_offsets.hpp>
#include <cafka/protocol/messages/metadata.hpp>
#include <cafka/protocol/messages/produce.hpp>
#include <cafka/supervision/caf_compat.hpp>
#include <cafka/supervision/supervisor.hpp>

#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>

namespace cafka::testing {

namespace {

using protocol::api_key;

bytes flattened(const result<protocol::frame>& f) {
  bytes all;
  if (f)
    for (const auto& part : f->parts)
      all.insert(all.end(), part.view().begin(), part.view().end());
  return all;
}

protocol::request_header header_of(const bytes& request) {
  protocol::reader in{protocol::byte_view{request}};
  return read_request_header(in);
}

bool register_message_types() {
  caf::init_global_meta_objects<caf::id_block::cafka_supervision>();
  caf::init_global_meta_objects<caf::id_block::cafka>();
  caf::init_global_meta_objects<caf::id_block::cafka_operations>();
  caf::core::init_global_meta_objects();
  return true;
}

caf::actor_system_config& with_threads(caf::actor_system_config& config) {
  static const bool registered = register_message_types();
  static_cast<void>(registered);
  config.set("caf.scheduler.policy", "sharing");
  config.set("caf.scheduler.max-threads", std::size_t{2});
  return config;
}

/// Asks and blocks; long enough for any deadline of the tests.
template <class Reply, class Request>
result<Reply> ask_worker(
  caf::actor_system& system, const worker_actor& w, Request request) {
  caf::scoped_actor self{system};
  result<Reply> outcome;
  ask(self, w, std::chrono::seconds{60}, std::move(request))
    .receive([&](result<Reply>& r) { outcome = std::move(r); },
      [&](caf::error& e) {
        outcome = error{error_code::worker_down, to_string(e)};
      });
  return outcome;
}

} // namespace

// -- an honest broker -------------------------------------------------------------------

api_key honest_broker::key_of(const bytes& request) {
  return header_of(request).key;
}

std::int32_t honest_broker::correlation_id_of(const bytes& request) {
  return header_of(request).correlation_id;
}

std::optional<bytes> honest_broker::answer(const bytes& request) const {
  protocol::reader in{protocol::byte_view{request}};
  const auto header = read_request_header(in);
  const auto respond = [&](const auto& response) {
    return flattened(
      protocol::encode_response(response, header.version, header.correlation_id));
  };
  switch (header.key) {
  case api_key::api_versions: {
    protocol::api_versions_response response;
    response.api_keys = {{0, 3, 9}, {1, 4, 12}, {2, 1, 7}, {3, 0, 12}, {18, 0, 4}};
    return respond(response);
  }
  case api_key::metadata: {
    protocol::metadata_request asked;
    decode(in, asked, header.version);
    protocol::metadata_response response;
    response.brokers.push_back({1, address_.host, address_.port, std::nullopt});
    response.controller_id = 1;
    response.cluster_id = "scripted";
    if (asked.topics) {
      for (const auto& wanted : *asked.topics) {
        auto& topic = response.topics.emplace_back();
        topic.name = wanted.name;
        auto& partition = topic.partitions.emplace_back();
        partition.leader_id = 1;
        partition.replica_nodes = {1};
        partition.isr_nodes = {1};
      }
    }
    return respond(response);
  }
  case api_key::list_offsets: {
    protocol::list_offsets_request asked;
    decode(in, asked, header.version);
    protocol::list_offsets_response response;
    for (const auto& wanted : asked.topics) {
      auto& topic = response.topics.emplace_back();
      topic.name = wanted.name;
      auto& partition = topic.partitions.emplace_back();
      partition.offset = 42;
    }
    return respond(response);
  }
  case api_key::produce: {
    protocol::produce_request asked;
    decode(in, asked, header.version);
    if (asked.acks == 0)
      return std::nullopt;
    protocol::produce_response response;
    for (const auto& wanted : asked.topic_data) {
      auto& topic = response.responses.emplace_back();
      topic.name = wanted.name;
      topic.partition_responses.emplace_back().base_offset = 7;
    }
    return respond(response);
  }
  default: return std::nullopt;
  }
}

// -- a peer -----------------------------------------------------------------------------

scripted_broker::scripted_broker(
  script misbehave, std::size_t misbehaving, scripted_peer::settings how)
  : script_(std::move(misbehave)),
    misbehaving_(misbehaving),
    peer_([this](session& s) { serve(s); }, std::move(how)) {
  honest_.emplace(peer_.address());
  ready_ = true;
  ready_.notify_all();
}

void scripted_broker::serve(session& s) {
  // The peer accepts before its own constructor, and with it its address, is done.
  ready_.wait(false);
  if (s.number() < misbehaving_ && !honest_->reformed()) {
    script_(s, *honest_);
    return;
  }
  while (const auto request = s.read_frame()) {
    const auto answer = honest_->answer(*request);
    if (answer && !s.send(*answer))
      return;
  }
}

std::size_t scripted_broker::asked(api_key key) const {
  const auto all = peer_.frames();
  return static_cast<std::size_t>(std::ranges::count_if(
    all, [&](const auto& f) { return honest_broker::key_of(f) == key; }));
}

// -- workers ----------------------------------------------------------------------------

worker_fixture::worker_fixture()
  : system(with_threads(config)),
    factory(std::make_shared<actors::asio_transport_factory>(1)) {
}

worker_fixture::~worker_fixture() {
  for (const auto& w : workers)
    stop(w);
  factory->stop(20s);
}

void worker_fixture::stop(const worker_actor& w) {
  post_exit(w, caf::exit_reason::user_shutdown);
  caf::scoped_actor self{system};
  self->wait_for(w);
}

worker_actor worker_fixture::worker(std::vector<protocol::endpoint> uris) {
  actors::connection_options options;
  options.name = "w";
  options.brokers = std::move(uris);
  options.initial_topics = {"topic"};
  options.socket_timeout = 1'000ms;
  options.unknown_topic_wait = 100ms;
  options.reconnect_backoff = 2ms;
  options.reconnect_backoff_max = 50ms;
  options.retry_backoff = 2ms;
  options.retry_backoff_max = 50ms;
  options.transport.connect_timeout = 500ms;
  workers.push_back(actors::spawn_worker(system, std::move(options), factory));
  return workers.back();
}

result<listed_offset> worker_fixture::latest(
  const worker_actor& w, milliseconds deadline) {
  list_offsets request;
  request.topic = "topic";
  request.deadline = deadline;
  return ask_worker<listed_offset>(system, w, std::move(request));
}

result<produced> worker_fixture::produce_one(
  const worker_actor& w, milliseconds deadline, std::int16_t acks) {
  produce request;
  request.topic = "topic";
  request.records = {{.value = "value"}};
  request.required_acks = acks;
  request.deadline = deadline;
  return ask_worker<produced>(system, w, std::move(request));
}

result<worker_status> worker_fixture::status(const worker_actor& w) {
  return ask_worker<worker_status>(system, w, get_status{});
}

} // namespace cafka::testing
