#include "answer.h"

#include <strings.h>

#include <charconv>

namespace load {
namespace {

template <typename Number>
Number Leading(std::string_view text, Number otherwise) {
  Number number = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool SameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

Answer ReadResponse(std::string_view bytes) {
  Answer answer;
  const size_t head_end = bytes.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return answer;
  answer.kind = Answer::kMalformed;
  if (!bytes.starts_with("HTTP/1.") || bytes.size() < 12) return answer;
  answer.status = Leading(bytes.substr(9, 3), 0);
  size_t length = answer.status == 101 ? 0 : std::string_view::npos;
  std::string_view head = bytes.substr(0, head_end);
  for (size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - (at + 2));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    const size_t start = line.find_first_not_of(' ', colon + 1);
    const std::string_view value = start == std::string_view::npos ? "" : line.substr(start);
    if (SameName(name, "content-length")) length = Leading(value, length);
    else if (SameName(name, "connection")) answer.closes = SameName(value, "close");
    else if (SameName(name, "set-cookie")) answer.cookie = value.substr(0, value.find(';'));
  }
  if (length == std::string_view::npos) return answer;
  answer.bytes = head_end + 4 + length;
  if (bytes.size() < answer.bytes) {
    answer.kind = Answer::kIncomplete;
    return answer;
  }
  answer.kind = Answer::kWhole;
  answer.body = bytes.substr(head_end + 4, length);
  answer.worker = Leading(answer.body, 0u);
  return answer;
}

Answer ReadFrame(std::string_view bytes) {
  Answer answer;
  if (bytes.size() < 2) return answer;
  size_t at = 2;
  size_t length = static_cast<uint8_t>(bytes[1]);
  if (length == 126) {
    if (bytes.size() < 4) return answer;
    length = static_cast<uint8_t>(bytes[2]) << 8 | static_cast<uint8_t>(bytes[3]);
    at = 4;
  } else if (length > 126 || static_cast<uint8_t>(bytes[0]) != 0x81) {
    answer.kind = Answer::kMalformed;
    return answer;
  }
  answer.bytes = at + length;
  if (bytes.size() < answer.bytes) return answer;
  answer.kind = Answer::kWhole;
  answer.body = bytes.substr(at, length);
  answer.worker = Leading(answer.body, 0u);
  return answer;
}

std::string_view SidOf(std::string_view handshake) {
  constexpr std::string_view kBefore = "\"sid\":\"";
  const size_t at = handshake.find(kBefore);
  if (at == std::string_view::npos) return {};
  const size_t start = at + kBefore.size();
  return handshake.substr(start, handshake.find('"', start) - start);
}

}  // namespace load
