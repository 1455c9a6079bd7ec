#include "fixture_kafka.hpp"

#include <cafka/protocol/messages/create_topics.hpp>
#include <cafka/protocol/messages/metadata.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace cafka::testing {

namespace {

/// A file without a name that a program reads from or writes to.
class scratch_file {
public:
  explicit scratch_file(std::string_view content = {}) : file_(std::tmpfile()) {
    REQUIRE(file_ != nullptr);
    REQUIRE(std::fwrite(content.data(), 1, content.size(), file_) == content.size());
    std::rewind(file_);
  }
  ~scratch_file() { std::fclose(file_); }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;

  [[nodiscard]] int descriptor() const { return fileno(file_); }

  [[nodiscard]] std::string content() const {
    std::string all;
    std::rewind(file_);
    std::array<char, 4096> part;
    while (const auto count = std::fread(part.data(), 1, part.size(), file_))
      all.append(part.data(), count);
    return all;
  }

private:
  std::FILE* file_;
};

constexpr auto socket_timeout_s = 60;

} // namespace

finished run_program(std::vector<std::string> command, std::string_view input) {
  command.insert(command.begin(), {"timeout", "600"});
  std::vector<char*> arguments;
  for (auto& word : command)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const scratch_file in{input};
  const scratch_file out;
  const scratch_file err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.descriptor(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.descriptor(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.descriptor(), STDERR_FILENO);
  pid_t child = 0;
  const auto failed = ::posix_spawnp(
    &child, arguments.front(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  REQUIRE(failed == 0);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    REQUIRE(errno == EINTR);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out.content(), err.content()};
}

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> all;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    all.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return all;
}

// -- one socket -------------------------------------------------------------------------

raw_connection::raw_connection(const endpoint& broker) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  REQUIRE(::getaddrinfo(
            broker.host.c_str(), std::to_string(broker.port).c_str(), &hints, &found)
    == 0);
  fd_ = ::socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
  const timeval time{socket_timeout_s, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  const auto failed = ::connect(fd_, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  INFO("connecting to " << to_string(broker));
  REQUIRE(failed == 0);
}

raw_connection::~raw_connection() {
  ::close(fd_);
}

protocol::shared_bytes raw_connection::exchange(const protocol::frame& request) {
  for (const auto& part : request.parts)
    REQUIRE(::send(fd_, part.data(), part.size(), MSG_NOSIGNAL)
      == static_cast<ssize_t>(part.size()));
  const auto read = [this](std::size_t size) {
    std::vector<std::byte> bytes(size);
    REQUIRE(::recv(fd_, bytes.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size));
    return protocol::shared_bytes::from(std::move(bytes));
  };
  const auto prefix = read(4);
  protocol::reader length{prefix};
  return read(static_cast<std::size_t>(length.i32()));
}

// -- the cluster ------------------------------------------------------------------------

kafka_cluster::kafka_cluster() {
  const auto* list = std::getenv("CAFKA_KAFKA");
  if (list == nullptr || std::getenv("CAFKA_KAFKA_DIR") == nullptr)
    FAIL(
      "CAFKA_KAFKA must hold the bootstrap list of a cluster that `scripts/kafka up 3` "
      "started, and CAFKA_KAFKA_DIR its directory");
  brokers_ = list;
  endpoints_ = REQUIRE_VALUE(protocol::parse_endpoints(brokers_));
  REQUIRE(endpoints_.size() == 3);
}

kafka_cluster::~kafka_cluster() {
  if (paused_)
    static_cast<void>(
      run_program({CAFKA_KAFKA_SCRIPT, "resume", std::to_string(paused_->value())}));
  if (killed_)
    static_cast<void>(
      run_program({CAFKA_KAFKA_SCRIPT, "start", std::to_string(killed_->value())}));
  if (all_killed_)
    control_all("start");
}

std::string kafka_cluster::brokers(const std::string& listener) {
  const auto said =
    run_program({CAFKA_KAFKA_SCRIPT, "bootstrap", "--listener", listener});
  INFO(said.out << said.err);
  REQUIRE(said.status == 0);
  return lines(said.out).back();
}

std::string kafka_cluster::certificate(const std::string& name) {
  const auto said = run_program({CAFKA_KAFKA_SCRIPT, "tls"});
  INFO(said.out << said.err);
  REQUIRE(said.status == 0);
  return lines(said.out).back() + '/' + name;
}

// A broker that a test has paused or killed takes part again a moment after it runs
// again. A topic made before that moment would begin without it: led by another broker
// than its first one, and for minutes, until the controller balances the leaders.
void kafka_cluster::wait_until_whole() {
  for (const auto& broker : endpoints_) {
    raw_connection one{broker};
    REQUIRE(eventually([&] {
      return one.ask(protocol::metadata_request{}, 12).brokers.size()
        == endpoints_.size();
    }));
  }
}

bool kafka_cluster::is_placed(const std::string& topic, std::int32_t partitions) {
  protocol::metadata_request who;
  who.topics.emplace().emplace_back().name = topic;
  who.allow_auto_topic_creation = false;
  return std::ranges::all_of(endpoints_, [&](const endpoint& broker) {
    raw_connection one{broker};
    return eventually(
      [&] {
        const auto told = one.ask(who, 12);
        return told.topics.size() == 1
          && told.topics[0].partitions.size() == static_cast<std::size_t>(partitions)
          && std::ranges::all_of(told.topics[0].partitions, [](const auto& p) {
               return p.leader_id == first_leader(p.partition_index)
                 && p.isr_nodes.size() == 3;
             });
      },
      milliseconds{10'000});
  });
}

std::string kafka_cluster::create_topic(const std::string& prefix,
  std::int32_t partitions, const std::map<std::string, std::string>& settings) {
  protocol::create_topics_request request;
  auto& topic = request.topics.emplace_back();
  topic.num_partitions = -1;
  topic.replication_factor = -1;
  for (std::int32_t p = 0; p != partitions; ++p)
    topic.assignments.push_back({p, {p % 3 + 1, (p + 1) % 3 + 1, (p + 2) % 3 + 1}});
  for (const auto& [name, value] : settings)
    topic.configs.push_back({name, value});
  // Once more where the controller has taken a broker for dead after all.
  REQUIRE(eventually([&] {
    wait_until_whole();
    topic.name = unique_name(prefix);
    raw_connection any{endpoints_.front()};
    const auto made = any.ask(request, 7);
    REQUIRE(made.topics.size() == 1);
    INFO(made.topics[0].error_message.value_or(""));
    // A name of our own that exists already: the answer to an earlier try was lost.
    if (made.topics[0].error_code != error_code::topic_already_exists)
      REQUIRE(made.topics[0].error_code == error_code::none);
    return is_placed(topic.name, partitions);
  }));
  return topic.name;
}

void kafka_cluster::control(const std::string& what, broker_id id) {
  const auto done = run_program({CAFKA_KAFKA_SCRIPT, what, std::to_string(id.value())});
  INFO(done.out << done.err);
  REQUIRE(done.status == 0);
}

void kafka_cluster::kill(broker_id id) {
  killed_ = id;
  control("kill", id);
}

void kafka_cluster::start(broker_id id) {
  control("start", id);
  killed_.reset();
}

void kafka_cluster::kill_all() {
  all_killed_ = true;
  control_all("kill");
}

void kafka_cluster::start_all() {
  control_all("start");
  all_killed_ = false;
}

// Together, since none of them answers before there are two; by a shell, since Catch2's
// assertions, which `run_program` makes, are for one thread.
void kafka_cluster::control_all(const std::string& what) {
  const auto done = run_program({"sh", "-c",
    R"(for id in 1 2 3; do "$0" "$1" $id & pids="$pids $!"; done
       status=0; for pid in $pids; do wait $pid || status=1; done; exit $status)",
    CAFKA_KAFKA_SCRIPT, what});
  INFO(done.out << done.err);
  CHECK(done.status == 0);
}

void kafka_cluster::pause(broker_id id) {
  paused_ = id;
  control("pause", id);
}

void kafka_cluster::resume(broker_id id) {
  control("resume", id);
  paused_.reset();
}

finished kafka_cluster::tool(
  std::vector<std::string> command, std::string_view input) const {
  command.insert(command.begin(), {CAFKA_KAFKA_SCRIPT, "tool"});
  return run_program(std::move(command), input);
}

} // namespace cafka::testing
