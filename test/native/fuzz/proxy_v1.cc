// PROXY protocol, version 1. A header of more than 107 bytes is never partial. A complete header ends in CRLF.
#include <string>

#include "fuzz/fuzz.h"
#include "head/proxy_protocol.h"

using namespace limpet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string stream = "PROXY " + std::string(Input(data, size));
  const ProxyHeader header = ReadProxyHeader(stream, 16384);
  Require(header.version == 1 && header.shape != ProxyHeaderShape::kAbsent);
  if (header.shape == ProxyHeaderShape::kPartial) Require(stream.size() < 107);
  if (header.length > 0) Require(header.length <= 107 && stream.substr(header.length - 2, 2) == "\r\n");
  for (size_t cut = 0; cut < header.length; ++cut) {
    Require(ReadProxyHeader(std::string_view(stream).substr(0, cut), 16384).shape == ProxyHeaderShape::kPartial);
  }
  return 0;
}
