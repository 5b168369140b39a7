{
  "targets": [
    {
      "target_name": "limpet",
      "sources": [
        "native/node_api/head.cc",
        "native/node_api/module.cc",
        "native/node_api/ring.cc",
        "native/affinity_chain.cc",
        "native/affinity_cookie.cc",
        "native/client_key.cc",
        "native/digits.cc",
        "native/engine_io_sid.cc",
        "native/forwarded.cc",
        "native/hash.cc",
        "native/ip_address.cc",
        "native/proxy_protocol.cc",
        "native/query_string.cc",
        "native/refusal.cc",
        "native/request_head.cc",
        "native/ring.cc",
        "native/siphash.cc",
        "native/steering_program.cc"
      ],
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags!": ["-fno-omit-frame-pointer"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags": ["-O3", "-fvisibility=hidden", "-Wall", "-Wextra"],
      "cflags_cc": ["-std=c++20", "-fno-exceptions", "-fno-rtti", "-ffp-contract=off"],
      "conditions": [
        ["OS!='win'", { "sources": [
          "native/node_api/acceptor.cc",
          "native/node_api/handoff.cc",
          "native/node_api/inbox.cc",
          "native/node_api/reuseport.cc",
          "native/node_api/service.cc",
          "native/acceptor.cc",
          "native/acceptor_calls.cc",
          "native/acceptor_choice.cc",
          "native/datagram.cc",
          "native/farewells.cc",
          "native/fd_channel.cc",
          "native/listen_socket.cc",
          "native/peer_address.cc",
          "native/pending_heads.cc",
          "native/poller.cc",
          "native/reuseport.cc",
          "native/shared_page.cc",
          "native/slot_outbox.cc",
          "native/watched_descriptor.cc",
          "native/worker_inbox.cc"
        ] }],
        ["OS=='linux'", { "sources": ["native/linux_runtime.cc"], "ldflags": ["-static-libstdc++", "-static-libgcc", "-Wl,--gc-sections", "-Wl,--exclude-libs,ALL"] }],
        ["OS=='mac'", { "xcode_settings": { "CLANG_CXX_LANGUAGE_STANDARD": "c++20", "GCC_ENABLE_CPP_EXCEPTIONS": "NO", "GCC_ENABLE_CPP_RTTI": "NO", "OTHER_CPLUSPLUSFLAGS": ["-ffp-contract=off"], "MACOSX_DEPLOYMENT_TARGET": "12.0" } }],
        ["OS=='win'", { "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["/std:c++20"], "ExceptionHandling": 0 } } }]
      ]
    }
  ]
}
