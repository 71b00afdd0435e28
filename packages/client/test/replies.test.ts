import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { settled, setUp } from "./harness.js";

const context = setUp();
const { connect, ready } = context;

type Reply = (eventName: string, args: unknown[], onReply?: () => void) => { eventId: number } | undefined;

describe("dispatch", () => {
  it("calls onMessage first, then the listeners with args, reply and ids", async () => {
    const { client, journal, peer } = await ready();
    client.on("event", (args, reply, ids) => journal.add("listener", args, reply, ids));
    peer.send("event", 5, null, "a", 2);
    await journal.call("listener");
    const ids = { eventId: 5, replyTo: null };
    expect(journal.entries.slice(2)).toEqual([
      ["onMessage", "event", ["a", 2], expect.any(Function), ids],
      ["listener", ["a", 2], expect.any(Function), ids],
    ]);
  });

  it("calls onMessage and then onReply for a reply, and no listener", async () => {
    const { client, journal, peer } = await ready();
    client.on("answer", () => journal.add("listener"));
    client.send("ask", [], (eventName, args, _reply, ids) => journal.add("onReply", eventName, args, ids));
    const [, id] = await peer.next();
    peer.send("answer", 9, id, true);
    peer.send("end", 10, null);
    await journal.call("onMessage", 2);
    expect(journal.entries.slice(2).map(([name, event]) => [name, event])).toEqual([
      ["onMessage", "answer"],
      ["onReply", "answer"],
      ["onMessage", "end"],
    ]);
    expect(journal.named("onReply")[0]).toEqual(["answer", [true], { eventId: 9, replyTo: id }]);
  });

  it("takes a second reply to one message, and a reply to none, for a message", async () => {
    const { client, journal, peer } = await ready();
    const onReply = vi.fn();
    client.on("answer", () => journal.add("listener"));
    client.send("ask", [], onReply);
    const [, id] = await peer.next();
    for (const replyTo of [id, id, 12345]) peer.send("answer", 9, replyTo);
    await journal.call("listener", 2);
    expect(onReply).toHaveBeenCalledTimes(1);
  });

  it("takes a reply after clearAwaitingRepliesAfterMs for a message", async () => {
    const { client, journal, peer } = await ready({ clearAwaitingRepliesAfterMs: 1 });
    const onReply = vi.fn();
    client.send("ask", [], onReply);
    const [, id] = await peer.next();
    await vi.waitFor(() => expect(client.awaitingRepliesCount).toBe(0));
    client.on("answer", () => journal.add("listener"));
    peer.send("answer", 9, id);
    await journal.call("listener");
    expect(onReply).not.toHaveBeenCalled();
  });

  it("delivers what the server sends before auth-ok", async () => {
    const { journal } = connect();
    const peer = await context.server.nextPeer();
    peer.send("hello", 1, null);
    await journal.call("onMessage");
    expect(journal.named("onAuthOk")).toEqual([]);
  });

  it("has on, once and off: with a context, twice for one function, from the next message on", async () => {
    const { client, journal, peer } = await ready();
    const self = { name: "self" };
    const seen: unknown[] = [];
    const listener = function (this: unknown, [value]: unknown[]): void {
      seen.push([this, value]);
    };
    client.on("event", listener).on("event", listener, self);
    client.once("event", listener, self);
    const send = async (value: number): Promise<unknown[]> => {
      peer.send("event", 1, null, value);
      await journal.call("onMessage", value);
      return seen.splice(0);
    };
    expect(await send(1)).toEqual([
      [undefined, 1],
      [self, 1],
      [self, 1],
    ]);
    expect(await send(2)).toEqual([
      [undefined, 2],
      [self, 2],
    ]);
    client.off("event", listener, self);
    expect(await send(3)).toEqual([[undefined, 3]]);
    client.on("event", () => client.on("event", listener, self));
    expect(await send(4)).toEqual([[undefined, 4]]);
    client.off("event");
    expect(await send(5)).toEqual([]);
  });

  it("dispatches nothing after close, not even to the next listener", async () => {
    const { client, journal, peer } = await ready();
    client.on("event", () => client.close());
    client.on("event", () => journal.add("second listener"));
    peer.send("event", 1, null);
    peer.send("event", 2, null);
    await journal.call("onDisconnect");
    await peer.gone;
    expect(journal.entries.slice(2).map(([name]) => name)).toEqual(["onMessage", "onDisconnect"]);
  });
});

