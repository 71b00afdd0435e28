import { expect } from "vitest";
import type { Area } from "../area.js";
import { until } from "../wait.js";

export const replies: Area = ({ it }) => {
  it("a request and its reply go over the wire with the ids of the protocol", async (lab) => {
    const running = await lab.start({}, { onMessage: (_c, _n, args, reply) => reply("b", args) });
    const wire = await running.authenticated();
    const eventId = wire.event("a", "hello");
    const [eventName, ownId, replyTo, ...args] = await wire.next();
    expect([eventName, replyTo, args]).toEqual(["b", eventId, ["hello"]]);
    expect(Number.isSafeInteger(ownId)).toBe(true);
  });

  it("reply has the result of send, can be called more than once, and each answers the same message", async (lab) => {
    const results: unknown[] = [];
    const running = await lab.start(
      {},
      {
        onAuthOk: (client) =>
          client.on("a", (_args, reply) => results.push(reply("b", [1]), reply("b", [2]), reply("c"))),
      },
    );
    const wire = await running.authenticated();
    const eventId = wire.event("a");
    for (const expected of [["b", 1], ["b", 2], ["c"]]) {
      const [eventName, ownId, replyTo, ...args] = await wire.next();
      expect([eventName, ...args]).toEqual(expected);
      expect(replyTo).toBe(eventId);
      expect(results.shift()).toEqual({ eventId: ownId, replyTo: eventId });
    }
  });

  it("reply may be called long after the message", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    const late = new Promise<() => unknown>((resolve) => client.on("a", (_args, reply) => resolve(() => reply("b"))));
    const eventId = wire.event("a");
    wire.event("b");
    await running.called("onMessage", 2);
    (await late)();
    expect((await wire.next())[2]).toBe(eventId);
  });

  it("onReply gets client, eventName, args, reply and ids", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    const replied = new Promise<unknown[]>((resolve) => {
      client.send("a", ["question"], (...parameters) => resolve(parameters));
    });
    const [, asked] = await wire.next();
    const eventId = wire.reply(asked, "b", "answer", 42);
    const [who, eventName, args, reply, ids] = await replied;
    expect(who).toBe(client);
    expect([eventName, args, ids]).toEqual(["b", ["answer", 42], { eventId, replyTo: asked }]);
    (reply as (eventName: string) => unknown)("c");
    expect(await wire.next()).toEqual(["c", expect.any(Number), eventId]);
  });

  it("a conversation goes on through onReply of send and of reply", async (lab) => {
    const heard: unknown[] = [];
    const running = await lab.start();
    const { wire, client } = await running.pair();
    client.send("a", [0], (_client, _name, [n], reply) => {
      heard.push(n);
      reply("a", [2], (_again, _name2, [m]) => heard.push(m));
    });
    wire.reply((await wire.next())[1], "b", 1);
    const [, asked, , two] = await wire.next();
    expect(two).toBe(2);
    expect(client.awaitingRepliesCount).toBe(1);
    wire.reply(asked, "b", 3);
    await until(() => heard.length === 2, "both replies were heard");
    expect(heard).toEqual([1, 3]);
    expect(client.awaitingRepliesCount).toBe(0);
  });

  it("onMessage is called before onReply, and never both onReply and a listener", async (lab) => {
    const order: string[] = [];
    const running = await lab.start({}, { onMessage: () => void order.push("onMessage") });
    const { wire, client } = await running.pair();
    client.on("b", () => order.push("listener"));
    client.send("a", [], () => order.push("onReply"));
    const [, asked] = await wire.next();
    wire.reply(asked, "b");
    await running.called("onMessage");
    wire.event("b");
    await running.called("onMessage", 2);
    await until(() => order.length === 4, "all were called");
    expect(order).toEqual(["onMessage", "onReply", "onMessage", "listener"]);
  });

  it("a second reply to the same message goes to onMessage and the listeners", async (lab) => {
    const order: string[] = [];
    const running = await lab.start();
    const { wire, client } = await running.pair();
    client.on("b", (_args, _reply, ids) => order.push(`listener ${ids.replyTo}`));
    client.send("a", [], () => order.push("onReply"));
    const [, asked] = await wire.next();
    wire.reply(asked, "b");
    wire.reply(asked, "b");
    await until(() => order.length === 2, "both were heard");
    expect(order).toEqual(["onReply", `listener ${asked}`]);
    expect(running.count("onMessage")).toBe(2);
  });

  it("a reply to an unknown id goes to onMessage and the listeners", async (lab) => {
    const order: string[] = [];
    const running = await lab.start();
    const { wire, client } = await running.pair();
    client.on("b", (_args, _reply, { replyTo }) => order.push(`listener ${replyTo}`));
    const asked = client.send("a", [], () => order.push("onReply"))?.eventId ?? 0;
    for (const id of [asked + 1, asked - 1 || 5, 2 ** 48, 2 ** 53 - 1]) wire.reply(id, "b");
    await running.called("onMessage", 4);
    expect(order).toEqual([asked + 1, asked - 1 || 5, 2 ** 48, 2 ** 53 - 1].map((id) => `listener ${id}`));
    expect(client.awaitingRepliesCount).toBe(1);
  });

  it("a reply later than clearAwaitingRepliesAfterMs goes to onMessage and the listeners, never to onReply", async (lab) => {
    const order: string[] = [];
    const running = await lab.start({ clearAwaitingRepliesAfterMs: 50 });
    const { wire, client } = await running.pair();
    client.on("b", () => order.push("listener"));
    client.send("a", [], () => order.push("onReply"));
    expect(client.awaitingRepliesCount).toBe(1);
    const [, asked] = await wire.next();
    await until(() => client.awaitingRepliesCount === 0, "the message was forgotten");
    wire.reply(asked, "b");
    await until(() => order.length === 1, "the reply was heard");
    expect(order).toEqual(["listener"]);
    expect(running.messages).toEqual([["b"]]);
  });

  it("a reply answers only on its own connection", async (lab) => {
    const order: string[] = [];
    const running = await lab.start();
    const first = await running.pair();
    const second = await running.pair();
    second.client.on("b", () => order.push("listener of the second"));
    first.client.send("a", [], () => order.push("onReply of the first"));
    const [, asked] = await first.wire.next();
    second.wire.reply(asked, "b");
    await until(() => order.length === 1, "it was heard");
    expect(order).toEqual(["listener of the second"]);
    first.wire.reply(asked, "b");
    await until(() => order.length === 2, "it was heard");
    expect(order[1]).toBe("onReply of the first");
  });

  it("a reply of an earlier connection runs no onReply of the next, in 200 tries", async (lab) => {
    let wrong = 0;
    const running = await lab.start();
    const before = await running.pair();
    const old: unknown[] = [];
    for (let i = 0; i < 200; i++) {
      before.client.send("a", [i], () => wrong++);
      old.push((await before.wire.next())[1]);
    }
    before.wire.close(1000);
    await running.called("onDisconnect");
    const after = await running.pair();
    for (let i = 0; i < 200; i++) after.client.send("a", [i], () => wrong++);
    for (const id of old) after.wire.reply(id, "b");
    await running.called("onMessage", 200);
    expect(wrong).toBe(0);
    expect(after.client.awaitingRepliesCount).toBe(200);
  });

  it("a reply to a broadcast goes to onMessage and the listeners", async (lab) => {
    const heard: unknown[] = [];
    const running = await lab.start();
    const { wire, client } = await running.pair();
    client.on("b", (_args, _reply, { replyTo }) => heard.push(replyTo));
    running.server.broadcast("a");
    const [, id] = await wire.next();
    wire.reply(id, "b");
    await until(() => heard.length === 1, "it was heard");
    expect(heard).toEqual([id]);
  });

  it("replies may come in any order", async (lab) => {
    const heard: unknown[] = [];
    const running = await lab.start();
    const { wire, client } = await running.pair();
    const ids: unknown[] = [];
    for (let i = 0; i < 100; i++) {
      client.send("a", [], (_client, _name, [n]) => heard.push([i, n]));
      ids.push((await wire.next())[1]);
    }
    for (let i = 99; i >= 0; i--) wire.reply(ids[i], "b", i);
    await until(() => heard.length === 100, "all were heard");
    expect(heard).toEqual(Array.from({ length: 100 }, (_, i) => [99 - i, 99 - i]));
    expect(client.awaitingRepliesCount).toBe(0);
  });

  it("maxAwaitingReplies: one more send with onReply throws, one without is sent", async (lab) => {
    const running = await lab.start({ maxAwaitingReplies: 2 });
    const { wire, client } = await running.pair();
    const onReply = (): void => undefined;
    client.send("a", [1], onReply);
    client.send("a", [2], onReply);
    const code = expect.objectContaining({ name: "EZEZError", code: "TOO_MANY_AWAITING_REPLIES" });
    expect(() => client.send("a", [3], onReply)).toThrow(code);
    client.send("a", [4]);
    const [, first] = await wire.next();
    expect([(await wire.next())[3], (await wire.next())[3]]).toEqual([2, 4]);
    wire.reply(first, "b");
    await until(() => client.awaitingRepliesCount === 1, "one was answered");
    expect(client.send("a", [5], onReply)).toBeDefined();
  });

  it("maxAwaitingReplies counts each client alone", async (lab) => {
    const running = await lab.start({ maxAwaitingReplies: 1 });
    for (const { client } of [await running.pair(), await running.pair()]) {
      expect(client.send("a", [], () => 0)).toBeDefined();
    }
  });

  it("after the close pending onReply are dropped and awaitingRepliesCount is 0", async (lab) => {
    let replied = 0;
    const running = await lab.start();
    const { wire, client } = await running.pair();
    client.send("a", [], () => replied++);
    const [, asked] = await wire.next();
    expect(client.awaitingRepliesCount).toBe(1);
    client.disconnect();
    expect(client.awaitingRepliesCount).toBe(0);
    wire.reply(asked, "b");
    await wire.closed();
    await running.called("onDisconnect");
    expect(replied).toBe(0);
    expect(running.messages).toEqual([]);
  });

  it("awaitingRepliesCount is 0 in onDisconnect, also when the peer vanished", async (lab) => {
    const counts: number[] = [];
    const running = await lab.start({}, { onDisconnect: (client) => counts.push(client.awaitingRepliesCount) });
    const { wire, client } = await running.pair();
    client.send("a", [], () => 0);
    wire.reset();
    await running.called("onDisconnect");
    expect(counts).toEqual([0]);
  });

  it("reply after the close is as send: nothing, or DISCONNECTED", async (lab) => {
    for (const sendAfterDisconnect of ["ignore", "throw"] as const) {
      const running = await lab.start({ sendAfterDisconnect });
      const { wire, client } = await running.pair();
      const reply = new Promise<() => unknown>((resolve) =>
        client.on("a", (_args, reply) => resolve(() => reply("b"))),
      );
      wire.event("a");
      const late = await reply;
      client.disconnect();
      if (sendAfterDisconnect === "ignore") expect(late()).toBeUndefined();
      else expect(late).toThrow(expect.objectContaining({ name: "EZEZError", code: "DISCONNECTED" }));
    }
  });

  it("a reply sent in a listener that then throws is sent, and gives one onError", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    client.on("a", (_args, reply) => {
      reply("b");
      throw new Error("failed");
    });
    wire.event("a");
    expect((await wire.next())[0]).toBe("b");
    await running.called("onError");
    expect(running.errors.map(({ code, stage }) => [code, stage])).toEqual([["CALLBACK_FAILED", "listener"]]);
  });

  it("onReply that throws is reported once, and is not called again", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    client.send("a", [], () => {
      throw new Error("failed");
    });
    const [, asked] = await wire.next();
    wire.reply(asked, "b");
    wire.reply(asked, "b");
    await running.called("onMessage", 2);
    expect(running.errors.map(({ code, stage }) => [code, stage])).toEqual([["CALLBACK_FAILED", "onReply"]]);
    expect(client.alive).toBe(true);
  });
};
