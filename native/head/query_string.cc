#include "head/query_string.h"

#include "ring/digits.h"

namespace limpet {
namespace {

// Takes one decoded byte off a text, which must not be empty.
char TakeDecoded(std::string_view& raw) {
  const char c = raw.front();
  if (c == '%' && raw.size() >= 3 && HexDigit(raw[1]) >= 0 && HexDigit(raw[2]) >= 0) {
    const int byte = HexDigit(raw[1]) << 4 | HexDigit(raw[2]);
    raw.remove_prefix(3);
    return static_cast<char>(byte);
  }
  raw.remove_prefix(1);
  return c == '+' ? ' ' : c;
}

bool DecodesTo(std::string_view raw, std::string_view text) {
  while (!raw.empty() && !text.empty()) {
    if (TakeDecoded(raw) != text.front()) return false;
    text.remove_prefix(1);
  }
  return raw.empty() && text.empty();
}

}  // namespace

bool FindQueryParameter(std::string_view target, std::string_view name, std::string_view& value) {
  std::string_view query = target.substr(0, target.find('#'));
  const size_t question = query.find('?');
  if (question == std::string_view::npos) return false;
  query.remove_prefix(question + 1);
  bool found = false;
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const size_t equals = pair.find('=');
    if (!DecodesTo(pair.substr(0, equals), name)) continue;
    if (found) return false;
    found = true;
    value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
  }
  return found && !value.empty();
}

bool DecodeQueryText(std::string_view raw, std::span<char> scratch, std::string_view& decoded) {
  decoded = raw;
  if (raw.find_first_of("%+") == std::string_view::npos) return true;
  if (raw.size() > scratch.size()) return false;
  size_t length = 0;
  while (!raw.empty()) scratch[length++] = TakeDecoded(raw);
  decoded = {scratch.data(), length};
  return true;
}

}  // namespace limpet
