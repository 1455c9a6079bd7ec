#include "file_text.hpp"
#include "resolver.hpp"
#include "tls.hpp"
#include "tls_errors.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <new>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace cafka::actors {

namespace detail {

void tls_free::operator()(ssl_st* s) const {
  SSL_free(s);
}

void tls_free::operator()(ssl_ctx_st* s) const {
  SSL_CTX_free(s);
}

} // namespace detail

namespace {

using protocol::error;
using protocol::error_code;
using protocol::result;
using protocol::secret;

template <class T, auto Free>
struct freed_by {
  void operator()(T* x) const { Free(x); }
};
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO, &BIO_free_all>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<X509, &X509_free>>;
using crl_ptr = std::unique_ptr<X509_CRL, freed_by<X509_CRL, &X509_CRL_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY, &EVP_PKEY_free>>;
using context_ptr = std::unique_ptr<ssl_ctx_st, detail::tls_free>;

/// An option with its value, and what is wrong with it.
error wrong(const std::string& option, const std::string& value, const std::string& why) {
  return {
    error_code::invalid_argument, "ssl_options." + option + " = " + value + ": " + why};
}

/// What tells a changed file from what it was.
std::string stamp_of(const char* path) {
  struct stat s {};
  if (path == nullptr || ::stat(path, &s) != 0)
    return "-;";
  std::string text;
  for (const auto number : {static_cast<long>(s.st_dev), static_cast<long>(s.st_ino),
         static_cast<long>(s.st_size), static_cast<long>(s.st_mtim.tv_sec),
         static_cast<long>(s.st_mtim.tv_nsec), static_cast<long>(s.st_ctim.tv_sec),
         static_cast<long>(s.st_ctim.tv_nsec)})
    text += std::to_string(number) + ',';
  return text + ';';
}

std::string stamps_of(const ssl_options& options) {
  std::string text;
  for (const auto* path : {&options.cacertfile, &options.cacertdir, &options.certfile,
         &options.keyfile, &options.password_file, &options.crlfile})
    text += path->empty() ? "" : stamp_of(path->c_str());
  if (options.cacertfile.empty() && options.cacertdir.empty()) {
    text += stamp_of(X509_get_default_cert_file());
    text += stamp_of(X509_get_default_cert_dir());
  }
  return text;
}

result<std::string> text_of(const std::string& option, const std::string& path) {
  constexpr std::size_t largest = 16 << 20;
  auto text = file_text(path, largest);
  if (!text)
    return wrong(option, path, text.error().detail);
  return text;
}

bio_ptr reader_of(const std::string& text) {
  return bio_ptr{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

/// What OpenSSL asks when a key is encrypted. Without it it would ask the terminal.
struct password_source {
  const secret& password;
  bool asked = false;

  static int give(char* out, int size, int, void* source) {
    auto& self = *static_cast<password_source*>(source);
    self.asked = true;
    const auto text = self.password.reveal();
    if (text.empty() || text.size() > static_cast<std::size_t>(size))
      return -1;
    std::memcpy(out, text.data(), text.size());
    return static_cast<int>(text.size());
  }
};

/// All certificates of a file, at least one.
result<std::vector<certificate_ptr>> certificates_of(
  const std::string& option, const std::string& path) {
  const auto text = text_of(option, path);
  if (!text)
    return text.error();
  const auto in = reader_of(*text);
  const secret none;
  password_source no_password{none};
  std::vector<certificate_ptr> all;
  ERR_clear_error();
  while (auto* one =
           PEM_read_bio_X509(in.get(), nullptr, &password_source::give, &no_password))
    all.emplace_back(one);
  const auto last = ERR_peek_last_error();
  ERR_clear_error();
  if (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
    return wrong(
      option, path, "its certificate " + std::to_string(all.size() + 1) + " is damaged");
  if (all.empty())
    return wrong(option, path, "holds no certificate in PEM");
  return all;
}

error trust(ssl_ctx_st* context, const ssl_options& options) {
  if (options.cacertfile.empty() && options.cacertdir.empty()) {
    // Where there is none, the handshake says whom it does not know.
    SSL_CTX_set_default_verify_paths(context);
    return {};
  }
  if (!options.cacertfile.empty()) {
    const auto all = certificates_of("cacertfile", options.cacertfile);
    if (!all)
      return all.error();
    for (const auto& one : *all)
      if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get()) != 1)
        return wrong("cacertfile", options.cacertfile, "is not taken by OpenSSL");
  }
  if (!options.cacertdir.empty()) {
    const auto& path = options.cacertdir;
    auto* dir = ::opendir(path.c_str());
    if (dir == nullptr)
      return wrong("cacertdir", path, "cannot be read: " + reason_text(errno));
    bool any = false;
    while (const auto* entry = ::readdir(dir)) {
      // Eight digits of a hash, a dot, a number.
      const std::string_view name{entry->d_name};
      any = any
        || (name.size() > 9 && name.find_first_not_of("0123456789abcdef") == 8
          && name[8] == '.' && name.find_first_not_of("0123456789", 9) == name.npos);
    }
    ::closedir(dir);
    if (!any)
      return wrong("cacertdir", path,
        "holds no file that is named by the hash of its CA: see openssl rehash");
    if (SSL_CTX_load_verify_locations(context, nullptr, path.c_str()) != 1)
      return wrong("cacertdir", path, "is not taken by OpenSSL");
  }
  return {};
}

/// Says where the password comes from if it comes from more than one place, and replaces
/// `password_env` by what the variable holds.
error find_password(ssl_options& options) {
  const auto* const only_one = "only one of password, password_file and password_env can "
                               "be set";
  if (!options.password_file.empty()
    && (!options.password.empty() || !options.password_env.empty()))
    return wrong("password_file", options.password_file, only_one);
  if (options.password_env.empty())
    return {};
  if (!options.password.empty())
    return wrong("password_env", options.password_env, only_one);
  const auto* text = std::getenv(options.password_env.c_str());
  if (text == nullptr || *text == '\0')
    return wrong("password_env", options.password_env,
      "there is no such environment variable, or it is empty");
  options.password = text;
  return {};
}

/// Refuses what the CAs have revoked.
error load_revocations(ssl_ctx_st* context, const ssl_options& options) {
  const auto& path = options.crlfile;
  if (path.empty())
    return {};
  if (options.verify == ssl_verify::verify_none)
    return wrong("crlfile", path, "nothing is looked up in it with verify_none");
  const auto text = text_of("crlfile", path);
  if (!text)
    return text.error();
  const auto in = reader_of(*text);
  auto* store = SSL_CTX_get_cert_store(context);
  std::size_t count = 0;
  ERR_clear_error();
  while (const crl_ptr one{PEM_read_bio_X509_CRL(in.get(), nullptr, nullptr, nullptr)}) {
    if (X509_STORE_add_crl(store, one.get()) != 1)
      return wrong("crlfile", path, "is not taken by OpenSSL");
    ++count;
  }
  const auto last = ERR_peek_last_error();
  ERR_clear_error();
  if (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
    return wrong("crlfile", path,
      "its revocation list " + std::to_string(count + 1) + " is damaged");
  if (count == 0)
    return wrong("crlfile", path, "holds no revocation list in PEM (BEGIN X509 CRL)");
  X509_STORE_set_flags(store,
    X509_V_FLAG_CRL_CHECK
      | (options.crl_check == ssl_crl_check::chain ? X509_V_FLAG_CRL_CHECK_ALL : 0));
  return {};
}

/// Takes the client's own certificate and key.
error identify(ssl_ctx_st* context, const ssl_options& options) {
  if (options.certfile.empty()) {
    if (!options.keyfile.empty())
      return wrong("keyfile", options.keyfile, "there is no certfile to go with it");
    return {};
  }
  auto chain = certificates_of("certfile", options.certfile);
  if (!chain)
    return chain.error();
  if (SSL_CTX_use_certificate(context, chain->front().get()) != 1) {
    const auto* why = ERR_reason_error_string(ERR_peek_error());
    return wrong("certfile", options.certfile,
      std::string{"is not taken by OpenSSL: "} + (why != nullptr ? why : "no reason"));
  }
  for (std::size_t i = 1; i != chain->size(); ++i)
    SSL_CTX_add1_chain_cert(context, (*chain)[i].get());
  const std::string option = options.keyfile.empty() ? "certfile" : "keyfile";
  const auto& path = options.keyfile.empty() ? options.certfile : options.keyfile;
  const auto text = text_of(option, path);
  if (!text)
    return text.error();
  const auto in = reader_of(*text);
  auto password = options.password;
  if (!options.password_file.empty()) {
    auto read = first_line_of(options.password_file);
    if (!read)
      return wrong("password_file", options.password_file, read.error().detail);
    password = *std::move(read);
  }
  password_source source{password};
  const key_ptr key{
    PEM_read_bio_PrivateKey(in.get(), nullptr, &password_source::give, &source)};
  ERR_clear_error();
  if (key == nullptr && source.asked)
    return wrong(option, path,
      password.empty() ? "its key is encrypted: set password"
                       : "its key does not open with the password that is set");
  if (key == nullptr)
    return wrong(option, path,
      options.keyfile.empty() ? "holds no private key in PEM, and there is no keyfile"
                              : "holds no private key in PEM");
  if (X509_check_private_key(chain->front().get(), key.get()) != 1)
    return wrong(option, path, "is not the key of the certificate in certfile");
  SSL_CTX_use_PrivateKey(context, key.get());
  return {};
}

int on_certificate(int fine, X509_STORE_CTX* what) {
  if (fine == 1)
    return 1;
  auto* ssl = static_cast<SSL*>(
    X509_STORE_CTX_get_ex_data(what, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& findings = *static_cast<tls_findings*>(SSL_get_app_data(ssl));
  // OpenSSL knows no exceptions.
  try {
    if (findings.certificate.empty())
      findings.certificate = certificate_words(what, findings);
  } catch (const std::bad_alloc&) {
    findings.certificate.clear();
  }
  return 0;
}

int on_wants_certificate(SSL* ssl, void*) {
  static_cast<tls_findings*>(SSL_get_app_data(ssl))->wants_certificate = true;
  return 1;
}

result<context_ptr> make_context(const ssl_options& options) {
  ERR_clear_error();
  context_ptr made{SSL_CTX_new(TLS_client_method())};
  auto* context = made.get();
  if (context == nullptr)
    return error{error_code::invalid_argument, "OpenSSL cannot be set up"};
  SSL_CTX_set_min_proto_version(context,
    options.min_version == tls_version::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context, 0);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Each connection is checked anew; and several records may be read at once.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, 64 * 1024);
  SSL_CTX_set_cert_cb(context, &on_wants_certificate, nullptr);
  if (options.verify == ssl_verify::verify_none)
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  else
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, &on_certificate);
  if (!options.ciphers.empty()
    && SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) != 1)
    return wrong("ciphers", options.ciphers,
      "names no cipher of TLS 1.2 that OpenSSL allows: see openssl ciphers");
  if (auto failed = trust(context, options))
    return failed;
  if (auto failed = load_revocations(context, options))
    return failed;
  if (auto failed = identify(context, options))
    return failed;
  return made;
}

} // namespace

result<std::shared_ptr<tls_context>> tls_context::make(ssl_options options) {
  if (auto failed = find_password(options))
    return failed;
  std::shared_ptr<tls_context> made{new tls_context{std::move(options)}};
  if (auto failed = made->refresh())
    return failed;
  return made;
}

error tls_context::refresh() {
  // Before the files are read: what changes meanwhile is found the next time.
  auto stamps = stamps_of(*options_);
  if (context_ != nullptr && stamps == stamps_)
    return {};
  auto made = make_context(*options_);
  if (!made)
    return made.error();
  context_ = *std::move(made);
  stamps_ = std::move(stamps);
  ++version_;
  return {};
}

void tls_context::news::tell() const {
  if (whom && !text.empty())
    whom(level, text);
}

tls_context::news tls_context::news_of(const error& failed) {
  if (failed.detail == trouble_)
    return {};
  trouble_ = failed.detail;
  if (!failed)
    return {told_, protocol::log_level::info, "the files of TLS can be used again"};
  return {told_, protocol::log_level::warning,
    "the files of TLS have changed and cannot be used: " + trouble_
      + "; connections that are up stay so, new ones fail until that is put right"};
}

void tls_context::tell(teller whom) {
  const std::lock_guard lock{mutex_};
  told_ = std::move(whom);
}

std::uint64_t tls_context::version() {
  std::unique_lock lock{mutex_};
  const auto what = news_of(refresh());
  const auto now = version_;
  lock.unlock();
  what.tell();
  return now;
}

result<std::unique_ptr<tls_stream>> tls_context::open(
  int fd, const std::string& host, tls_peer_kind kind) {
  std::unique_ptr<ssl_st, detail::tls_free> ssl;
  news what;
  {
    const std::lock_guard lock{mutex_};
    // That they cannot be used is the reason of this attempt, which its owner tells.
    if (const auto failed = refresh(); failed)
      return error{error_code::tls_failed, failed.detail};
    what = news_of({});
    ssl.reset(SSL_new(context_.get()));
  }
  what.tell();
  if (ssl == nullptr)
    return error{error_code::tls_failed, "OpenSSL gives no connection"};
  auto name = options_->server_name.empty() ? host : options_->server_name;
  if (name.starts_with('[') && name.ends_with(']'))
    name = name.substr(1, name.size() - 2);
  // As RFC 6066 wants it for names, which it keeps apart from addresses.
  if (name.ends_with('.'))
    name.pop_back();
  auto* checked = SSL_get0_param(ssl.get());
  const bool numeric = numeric_address(name, 0).has_value();
  if (!numeric)
    SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  if (options_->verify == ssl_verify::verify_peer) {
    X509_VERIFY_PARAM_set_hostflags(checked, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const auto set = numeric
      ? X509_VERIFY_PARAM_set1_ip_asc(checked, name.c_str())
      : X509_VERIFY_PARAM_set1_host(checked, name.c_str(), name.size());
    // Without a name nothing would be checked at all.
    if (set != 1 || name.empty())
      return error{error_code::tls_failed,
        "\"" + name + "\" is no name that a certificate can be for"};
  }
  return std::make_unique<tls_stream>(
    std::move(ssl), fd, std::move(name), kind, options_);
}

} // namespace cafka::actors
