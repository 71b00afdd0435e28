import { expect } from "vitest";
import type { Area } from "../area.js";
import { encodeFrame, Opcode } from "../frames.js";
import { encode, hex, part } from "../messages.js";
import type { Client } from "../row.js";
import { until } from "../wait.js";

type Args = unknown[];

export const messages: Area = ({ it, alone }) => {
  it("dispatches the message of the protocol document, byte for byte", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    wire.binary(hex("3466 00 70696e67 00  356a 00 226e3a3722 00  346a 00 226c3a22 00  3566 00 68656c6c6f 00"));
    const { rest } = await running.called("onMessage");
    expect([rest[0], rest[1], rest[3]]).toEqual(["ping", ["hello"], { eventId: 7, replyTo: null }]);
  });

  it("sends what the reference encoder would, byte for byte", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    const args = [
      "text",
      1.5,
      -0,
      10n,
      true,
      false,
      null,
      undefined,
      { b: [1, "ż🦀"], a: { z: null } },
      Buffer.from([0, 255]),
    ];
    const ids = client.send("a", args);
    expect(await wire.bytes()).toEqual(encode("a", ids?.eventId, null, ...args));
  });

  it("sends one unfragmented, unmasked binary frame for each message", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    client.send("a", ["x".repeat(100_000)]);
    const { fin, rsv, opcode, masked } = await wire.nextFrame();
    expect({ fin, rsv, opcode, masked }).toEqual({ fin: true, rsv: 0, opcode: Opcode.binary, masked: false });
  });

  it("gives the listeners every value that the reference encoder can send", async (lab) => {
    const running = await lab.start();
    const { wire } = await running.pair();
    const args = [
      "",
      "ż🦀\0",
      0,
      -1.5,
      1e300,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      12345678901234567890n,
      true,
      false,
      null,
      undefined,
      [],
      {},
      [[[1]], { a: [{ b: undefined }] }],
    ];
    wire.event("a", ...args);
    expect((await running.called("onMessage")).rest[1]).toEqual(args);
  });

  it("gives bytes as bytes, which stay the receiver's own", async (lab) => {
    const running = await lab.start();
    const { wire } = await running.pair();
    wire.event("a", Buffer.from([0, 1, 2, 255]), Buffer.alloc(0));
    const [first, empty] = (await running.called("onMessage")).rest[1] as Uint8Array[];
    expect(first).toBeInstanceOf(Uint8Array);
    for (let i = 0; i < 50; i++) wire.event("b", Buffer.alloc(20_000, i));
    await running.called("onMessage", 51);
    expect([...(first ?? [])]).toEqual([0, 1, 2, 255]);
    expect(first?.buffer.byteLength).toBe(4);
    expect(empty?.length).toBe(0);
  });

  it("sends bytes of every view and of an ArrayBuffer as bytes", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    const bytes = new Uint8Array([9, 1, 2, 3, 9]);
    client.send("a", [
      bytes.subarray(1, 4),
      new DataView(bytes.buffer, 1, 3),
      bytes.buffer.slice(1, 4),
      Buffer.from([1, 2, 3]),
    ]);
    const [, , , ...args] = await wire.next();
    expect(args).toEqual(Array(4).fill(Buffer.from([1, 2, 3])));
  });

  it("encodes when send is called: a later change is not seen, by send or by broadcast", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    const value = { list: [1] };
    const bytes = Buffer.from([1]);
    client.send("a", [value, bytes]);
    running.server.broadcast("b", [value, bytes]);
    value.list.push(2);
    bytes[0] = 9;
    for (const name of ["a", "b"]) {
      const [eventName, , , ...args] = await wire.next();
      expect([eventName, ...args]).toEqual([name, { list: [1] }, Buffer.from([1])]);
    }
  });

  it("args may be undefined or missing for an event without arguments", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    const sent = [
      client.send("a"),
      client.send("a", undefined),
      client.send("a", []),
      client.send("a", undefined, () => 0),
    ];
    for (const ids of sent) expect(await wire.next()).toEqual(["a", ids?.eventId, null]);
    running.server.broadcast("a");
    running.server.broadcast("a", undefined);
    for (let i = 0; i < 2; i++) expect(await wire.next()).toHaveLength(3);
    wire.event("a");
    expect((await running.called("onMessage")).rest[1]).toEqual([]);
  });

  it("send gives the ids of the message, which count up by one from a start below 2^31", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    const first = client.send("a")?.eventId ?? Number.NaN;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(2 ** 31);
    for (let i = 1; i <= 5; i++) expect(client.send("a", [i])).toEqual({ eventId: first + i, replyTo: null });
    running.server.broadcast("b");
    expect(client.send("a")).toEqual({ eventId: first + 6, replyTo: null });
    for (let i = 0; i <= 5; i++) expect((await wire.next())[1]).toBe(first + i);
  });

  it("ids start anew, at random, on each connection", async (lab) => {
    const running = await lab.start();
    const starts = new Set<number | undefined>();
    for (let i = 0; i < 10; i++) starts.add((await running.pair()).client.send("a")?.eventId);
    expect(starts.size).toBeGreaterThan(8);
  });

  it("onMessage is first and the listeners are next, with the same reply and ids", async (lab) => {
    const order: string[] = [];
    const seen: unknown[][] = [];
    const running = await lab.start(
      {},
      {
        onAuthOk: (client) => {
          client.on("a", (args, reply, ids) => {
            order.push("first");
            seen.push([args, reply, ids]);
          });
          client.on("a", () => order.push("second"));
          client.on("b", () => order.push("other"));
        },
        onMessage: (_client, _eventName, args, reply, ids) => {
          order.push("onMessage");
          seen.push([args, reply, ids]);
        },
      },
    );
    const wire = await running.authenticated();
    const eventId = wire.event("a", 1);
    await until(() => order.length === 3, "all were called");
    expect(order).toEqual(["onMessage", "first", "second"]);
    expect(seen[0]).toEqual(seen[1]);
    expect(seen[1]?.[2]).toEqual({ eventId, replyTo: null });
  });

  it("messages are dispatched in the order in which they came", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    for (let i = 0; i < 500; i++) wire.event("a", i);
    await running.called("onMessage", 500);
    expect(running.messages.map(([, n]) => n)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });

  it("messages are sent in the order of send, reply and broadcast", async (lab) => {
    const running = await lab.start({}, { onMessage: (_c, _n, _a, reply) => reply("b", [1]) });
    const { wire, client } = await running.pair();
    client.on("a", () => {
      client.send("b", [2]);
      running.server.broadcast("b", [3]);
      client.send("b", [4]);
    });
    wire.event("a");
    const order: unknown[] = [];
    for (let i = 0; i < 4; i++) order.push((await wire.next())[3]);
    expect(order).toEqual([1, 2, 3, 4]);
  });

  const listening = async (
    lab: Parameters<Parameters<typeof it>[1]>[0],
    listen: (client: Client, heard: Args) => void,
  ) => {
    const heard: Args = [];
    const running = await lab.start({}, { onAuthOk: (client) => listen(client, heard) });
    const wire = await running.authenticated();
    // What the listeners heard of this one event.
    const hear = async (eventName = "a"): Promise<Args> => {
      heard.length = 0;
      const calls = running.count("onMessage") + 1;
      wire.event(eventName);
      await running.called("onMessage", calls);
      await new Promise((resolve) => setImmediate(resolve));
      return [...heard];
    };
    const client = running.of("onAuthOk")[0]?.client;
    if (client === undefined) throw new Error("no client");
    return { running, wire, hear, client };
  };

  it("on can be called many times with the same function, which is called as often", async (lab) => {
    const { hear } = await listening(lab, (client, heard) => {
      const listener = () => heard.push("x");
      client.on("a", listener).on("a", listener).on("a", listener);
    });
    expect(await hear()).toEqual(["x", "x", "x"]);
    expect(await hear("b")).toEqual([]);
  });

  it("once is called for the next message only", async (lab) => {
    const { hear } = await listening(lab, (client, heard) => {
      client.once("a", () => heard.push("once")).on("a", () => heard.push("on"));
    });
    expect(await hear()).toEqual(["once", "on"]);
    expect(await hear()).toEqual(["on"]);
  });

  it("`this` of a listener is the context given to on or once", async (lab) => {
    const { hear } = await listening(lab, (client, heard) => {
      function listener(this: unknown): void {
        heard.push(this);
      }
      client.on("a", listener, "context").once("a", listener, { some: "object" }).on("a", listener);
    });
    expect(await hear()).toEqual(["context", { some: "object" }, undefined]);
  });

  it("off(event) removes all listeners of the event, and of no other", async (lab) => {
    const { hear, client } = await listening(lab, (client, heard) => {
      client.on("a", () => heard.push("1")).once("a", () => heard.push("2"));
      client.on("b", () => heard.push("b"));
    });
    expect(client.off("a")).toBe(client);
    expect(await hear()).toEqual([]);
    expect(await hear("b")).toEqual(["b"]);
  });

  it("off(event, fn) removes all of that function, whatever their context", async (lab) => {
    const { hear } = await listening(lab, (client, heard) => {
      const one = () => heard.push("one");
      const two = () => heard.push("two");
      client.on("a", one).on("a", two).on("a", one, "context").once("a", one).off("a", one);
    });
    expect(await hear()).toEqual(["two"]);
  });

  it("off(event, fn, context) removes those with that context", async (lab) => {
    const { hear } = await listening(lab, (client, heard) => {
      function listener(this: unknown): void {
        heard.push(this);
      }
      const [x, y] = [{ x: 1 }, { y: 1 }];
      client.on("a", listener, x).on("a", listener, y).on("a", listener).off("a", listener, x);
    });
    expect(await hear()).toEqual([{ y: 1 }, undefined]);
  });

  it("off(event, undefined, context) removes all functions with that context", async (lab) => {
    const { hear } = await listening(lab, (client, heard) => {
      const context = {};
      client.on("a", () => heard.push(1), context).on("a", () => heard.push(2), context);
      client.on("a", () => heard.push(3)).off("a", undefined, context);
    });
    expect(await hear()).toEqual([3]);
  });

  it("off(event, fn, undefined, once) removes those of once, or those of on", async (lab) => {
    const { hear } = await listening(lab, (client, heard) => {
      const one = () => heard.push("one");
      const two = () => heard.push("two");
      client.on("a", one).once("a", one).off("a", one, undefined, true);
      client.once("a", two).on("a", two).off("a", two, undefined, false);
    });
    expect(await hear()).toEqual(["one", "two"]);
    expect(await hear()).toEqual(["one"]);
  });

  it("off of what is not there, or no event at all, changes nothing", async (lab) => {
    const { hear } = await listening(lab, (client, heard) => {
      client.off("a").off("a", () => 0);
      client
        .on("a", () => heard.push(1))
        .off("b")
        .off("a", () => 0);
    });
    expect(await hear()).toEqual([1]);
  });

  it("a listener added during an emit takes effect from the next one", async (lab) => {
    const { hear } = await listening(lab, (client, heard) => {
      client.once("a", () => void client.on("a", () => heard.push("added")));
      client.on("a", () => heard.push("there"));
    });
    expect(await hear()).toEqual(["there"]);
    expect(await hear()).toEqual(["there", "added"]);
  });

  it("a listener removed during an emit takes effect from the next one", async (lab) => {
    const { hear } = await listening(lab, (client, heard) => {
      const removed = () => heard.push("removed");
      client.on("a", () => void client.off("a", removed));
      client.on("a", removed);
    });
    expect(await hear()).toEqual(["removed"]);
    expect(await hear()).toEqual([]);
  });

  it("an event may be named *, or as a property of every object", async (lab) => {
    const { hear } = await listening(lab, (client, heard) => {
      client.on("*", () => heard.push("*")).on("a", () => heard.push("a"));
    });
    expect(await hear("a")).toEqual(["a"]);
    expect(await hear("*")).toEqual(["*"]);
    for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) expect(await hear(name)).toEqual([]);
  });

  it("listeners of one client hear nothing of another", async (lab) => {
    const heard: unknown[] = [];
    const running = await lab.start(
      {},
      { onAuthOk: (client) => client.on("a", ([n]) => heard.push([client.connectionId, n])) },
    );
    const first = await running.pair();
    const second = await running.pair();
    second.wire.event("a", 2);
    await until(() => heard.length === 1, "it was heard");
    first.wire.event("a", 1);
    await until(() => heard.length === 2, "it was heard");
    expect(heard).toEqual([
      [second.client.connectionId, 2],
      [first.client.connectionId, 1],
    ]);
  });

  it("each client has a context of its own, nested objects too", async (lab) => {
    const defaultContext = { name: "default", nested: { list: [1] } };
    const running = await lab.start({ defaultContext });
    const first = await running.pair();
    first.client.context.name = "changed";
    first.client.context.nested?.list.push(2);
    const second = await running.pair();
    expect(second.client.context).toEqual({ name: "default", nested: { list: [1] } });
    expect(first.client.context).toEqual({ name: "changed", nested: { list: [1, 2] } });
    expect(defaultContext).toEqual({ name: "default", nested: { list: [1] } });
  });

  it("context is an empty object by default, one for each client, and can be replaced", async (lab) => {
    const running = await lab.start();
    const [first, second] = [(await running.pair()).client, (await running.pair()).client];
    expect(first.context).toEqual({});
    expect(first.context).not.toBe(second.context);
    first.context = { name: "new" };
    expect(second.context).toEqual({});
  });

  alone("connectionId counts up by one over all servers of the process", async (lab) => {
    const servers = [await lab.start(), await lab.start()];
    const ids: number[] = [];
    for (let i = 0; i < 6; i++) {
      const { client } = await (servers[i % 2] as (typeof servers)[0]).pair();
      ids.push(client.connectionId);
    }
    const first = ids[0] ?? Number.NaN;
    expect(Number.isInteger(first) && first >= 0).toBe(true);
    expect(ids).toEqual(ids.map((_, i) => first + i));
  });

  it("a custom serializer and deserializer carry other values", async (lab) => {
    const running = await lab.start({
      serializerArgs: [{ D: (value) => (value instanceof Date ? value.toISOString() : null) }],
      unserializerArgs: [{ D: (text) => new Date(text) }],
    });
    const { wire, client } = await running.pair();
    const date = new Date("2026-01-02T03:04:05.006Z");
    client.send("a", [{ when: date }]);
    const bytes = await wire.bytes();
    expect(bytes.toString()).toContain('{"when":"D:2026-01-02T03:04:05.006Z"}');
    wire.binary(
      Buffer.concat([part("f", "a"), part("j", '"n:1"'), part("j", '"l:"'), part("j", '"D:2026-01-02T03:04:05.006Z"')]),
    );
    expect((await running.called("onMessage")).rest[1]).toEqual([date]);
  });

  it("serializerArgs with sortProps false keeps the order of keys", async (lab) => {
    const running = await lab.start({ serializerArgs: [null, { sortProps: false }] });
    const { wire, client } = await running.pair();
    client.send("a", [{ b: 1, a: 2 }]);
    expect((await wire.bytes()).toString()).toContain('{"b":"n:1","a":"n:2"}');
  });

  for (const [what, value] of Object.entries<unknown>({
    "a function": () => 0,
    "a symbol": Symbol("x"),
    "a Map": new Map(),
    "bytes inside an object": { bytes: Buffer.from([1]) },
  })) {
    it(`send and broadcast throw NOT_SERIALIZABLE at the caller for ${what}, and nothing is sent`, async (lab) => {
      const running = await lab.start();
      const { wire, client } = await running.pair();
      expect(() => client.send("a", [1, value])).toThrow(
        expect.objectContaining({ name: "EZEZError", code: "NOT_SERIALIZABLE" }),
      );
      expect(() => client.send("a", [1, value], () => 0)).toThrow(/args\[1\]/);
      expect(() => running.server.broadcast("a", [value])).toThrow(
        expect.objectContaining({ code: "NOT_SERIALIZABLE" }),
      );
      expect(client.awaitingRepliesCount).toBe(0);
      client.send("b", ["after"]);
      expect((await wire.next())[0]).toBe("b");
      expect(running.errors).toEqual([]);
    });
  }

  for (const [what, name] of Object.entries({
    "an empty name": "",
    "a name of more than 256 bytes": "ż".repeat(129),
    "a reserved name": "ezez-ws::auth-ok",
  })) {
    it(`send, reply and broadcast throw INVALID_EVENT_NAME at the caller for ${what}`, async (lab) => {
      const running = await lab.start();
      const { wire, client } = await running.pair();
      const code = expect.objectContaining({ name: "EZEZError", code: "INVALID_EVENT_NAME" });
      expect(() => client.send(name as "a")).toThrow(code);
      expect(() => running.server.broadcast(name as "a")).toThrow(code);
      const replied = new Promise<unknown>((resolve) => {
        client.on("a", (_args, reply) => {
          try {
            resolve(reply(name as "a"));
          } catch (error) {
            resolve(error);
          }
        });
      });
      wire.event("a");
      expect(await replied).toEqual(code);
    });
  }

  it("an event's name of 256 bytes goes both ways", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    const name = "ż".repeat(128);
    client.send(name as "a");
    expect((await wire.next())[0]).toBe(name);
    wire.event(name);
    expect((await running.called("onMessage")).rest[0]).toBe(name);
  });

  it("many messages in one TCP segment, and one message over many segments, are dispatched", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    const frames = Array.from({ length: 200 }, (_, i) => encodeFrame(Opcode.binary, encode("a", i + 1, null, i)));
    wire.write(Buffer.concat(frames));
    await running.called("onMessage", 200);
    const large = encodeFrame(Opcode.binary, encode("b", 1000, null, "y".repeat(3000)));
    for (let at = 0; at < large.length; at += 100) {
      wire.write(large.subarray(at, at + 100));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await running.called("onMessage", 201);
    expect(running.messages.at(-1)).toEqual(["b", "y".repeat(3000)]);
  });

  it("the client's own ping is answered with its payload", async (lab) => {
    const running = await lab.start();
    const wire = await running.open();
    wire.frame(Opcode.ping, Buffer.from("payload"));
    const { opcode, payload } = await wire.nextFrame("a pong");
    expect([opcode, payload.toString()]).toEqual([Opcode.pong, "payload"]);
  });

  it("client.client is the runtime's own socket", async (lab) => {
    const running = await lab.start();
    const { client } = await running.pair();
    expect(typeof client.client).toBe("object");
    expect(client.client).not.toBeNull();
  });
};
