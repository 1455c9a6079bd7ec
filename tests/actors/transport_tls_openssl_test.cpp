#include "certificates.hpp"
#include "transport_fixture.hpp"
#include <cafka/actors/transport/tls.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <array>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace cafka::testing;
using cafka::ssl_options;
using cafka::actors::tls_context;
using cafka::protocol::error_code;
using Catch::Matchers::ContainsSubstring;

extern char** environ;

namespace {

/// `openssl s_server`: what comes is on its output, and what is put into its input goes.
class openssl_server {
public:
  explicit openssl_server(std::vector<std::string> options) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
    const owned_fd its_in{in[0]};
    const owned_fd its_out{out[1]};
    in_ = owned_fd{in[1]};
    out_ = owned_fd{out[0]};
    std::vector<std::string> command{
      "openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1"};
    command.insert(command.end(), options.begin(), options.end());
    std::vector<char*> arguments;
    for (auto& word : command)
      arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, its_in.get(), 0);
    posix_spawn_file_actions_adddup2(&actions, its_out.get(), 1);
    posix_spawn_file_actions_adddup2(&actions, its_out.get(), 2);
    REQUIRE(
      ::posix_spawnp(&id_, "openssl", &actions, nullptr, arguments.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    const std::string mark = "ACCEPT 127.0.0.1:";
    INFO(said_);
    REQUIRE(wait_for(mark));
    REQUIRE(wait_for("\n", said_.find(mark)));
    port_ =
      static_cast<std::uint16_t>(std::stoi(said_.substr(said_.find(mark) + mark.size())));
  }

  ~openssl_server() {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }

  openssl_server(const openssl_server&) = delete;
  openssl_server& operator=(const openssl_server&) = delete;

  [[nodiscard]] cafka::protocol::endpoint address() const { return {"localhost", port_}; }

  /// Whether it says so in time.
  bool wait_for(const std::string& text, std::size_t from = 0) {
    while (said_.find(text, from) == std::string::npos) {
      pollfd readable{out_.get(), POLLIN, 0};
      std::array<char, 4096> buffer;
      if (::poll(&readable, 1, 20'000) <= 0)
        return false;
      const auto count = ::read(out_.get(), buffer.data(), buffer.size());
      if (count <= 0)
        return false;
      said_.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return true;
  }

  /// Until it is taken: what is read at once is one command, or data.
  void say(std::string_view text) {
    REQUIRE(
      ::write(in_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    const auto until = std::chrono::steady_clock::now() + 20s;
    int left = 1;
    while (left != 0 && std::chrono::steady_clock::now() < until) {
      REQUIRE(::ioctl(in_.get(), FIONREAD, &left) == 0);
      std::this_thread::yield();
    }
    CHECK(left == 0);
  }

private:
  pid_t id_ = -1;
  std::uint16_t port_ = 0;
  owned_fd in_;
  owned_fd out_;
  std::string said_;
};

struct openssl_stage {
  authority ca{"cafka test CA"};
  scratch_folder files;
  ssl_options options{.cacertfile = files.write("ca.crt", ca.certificate())};
  transport_fixture f{
    1, [](const std::string&) { return std::vector<std::string>{"127.0.0.1"}; }};

  std::vector<std::string> server(
    const identity& who, std::vector<std::string> more = {}) {
    std::vector<std::string> all{"-cert", files.write("server.crt", who.certificate),
      "-key", files.write("server.key", who.key)};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  transport_options transport() {
    transport_options how;
    auto made = tls_context::make(options);
    INFO(to_string(made.error()));
    REQUIRE(made);
    how.tls = *made;
    return how;
  }
};

} // namespace

TEST_CASE("openssl s_server takes frames, sends some, and changes its keys meanwhile") {
  const std::string version = GENERATE("-tls1_2", "-tls1_3");
  openssl_stage s;
  openssl_server server{s.server(s.ca.issue(), {version})};
  wired_owner l{s.f, server.address(), s.transport()};
  REQUIRE(l.box->wait_up());
  l.send(as_bytes("a frame for openssl"));
  CHECK(server.wait_for("a frame for openssl"));
  server.say(std::string{"\0\0\0\5hello", 9});
  REQUIRE(l.box->wait_frames(1));
  CHECK(l.box->frames()[0].text() == "hello");
  if (version == "-tls1_3") {
    // Ours, and then its own that asks for ours.
    server.say("k\n");
    server.say("K\n");
    server.say(std::string{"\0\0\0\5again", 9});
    REQUIRE(l.box->wait_frames(2));
    CHECK(l.box->frames()[1].text() == "again");
    l.send(as_bytes("after new keys"));
    CHECK(server.wait_for("after new keys"));
  }
  server.say("q\n");
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::disconnected);
}

TEST_CASE("openssl s_server sees the client's certificate, and the name asked for") {
  openssl_stage s;
  const auto client = s.ca.issue({.name = "the client", .hosts = {}});
  s.options.certfile = s.files.write("client.pem", client.certificate + client.key);
  openssl_server server{s.server(s.ca.issue(),
    {"-CAfile", s.options.cacertfile, "-Verify", "3", "-verify_return_error",
      "-servername", "localhost", "-cert2", s.files.path("server.crt"), "-key2",
      s.files.path("server.key")})};
  wired_owner l{s.f, server.address(), s.transport()};
  REQUIRE(l.box->wait_up());
  CHECK(server.wait_for("CN = the client"));
  CHECK(server.wait_for("Hostname in TLS extension: \"localhost\""));
  l.send(as_bytes("hello"));
  CHECK(server.wait_for("hello"));
}

TEST_CASE("openssl s_server without the certificate that it demands is told as such") {
  const std::string version = GENERATE("-tls1_2", "-tls1_3");
  openssl_stage s;
  openssl_server server{s.server(s.ca.issue(),
    {version, "-CAfile", s.options.cacertfile, "-Verify", "3", "-verify_return_error"})};
  wired_owner l{s.f, server.address(), s.transport()};
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::tls_failed);
  CHECK_THAT(l.box->reason().detail,
    ContainsSubstring(
      "a client certificate, and there is none: set certfile and keyfile"));
}

TEST_CASE("openssl s_server of another CA or of another name is refused") {
  const bool misnamed = GENERATE(true, false);
  openssl_stage s;
  const authority other{"some other CA"};
  openssl_server server{
    s.server(misnamed ? s.ca.issue({.hosts = "DNS:elsewhere"}) : other.issue())};
  wired_owner l{s.f, server.address(), s.transport()};
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::tls_failed);
  CHECK_THAT(l.box->reason().detail,
    ContainsSubstring(misnamed ? "is for elsewhere and not for localhost"
                               : "an unknown CA (CN=some other"));
}
