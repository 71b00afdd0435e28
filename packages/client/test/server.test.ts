import { EZEZWebsocketServer } from "@ezez-ws/adapter-ws";
import { EZEZWebSocketClient } from "@ezez-ws/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Journal } from "./harness.js";

type ToServer = { add: [a: number, b: number]; echo: [value: unknown, bytes: Uint8Array]; kick: [] };
type ToClient = { sum: [value: number]; echoed: [value: unknown, bytes: Uint8Array]; news: [text: string] };

const clients: { close(): void }[] = [];
let server: EZEZWebsocketServer<ToServer, ToClient>;

const start = async (port = 0): Promise<void> => {
  server = new EZEZWebsocketServer<ToServer, ToClient>(
    { port },
    {
      onAuthRequest: (_client, auth) => {
        if (auth === "broken") throw new Error("boom");
        return auth === "secret";
      },
      onAuthOk: (client) => {
        client.on("add", ([a, b], reply) => reply("sum", [a + b]));
        client.on("echo", (args, reply) => reply("echoed", args));
        client.on("kick", () => client.disconnect());
      },
      onError: () => undefined,
    },
  );
  await server.start();
};

const connect = (auth = "secret") => {
  const journal = new Journal();
  const client = new EZEZWebSocketClient<ToClient, ToServer>(
    `ws://127.0.0.1:${server.address()?.port}`,
    undefined,
    { auth },
    {
      onAuthOk: () => journal.add("onAuthOk"),
      onAuthRejected: (reason) => journal.add("onAuthRejected", reason),
      onMessage: (...[eventName, args]) => journal.add("onMessage", eventName, args),
      onDisconnect: (code, reason) => journal.add("onDisconnect", code, reason),
      onError: (error) => journal.add("onError", error),
    },
  );
  clients.push(client);
  return { client, journal };
};

beforeEach(() => {
  vi.spyOn(Math, "random").mockReturnValue(0.001);
  return start();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.close();
  vi.restoreAllMocks();
});

describe("with the server on ws", () => {
  it("asks and is answered, queued messages first", async () => {
    const { client } = connect();
    const sums = await Promise.all(
      [1, 2, 3].map(
        (n) => new Promise((resolve) => client.send("add", [n, n], (eventName, args) => resolve([eventName, ...args]))),
      ),
    );
    expect(sums).toEqual([
      ["sum", 2],
      ["sum", 4],
      ["sum", 6],
    ]);
    expect(client.awaitingRepliesCount).toBe(0);
  });

  it("carries values and bytes there and back", async () => {
    const { client } = connect();
    const value = { n: 1.5, big: 2n ** 70n, list: [null, undefined, true], text: "żółć 🎉" };
    const bytes = new Uint8Array([0, 255]);
    const args = await new Promise<unknown[]>((resolve) =>
      client.send("echo", [value, bytes], (_eventName, answer) => resolve(answer)),
    );
    expect(args).toEqual([value, bytes]);
  });

  it("hears broadcasts", async () => {
    const { journal } = connect();
    await journal.call("onAuthOk");
    expect(server.broadcast("news", ["hello"])).toBe(1);
    expect(await journal.call("onMessage")).toEqual(["news", ["hello"]]);
  });

  it("stops for good after a wrong key", async () => {
    const { client, journal } = connect("wrong");
    expect(await journal.call("onDisconnect")).toEqual([4401, "Invalid auth key"]);
    expect(journal.named("onAuthRejected")).toEqual([["Invalid auth key"]]);
    expect(client.send("add", [1, 1])).toBeUndefined();
  });

  it("tries again where the verification failed", async () => {
    const { journal } = connect("broken");
    await journal.call("onAuthRejected", 3);
    expect(new Set(journal.named("onAuthRejected").flat())).toEqual(new Set(["Auth verification failed"]));
  });

  it("stays away after disconnect", async () => {
    const { client, journal } = connect();
    client.send("kick", []);
    expect(await journal.call("onDisconnect")).toEqual([1000, ""]);
    expect(client.send("add", [1, 1])).toBeUndefined();
  });

  it("comes back after a restart of the server, with what was sent meanwhile", async () => {
    const { client, journal } = connect();
    await journal.call("onAuthOk");
    const port = server.address()?.port;
    await server.close();
    expect((await journal.call("onDisconnect"))[0]).toBe(1001);
    const answered = new Promise((resolve) => client.send("add", [20, 1], (_eventName, args) => resolve(args)));
    await start(port);
    expect(await answered).toEqual([21]);
  });

  it("is closed with 1003 for sendJson, which that server does not speak, and comes back", async () => {
    const { client, journal } = connect();
    await journal.call("onAuthOk");
    client.sendJson({ a: 1 });
    expect((await journal.call("onDisconnect"))[0]).toBe(1003);
    await journal.call("onAuthOk", 2);
  });
});
