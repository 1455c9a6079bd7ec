#include "tickets.hpp"

#include <array>
#include <atomic>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <string>
#include <utility>

namespace cafka::actors {

namespace {

using protocol::error;
using protocol::error_code;
using protocol::result;
using protocol::secret;
using protocol::sasl::security_context;

// -- what the library owns --------------------------------------------------------------

/// A buffer that the library has allocated.
struct owned_buffer {
  owned_buffer() = default;
  owned_buffer(const owned_buffer&) = delete;
  owned_buffer& operator=(const owned_buffer&) = delete;
  ~owned_buffer() {
    OM_uint32 ignored = 0;
    gss_release_buffer(&ignored, &bytes);
  }
  [[nodiscard]] std::string_view view() const {
    return {static_cast<const char*>(bytes.value), bytes.length};
  }

  gss_buffer_desc bytes = GSS_C_EMPTY_BUFFER;
};

struct owned_name {
  owned_name() = default;
  owned_name(const owned_name&) = delete;
  owned_name& operator=(const owned_name&) = delete;
  ~owned_name() {
    OM_uint32 ignored = 0;
    gss_release_name(&ignored, &name);
  }

  gss_name_t name = GSS_C_NO_NAME;
};

struct owned_credential {
  owned_credential() = default;
  owned_credential(const owned_credential&) = delete;
  owned_credential& operator=(const owned_credential&) = delete;
  ~owned_credential() {
    OM_uint32 ignored = 0;
    gss_release_cred(&ignored, &credential);
  }

  gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
};

/// The library does not change what it is given.
gss_buffer_desc given(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}

// -- its words --------------------------------------------------------------------------

void append_words(std::string& to, OM_uint32 code, int kind) {
  OM_uint32 more = 0;
  do {
    owned_buffer words;
    OM_uint32 ignored = 0;
    if (gss_display_status(&ignored, code, kind, gss_mech_krb5, &more, &words.bytes)
      != GSS_S_COMPLETE)
      return;
    if (!to.empty())
      to += ": ";
    to += words.view();
  } while (more != 0);
}

/// Kerberos' own words; GSSAPI's where it has none.
std::string words_of(OM_uint32 major, OM_uint32 minor) {
  std::string text;
  if (minor != 0)
    append_words(text, minor, GSS_C_MECH_CODE);
  if (text.empty())
    append_words(text, major, GSS_C_GSS_CODE);
  return text;
}

error imported(std::string_view text, gss_OID kind, owned_name& to) {
  OM_uint32 minor = 0;
  auto bytes = given(text);
  const auto major = gss_import_name(&minor, &bytes, kind, &to.name);
  if (GSS_ERROR(major))
    return {error_code::invalid_argument,
      "Kerberos knows no name such as " + std::string{text} + ": "
        + words_of(major, minor)};
  return {};
}

// -- a context --------------------------------------------------------------------------

class krb5_context_with : public security_context {
public:
  ~krb5_context_with() override {
    OM_uint32 ignored = 0;
    gss_delete_sec_context(&ignored, &context_, GSS_C_NO_BUFFER);
  }

  /// The first step, for which a KDC may be asked.
  error open(const kerberos_options& options, const std::string& host,
    const gss_key_value_set_desc* store) {
    owned_name who;
    if (!options.principal.empty()) {
      if (auto wrong = imported(options.principal, GSS_C_NT_USER_NAME, who))
        return wrong;
    }
    if (auto wrong = imported(
          options.service_name + '@' + host, GSS_C_NT_HOSTBASED_SERVICE, broker_))
      return wrong;
    OM_uint32 minor = 0;
    gss_OID_set_desc kerberos_alone{1, gss_mech_krb5};
    const auto major = gss_acquire_cred_from(&minor, who.name, GSS_C_INDEFINITE,
      &kerberos_alone, GSS_C_INITIATE, store, &mine_.credential, nullptr, nullptr);
    if (GSS_ERROR(major))
      return {error_code::credentials_unavailable, words_of(major, minor)};
    auto first = advance({});
    if (!first)
      return {error_code::credentials_unavailable, first.error().detail};
    first_ = *std::move(first);
    find_principal();
    return {};
  }

  [[nodiscard]] std::string principal() const override { return principal_; }

  result<step> begin() override { return std::move(first_); }

  result<step> next(std::string_view token) override {
    auto made = advance(token);
    if (!made)
      return error{made.error().code, "Kerberos: " + made.error().detail};
    return made;
  }

  result<secret> wrap(std::string_view message) override {
    OM_uint32 minor = 0;
    auto in = given(message);
    owned_buffer out;
    const auto major =
      gss_wrap(&minor, context_, 0, GSS_C_QOP_DEFAULT, &in, nullptr, &out.bytes);
    if (GSS_ERROR(major))
      return refused(major, minor);
    return secret{out.view()};
  }

