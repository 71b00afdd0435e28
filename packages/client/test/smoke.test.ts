import { EZEZWebsocketServer } from "@ezez-ws/adapter-ws";
import { EZEZWebSocketClient } from "@ezez-ws/client";
import { WebSocket } from "ws";
import { expect, it } from "vitest";

type E = { ping: [string]; pong: [string, number] };
it.each([undefined, WebSocket])("talks", async (WSConstructor) => {
  const log: unknown[] = [];
  const server = new EZEZWebsocketServer<E>({ port: 0 }, {
    onAuthRequest: (_c, k) => k === "key",
    onAuthOk: (c) => { c.on("ping", ([t], reply) => reply("pong", [t, 1])); },
  });
  await server.start();
  await new Promise<void>((resolve, reject) => {
    const client = new EZEZWebSocketClient<E>(`ws://127.0.0.1:${server.address()?.port}`, undefined, { auth: async () => "key", WSConstructor }, {
      onConnect: () => log.push("connect"), onAuthOk: () => log.push("ok"), onDisconnect: (c, r) => { log.push(c, r); resolve(); }, onError: reject,
    });
    client.send("ping", ["hello"], (name, args) => { log.push(name, args); client.close(); });
    expect(client.awaitingRepliesCount).toBe(1);
  });
  await server.close();
  expect(log).toEqual(["connect", "ok", "pong", ["hello", 1], 1000, ""]);
});