describe("reply", () => {
  it("answers the message it came with, as often as it is called", async () => {
    const { client, peer } = await ready();
    const sent: unknown[] = [];
    client.on("ask", (_args, reply) => sent.push(reply("answer", [1]), reply("answer", [2])));
    peer.send("ask", 77, null);
    const first = await peer.next();
    const second = await peer.next();
    expect([first, second].map(([name, , replyTo, value]) => [name, replyTo, value])).toEqual([
      ["answer", 77, 1],
      ["answer", 77, 2],
    ]);
    expect(sent).toEqual([
      { eventId: first[1], replyTo: 77 },
      { eventId: second[1], replyTo: 77 },
    ]);
  });

  it("may itself be answered", async () => {
    const { client, peer } = await ready();
    const answered = new Promise<unknown[]>((resolve) =>
      client.on("ask", (_args, reply) => reply("counter", [], (eventName, args) => resolve([eventName, args]))),
    );
    peer.send("ask", 77, null);
    const [, id] = await peer.next();
    peer.send("answer", 78, id, "done");
    expect(await answered).toEqual(["answer", ["done"]]);
  });

  it("waits for auth-ok like any message, and is dropped where the connection ends before", async () => {
    const { client, journal } = connect();
    client.on("ask", (_args, reply) => {
      reply("answer", ["reply"]);
      client.send("event", ["message"]);
      journal.add("listener");
    });
    const first = await context.server.nextPeer();
    await first.next();
    first.send("ask", 7, null);
    await journal.call("listener");
    expect(first.unread).toBe(0);
    first.destroy();
    const second = await context.server.nextPeer();
    await second.next();
    second.send("ask", 8, null);
    await journal.call("listener", 2);
    second.send("ezez-ws::auth-ok");
    expect((await second.next()).slice(2)).toEqual([null, "message"]);
    expect((await second.next()).slice(2)).toEqual([8, "reply"]);
    expect((await second.next()).slice(2)).toEqual([null, "message"]);
    expect(second.unread).toBe(0);
  });

  it("takes no room in the queue once its connection has ended", async () => {
    const large = "x".repeat(900 * 1024);
    const { client, journal } = connect();
    client.on("ask", (_args, reply) => reply("answer", [large]));
    const first = await context.server.nextPeer();
    await first.next();
    first.send("ask", 7, null);
    await journal.call("onMessage");
    expect(() => client.send("event", [large])).toThrow(expect.objectContaining({ code: "QUEUE_FULL" }));
    first.destroy();
    await journal.call("onDisconnect");
    client.send("event", [large]);
  });

  it("throws QUEUE_FULL where it has to wait and there is no room, and then waits for no answer", async () => {
    const { client, journal } = connect();
    client.on("ask", (_args, reply) => reply("answer", ["x".repeat(1024 * 1024)], () => undefined));
    const peer = await context.server.nextPeer();
    await peer.next();
    peer.send("ask", 7, null);
    const [error] = await journal.call("onError");
    expect(error).toMatchObject({ code: "CALLBACK_FAILED", stage: "listener", cause: { code: "QUEUE_FULL" } });
    expect(client.awaitingRepliesCount).toBe(0);
  });
});

