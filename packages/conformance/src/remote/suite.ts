import { describe, expect, test } from "vitest";
import { MALFORMED } from "../cases/malformed.js";
import { Opcode } from "../frames.js";
import { authRejectedBytes, decode, encode, part } from "../messages.js";
import { Wire, type WireOptions } from "../wire.js";
import { Key } from "./application.js";

const VALUES: Readonly<Record<string, unknown>> = {
  "a string": "text, ü, 😀, \u0000",
  "an empty string": "",
  numbers: [0, -1, 1.5, 1e21, Number.NaN, Infinity, -Infinity],
  bigints: [0n, -(2n ** 70n)],
  booleans: [true, false],
  undefined: undefined,
  null: null,
  "nested values": { a: [{ b: undefined }, null, ["x"]], z: { y: 1n } },
  bytes: Buffer.from([0, 1, 2, 255]),
  "no bytes": Buffer.alloc(0),
};

// Above the server's authTimeoutMs.
const CASE_TIMEOUT_MS = 20_000;

/** The cases that need nothing but a URL where `remoteApplication` runs with default options. */
export const describeRemote = (name: string, url: () => string): void => {
  const wires: Wire[] = [];
  const target = (): [port: number, options: WireOptions] => {
    const { protocol, hostname, port, pathname, search } = new URL(url());
    if (protocol !== "ws:") throw new Error("the suite writes its own bytes, and so takes ws:// only");
    const headers = { Host: `${hostname}:${port}` };
    return [Number(port || 80), { host: hostname.replace(/^\[|\]$/g, ""), path: `${pathname}${search}`, headers }];
  };
  const open = async (): Promise<Wire> => {
    const wire = await Wire.open(...target());
    wires.push(wire);
    return wire;
  };
  const authenticated = async (): Promise<Wire> => {
    const wire = await open();
    await wire.authenticate(Key.right);
    return wire;
  };
  const it = (sentence: string, body: () => Promise<void>): void => {
    test(
      sentence,
      async () => {
        try {
          await body();
        } finally {
          for (const wire of wires.splice(0)) wire.destroy();
        }
      },
      CASE_TIMEOUT_MS,
    );
  };

  describe(name, () => {
    it("the right key is accepted: exactly these bytes", async () => {
      const wire = await open();
      wire.auth(Key.right);
      expect(await wire.bytes()).toEqual(part("f", "ezez-ws::auth-ok"));
    });

    const rejections: [what: string, send: (wire: Wire) => void, reason: string, code: number][] = [
      ["a wrong key", (wire) => wire.auth(Key.wrong), "Invalid auth key", 4401],
      ["a key that is no string", (wire) => wire.auth({ $ne: null }), "Invalid auth key", 4401],
      ["a key whose verification fails", (wire) => wire.auth(Key.fails), "Auth verification failed", 4401],
      ["another version", (wire) => wire.auth(Key.right, 2), "Protocol version mismatch, wanted 1, got 2", 4401],
      ["no auth message at all", () => undefined, "Auth timeout", 4408],
    ];
    for (const [what, send, reason, code] of rejections) {
      it(`${what} is rejected: exactly these bytes, then ${code}`, async () => {
        const wire = await open();
        send(wire);
        expect(await wire.bytes(10_000)).toEqual(authRejectedBytes(reason));
        expect((await wire.closed()).code).toBe(code);
      });
    }

    it("a second auth message closes with 1002", async () => {
      const wire = await authenticated();
      wire.auth(Key.right);
      expect((await wire.closed()).code).toBe(1002);
    });

    it("an event before authentication is dropped", async () => {
      const wire = await open();
      wire.event("echo", "too early");
      await wire.authenticate(Key.right);
      wire.event("echo", "in time");
      expect((await wire.next()).slice(3)).toEqual(["in time"]);
    });

    for (const [what, value] of Object.entries(VALUES)) {
      it(`${what} comes back as it was sent, byte for byte`, async () => {
        const wire = await authenticated();
        const eventId = wire.event("echo", value);
        const answer = await wire.bytes();
        const [eventName, id, replyTo] = decode(answer);
        expect([eventName, replyTo]).toEqual(["echoed", eventId]);
        expect(answer).toEqual(encode("echoed", id, eventId, value));
      });
    }

    it("ids count up by one, from a start below 2^31", async () => {
      const wire = await authenticated();
      wire.event("echo");
      wire.event("echo");
      const [, first] = (await wire.next()) as [string, number];
      const [, second] = (await wire.next()) as [string, number];
      expect(first).toBeGreaterThan(0);
      expect(first).toBeLessThan(2 ** 31);
      expect(second).toBe(first + 1);
    });

    it("a message can be answered twice", async () => {
      const wire = await authenticated();
      const eventId = wire.event("twice", 1);
      expect((await wire.next())[2]).toBe(eventId);
      expect((await wire.next())[2]).toBe(eventId);
    });

    it("the server gets the answer to its question, whatever event it is, and only once", async () => {
      const wire = await authenticated();
      const asked = wire.event("ask", "how many?");
      const [eventName, question, replyTo, text] = await wire.next();
      expect([eventName, replyTo, text]).toEqual(["question", null, "how many?"]);
      wire.reply(question, "other", 3);
      expect((await wire.next()).slice(2)).toEqual([asked, "other", 3]);
      wire.reply(question, "echo", "late");
      expect((await wire.next()).slice(3)).toEqual(["late"]);
    });

    it("an answer over another connection is no answer", async () => {
      const [one, two] = [await authenticated(), await authenticated()];
      one.event("ask");
      const [, question] = await one.next();
      two.reply(question, "other", "stolen");
      two.event("echo");
      await two.next();
      one.reply(question, "other", "own");
      expect((await one.next()).slice(3)).toEqual(["other", "own"]);
    });

    it("a broadcast reaches the authenticated, with one id from 2^48", async () => {
      const [one, two, stranger] = [await authenticated(), await authenticated(), await open()];
      one.event("tell", "news");
      const [first, second] = [await one.bytes(), await two.bytes()];
      expect(second).toEqual(first);
      const [eventName, id, replyTo, text] = decode(first);
      expect([eventName, replyTo, text]).toEqual(["told", null, "news"]);
      expect(id).toBeGreaterThanOrEqual(2 ** 48);
      stranger.auth(Key.wrong);
      expect(await stranger.next()).toEqual(["ezez-ws::auth-rejected", "Invalid auth key"]);
    });

    it("disconnect closes with its code and reason", async () => {
      const wire = await authenticated();
      wire.event("leave", 4000, "until later");
      expect(await wire.closed()).toEqual({ code: 4000, reason: "until later" });
    });

    it("a close of ours is answered", async () => {
      const wire = await authenticated();
      wire.close(1000);
      expect((await wire.closed()).code).toBe(1000);
    });

    it("a ping is answered, with its bytes", async () => {
      const wire = await authenticated();
      wire.frame(Opcode.ping, Buffer.from("there?"));
      const { opcode, payload } = await wire.nextFrame();
      expect([opcode, payload.toString()]).toEqual([Opcode.pong, "there?"]);
    });

    it("a message may come in fragments", async () => {
      const wire = await authenticated();
      const bytes = encode("echo", 1, null, "whole");
      wire.frame(Opcode.binary, bytes.subarray(0, 5), { fin: false });
      wire.frame(Opcode.continuation, bytes.subarray(5));
      expect((await wire.next()).slice(3)).toEqual(["whole"]);
    });

    it("a text message closes with 1003", async () => {
      const wire = await authenticated();
      wire.text("text");
      expect((await wire.closed()).code).toBe(1003);
    });

    it("a message over 1 MiB closes with 1009, one over 64 KiB before authentication too", async () => {
      const wire = await authenticated();
      wire.binary(encode("echo", 1, null, Buffer.alloc(1024 * 1024)));
      expect((await wire.closed()).code).toBe(1009);
      const early = await open();
      early.binary(encode("echo", 1, null, Buffer.alloc(64 * 1024)));
      expect((await early.closed()).code).toBe(1009);
    });

    for (const eventName of ["ezez-ws::auth-ok", "ezez-ws::anything"]) {
      it(`the reserved name ${eventName} closes with 1002`, async () => {
        const wire = await authenticated();
        wire.binary(encode(eventName, 1, null));
        expect((await wire.closed()).code).toBe(1002);
      });
    }

    for (const [what, bytes] of Object.entries(MALFORMED)) {
      it(`${what} closes with 1002, and others are served`, async () => {
        const wire = await authenticated();
        wire.binary(bytes);
        expect((await wire.closed()).code).toBe(1002);
        const other = await authenticated();
        other.event("echo", "served");
        expect((await other.next()).slice(3)).toEqual(["served"]);
      });
    }
  });
};
