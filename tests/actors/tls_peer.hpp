#pragma once

#include "certificates.hpp"
#include "scripted_peer.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

struct ssl_st;
struct ssl_ctx_st;

namespace cafka::testing {

/// How a TLS peer is set up.
struct tls_peer_settings {
  identity who;
  /// Demands certificates of clients, signed by this CA; empty: it does not.
  std::string client_ca = {};
  /// 2 or 3, for TLS 1.2 or 1.3; 1 for TLS 1.1.
  int min_version = 2;
  int max_version = 3;
  /// Of TLS 1.2.
  std::string ciphers = {};
  scripted_peer::settings socket = {};
};

/// The peer's side of one TLS connection.
class tls_session {
public:
  tls_session(scripted_peer::session& under, ssl_ctx_st* context);

  [[nodiscard]] std::size_t number() const { return under_.number(); }
  [[nodiscard]] scripted_peer::session& under() { return under_; }

  /// The handshake; false when it fails.
  bool accept();
  /// "TLSv1.2" or "TLSv1.3".
  [[nodiscard]] std::string version() const;
  /// The name that the client asked for; empty: none.
  [[nodiscard]] std::string asked_name() const;
  /// The subject of the client's certificate; empty: none.
  [[nodiscard]] std::string client_name() const;
  /// Whether the client has said that nothing more comes.
  [[nodiscard]] bool told_of_end() const;

  /// Reads so many bytes; false when the connection or the time is at its end.
  bool read_exactly(std::span<std::byte> out);
  std::optional<bytes> read_frame();
  bool send(protocol::byte_view data);
  bool send_frame(protocol::byte_view payload);
  /// Changes the keys, and asks the client to.
  bool update_keys();
  /// Asks for another handshake, which TLS 1.2 knows.
  bool ask_to_renegotiate();
  /// Says that nothing more comes.
  void say_end();
  bool wait_until_closed();

private:
  /// Waits for what OpenSSL wants; false when there is nothing to wait for.
  bool wait(int returned);

  scripted_peer::session& under_;
  std::shared_ptr<ssl_st> ssl_;
};

/// A scripted peer that speaks TLS.
class tls_peer {
public:
  using script = std::function<void(tls_session&)>;

  /// The script runs once the handshake is done.
  tls_peer(tls_peer_settings settings, script s);

  [[nodiscard]] scripted_peer& peer() { return *peer_; }
  [[nodiscard]] protocol::endpoint address() const { return peer_->address(); }
  /// By the name that its certificate has.
  [[nodiscard]] protocol::endpoint by_name() const {
    return {"localhost", peer_->port()};
  }
  /// From the next connection on.
  void show(const identity& who);

  static script echoes();
  static script silent();

private:
  std::shared_ptr<ssl_ctx_st> context_;
  std::mutex mutex_;
  std::unique_ptr<scripted_peer> peer_;
};

} // namespace cafka::testing
