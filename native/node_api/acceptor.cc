// exports.handoff.Acceptor
#include "handoff/primary/acceptor.h"

#include <napi.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "node_api/arguments.h"
#include "node_api/compiled_chain.h"
#include "node_api/init.h"
#include "node_api/system_error.h"

namespace limpet {
namespace {

class AcceptorObject : public Napi::ObjectWrap<AcceptorObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Acceptor",
                       {
                           InstanceMethod<&AcceptorObject::ChannelEnd>("channelEnd"),
                           InstanceMethod<&AcceptorObject::Add>("add"),
                           InstanceMethod<&AcceptorObject::Serve>("serve"),
                           InstanceMethod<&AcceptorObject::Remove>("remove"),
                           InstanceMethod<&AcceptorObject::SetAffinity>("setAffinity"),
                           InstanceMethod<&AcceptorObject::Refused>("refused"),
                           InstanceMethod<&AcceptorObject::Busiest>("busiest"),
                           InstanceMethod<&AcceptorObject::UpdateRing>("updateRing"),
                           InstanceMethod<&AcceptorObject::Attach>("attach"),
                           InstanceMethod<&AcceptorObject::Detach>("detach"),
                           InstanceMethod<&AcceptorObject::Queued>("queued"),
                           InstanceMethod<&AcceptorObject::CloseListener>("closeListener"),
                           InstanceMethod<&AcceptorObject::IsEmpty>("isEmpty"),
                           InstanceMethod<&AcceptorObject::CloseQueued>("closeQueued"),
                           InstanceMethod<&AcceptorObject::Stop>("stop"),
                       });
  }

  // ({ sharedMemory, key, ipv6Prefix, queueMax, spreadEvenly, maxLoad, headTimeoutMs, pendingMax,
  //   pendingPerAddressMax }, onEmpty): onEmpty is called when a closing listener has become empty.
  explicit AcceptorObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<AcceptorObject>(info) {
    const auto options = info[0].As<Napi::Object>();
    if (!ThrowUnlessOk(info.Env(), SharedMemory::Map(ReadInt(options.Get("sharedMemory")), &memory_))) return;
    on_empty_ = Napi::ThreadSafeFunction::New(info.Env(), info[1].As<Napi::Function>(), "limpet.acceptor", 0, 1);
    on_empty_.Unref(info.Env());
    const Acceptor::Settings settings{
        HashKey::From(Span<uint8_t>(options.Get("key")).data()),
        ReadInt(options.Get("ipv6Prefix")),
        ReadUint(options.Get("queueMax")),
        {ReadUint(options.Get("headTimeoutMs")), ReadUint(options.Get("pendingMax")),
         ReadUint(options.Get("pendingPerAddressMax"))},
        options.Get("spreadEvenly").ToBoolean(),
        options.Get("maxLoad").ToNumber().DoubleValue(),
    };
    acceptor_ = std::make_unique<Acceptor>(&memory_, settings, Notify, this);
    ThrowUnlessOk(info.Env(), acceptor_->Start());
  }

  ~AcceptorObject() override { Stop(); }

 private:
  static void Notify(void* self) { static_cast<AcceptorObject*>(self)->on_empty_.NonBlockingCall(); }

  void Stop() {
    if (!acceptor_ || stopped_) return;
    stopped_ = true;
    acceptor_->Stop();
    on_empty_.Release();
  }
  void Stop(const Napi::CallbackInfo&) { Stop(); }

  // (slot): the acceptor keeps the descriptor.
  Napi::Value ChannelEnd(const Napi::CallbackInfo& info) {
    int fd = -1;
    ThrowUnlessOk(info.Env(), acceptor_->ChannelEnd(ReadUint(info[0]), &fd));
    return Napi::Number::New(info.Env(), fd);
  }

  // (listener, fd, pinned?): the acceptor gets a duplicate of the descriptor.
  Napi::Value Add(const Napi::CallbackInfo& info) {
    Descriptor socket = Descriptor::Duplicate(ReadInt(info[1]));
    if (!socket.valid()) {
      ThrowSystemError(info.Env(), Status::System("fcntl", errno));
      return info.Env().Undefined();
    }
    const auto pinned = info[2].IsNumber() ? static_cast<uint16_t>(ReadUint(info[2])) : kNoSlot;
    return Napi::Number::New(info.Env(), acceptor_->Add(ReadListener(info[0]), std::move(socket), pinned));
  }

  // (source, mode, detour?)
  void Serve(const Napi::CallbackInfo& info) {
    std::vector<uint16_t> detour;
    if (info[2].IsTypedArray()) detour = ReadSlots(info[2]);
    acceptor_->Serve(ReadUint(info[0]), static_cast<Acceptor::AcceptMode>(ReadUint(info[1])), std::move(detour));
  }

  // (source, drain)
  void Remove(const Napi::CallbackInfo& info) { acceptor_->Remove(ReadUint(info[0]), info[1].ToBoolean()); }

  // (listener, chain)
  void SetAffinity(const Napi::CallbackInfo& info) {
    acceptor_->SetAffinity(ReadListener(info[0]), UnwrapChain(info[1]));
  }

  Napi::Value Refused(const Napi::CallbackInfo& info) {
    auto counts = Napi::Object::New(info.Env());
    const auto refused = acceptor_->Refused();
    for (uint8_t i = 0; i < kRefusalCount; ++i) {
      if (refused[i] > 0) counts[std::string(RefusalName(static_cast<Refusal>(i)))] = static_cast<double>(refused[i]);
    }
    return counts;
  }

  Napi::Value Busiest(const Napi::CallbackInfo& info) {
    const BusiestClient busiest = acceptor_->Busiest();
    auto counts = Napi::Object::New(info.Env());
    counts["seen"] = static_cast<double>(busiest.seen());
    counts["count"] = static_cast<double>(busiest.count());
    return counts;
  }

  // (owners, homes)
  void UpdateRing(const Napi::CallbackInfo& info) {
    ThrowUnlessOk(info.Env(), acceptor_->UpdateRing(ReadSlots(info[0]), ReadSlots(info[1])));
  }

  // (slot, listener, workerIndex)
  void Attach(const Napi::CallbackInfo& info) {
    ThrowUnlessOk(info.Env(), acceptor_->Attach(ReadUint(info[0]), ReadListener(info[1]), ReadUint(info[2])));
  }

  // (slot, listener)
  void Detach(const Napi::CallbackInfo& info) { acceptor_->Detach(ReadUint(info[0]), ReadListener(info[1])); }

  // (slot, listener)
  Napi::Value Queued(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(acceptor_->Queued(ReadUint(info[0]), ReadListener(info[1]))));
  }

  // (listener)
  void CloseListener(const Napi::CallbackInfo& info) { acceptor_->Close(ReadListener(info[0])); }

  // (listener)
  Napi::Value IsEmpty(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), acceptor_->IsEmpty(ReadListener(info[0])));
  }

  // (listener)
  Napi::Value CloseQueued(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(acceptor_->CloseQueued(ReadListener(info[0]))));
  }

  SharedMemory memory_;
  Napi::ThreadSafeFunction on_empty_;
  std::unique_ptr<Acceptor> acceptor_;
  bool stopped_ = false;
};

}  // namespace

void InitAcceptor(Napi::Env env, Napi::Object handoff) { handoff["Acceptor"] = AcceptorObject::Define(env); }

}  // namespace limpet
