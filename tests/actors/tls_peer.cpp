#include "tls_peer.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>

namespace cafka::testing {

namespace {

void require(bool fine, const char* what) {
  if (!fine)
    throw std::runtime_error(what);
}

using bio_ptr = std::unique_ptr<BIO, decltype(&BIO_free)>;

bio_ptr reader_of(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

void use(SSL_CTX* context, const identity& who) {
  const auto certificates = reader_of(who.certificate);
  SSL_CTX_clear_chain_certs(context);
  bool first = true;
  while (auto* one = PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr)) {
    require((first ? SSL_CTX_use_certificate(context, one)
                   : SSL_CTX_add1_chain_cert(context, one))
        == 1,
      "no certificate");
    X509_free(one);
    first = false;
  }
  const auto in = reader_of(who.key);
  auto* key = PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr);
  require(SSL_CTX_use_PrivateKey(context, key) == 1, "no key");
  EVP_PKEY_free(key);
  ERR_clear_error();
}

int version_number(int minor) {
  return minor == 1 ? TLS1_1_VERSION : minor == 2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

std::shared_ptr<SSL_CTX> context_of(const tls_peer_settings& settings) {
  std::shared_ptr<SSL_CTX> made{SSL_CTX_new(TLS_server_method()), &SSL_CTX_free};
  auto* context = made.get();
  require(context != nullptr, "no context");
  SSL_CTX_set_min_proto_version(context, version_number(settings.min_version));
  SSL_CTX_set_max_proto_version(context, version_number(settings.max_version));
  // OpenSSL has TLS 1.1 only without any security.
  if (settings.min_version == 1)
    SSL_CTX_set_security_level(context, 0);
  if (!settings.ciphers.empty())
    require(SSL_CTX_set_cipher_list(context, settings.ciphers.c_str()) == 1, "no cipher");
  SSL_CTX_set_mode(
    context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  use(context, settings.who);
  if (!settings.client_ca.empty()) {
    const auto in = reader_of(settings.client_ca);
    auto* ca = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca);
    X509_free(ca);
    SSL_CTX_set_verify(
      context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return made;
}

} // namespace

tls_session::tls_session(scripted_peer::session& under, ssl_ctx_st* context)
  : under_(under), ssl_(SSL_new(context), &SSL_free) {
  // OpenSSL writes to sockets that are closed; only here, so that cafka's own threads
  // would be killed for it.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  ::fcntl(under.fd(), F_SETFL, O_NONBLOCK);
  SSL_set_fd(ssl_.get(), under.fd());
  SSL_set_accept_state(ssl_.get());
}

bool tls_session::wait(int returned) {
  const auto what = SSL_get_error(ssl_.get(), returned);
  ERR_clear_error();
  return (what == SSL_ERROR_WANT_READ && under_.ready(POLLIN))
    || (what == SSL_ERROR_WANT_WRITE && under_.ready(POLLOUT));
}

bool tls_session::accept() {
  int returned = 0;
  do
    returned = SSL_do_handshake(ssl_.get());
  while (returned != 1 && wait(returned));
  return returned == 1;
}

std::string tls_session::version() const {
  return SSL_get_version(ssl_.get());
}

std::string tls_session::asked_name() const {
  const auto* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

std::string tls_session::client_name() const {
  const std::unique_ptr<X509, decltype(&X509_free)> shown{
    SSL_get1_peer_certificate(ssl_.get()), &X509_free};
  if (shown == nullptr)
    return {};
  std::array<char, 200> text{};
  X509_NAME_get_text_by_NID(
    X509_get_subject_name(shown.get()), NID_commonName, text.data(), text.size());
  return text.data();
}

bool tls_session::told_of_end() const {
  return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
}

bool tls_session::read_exactly(std::span<std::byte> out) {
  while (!out.empty()) {
    const auto count = SSL_read(ssl_.get(), out.data(), static_cast<int>(out.size()));
    if (count > 0)
      out = out.subspan(static_cast<std::size_t>(count));
    else if (!wait(count))
      return false;
  }
  return true;
}

std::optional<bytes> tls_session::read_frame() {
  std::array<std::byte, 4> prefix;
  if (!read_exactly(prefix))
    return std::nullopt;
  std::uint32_t size = 0;
  for (const auto b : prefix)
    size = size << 8 | std::to_integer<std::uint32_t>(b);
  bytes payload(size);
  if (!read_exactly(payload))
    return std::nullopt;
  under_.note(payload);
  return payload;
}

bool tls_session::send(protocol::byte_view data) {
  while (!data.empty()) {
    const auto count = SSL_write(ssl_.get(), data.data(), static_cast<int>(data.size()));
    if (count > 0)
      data = data.subspan(static_cast<std::size_t>(count));
    else if (!wait(count))
      return false;
  }
  return true;
}

bool tls_session::send_frame(protocol::byte_view payload) {
  return send(framed(payload));
}

bool tls_session::update_keys() {
  return SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) == 1;
}

bool tls_session::ask_to_renegotiate() {
  return SSL_renegotiate(ssl_.get()) == 1 && SSL_do_handshake(ssl_.get()) == 1;
}

void tls_session::say_end() {
  SSL_shutdown(ssl_.get());
}

bool tls_session::wait_until_closed() {
  std::array<std::byte, 4096> dropped;
  int count = 0;
  do
    count = SSL_read(ssl_.get(), dropped.data(), dropped.size());
  while (count > 0 || wait(count));
  return under_.wait_until_closed();
}

tls_peer::tls_peer(tls_peer_settings settings, script s)
  : context_(context_of(settings)) {
  peer_ = std::make_unique<scripted_peer>(
    [this, s = std::move(s)](scripted_peer::session& under) {
      std::unique_lock lock{mutex_};
      tls_session session{under, context_.get()};
      lock.unlock();
      if (session.accept())
        s(session);
    },
    settings.socket);
}

void tls_peer::show(const identity& who) {
  const std::lock_guard lock{mutex_};
  use(context_.get(), who);
}

tls_peer::script tls_peer::echoes() {
  return [](tls_session& s) {
    while (const auto frame = s.read_frame())
      if (!s.send_frame(*frame))
        return;
  };
}

tls_peer::script tls_peer::silent() {
  return [](tls_session& s) { s.wait_until_closed(); };
}

} // namespace cafka::testing
