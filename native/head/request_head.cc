#include "head/request_head.h"

#include <array>

namespace limpet {
namespace {

enum State : uint8_t {
  kMethodStart,
  kMethod,
  kTargetStart,
  kTarget,
  kVersion,  // kVersion + n: n characters of kVersionText have matched.
  kVersionMinor = kVersion + 7,
  kRequestLineEnd,
  kRequestLineFeed,
  kLineStart,
  kName,
  kValue,
  kValueLineFeed,
  kLastLineFeed,
  kDone,
  kBroken,
};

constexpr std::string_view kVersionText = "HTTP/1.";

// The characters of a method or a field name (RFC 9110 §5.6.2).
constexpr std::array<bool, 256> kIsToken = [] {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<size_t>(c)] = table[static_cast<size_t>(c - 32)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<size_t>(c)] = true;
  return table;
}();

bool IsVisible(uint8_t c) { return c > 0x20 && c != 0x7f; }

bool IsFieldContent(uint8_t c) { return IsVisible(c) || c == ' ' || c == '\t'; }

uint8_t Next(uint8_t state, uint8_t c) {
  switch (state) {
    case kMethodStart:
      return kIsToken[c] ? kMethod : kBroken;
    case kMethod:
      return kIsToken[c] ? kMethod : c == ' ' ? kTargetStart : kBroken;
    case kTargetStart:
      return IsVisible(c) ? kTarget : kBroken;
    case kTarget:
      return IsVisible(c) ? kTarget : c == ' ' ? kVersion : kBroken;
    case kVersionMinor:
      return c == '0' || c == '1' ? kRequestLineEnd : kBroken;
    case kRequestLineEnd:
      return c == '\r' ? kRequestLineFeed : kBroken;
    case kRequestLineFeed:
    case kValueLineFeed:
      return c == '\n' ? kLineStart : kBroken;
    case kLineStart:
      return c == '\r' ? kLastLineFeed : kIsToken[c] ? kName : kBroken;
    case kName:
      return kIsToken[c] ? kName : c == ':' ? kValue : kBroken;
    case kValue:
      return IsFieldContent(c) ? kValue : c == '\r' ? kValueLineFeed : kBroken;
    case kLastLineFeed:
      return c == '\n' ? kDone : kBroken;
    default:
      return c == static_cast<uint8_t>(kVersionText[state - kVersion]) ? state + 1 : kBroken;
  }
}

char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

}  // namespace

HeadShape HeadScan::Scan(std::string_view stream) {
  while (scanned < stream.size() && state < kDone) {
    const uint8_t before = state;
    state = Next(before, static_cast<uint8_t>(stream[scanned++]));
    if (before == kLineStart && state == kName && ++header_lines > kHeaderLinesMax) state = kBroken;
  }
  return state == kDone ? HeadShape::kComplete : state == kBroken ? HeadShape::kUnreadable : HeadShape::kPartial;
}

std::string_view RequestTarget(std::string_view head) {
  head.remove_prefix(head.find(' ') + 1);
  return head.substr(0, head.find(' '));
}

bool HeaderLine::Is(std::string_view lower_case_name) const { return EqualsIgnoringCase(name, lower_case_name); }

HeaderLines::HeaderLines(std::string_view complete_head) : lines_(complete_head) {
  lines_.remove_prefix(lines_.find('\n') + 1);
  lines_.remove_suffix(2);
}

bool HeaderLines::TakeFirst(HeaderLine& line) {
  if (lines_.empty()) return false;
  const size_t colon = lines_.find(':');
  const size_t end = lines_.find('\r', colon);
  line = {lines_.substr(0, colon), TrimWhitespace(lines_.substr(colon + 1, end - colon - 1))};
  lines_.remove_prefix(end + 2);
  return true;
}

bool HeaderLines::TakeLast(HeaderLine& line) {
  if (lines_.empty()) return false;
  const size_t start = lines_.rfind('\n', lines_.size() - 2) + 1;
  const std::string_view text = lines_.substr(start, lines_.size() - 2 - start);
  const size_t colon = text.find(':');
  line = {text.substr(0, colon), TrimWhitespace(text.substr(colon + 1))};
  lines_ = lines_.substr(0, start);
  return true;
}

std::string_view TrimWhitespace(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (LowerCase(text[i]) != lower_case[i]) return false;
  }
  return true;
}

}  // namespace limpet
