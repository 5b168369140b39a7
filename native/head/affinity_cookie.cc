#include "head/affinity_cookie.h"

#include "head/request_head.h"
#include "ring/digits.h"

namespace limpet {
namespace {

constexpr size_t kTagDigits = 16;

std::string_view TakePart(std::string_view& text) {
  const size_t dot = text.find('.');
  const std::string_view part = text.substr(0, dot);
  text.remove_prefix(dot == std::string_view::npos ? text.size() : dot + 1);
  return part;
}

bool ParseTag(std::string_view text, uint64_t& tag) {
  if (text.size() != kTagDigits) return false;
  tag = 0;
  for (const char c : text) {
    const bool letter = c >= 'a' && c <= 'f';
    if (!letter && (c < '0' || c > '9')) return false;
    tag = tag << 4 | static_cast<uint64_t>(letter ? c - 'a' + 10 : c - '0');
  }
  return true;
}

}  // namespace

bool ReadAffinityCookie(std::string_view value, const CookieSeal& seal, uint32_t hour_now, uint8_t& slot) {
  if (value.size() <= kTagDigits + 1) return false;
  const std::string_view sealed = value.substr(0, value.size() - kTagDigits - 1);
  std::string_view rest = value;
  uint32_t number = 0, hour = 0;
  uint64_t tag = 0;
  if (TakePart(rest) != "1" || TakePart(rest) != seal.node) return false;
  if (!ParseDecimal(TakePart(rest), 255, number) || !ParseDecimal(TakePart(rest), UINT32_MAX, hour)) return false;
  if (!ParseTag(rest, tag) || tag != SipHash24(seal.key, sealed)) return false;
  if (hour > hour_now ? hour - hour_now > 1 : hour_now - hour > seal.hours_max) return false;
  slot = static_cast<uint8_t>(number);
  return true;
}

bool TakeCookiePair(std::string_view& cookies, std::string_view& name, std::string_view& value) {
  if (cookies.empty()) return false;
  const size_t end = cookies.find(';');
  const std::string_view pair = TrimWhitespace(cookies.substr(0, end));
  cookies.remove_prefix(end == std::string_view::npos ? cookies.size() : end + 1);
  const size_t equals = pair.find('=');
  name = equals == std::string_view::npos ? std::string_view() : pair.substr(0, equals);
  value = equals == std::string_view::npos ? pair : pair.substr(equals + 1);
  return true;
}

}  // namespace limpet
