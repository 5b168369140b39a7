// exports.handoff: addresses and listening sockets.
#include "node_api/listen_address.h"

#include <netinet/in.h>
#include <sys/un.h>
#include <uv.h>

#include <string>

#include "node_api/arguments.h"
#include "node_api/init.h"
#include "node_api/system_error.h"

namespace limpet {
namespace {

// `{ path }`, as `server.address()` has it.
Napi::Object DescribeUnix(Napi::Env env, const ListenAddress& address) {
  auto object = Napi::Object::New(env);
  object["path"] = Napi::String::New(env, reinterpret_cast<const sockaddr_un*>(&address.storage)->sun_path);
  return object;
}

// `{ address, family, port }`, as `server.address()` has it.
Napi::Object DescribeIp(Napi::Env env, const ListenAddress& address) {
  const bool ipv6 = address.family() == AF_INET6;
  char text[INET6_ADDRSTRLEN];
  if (ipv6) {
    uv_ip6_name(reinterpret_cast<const sockaddr_in6*>(&address.storage), text, sizeof text);
  } else {
    uv_ip4_name(reinterpret_cast<const sockaddr_in*>(&address.storage), text, sizeof text);
  }
  auto object = Napi::Object::New(env);
  object["address"] = Napi::String::New(env, text);
  object["family"] = Napi::String::New(env, ipv6 ? "IPv6" : "IPv4");
  object["port"] = Napi::Number::New(env, address.port());
  return object;
}

// (fd)
Napi::Value BoundAddress(const Napi::CallbackInfo& info) {
  ListenAddress address;
  if (!ThrowUnlessOk(info.Env(), ListenAddress::FromSocket(ReadInt(info[0]), &address))) return info.Env().Undefined();
  return address.is_unix() ? DescribeUnix(info.Env(), address) : DescribeIp(info.Env(), address);
}

// (address, backlog): the caller owns the descriptor that is returned.
Napi::Value ListenExclusivelyOn(const Napi::CallbackInfo& info) {
  ListenAddress address;
  Descriptor socket;
  if (!ThrowUnlessOk(info.Env(), ReadListenAddress(info[0].As<Napi::Object>(), &address)) ||
      !ThrowUnlessOk(info.Env(), ListenExclusively(address, ReadInt(info[1]), &socket))) {
    return info.Env().Undefined();
  }
  return Napi::Number::New(info.Env(), socket.Release());
}

}  // namespace

Status ReadListenAddress(const Napi::Object& object, ListenAddress* address) {
  if (object.Has("path")) {
    const std::string path = object.Get("path").As<Napi::String>();
    return ListenAddress::FromPath(path.c_str(), address);
  }
  const std::string host = object.Get("host").As<Napi::String>();
  return ListenAddress::FromHost(host.c_str(), ReadInt(object.Get("port")), object.Get("ipv6Only").ToBoolean(), address);
}

void InitListenAddress(Napi::Env env, Napi::Object handoff) {
  handoff["boundAddress"] = Napi::Function::New(env, BoundAddress, "boundAddress");
  handoff["listenExclusively"] = Napi::Function::New(env, ListenExclusivelyOn, "listenExclusively");
}

}  // namespace limpet
