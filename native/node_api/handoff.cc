// exports.handoff: descriptors, addresses and the shared page; the classes are in the files beside this one.
#include "node_api/handoff.h"

#include <netinet/in.h>
#include <sys/un.h>
#include <uv.h>

#include <string>

#include "handoff/shared_memory.h"
#include "node_api/init.h"
#include "ring/hash.h"

namespace limpet {

void ThrowSystemError(Napi::Env env, const Status& status) {
  const std::string code = uv_err_name(-status.error());
  Napi::Error error = Napi::Error::New(env, std::string(status.call()) + " " + code);
  error.Set("code", code);
  error.Set("syscall", status.call());
  error.ThrowAsJavaScriptException();
}

bool Check(Napi::Env env, const Status& status) {
  if (!status.ok()) ThrowSystemError(env, status);
  return status.ok();
}

Status ReadAddress(const Napi::Object& given, ListenAddress* address) {
  if (given.Has("path")) return ListenAddress::FromPath(std::string(given.Get("path").As<Napi::String>()).c_str(), address);
  const std::string host = given.Get("host").As<Napi::String>();
  return ListenAddress::FromHost(host.c_str(), ReadInt(given.Get("port")), given.Get("ipv6Only").ToBoolean(), address);
}

Napi::Value BoundAddress(Napi::Env env, int fd) {
  ListenAddress address;
  if (!Check(env, ListenAddress::FromSocket(fd, &address))) return env.Undefined();
  auto bound = Napi::Object::New(env);
  if (address.is_unix()) {
    bound["path"] = Napi::String::New(env, reinterpret_cast<const sockaddr_un*>(&address.storage)->sun_path);
    return bound;
  }
  const bool ipv6 = address.family() == AF_INET6;
  char text[INET6_ADDRSTRLEN];
  if (ipv6) {
    uv_ip6_name(reinterpret_cast<const sockaddr_in6*>(&address.storage), text, sizeof text);
  } else {
    uv_ip4_name(reinterpret_cast<const sockaddr_in*>(&address.storage), text, sizeof text);
  }
  bound["address"] = Napi::String::New(env, text);
  bound["family"] = Napi::String::New(env, ipv6 ? "IPv6" : "IPv4");
  bound["port"] = Napi::Number::New(env, address.port());
  return bound;
}

SteeringTable ReadSteeringTable(const Napi::Object& given) {
  const HashKey key = HashKey::From(Span<uint8_t>(given.Get("key")).data());
  const auto homes = Span<uint16_t>(given.Get("homes"));
  return {{key.k0, key.k1}, ReadUint(given.Get("ipv6Prefix")), homes.data(), static_cast<uint32_t>(homes.size())};
}

namespace {

Napi::Value SteeringProgram(const Napi::CallbackInfo& info) {
  const std::vector<BpfInstruction> program = CompileSteering(ReadSteeringTable(info[0].As<Napi::Object>()));
  return Napi::Buffer<char>::Copy(info.Env(), reinterpret_cast<const char*>(program.data()),
                                  program.size() * sizeof(BpfInstruction));
}

Napi::Value ListenExclusivelyOn(const Napi::CallbackInfo& info) {
  ListenAddress address;
  if (!Check(info.Env(), ReadAddress(info[0].As<Napi::Object>(), &address))) return info.Env().Undefined();
  Descriptor socket;
  if (!Check(info.Env(), ListenExclusively(address, ReadInt(info[1]), &socket))) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), socket.Release());
}

Napi::Value BoundAddressOf(const Napi::CallbackInfo& info) { return BoundAddress(info.Env(), ReadInt(info[0])); }

Napi::Value DuplicateDescriptor(const Napi::CallbackInfo& info) {
  Descriptor copy = Descriptor::Duplicate(ReadInt(info[0]));
  if (!copy.valid()) ThrowSystemError(info.Env(), Status::System("fcntl", errno));
  return Napi::Number::New(info.Env(), copy.Release());
}

void CloseDescriptor(const Napi::CallbackInfo& info) { const Descriptor closed(ReadInt(info[0])); }

void CloseOnExec(const Napi::CallbackInfo& info) {
  if (fcntl(ReadInt(info[0]), F_SETFD, FD_CLOEXEC) != 0) ThrowSystemError(info.Env(), Status::System("fcntl", errno));
}

void PrepareInherited(const Napi::CallbackInfo& info) {
  const int fd = ReadInt(info[0]);
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    ThrowSystemError(info.Env(), Status::System("fcntl", errno));
  }
}

Napi::Value CreateSharedMemory(const Napi::CallbackInfo& info) {
  Descriptor fd;
  if (!Check(info.Env(), SharedMemory::Create(&fd))) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), fd.Release());
}

Napi::Value MapSharedMemory(const Napi::CallbackInfo& info) {
  auto memory = std::make_unique<SharedMemory>();
  if (!Check(info.Env(), SharedMemory::Map(ReadInt(info[0]), memory.get()))) return info.Env().Undefined();
  SharedMemory* const mapped = memory.release();
  return Napi::ArrayBuffer::New(info.Env(), mapped->data(), SharedMemory::kBytes,
                                [](Napi::Env, void*, SharedMemory* finished) { delete finished; }, mapped);
}

// What src/binding/shared-memory.ts must know of the page; a test holds the two together.
Napi::Value SharedMemoryLayout(Napi::Env env) {
  auto layout = Napi::Object::New(env);
  layout["cellsPerRow"] = SharedMemory::kCellsPerBlock;
  layout["slots"] = SharedMemory::kSlots;
  layout["workers"] = SharedMemory::kWorkers;
  layout["homesOffset"] = static_cast<double>(SharedMemory::kHomesOffset);
  layout["bucketsMax"] = SharedMemory::kBucketsMax;
  auto bounds = Napi::Array::New(env, kLatencyBoundsUs.size());
  for (uint32_t i = 0; i < kLatencyBoundsUs.size(); ++i) bounds[i] = static_cast<double>(kLatencyBoundsUs[i]);
  layout["latencyBoundsUs"] = bounds;
  layout["workerCells"] = static_cast<double>(WorkerCell::kWorkerCells);
  layout["bytes"] = static_cast<double>(SharedMemory::kBytes);
  return layout;
}

}  // namespace

void InitHandoff(Napi::Env env, Napi::Object exports) {
  auto handoff = Napi::Object::New(env);
  handoff["steeringProgram"] = Napi::Function::New(env, SteeringProgram, "steeringProgram");
  handoff["listenExclusively"] = Napi::Function::New(env, ListenExclusivelyOn, "listenExclusively");
  handoff["boundAddress"] = Napi::Function::New(env, BoundAddressOf, "boundAddress");
  handoff["duplicate"] = Napi::Function::New(env, DuplicateDescriptor, "duplicate");
  handoff["close"] = Napi::Function::New(env, CloseDescriptor, "close");
  handoff["closeOnExec"] = Napi::Function::New(env, CloseOnExec, "closeOnExec");
  handoff["prepareInherited"] = Napi::Function::New(env, PrepareInherited, "prepareInherited");
  handoff["createSharedMemory"] = Napi::Function::New(env, CreateSharedMemory, "createSharedMemory");
  handoff["mapSharedMemory"] = Napi::Function::New(env, MapSharedMemory, "mapSharedMemory");
  handoff["sharedMemoryLayout"] = SharedMemoryLayout(env);
  InitAcceptor(env, handoff);
  InitInbox(env, handoff);
  InitReuseport(env, handoff);
  exports["handoff"] = handoff;
}

}  // namespace limpet