describe("connections", () => {
  it("keep their replies apart: a late reply to an earlier connection sends nothing and gives undefined", async () => {
    const { client, journal, peer } = await ready();
    peer.send("ask", 7, null);
    const late = (await journal.call("onMessage"))[2] as Reply;
    const onReply = vi.fn();
    peer.destroy();
    await journal.call("onDisconnect");
    expect(late("answer", ["while waiting"], onReply)).toBeUndefined();
    const second = await context.server.nextPeer();
    expect(late("answer", ["before open"])).toBeUndefined();
    await second.accept();
    await journal.call("onAuthOk", 2);
    expect(late("answer", ["after"], onReply)).toBeUndefined();
    expect(client.awaitingRepliesCount).toBe(0);
    client.send("event", ["fresh"]);
    expect((await second.next()).slice(2)).toEqual([null, "fresh"]);
    client.close();
    expect(late("answer", [])).toBeUndefined();
  });

  it("forget at their end who waits: an answer over the next one runs no onReply in 1000 tries", async () => {
    const { client, journal, peer } = await ready();
    const onReply = vi.fn();
    const ids = Array.from({ length: 1000 }, () => client.send("ask", [], onReply)?.eventId);
    expect(client.awaitingRepliesCount).toBe(1000);
    for (let i = 0; i < 1000; i++) await peer.next();
    peer.destroy();
    await journal.call("onDisconnect");
    expect(client.awaitingRepliesCount).toBe(0);
    const second = await context.server.nextPeer();
    await second.accept();
    for (const id of ids) second.send("answer", 1, id);
    await journal.call("onMessage", 1000);
    expect(onReply).not.toHaveBeenCalled();
  });

  it("share their listeners: a listener is called once for each message after 20 reconnects", async () => {
    const { client, journal, peer } = await ready();
    client.on("event", () => journal.add("listener"));
    let last = peer;
    for (let i = 0; i < 20; i++) {
      last.close(1001);
      last = await context.server.nextPeer();
      await last.accept();
    }
    last.send("event", 1, null);
    last.send("end", 2, null);
    await journal.call("onMessage", 2);
    expect(journal.named("listener")).toHaveLength(1);
  });
});

describe("failures of the application", () => {
  it("become one onError each, and end nothing", async () => {
    const boom = new Error("boom");
    const fail = (): never => {
      throw boom;
    };
    const { client, journal } = connect(
      {},
      { onConnect: fail, onAuthOk: async () => fail(), onMessage: fail, onDisconnect: fail },
    );
    client.on("event", async () => fail());
    client.send("ask", [], fail);
    const peer = await context.server.nextPeer();
    await peer.accept();
    const [, id] = await peer.next();
    peer.send("event", 1, null);
    await journal.call("onError", 4);
    peer.send("answer", 2, id);
    await journal.call("onError", 6);
    peer.destroy();
    await journal.call("onError", 7);
    await context.server.nextPeer();
    const errors = journal.named("onError").map(([error]) => error);
    for (const error of errors) expect(error).toMatchObject({ code: "CALLBACK_FAILED", cause: boom });
    expect(errors.map((error) => (error as { stage: string }).stage).sort()).toEqual(
      ["listener", "onAuthOk", "onConnect", "onDisconnect", "onMessage", "onMessage", "onReply"].sort(),
    );
  });

  it("of onAuthRejected becomes one onError", async () => {
    const { journal } = connect({}, { onAuthRejected: () => Promise.reject(new Error("boom")) });
    (await context.server.nextPeer()).send("ezez-ws::auth-rejected", "Invalid auth key");
    expect((await journal.call("onError"))[0]).toMatchObject({ code: "CALLBACK_FAILED", stage: "onAuthRejected" });
  });

  it("with what cannot even be printed throw nothing", async () => {
    const printed: unknown[] = [];
    vi.spyOn(console, "error").mockImplementation((error) => void printed.push(inspect(error)));
    const hostile = {
      get [Symbol.toStringTag](): string {
        throw new Error("hostile");
      },
    };
    const onError = vi.fn().mockRejectedValueOnce(hostile);
    const { client, journal } = connect(
      {},
      {
        onConnect: () => {
          throw hostile;
        },
        onError,
      },
    );
    await journal.call("onError");
    await settled();
    expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: "CALLBACK_FAILED" }));
    expect(printed).toHaveLength(1);
    expect(client.alive).toBe(true);
  });

  it("of onError go to console.error", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    const { journal } = connect(
      {},
      {
        onConnect: () => {
          throw null;
        },
        onError: async () => {
          throw new Error("boom");
        },
      },
    );
    await journal.call("onError");
    await settled();
    expect(log).toHaveBeenCalledWith(expect.objectContaining({ message: "boom" }));
  });
});
