#include "head/refusal.h"

#include <array>

namespace limpet {
namespace {

struct Entry {
  std::string_view name;
  std::string_view answer;
};

#define LIMPET_ANSWER(status) "HTTP/1.1 " status "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

constexpr std::array<Entry, kRefusalCount> kEntries = {{
    {"none", ""},
    {"head-too-large", LIMPET_ANSWER("431 Request Header Fields Too Large")},
    {"head-timeout", LIMPET_ANSWER("408 Request Timeout")},
    {"silent", ""},
    {"too-many-pending", LIMPET_ANSWER("503 Service Unavailable")},
    {"too-many-pending-from-address", LIMPET_ANSWER("503 Service Unavailable")},
    {"proxy-header-missing", ""},
    {"proxy-header-malformed", ""},
    {"proxy-header-untrusted", ""},
}};

#undef LIMPET_ANSWER

}  // namespace

std::string_view RefusalAnswer(Refusal refusal) { return kEntries[static_cast<size_t>(refusal)].answer; }

std::string_view RefusalName(Refusal refusal) { return kEntries[static_cast<size_t>(refusal)].name; }

}  // namespace limpet
