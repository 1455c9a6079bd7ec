#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cafka::protocol {

/// A password, or another text that must not be shown. Its memory is overwritten when it
/// is destroyed, changed or moved from.
///
/// Nothing prints it: `to_string`, and each inspector that writes for people, show
/// `<redacted>`, or nothing when it is empty; it has no stream operator and no formatter.
/// A binary inspector carries the text itself.
class secret {
public:
  secret() = default;
  /// Copies the text.
  secret(const char* text) : secret(std::string_view{text}) {}
  /// Copies the text.
  secret(const std::string& text) : secret(std::string_view{text}) {}
  /// Overwrites the text that it was made of.
  secret(std::string&& text);
  /// Copies the text.
  explicit secret(std::string_view text) : text_(text.begin(), text.end()) {}

  /// Copies the text.
  secret(const secret&) = default;
  /// Takes over the text; `other` is empty afterwards.
  secret(secret&& other) noexcept : text_(std::exchange(other.text_, {})) {}
  /// Copies the text; the old one is overwritten first.
  secret& operator=(const secret& other);
  /// Takes over the text; the old one is overwritten first.
  secret& operator=(secret&& other) noexcept;
  ~secret() { clear(); }

  [[nodiscard]] bool empty() const { return text_.empty(); }

  /// The text. The view is valid until this secret is changed or destroyed.
  [[nodiscard]] std::string_view reveal() const { return {text_.data(), text_.size()}; }

  /// Overwrites the text; afterwards there is none.
  void clear() noexcept;

  friend bool operator==(const secret&, const secret&) = default;

  template <class Inspector>
  friend bool inspect(Inspector& f, secret& x) {
    const auto get = [&] {
      if constexpr (!Inspector::is_loading) {
        if (f.has_human_readable_format())
          return to_string(x);
      }
      return std::string{x.reveal()};
    };
    const auto set = [&x](std::string text) {
      x = secret{std::move(text)};
      return true;
    };
    return f.apply(get, set);
  }

  /// `<redacted>`; nothing for a secret that is empty.
  [[nodiscard]] friend std::string to_string(const secret& x) {
    return x.empty() ? std::string{} : std::string{"<redacted>"};
  }

private:
  // Not a std::string, which keeps short texts within itself, where moving leaves them.
  std::vector<char> text_;
};

/// Overwrites the bytes of a text, and makes it empty.
void wipe(std::string& text) noexcept;

} // namespace cafka::protocol
