import { describe, expect, it, vi } from "vitest";
import { settled, setUp } from "./harness.js";
import { encode, frame, Opcode, type Peer } from "./raw-server.js";

const context = setUp();
const { connect, ready } = context;

const part = (mark: string, content: string): string => `${Buffer.byteLength(content)}${mark}\0${content}\0`;

describe("bad bytes from a server are reported, closed with 1002 and followed by another attempt:", () => {
  it.each([
    ["-5f\\0, at which the reference decoder hangs", Buffer.from("-5f\0")],
    ["no bytes", Buffer.alloc(0)],
    ["no message", Buffer.from("hello")],
    ["a message cut short", encode("event", 1, null, "text").subarray(0, -3)],
    ["an id of 0", encode("event", 0, null)],
    ["a replyTo that is no id", encode("event", 1, "x")],
    ["an event name that is an object", encode({ toString: 1 }, 1, null)],
    [
      "5,000 levels of JSON",
      Buffer.from(part("f", "event") + part("j", '"n:1"') + part("j", '"l:"') + part("j", "[".repeat(5000))),
    ],
    [
      "a key named __proto__",
      Buffer.from(part("f", "event") + part("j", '"n:1"') + part("j", '"l:"') + part("j", '{"__proto__":"u:"}')),
    ],
  ])("%s", async (_name, bytes) => {
    const { client, journal, peer } = await ready();
    peer.sendBytes(bytes);
    peer.send("event", 1, null);
    const [error] = await journal.call("onError");
    expect(error).toMatchObject({ name: "EZEZError", code: "MALFORMED_MESSAGE", stage: "peer" });
    await peer.gone;
    expect(peer.closedWith).toEqual({ code: 1002, reason: (error as Error).message });
    expect(await journal.call("onDisconnect")).toEqual([1002, (error as Error).message]);
    expect(journal.named("onMessage")).toEqual([]);
    await (await context.server.nextPeer()).accept();
    await journal.call("onAuthOk", 2);
    expect(client.alive).toBe(true);
    expect(journal.errors).toHaveLength(1);
  });

  it("a custom deserializer that throws", async () => {
    const cause = new Error("boom");
    const { journal, peer } = await ready({
      unserializerArgs: [
        {
          date: () => {
            throw cause;
          },
        },
      ],
    });
    peer.sendBytes(Buffer.from(part("f", "event") + part("j", '"n:1"') + part("j", '"l:"') + part("j", '"date:x"')));
    const [error] = await journal.call("onError");
    expect(error).toMatchObject({ code: "MALFORMED_MESSAGE", message: "a custom deserializer failed" });
    expect((error as Error).cause).toBe(cause);
    await context.server.nextPeer();
  });

  it.each(["ezez-ws::auth-ok", "ezez-ws::auth", "ezez-ws::unknown"])("an unexpected %s", async (name) => {
    const { journal, peer } = await ready();
    peer.send(name);
    expect((await journal.call("onError"))[0]).toMatchObject({ code: "RESERVED_EVENT" });
    await peer.gone;
    expect(peer.closedWith?.code).toBe(1002);
    await context.server.nextPeer();
    expect(journal.named("onAuthOk")).toHaveLength(1);
  });

  it("auth-ok together with the upgrade, before the client asked", async () => {
    const { journal } = connect({ auth: () => new Promise<string>(() => undefined) });
    const peer = await context.server.nextPeer();
    peer.send("ezez-ws::auth-ok");
    expect((await journal.call("onError"))[0]).toMatchObject({ code: "RESERVED_EVENT" });
    await context.server.nextPeer();
    expect(journal.named("onAuthOk")).toEqual([]);
  });
});

describe("a server that breaks the WebSocket protocol is reported and left, and the client comes back:", () => {
  it.each<[string, (peer: Peer) => void]>([
    [
      "a message of 200 MB",
      (peer) => {
        const header = Buffer.alloc(10);
        header[0] = 0x80 | Opcode.binary;
        header[1] = 127;
        header.writeBigUInt64BE(200_000_000n, 2);
        peer.write(header);
      },
    ],
    [
      "a compressed frame with bad bits",
      (peer) => peer.write(frame(Opcode.binary, Buffer.from([0xff, 0xff, 0xff]), 4)),
    ],
    ["a reserved opcode", (peer) => peer.write(frame(3, Buffer.alloc(1)))],
    ["a masked frame", (peer) => peer.write(Buffer.from([0x82, 0x81, 0, 0, 0, 0, 1]))],
    ["text that is no UTF-8", (peer) => peer.write(frame(Opcode.text, Buffer.from([0xff])))],
  ])("%s", async (_name, misbehave) => {
    const { journal, peer } = await ready();
    misbehave(peer);
    expect((await journal.call("onError"))[0]).toMatchObject({ code: "TRANSPORT_ERROR", cause: expect.any(Error) });
    await journal.call("onDisconnect");
    await (await context.server.nextPeer()).accept();
    await journal.call("onAuthOk", 2);
  });
});

describe("text messages", () => {
  it("are ignored by default", async () => {
    const { journal, peer } = await ready();
    peer.sendText("hello");
    peer.send("event", 1, null);
    await journal.call("onMessage");
    expect(journal.entries.slice(2)).toHaveLength(1);
  });

  it('are reported with unknownMessages: "error", and the connection stays', async () => {
    const { client, journal, peer } = await ready({ unknownMessages: "error" });
    peer.sendText("hello");
    expect((await journal.call("onError"))[0]).toMatchObject({ code: "TEXT_MESSAGE", cause: "hello" });
    peer.send("event", 1, null);
    await journal.call("onMessage");
    expect(client.alive).toBe(true);
  });

  it("go to a function, whose failure is reported", async () => {
    const unknownMessages = vi.fn((text: string) => {
      throw new Error(text);
    });
    const { journal, peer } = await ready({ unknownMessages });
    peer.sendText('{"a":1}');
    expect((await journal.call("onError"))[0]).toMatchObject({ code: "CALLBACK_FAILED", stage: "unknownMessages" });
    expect(unknownMessages).toHaveBeenCalledWith('{"a":1}');
  });
});

describe("a flood", () => {
  it("of connections that are accepted and broken ends no process and adds no listener", async () => {
    const { client, journal } = connect();
    for (let i = 1; i <= 100; i++) {
      context.random.mockReturnValue(0);
      const peer = await context.server.nextPeer();
      peer.send("event", i, null);
      peer.sendBytes(Buffer.from("-5f\0"));
      await journal.call("onError", i);
    }
    await settled();
    expect(journal.named("onMessage")).toHaveLength(100);
    expect(client.awaitingRepliesCount).toBe(0);
  });
});
