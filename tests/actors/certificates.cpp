#include "certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace cafka::testing {

namespace {

using key_ptr = std::shared_ptr<EVP_PKEY>;
using certificate_ptr = std::shared_ptr<X509>;

template <class T>
T* made(T* x) {
  if (x == nullptr)
    throw std::runtime_error("OpenSSL fails");
  return x;
}

key_ptr new_key() {
  return {made(EVP_EC_gen("P-256")), &EVP_PKEY_free};
}

template <class Write>
std::string pem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out{BIO_new(BIO_s_mem()), &BIO_free};
  if (write(out.get()) != 1)
    throw std::runtime_error("OpenSSL writes no PEM");
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(const certificate_ptr& certificate) {
  return pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate.get()); });
}

std::string pem_of(const key_ptr& key, const std::string& password = {}) {
  return pem([&](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, key.get(),
      password.empty() ? nullptr : EVP_aes_256_cbc(), password.data(),
      static_cast<int>(password.size()), nullptr, nullptr);
  });
}

/// Signed by `issuer`, or by itself without one.
certificate_ptr sign(const certificate_content& content, bool is_ca, const key_ptr& key,
  X509* issuer, EVP_PKEY* issuer_key) {
  certificate_ptr made_one{made(X509_new()), &X509_free};
  auto* x = made_one.get();
  X509_set_version(x, 2);
  std::array<unsigned char, 8> serial{};
  RAND_bytes(serial.data(), serial.size());
  BIGNUM* number = BN_bin2bn(serial.data(), serial.size(), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x));
  BN_free(number);
  X509_time_adj_ex(X509_getm_notBefore(x), content.valid_from, 0, nullptr);
  X509_time_adj_ex(X509_getm_notAfter(x), content.valid_until, 0, nullptr);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
    reinterpret_cast<const unsigned char*>(content.name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(issuer == nullptr ? x : issuer));
  X509_set_pubkey(x, key.get());
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer == nullptr ? x : issuer, x, nullptr, nullptr, 0);
  const auto add = [&](int id, const std::string& value) {
    auto* extension = made(X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
  };
  add(NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  add(NID_subject_key_identifier, "hash");
  if (!is_ca && !content.hosts.empty())
    add(NID_subject_alt_name, content.hosts);
  if (X509_sign(x, issuer_key == nullptr ? key.get() : issuer_key, EVP_sha256()) == 0)
    throw std::runtime_error("OpenSSL does not sign");
  return made_one;
}

} // namespace

authority::authority(const std::string& name)
  : key_(new_key()),
    certificate_(sign({.name = name, .hosts = {}}, true, key_, nullptr, nullptr)) {
}

authority::authority(const std::string& name, const authority& above)
  : key_(new_key()),
    certificate_(sign({.name = name, .hosts = {}}, true, key_, above.certificate_.get(),
      above.key_.get())),
    behind_(pem_of(certificate_)) {
}

identity authority::issue(const certificate_content& content) const {
  const auto key = new_key();
  return {pem_of(sign(content, false, key, certificate_.get(), key_.get())) + behind_,
    pem_of(key)};
}

std::string authority::revoke(
  const std::vector<identity>& whom, int valid_from, int valid_until) const {
  const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> list{
    made(X509_CRL_new()), &X509_CRL_free};
  X509_CRL_set_version(list.get(), 1);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(certificate_.get()));
  const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> time{
    made(ASN1_TIME_new()), &ASN1_TIME_free};
  X509_time_adj_ex(time.get(), valid_from, 0, nullptr);
  X509_CRL_set1_lastUpdate(list.get(), time.get());
  X509_time_adj_ex(time.get(), valid_until, 0, nullptr);
  X509_CRL_set1_nextUpdate(list.get(), time.get());
  ASN1_TIME_set_string(time.get(), "20260101000000Z");
  for (const auto& who : whom) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> in{
      BIO_new_mem_buf(who.certificate.data(), static_cast<int>(who.certificate.size())),
      &BIO_free};
    const certificate_ptr certificate{
      made(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)), &X509_free};
    auto* entry = made(X509_REVOKED_new());
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate.get()));
    X509_REVOKED_set_revocationDate(entry, time.get());
    X509_CRL_add0_revoked(list.get(), entry);
  }
  if (X509_CRL_sign(list.get(), key_.get(), EVP_sha256()) == 0)
    throw std::runtime_error("OpenSSL does not sign");
  return pem([&](BIO* out) { return PEM_write_bio_X509_CRL(out, list.get()); });
}

std::string authority::certificate() const {
  return pem_of(certificate_);
}

std::string authority::hashed_name() const {
  std::array<char, 16> text{};
  std::snprintf(
    text.data(), text.size(), "%08lx.0", X509_subject_name_hash(certificate_.get()));
  return text.data();
}

identity self_signed(const certificate_content& content) {
  const auto key = new_key();
  return {pem_of(sign(content, false, key, nullptr, nullptr)), pem_of(key)};
}

std::string encrypted(const std::string& key, const std::string& password) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> in{
    BIO_new_mem_buf(key.data(), static_cast<int>(key.size())), &BIO_free};
  return pem_of(
    key_ptr{
      made(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr)), &EVP_PKEY_free},
    password);
}

scratch_folder::scratch_folder() {
  auto name = (std::filesystem::temp_directory_path() / "cafka-tls-XXXXXX").string();
  where_ = made(::mkdtemp(name.data()));
}

scratch_folder::~scratch_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(where_, ignored);
}

std::string scratch_folder::path(const std::string& name) const {
  return name.empty() ? where_.string() : (where_ / name).string();
}

std::string scratch_folder::write(
  const std::string& name, const std::string& text) const {
  const auto to = path(name);
  std::filesystem::create_directories(std::filesystem::path{to}.parent_path());
  {
    std::ofstream out{to + ".new", std::ios::binary};
    out << text;
    if (!out.flush())
      throw std::runtime_error("cannot write " + to);
  }
  std::filesystem::rename(to + ".new", to);
  return to;
}

} // namespace cafka::testing