  result<secret> unwrap(std::string_view token) override {
    OM_uint32 minor = 0;
    auto in = given(token);
    owned_buffer out;
    const auto major = gss_unwrap(&minor, context_, &in, &out.bytes, nullptr, nullptr);
    if (GSS_ERROR(major))
      return refused(major, minor);
    return secret{out.view()};
  }

private:
  static error refused(OM_uint32 major, OM_uint32 minor) {
    return {error_code::broker_not_authenticated, "Kerberos: " + words_of(major, minor)};
  }

  void find_principal() {
    OM_uint32 minor = 0;
    owned_name mine;
    owned_buffer text;
    if (!GSS_ERROR(gss_inquire_cred(
          &minor, mine_.credential, &mine.name, nullptr, nullptr, nullptr))
      && !GSS_ERROR(gss_display_name(&minor, mine.name, &text.bytes, nullptr)))
      principal_ = text.view();
  }

  /// The broker proves who it is, too.
  static constexpr OM_uint32 wanted =
    GSS_C_MUTUAL_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_INTEG_FLAG;

  result<step> advance(std::string_view token) {
    OM_uint32 minor = 0;
    OM_uint32 got = 0;
    auto in = given(token);
    owned_buffer out;
    const auto major = gss_init_sec_context(&minor, mine_.credential, &context_,
      broker_.name, gss_mech_krb5, wanted, 0, GSS_C_NO_CHANNEL_BINDINGS, &in, nullptr,
      &out.bytes, &got, nullptr);
    if (GSS_ERROR(major))
      return error{error_code::broker_not_authenticated, words_of(major, minor)};
    const auto established = major == GSS_S_COMPLETE;
    if (established && (got & GSS_C_MUTUAL_FLAG) == 0)
      return error{error_code::broker_not_authenticated,
        "the broker does not prove that it is the one"};
    return step{secret{out.view()}, established};
  }

  owned_credential mine_;
  owned_name broker_;
  gss_ctx_id_t context_ = GSS_C_NO_CONTEXT;
  step first_;
  std::string principal_;
};

// -- tickets ----------------------------------------------------------------------------

/// A cache in memory of one owner's tickets.
class memory_cache {
public:
  memory_cache() {
    static std::atomic<unsigned> made = 0;
    name_ = "MEMORY:cafka-" + std::to_string(++made);
  }
  memory_cache(const memory_cache&) = delete;
  memory_cache& operator=(const memory_cache&) = delete;
  ~memory_cache() { forget(); }

  [[nodiscard]] const std::string& name() const { return name_; }

  void forget() {
    krb5_context library = nullptr;
    if (krb5_init_context(&library) != 0)
      return;
    krb5_ccache cache = nullptr;
    if (krb5_cc_resolve(library, name_.c_str(), &cache) == 0)
      krb5_cc_destroy(library, cache);
    krb5_free_context(library);
  }

private:
  std::string name_;
};

class krb5_tickets : public tickets {
public:
  explicit krb5_tickets(kerberos_options options)
    : options_(std::move(options)), keytab_("FILE:" + options_.keytab) {}

  result<std::shared_ptr<security_context>> context_with(
    const protocol::endpoint& broker, bool refused) override {
    if (refused && !options_.keytab.empty())
      cache_.forget();
    std::array<gss_key_value_element_desc, 2> elements{
      {{"client_keytab", keytab_.c_str()}, {"ccache", cache_.name().c_str()}}};
    const gss_key_value_set_desc store{elements.size(), elements.data()};
    auto context = std::make_shared<krb5_context_with>();
    if (auto wrong = context->open(
          options_, broker.host, options_.keytab.empty() ? nullptr : &store))
      return error{error_code::credentials_unavailable,
        "no Kerberos ticket for " + options_.service_name + '/' + broker.host
          + with_which_key() + ": " + wrong.detail};
    return std::shared_ptr<security_context>{std::move(context)};
  }

private:
  [[nodiscard]] std::string with_which_key() const {
    if (options_.keytab.empty())
      return {};
    return ", with the key "
      + (options_.principal.empty() ? "" : "of " + options_.principal + ' ') + "in "
      + options_.keytab;
  }

  const kerberos_options options_;
  const std::string keytab_;
  memory_cache cache_;
};

} // namespace

result<std::shared_ptr<tickets>> make_tickets(kerberos_options options) {
  owned_name who;
  if (!options.principal.empty()) {
    if (auto wrong = imported(options.principal, GSS_C_NT_USER_NAME, who))
      return wrong;
  }
  return std::shared_ptr<tickets>{std::make_shared<krb5_tickets>(std::move(options))};
}

} // namespace cafka::actors
