#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace cafka::testing {

/// A certificate, with those that vouch for it behind it, and its private key; PEM.
struct identity {
  std::string certificate;
  std::string key;
};

/// What a certificate says.
struct certificate_content {
  std::string name = "cafka test";
  /// As OpenSSL spells them; empty: none.
  std::string hosts = "DNS:localhost,IP:127.0.0.1";
  /// In days from now.
  int valid_from = -1;
  int valid_until = 30;
};

/// A CA of its own key that signs what it is asked to.
class authority {
public:
  explicit authority(const std::string& name);
  /// One that `above` vouches for.
  authority(const std::string& name, const authority& above);

  [[nodiscard]] identity issue(const certificate_content& content = {}) const;
  /// A list of those that it has revoked, all on the 1st of January 2026; PEM.
  [[nodiscard]] std::string revoke(
    const std::vector<identity>& whom, int valid_from = -1, int valid_until = 30) const;
  /// Its own certificate.
  [[nodiscard]] std::string certificate() const;
  /// What a file with its certificate is called in a directory of CAs.
  [[nodiscard]] std::string hashed_name() const;

private:
  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> certificate_;
  std::string behind_; ///< What an identity issued here has behind it.
};

/// An identity that vouches for itself.
[[nodiscard]] identity self_signed(const certificate_content& content = {});

/// The key, encrypted.
[[nodiscard]] std::string encrypted(const std::string& key, const std::string& password);

/// A directory that is gone with the object.
class scratch_folder {
public:
  scratch_folder();
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  [[nodiscard]] std::string path(const std::string& name = {}) const;
  /// Writes a file, in one step where it exists; says where it is.
  std::string write(const std::string& name, const std::string& text) const;

private:
  std::filesystem::path where_;
};

} // namespace cafka::testing
