// exports.handoff.Inbox
#include <algorithm>

#include "../worker_inbox.h"
#include "handoff.h"

namespace limpet {
namespace {

constexpr size_t kPeerBytes = 18;

class InboxObject : public Napi::ObjectWrap<InboxObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Inbox",
                       {
                           InstanceMethod<&InboxObject::Accept>("accept"),
                           InstanceMethod<&InboxObject::StopAccepting>("stopAccepting"),
                           InstanceMethod<&InboxObject::Receive>("receive"),
                           InstanceMethod<&InboxObject::Expect>("expect"),
                           InstanceMethod<&InboxObject::Stop>("stop"),
                       });
  }

  // ({ page, row, slot, descriptors, listeners, peers }, deliver): each batch is written to the arrays, of kTakenAtOnce
  // entries, then deliver(count) is called. An entry of peers has 18 bytes: address and port, network order; zeros where
  // the connection's own peer is the client.
  explicit InboxObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<InboxObject>(info), context_(info.Env(), "limpet.inbox") {
    const auto options = info[0].As<Napi::Object>();
    if (!Check(info.Env(), SharedPage::Map(ReadInt(options.Get("page")), &page_))) return;
    descriptors_ = Napi::Persistent(options.Get("descriptors").As<Napi::Int32Array>());
    listeners_ = Napi::Persistent(options.Get("listeners").As<Napi::Uint8Array>());
    peers_ = Napi::Persistent(options.Get("peers").As<Napi::Uint8Array>());
    deliver_ = Napi::Persistent(info[1].As<Napi::Function>());
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(info.Env(), &loop);
    inbox_ = std::make_unique<WorkerInbox>(loop, &page_, ReadUint(options.Get("row")), ReadUint(options.Get("slot")),
                                           Deliver, this);
  }

 private:
  static void Deliver(void* self, const Passed* connections, size_t count) {
    static_cast<InboxObject*>(self)->Call(connections, count);
  }

  void Call(const Passed* connections, size_t count) {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    int32_t* const descriptors = descriptors_.Value().Data();
    uint8_t* const listeners = listeners_.Value().Data();
    uint8_t* const peers = peers_.Value().Data();
    for (size_t i = 0; i < count; ++i) {
      descriptors[i] = connections[i].fd;
      listeners[i] = connections[i].listener;
      const Endpoint& peer = connections[i].proxied;
      uint8_t* const at = peers + i * kPeerBytes;
      std::copy(peer.address.bytes.begin(), peer.address.bytes.end(), at);
      at[16] = static_cast<uint8_t>(peer.port >> 8);
      at[17] = static_cast<uint8_t>(peer.port);
    }
    deliver_.MakeCallback(env.Global(), {Napi::Number::New(env, static_cast<double>(count))}, context_);
    if (env.IsExceptionPending()) napi_fatal_exception(env, env.GetAndClearPendingException().Value());
  }

  // (listener, fd): a duplicate of the descriptor is kept.
  void Accept(const Napi::CallbackInfo& info) {
    Descriptor socket = Descriptor::Duplicate(ReadInt(info[1]));
    if (!socket.valid()) {
      ThrowSystemError(info.Env(), Status::System("fcntl", errno));
      return;
    }
    Check(info.Env(), inbox_->Accept(static_cast<uint8_t>(ReadUint(info[0])), std::move(socket)));
  }

  // (listener, drain)
  void StopAccepting(const Napi::CallbackInfo& info) {
    inbox_->StopAccepting(static_cast<uint8_t>(ReadUint(info[0])), info[1].ToBoolean());
  }

  void Receive(const Napi::CallbackInfo& info) { Check(info.Env(), inbox_->Receive(ReadInt(info[0]))); }

  // (listener, expected)
  void Expect(const Napi::CallbackInfo& info) {
    inbox_->Expect(static_cast<uint8_t>(ReadUint(info[0])), info[1].ToBoolean());
  }

  void Stop(const Napi::CallbackInfo&) { inbox_->Stop(); }

  SharedPage page_;
  Napi::AsyncContext context_;
  Napi::Reference<Napi::Int32Array> descriptors_;
  Napi::Reference<Napi::Uint8Array> listeners_;
  Napi::Reference<Napi::Uint8Array> peers_;
  Napi::FunctionReference deliver_;
  std::unique_ptr<WorkerInbox> inbox_;
};

}  // namespace

void InitInbox(Napi::Env env, Napi::Object handoff) { handoff["Inbox"] = InboxObject::Define(env); }

}  // namespace limpet
