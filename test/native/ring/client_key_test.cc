// Client keys of addresses in text and in bytes.
#include "ring/client_key.h"

#include <string_view>

#include "check.h"
#include "ring/hash.h"

using namespace limpet;

namespace {

constexpr uint8_t kDocumentation[16] = {0x20, 0x01, 0x0d, 0xb8, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6};

void CutsIpv6AtThePrefix() {
  const uint32_t w0 = WordAt(kDocumentation);
  Check(KeyOfIpv6(kDocumentation, 64) == ClientKey{w0, 0xd4c3b2a1});
  Check(KeyOfIpv6(kDocumentation, 56) == ClientKey{w0, 0x00c3b2a1});
  Check(KeyOfIpv6(kDocumentation, 48) == ClientKey{w0, 0x0000b2a1});
  Check(KeyOfIpv6(kDocumentation, 32) == ClientKey{w0, 0});
}

void ReadsText() {
  Check(KeyOfText("2001:db8:a1b2:c3d4:e5f6::", 64) == KeyOfIpv6(kDocumentation, 64));
  Check(KeyOfText("203.0.113.7", 64) == KeyOfIpv4(0xcb007107));
  Check(KeyOfText("::ffff:203.0.113.7", 64) == KeyOfIpv4(0xcb007107));
  Check(KeyOfText("::ffff:cb00:7107%eth0", 32) == KeyOfIpv4(0xcb007107));
  Check(KeyOfText("fe80::1%eth0", 64) == KeyOfText("fe80::2", 64));
}

void RefusesTextThatIsNoAddress() {
  for (const std::string_view text :
       {"", ":", ":::", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "1.2.3.4%eth0", "1.2.3.4:80",
        "[::1]", "::1%", "::1%a b", "::1%%", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
        "12345::", "::g", "::1.2.3", "::1.2.3.4.5", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4"}) {
    Check(!KeyOfText(text, 64));
  }
  Check(!KeyOfText(std::string_view("1.2.3.4\0", 8), 64));
}

}  // namespace

int main() {
  CutsIpv6AtThePrefix();
  ReadsText();
  RefusesTextThatIsNoAddress();
  return failures == 0 ? 0 : 1;
}
