// The client key of an address in text. No text makes the parser fail. An IPv6 address with a zone has the same key as without it.
#include <string>

#include "fuzz/fuzz.h"
#include "ring/client_key.h"
#include "ring/ip_address.h"

using namespace limpet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = Input(data, size);
  const auto key = KeyOfText(text, 64);
  IpAddress address;
  if (!ParseIp(text, address)) {
    Require(!key || text.find('%') != std::string_view::npos);
    return 0;
  }
  Require(key == KeyOfIpv6(address.bytes.data(), 64));
  const bool quad = text.find(':') == std::string_view::npos;
  Require(quad ? !KeyOfText(std::string(text) + "%1", 64) : KeyOfText(std::string(text) + "%1", 64) == key);
  return 0;
}
