// PROXY protocol, version 2. A complete header is within the stream and the limit. Every prefix of it is partial.
#include <string>

#include "fuzz/fuzz.h"
#include "head/proxy_protocol.h"

using namespace limpet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);
  const std::string stream = signature + std::string(Input(data, size));
  constexpr uint32_t kLengthMax = 4096;
  const ProxyHeader header = ReadProxyHeader(stream, kLengthMax);
  Require(header.version == 2 && header.shape != ProxyHeaderShape::kAbsent);
  if (header.shape == ProxyHeaderShape::kPartial) Require(stream.size() < kLengthMax);
  Require(header.length <= stream.size() && header.length <= kLengthMax);
  for (size_t cut = 0; cut < header.length; cut += 1 + cut / 16) {
    Require(ReadProxyHeader(std::string_view(stream).substr(0, cut), kLengthMax).shape == ProxyHeaderShape::kPartial);
  }
  return 0;
}
