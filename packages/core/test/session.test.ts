import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { errorOf, part } from "./codec.js";
import {
  type Closing,
  type Events,
  type Memory,
  type MemorySocket,
  type Server,
  start,
  type TestCallbacks,
} from "./memory.js";
import { referenceEncode } from "./reference.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Runs what is due now: microtasks, and an asynchronous close. */
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(1);
/** Ends every connection of the test, so that no timer may be left. */
const end = async (...sockets: MemorySocket[]): Promise<void> => {
  for (const socket of sockets) socket.leave();
  await settle();
};
const clientOf = (server: Server) => {
  const [client] = server.clients;
  if (client === undefined) throw new Error("no client");
  return client;
};
const never = (): Promise<boolean> => new Promise(() => {});

describe.each<Closing>(["synchronously", "asynchronously"])("on a socket that closes %s", (closing) => {
  const begin = (options: Parameters<typeof start>[0] = {}, callbacks: Parameters<typeof start>[1] = {}): Memory =>
    start(options, callbacks, closing);

  describe("auth", () => {
    it("a good key is accepted", async () => {
      const { server, connect, log } = begin();
      const socket = connect();
      expect(server.clients).toEqual([]);
      socket.auth();
      expect(log).toEqual(["a onAuthRequest key", "a onAuthOk"]);
      expect(socket.received).toEqual([["ezez-ws::auth-ok"]]);
      expect(clientOf(server)).toMatchObject({ alive: true, authenticated: true, client: "raw" });
      await end(socket);
    });

    it("further arguments of auth are ignored", async () => {
      const { connect, log } = begin();
      const socket = connect();
      socket.receive("ezez-ws::auth", "key", 1, { caps: ["x"] }, "more");
      expect(log).toEqual(["a onAuthRequest key", "a onAuthOk"]);
      await end(socket);
    });

    it("a decision may take its time", async () => {
      const { connect, log } = begin({}, { onAuthRequest: (_, key) => Promise.resolve(key === "key") });
      const socket = connect();
      socket.auth();
      expect(log).toEqual(["a onAuthRequest key"]);
      await settle();
      expect(log).toEqual(["a onAuthRequest key", "a onAuthOk"]);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(socket.log.filter((entry) => entry !== "ping")).toEqual([]);
      await end(socket);
    });

    it.each<[string, unknown, unknown, string]>([
      ["a wrong key", "wrong", 1, "Invalid auth key"],
      ["a key that is an object", { $ne: null }, 1, "Invalid auth key"],
      ["no key", undefined, 1, "Invalid auth key"],
      ["a key of bytes", Buffer.from("key"), 1, "Invalid auth key"],
      ["another version", "key", 2, "Protocol version mismatch, wanted 1, got 2"],
      ["a version that is a text", "key", "1", "Protocol version mismatch, wanted 1, got 1"],
      ["no version", "key", undefined, "Protocol version mismatch, wanted 1, got undefined"],
      [
        "a version with a toString of its own",
        "key",
        { toString: 1 },
        "Protocol version mismatch, wanted 1, got object",
      ],
    ])("%s is rejected", async (_, key, version, reason) => {
      const { server, connect, log } = begin();
      const socket = connect();
      socket.receive("ezez-ws::auth", key, version);
      await settle();
      const asked = key === "wrong" ? ["a onAuthRequest wrong"] : [];
      expect(log).toEqual([...asked, `a onAuthRejected ${reason}`, `a onDisconnect 4401 ${reason}`]);
      expect(socket.received).toEqual([["ezez-ws::auth-rejected", reason]]);
      expect(socket.log).toEqual([`close 4401 ${reason}`]);
      expect(server.clients).toEqual([]);
    });

    it.each([1, "yes", {}, null, undefined, [true]])("only true accepts, not %o", async (decision) => {
      for (const given of [decision, Promise.resolve(decision)]) {
        const { connect, log } = begin({}, { onAuthRequest: () => given as boolean });
        connect().auth();
        await settle();
        expect(log.at(-1)).toBe("a onDisconnect 4401 Invalid auth key");
      }
    });

    it("no auth message in time is rejected with 4408", async () => {
      const { connect, log } = begin({ authTimeoutMs: 1000 });
      const socket = connect();
      await vi.advanceTimersByTimeAsync(999);
      expect(log).toEqual([]);
      await vi.advanceTimersByTimeAsync(2);
      expect(log).toEqual(["a onAuthRejected Auth timeout", "a onDisconnect 4408 Auth timeout"]);
      expect(socket.received).toEqual([["ezez-ws::auth-rejected", "Auth timeout"]]);
    });

    it("other messages do not put the time for auth off", async () => {
      const { connect, log } = begin({ authTimeoutMs: 1000 });
      const socket = connect();
      for (let i = 1; i < 20; i++) {
        socket.receive("a", i, null);
        await vi.advanceTimersByTimeAsync(100);
      }
      expect(log).toEqual(["a onAuthRejected Auth timeout", "a onDisconnect 4408 Auth timeout"]);
    });

    it("no decision in time closes with 1013 and without auth-rejected; a late one changes nothing", async () => {
      for (const late of [true, false, new Error("late")]) {
        let decide: (decision: boolean) => void = () => {};
        let fail: (cause: Error) => void = () => {};
        const { server, connect, log } = begin(
          { authTimeoutMs: 1000, authDecisionTimeoutMs: 3000 },
          {
            onAuthRequest: () =>
              new Promise<boolean>((resolve, reject) => {
                decide = resolve;
                fail = reject;
              }),
          },
        );
        const socket = connect();
        await vi.advanceTimersByTimeAsync(900);
        socket.auth();
        await vi.advanceTimersByTimeAsync(2999);
        expect(log).toEqual(["a onAuthRequest key"]);
        await vi.advanceTimersByTimeAsync(2);
        const closed = [
          "a onAuthRequest key",
          "a onError AUTH_DECISION_TIMEOUT peer",
          "a onDisconnect 1013 the decision on the auth key took too long",
        ];
        expect(log).toEqual(closed);
        expect(socket.sent).toEqual([]);
        if (typeof late === "boolean") decide(late);
        else fail(late);
        await settle();
        // A late failure is still told of.
        const more = typeof late === "boolean" ? [] : ["a onError CALLBACK_FAILED onAuthRequest"];
        expect(log).toEqual([...closed, ...more]);
        expect(server.clients).toEqual([]);
      }
    });

    it.each(["throws", "rejects"])("onAuthRequest that %s is a failure: rejected, or told to retry", async (how) => {
      for (const authErrors of ["reject", "retry"] as const) {
        const { connect, log } = begin(
          { authErrors },
          {
            onAuthRequest: () => {
              if (how === "throws") throw new Error("mine");
              return Promise.reject(new Error("mine"));
            },
          },
        );
        const socket = connect();
        socket.auth();
        await settle();
        const [asked, told, ...rest] = log;
        expect([asked, told]).toEqual(["a onAuthRequest key", "a onError CALLBACK_FAILED onAuthRequest"]);
        if (authErrors === "reject") {
          expect(rest).toEqual([
            "a onAuthRejected Auth verification failed",
            "a onDisconnect 4401 Auth verification failed",
          ]);
          expect(socket.received).toEqual([["ezez-ws::auth-rejected", "Auth verification failed"]]);
        } else {
          const reason = "the auth key could not be verified";
          expect(rest).toEqual(["a onError AUTH_UNAVAILABLE peer", `a onDisconnect 1013 ${reason}`]);
          expect(socket.sent).toEqual([]);
        }
      }
    });

    it("a second auth message closes with 1002 and is not asked about, before the decision and after it", async () => {
      for (const decision of [true, never()] as const) {
        const { connect, log, server } = begin({}, { onAuthRequest: () => decision });
        const socket = connect();
        socket.auth();
        socket.auth("other");
        await settle();
        expect(log.filter((line) => line.includes("onAuthRequest"))).toEqual(["a onAuthRequest key"]);
        expect(log.slice(-2)).toEqual(["a onError DUPLICATE_AUTH peer", "a onDisconnect 1002 a second auth message"]);
        expect(server.clients).toEqual([]);
      }
    });

    it("nobody guesses after a rejection, even one who ignores the close", async () => {
      const { connect, log } = begin();
      const socket = connect();
      socket.answersClose = false;
      for (let i = 0; i < 1000; i++) socket.auth(`guess ${i}`);
      socket.auth("key");
      expect(log.filter((line) => line.includes("onAuthRequest"))).toEqual(["a onAuthRequest guess 0"]);
      await vi.advanceTimersByTimeAsync(2100);
      expect(socket.log).toEqual(["close 4401 Invalid auth key", "terminate"]);
    });

    it("a peer that leaves before the decision is not accepted", async () => {
      let decide: (decision: boolean) => void = () => {};
      const { connect, log } = begin(
        {},
        {
          onAuthRequest: () =>
            new Promise<boolean>((resolve) => {
              decide = resolve;
            }),
        },
      );
      const socket = connect();
      socket.auth();
      socket.leave(1001, "bye");
      await settle();
      decide(true);
      await settle();
      expect(log).toEqual(["a onAuthRequest key", "a onDisconnect 1001 bye"]);
      expect(socket.sent).toEqual([]);
    });

    it("a client that onAuthRequest or onAuthOk disconnects gets no further", async () => {
      const onAuthRequest: TestCallbacks["onAuthRequest"] = (client) => {
        client.disconnect(4000, "no");
        return true;
      };
      const first = begin({}, { onAuthRequest });
      first.connect().auth();
      await settle();
      expect(first.log).toEqual(["a onAuthRequest key", "a onDisconnect 4000 no"]);
      const second = begin(
        { messagesBeforeAuth: "queue" },
        { onAuthOk: (client) => client.disconnect(), onAuthRequest: () => Promise.resolve(true) },
      );
      const socket = second.connect();
      socket.auth();
      socket.receive("a", 1, null);
      await settle();
      expect(second.log).toEqual(["a onAuthRequest key", "a onAuthOk", "a onDisconnect 1000"]);
    });
  });

  describe("messages before auth", () => {
    it("are dropped with ignore", async () => {
      const { connect, log } = begin({ messagesBeforeAuth: "ignore" });
      const socket = connect();
      for (let i = 1; i <= 100; i++) socket.receive("a", i, null);
      socket.auth();
      socket.receive("b", 101, null);
      expect(log).toEqual(["a onAuthRequest key", "a onAuthOk", "a onMessage b"]);
      await end(socket);
    });

    it("are dispatched at once with accept", async () => {
      const { connect, log } = begin({ messagesBeforeAuth: "accept" });
      const socket = connect();
      socket.receive("a", 1, null, "x");
      expect(log).toEqual(["a onMessage a x"]);
      await end(socket);
    });

    it("are delivered in order after onAuthOk with queue, once", async () => {
      const { connect, log } = begin({ messagesBeforeAuth: "queue" }, { onAuthRequest: () => Promise.resolve(true) });
      const socket = connect();
      socket.receive("a", 1, null, "1");
      socket.auth();
      socket.receive("b", 2, null, Buffer.from("2"));
      await settle();
      socket.receive("c", 3, null, "3");
      expect(log).toEqual([
        "a onAuthRequest key",
        "a onAuthOk",
        "a onMessage a 1",
        "a onMessage b 50",
        "a onMessage c 3",
      ]);
      await end(socket);
    });

    it("are delivered although onAuthOk or one of them fails", async () => {
      const { connect, log } = begin(
        { messagesBeforeAuth: "queue" },
        {
          onAuthOk: () => {
            throw new Error("mine");
          },
          onMessage: (_, eventName) => {
            if (eventName === "b") throw new Error("mine");
          },
        },
      );
      const socket = connect();
      for (const [i, name] of ["a", "b", "c"].entries()) socket.receive(name, i + 1, null);
      socket.auth();
      expect(log).toEqual([
        "a onAuthRequest key",
        "a onAuthOk",
        "a onError CALLBACK_FAILED onAuthOk",
        "a onMessage a",
        "a onMessage b",
        "a onError CALLBACK_FAILED onMessage",
        "a onMessage c",
      ]);
      await end(socket);
    });

    it("stop being delivered where one of them ends the connection", async () => {
      const { connect, log } = begin({ messagesBeforeAuth: "queue" }, { onMessage: (client) => client.disconnect() });
      const socket = connect();
      socket.receive("a", 1, null);
      socket.receive("b", 2, null);
      socket.auth();
      await settle();
      expect(log.slice(2)).toEqual(["a onMessage a", "a onDisconnect 1000"]);
    });

    describe("over queueLimitBytes", () => {
      const fill = (socket: MemorySocket): void => {
        for (let i = 1; i <= 5; i++) socket.receive("a", i, null, `${i}${"x".repeat(30)}`);
      };
      const queue = { messagesBeforeAuth: "queue", queueLimitBytes: 200 } as const;

      it("are dropped with ignore", async () => {
        const { connect, log } = begin({ ...queue, queueOverflow: "ignore" });
        const socket = connect();
        fill(socket);
        socket.receive("b", 9, null);
        socket.auth();
        expect(log.filter((line) => line.includes("onMessage")).map((line) => line.slice(12, 15))).toEqual([
          "a 1",
          "a 2",
          "a 3",
          "b",
        ]);
        expect(socket.log).toEqual([]);
        await end(socket);
      });

      it("close with 1008 with disconnect, and nothing of the queue is delivered", async () => {
        const { connect, log } = begin({ ...queue, queueOverflow: "disconnect" });
        const socket = connect();
        fill(socket);
        socket.auth();
        await settle();
        expect(log).toEqual([
          "a onError QUEUE_OVERFLOW peer",
          "a onDisconnect 1008 too much was sent before authentication",
        ]);
      });

      it("are told to a function, and its failure too", async () => {
        const lengths: number[] = [];
        const { connect, log } = begin({
          ...queue,
          queueOverflow: (client, byteLength) => {
            expect(client.authenticated).toBe(false);
            lengths.push(byteLength);
            if (lengths.length === 2) throw new Error("mine");
          },
        });
        const socket = connect();
        fill(socket);
        expect(lengths).toEqual([58, 58]);
        expect(log).toEqual(["a onError CALLBACK_FAILED queueOverflow"]);
        await end(socket);
      });
    });
  });

  describe("a peer's mistakes", () => {
    it.each<[string, string | Uint8Array, string, number]>([
      ["a text message", "hello", "TEXT_MESSAGE", 1003],
      ["an empty text message", "", "TEXT_MESSAGE", 1003],
      ["an empty message", new Uint8Array(0), "MALFORMED_MESSAGE", 1002],
      ["a negative length", Buffer.from("-5f\0"), "MALFORMED_MESSAGE", 1002],
      ["a name alone", part("f", "a"), "MALFORMED_MESSAGE", 1002],
      ["auth-ok", part("f", "ezez-ws::auth-ok"), "RESERVED_EVENT", 1002],
      ["another reserved name", part("f", "ezez-ws::x"), "RESERVED_EVENT", 1002],
      ["a message that is too large", new Uint8Array(1001), "MESSAGE_TOO_LARGE", 1009],
    ])("%s closes, with one error, before auth and after it", async (_, message, code, close) => {
      for (const open of [true, false]) {
        const memory = begin({ maxPayload: 1000 });
        const socket = open ? memory.open() : memory.connect();
        socket.receiveBytes(message);
        socket.receive("a", 1, null);
        await settle();
        expect(memory.log).toHaveLength(2);
        expect(memory.log[0]).toBe(`a onError ${code} peer`);
        expect(memory.log[1]).toMatch(new RegExp(`^a onDisconnect ${close} .`));
        expect(socket.log[0]).toMatch(new RegExp(`^close ${close} .`));
      }
    });

    it("a message whose memory is gone is malformed", async () => {
      const { open, log } = begin();
      const socket = open();
      const message = new Uint8Array(10);
      structuredClone(message.buffer, { transfer: [message.buffer] });
      socket.handler.message(message);
      await settle();
      expect(log).toEqual(["a onError MALFORMED_MESSAGE peer", "a onDisconnect 1002 a length is broken"]);
    });

    it("a message of exactly the limit passes, of each of the two limits", async () => {
      const { connect, log } = begin({ maxPayload: 200, maxPayloadBeforeAuth: 100, messagesBeforeAuth: "accept" });
      const sized = (size: number): Uint8Array => {
        for (let length = size; ; length--) {
          const message = referenceEncode(["a", 1, null, "x".repeat(length)]);
          if (message.length === size) return message;
        }
      };
      const socket = connect();
      socket.receiveBytes(sized(100));
      socket.auth();
      socket.receiveBytes(sized(200));
      expect(log.map((line) => line.slice(0, 11))).toEqual(["a onMessage", "a onAuthReq", "a onAuthOk", "a onMessage"]);
      socket.receiveBytes(sized(201));
      expect(log.at(-1)).toBe("a onError MESSAGE_TOO_LARGE peer");
      connect().receiveBytes(sized(101));
      expect(log.at(-1)).toBe("b onError MESSAGE_TOO_LARGE peer");
      await settle();
    });

    it("too many messages in a second close with 4429; the bucket fills again", async () => {
      const { open, log } = begin({ maxMessagesPerSecond: 10 });
      const socket = open();
      // One was for auth.
      for (let i = 1; i <= 9; i++) socket.receive("a", i, null);
      await vi.advanceTimersByTimeAsync(500);
      for (let i = 1; i <= 5; i++) socket.receive("b", i, null);
      await vi.advanceTimersByTimeAsync(10_000);
      for (let i = 1; i <= 10; i++) socket.receive("c", i, null);
      expect(log.filter((line) => line.includes("onMessage"))).toHaveLength(24);
      socket.receive("a", 99, null);
      socket.receive("a", 100, null);
      await settle();
      expect(log.slice(24)).toEqual(["a onError RATE_LIMITED peer", "a onDisconnect 4429 too many messages"]);
    });

    it("text and garbage count too", async () => {
      const { connect, log } = begin({ maxMessagesPerSecond: 1 });
      const socket = connect();
      socket.receive("a", 1, null);
      socket.receiveBytes("text");
      await settle();
      expect(log[0]).toBe("a onError RATE_LIMITED peer");
    });

    it("without a limit there is none", async () => {
      const { open, log } = begin();
      const socket = open();
      for (let i = 1; i <= 20_000; i++)
        socket.handler.message(socket.sent[0] ?? Buffer.from('1f\0a\x005j\0"n:1"\x004j\0"l:"\0'));
      expect(log).toHaveLength(20_000);
      await end(socket);
    });
  });

  describe("messages", () => {
    it("go to onMessage, then the listeners, with arguments, a reply and ids", async () => {
      const { server, open, log } = begin();
      const socket = open();
      const context = { mine: true };
      const seen: unknown[] = [];
      const client = clientOf(server);
      const result = client.on(
        "a",
        function (args, _reply, ids) {
          seen.push(this, args, ids);
        },
        context,
      );
      expect(result).toBe(client);
      socket.receive("a", 5, null, 1, Buffer.from([1]));
      socket.receive("b", 6, null);
      expect(log).toEqual(["a onMessage a 1 1", "a onMessage b"]);
      expect(seen).toEqual([context, [1, Uint8Array.of(1)], { eventId: 5, replyTo: null }]);
      await end(socket);
    });

    it("bytes in them are the receiver's, though the transport takes its buffer back", async () => {
      const { server, open } = begin();
      const socket = open();
      const got: unknown[] = [];
      clientOf(server).on("a", (args) => got.push(...args));
      socket.receive("a", 1, null, Buffer.from("kept"));
      expect(got).toEqual([new Uint8Array(Buffer.from("kept"))]);
      await end(socket);
    });

    it("once is called once, off removes", async () => {
      const { server, open } = begin();
      const socket = open();
      const client = clientOf(server);
      const calls: string[] = [];
      const listener = (): void => void calls.push("on");
      expect(client.off("a")).toBe(client);
      expect(client.once("a", () => calls.push("once"))).toBe(client);
      client.on("a", listener);
      socket.receive("a", 1, null);
      socket.receive("a", 2, null);
      client.off("a", listener);
      socket.receive("a", 3, null);
      expect(calls).toEqual(["once", "on", "on"]);
      await end(socket);
    });

    it("a listener or callback that throws or rejects is one error, and stops nothing", async () => {
      const thrown: unknown[] = [new Error("mine"), null, "text", Object.create(null), undefined];
      for (const cause of thrown) {
        for (const how of ["throw", "reject"] as const) {
          const errors: unknown[] = [];
          const { server, open, log } = begin({}, { onError: (_, error) => errors.push(error.cause) });
          const socket = open();
          const calls: string[] = [];
          clientOf(server).on("a", () => {
            if (how === "throw") throw cause;
            return Promise.reject(cause);
          });
          clientOf(server).on("a", () => calls.push("second"));
          socket.receive("a", 1, null);
          await settle();
          expect(calls).toEqual(["second"]);
          expect(errors).toEqual([cause]);
          expect(log).toEqual(["a onMessage a", "a onError CALLBACK_FAILED listener"]);
          await end(socket);
        }
      }
    });

    it("after disconnect in a listener nothing more is called", async () => {
      const { server, open, log } = begin();
      const socket = open();
      const client = clientOf(server);
      const calls: string[] = [];
      client.on("a", () => {
        client.disconnect(4000, "enough");
        calls.push(`${client.alive} ${server.clients.length}`);
      });
      client.on("a", () => calls.push("never"));
      socket.receive("a", 1, null);
      socket.receive("a", 2, null);
      await settle();
      expect(calls).toEqual(["false 0"]);
      expect(log).toEqual(["a onMessage a", "a onDisconnect 4000 enough"]);
    });

    it("after disconnect in onMessage the listeners are not called", async () => {
      const { server, open, log } = begin({}, { onMessage: (client) => client.disconnect() });
      const socket = open();
      clientOf(server).on("a", () => log.push("never"));
      socket.receive("a", 1, null);
      await settle();
      expect(log).toEqual(["a onMessage a", "a onDisconnect 1000"]);
    });
  });

  describe("sending", () => {
    it("counts ids up by one from a random start below 2^31", async () => {
      const { server, open } = begin();
      const sockets = Array.from({ length: 50 }, open);
      const starts = server.clients.map((client) => {
        const first = client.send("a")?.eventId ?? 0;
        expect(client.send("a", ["x"])).toEqual({ eventId: first + 1, replyTo: null });
        expect(first).toBeGreaterThan(0);
        expect(first).toBeLessThan(2 ** 31);
        return first;
      });
      expect(new Set(starts).size).toBe(50);
      expect(sockets[0]?.received).toEqual([
        ["a", starts[0], null],
        ["a", (starts[0] ?? 0) + 1, null, "x"],
      ]);
      await end(...sockets);
    });

    it("onReply is called for the reply, once, and not the listeners", async () => {
      const { server, open, log } = begin();
      const socket = open();
      const client = clientOf(server);
      const replies: unknown[] = [];
      client.on("answer", () => log.push("listener"));
      const ids = client.send("q", ["?"], (own, eventName, args, reply, { replyTo }) => {
        expect(own).toBe(client);
        replies.push(eventName, args, replyTo);
        reply("b", ["thanks"]);
      });
      expect(client.awaitingRepliesCount).toBe(1);
      socket.receive("answer", 9, ids?.eventId ?? 0, 42);
      socket.receive("answer", 10, ids?.eventId ?? 0, 43);
      expect(replies).toEqual(["answer", [42], ids?.eventId]);
      expect(log).toEqual(["a onMessage answer 42", "a onMessage answer 43", "listener"]);
      expect(socket.received.at(-1)).toEqual(["b", (ids?.eventId ?? 0) + 1, 9, "thanks"]);
      expect(client.awaitingRepliesCount).toBe(0);
      await end(socket);
    });

    it("an onReply that fails is one error", async () => {
      const { server, open, log } = begin();
      const socket = open();
      const ids = clientOf(server).send("q", [], () => {
        throw new Error("mine");
      });
      socket.receive("answer", 9, ids?.eventId ?? 0);
      expect(log).toEqual(["a onMessage answer", "a onError CALLBACK_FAILED onReply"]);
      await end(socket);
    });

    it("replies that do not come are given up by the sweep; a late one goes to the listeners", async () => {
      const { server, open, log } = begin({ clearAwaitingRepliesAfterMs: 20_000, heartbeatIntervalMs: 0 });
      const socket = open();
      const client = clientOf(server);
      client.on("answer", () => log.push("listener"));
      const ids = client.send("q", [], () => log.push("onReply"));
      await vi.advanceTimersByTimeAsync(19_000);
      expect(client.awaitingRepliesCount).toBe(1);
      await vi.advanceTimersByTimeAsync(11_001);
      expect(client.awaitingRepliesCount).toBe(0);
      socket.receive("answer", 9, ids?.eventId ?? 0);
      expect(log).toEqual(["a onMessage answer", "listener"]);
      await end(socket);
    });

    it("what cannot be sent throws at the caller", async () => {
      const { server, open } = begin({ maxAwaitingReplies: 1 });
      const socket = open();
      const client = clientOf(server);
      expect(errorOf(() => client.send("a", [() => 1])).code).toBe("NOT_SERIALIZABLE");
      expect(errorOf(() => client.send("ezez-ws::auth-ok" as keyof Events, [])).code).toBe("INVALID_EVENT_NAME");
      client.send("q", [], () => {});
      expect(errorOf(() => client.send("q", [], () => {})).code).toBe("TOO_MANY_AWAITING_REPLIES");
      expect(socket.sent).toHaveLength(1);
      await end(socket);
    });

    it.each(["ignore", "throw"] as const)(
      "after the close follows sendAfterDisconnect: %s",
      async (sendAfterDisconnect) => {
        const { server, open } = begin({ sendAfterDisconnect });
        const socket = open();
        const client = clientOf(server);
        const replies: Parameters<Parameters<typeof client.on>[1]>[1][] = [];
        client.on("a", (_, reply) => replies.push(reply));
        socket.receive("a", 1, null);
        client.send("q", [], () => {});
        client.disconnect();
        expect(client.awaitingRepliesCount).toBe(0);
        const before = socket.sent.length;
        for (const send of [() => client.send("a"), () => client.send("q", [], () => {}), () => replies[0]?.("a")]) {
          if (sendAfterDisconnect === "ignore") expect(send()).toBeUndefined();
          else expect(errorOf(send)).toMatchObject({ code: "DISCONNECTED", stage: "send" });
        }
        expect([socket.sent.length, client.awaitingRepliesCount, client.bufferedAmount]).toEqual([before, 0, 0]);
        await settle();
      },
    );

    it.each(["ignore", "throw"] as const)(
      "to a socket that closed unnoticed likewise: %s",
      async (sendAfterDisconnect) => {
        const { server, open } = begin({ sendAfterDisconnect });
        const socket = open();
        const client = clientOf(server);
        socket.status = "dropped";
        const send = () => client.send("q", [], () => {});
        if (sendAfterDisconnect === "ignore") expect(send()).toBeUndefined();
        else expect(errorOf(send).code).toBe("DISCONNECTED");
        expect(client.awaitingRepliesCount).toBe(0);
        await end(socket);
      },
    );
  });

  describe("a slow consumer", () => {
    const slow = (socket: MemorySocket, bufferedAmount: number): void => {
      socket.status = "queued";
      socket.bufferedAmount = bufferedAmount;
    };

    it("at the limit or below gets every message", async () => {
      const { server, open, log } = begin({ maxBackpressure: 1000 });
      const socket = open();
      slow(socket, 1000);
      for (let i = 0; i < 5; i++) expect(clientOf(server).send("a")).toBeDefined();
      expect(clientOf(server).bufferedAmount).toBe(1000);
      expect(log).toEqual([]);
      await end(socket);
    });

    it("above it is closed with 1013 with disconnect", async () => {
      const { server, open, log } = begin({ maxBackpressure: 1000, slowConsumer: "disconnect" });
      const socket = open();
      slow(socket, 1001);
      const client = clientOf(server);
      expect(client.send("a")).toBeDefined();
      expect(client.send("q", [], () => {})).toBeUndefined();
      expect([client.alive, client.awaitingRepliesCount]).toEqual([false, 0]);
      await settle();
      expect(log).toEqual([
        "a onError SLOW_CONSUMER peer",
        "a onDisconnect 1013 more than 1000 bytes wait for the peer to read",
      ]);
    });

    it("above it loses messages with drop, with one error until the buffer is empty", async () => {
      const { server, open, log } = begin({ maxBackpressure: 1000, slowConsumer: "drop" });
      const socket = open();
      const client = clientOf(server);
      slow(socket, 1001);
      client.send("a");
      for (let i = 0; i < 3; i++) expect(client.send("q", [], () => {})).toBeUndefined();
      expect(client.awaitingRepliesCount).toBe(0);
      // Below the limit, but not empty: what is refused belongs to the same trouble.
      socket.bufferedAmount = 500;
      socket.handler.drain();
      expect(client.send("a")).toBeDefined();
      socket.bufferedAmount = 1001;
      expect(client.send("a")).toBeUndefined();
      expect(log).toEqual(["a onError SLOW_CONSUMER send"]);
      socket.bufferedAmount = 0;
      socket.handler.drain();
      socket.handler.drain();
      slow(socket, 1001);
      client.send("a");
      expect(client.send("a")).toBeUndefined();
      expect(log).toEqual(["a onError SLOW_CONSUMER send", "a onDrain", "a onError SLOW_CONSUMER send"]);
      expect(client.alive).toBe(true);
      await end(socket);
    });

    it("above it is told to a function for each message, whose failure is an error", async () => {
      const amounts: number[] = [];
      const { server, open, log } = begin({
        maxBackpressure: 1000,
        slowConsumer: (client, bufferedAmount) => {
          expect(client.alive).toBe(true);
          amounts.push(bufferedAmount);
          throw new Error("mine");
        },
      });
      const socket = open();
      slow(socket, 2000);
      for (let i = 0; i < 3; i++) clientOf(server).send("a");
      expect(amounts).toEqual([2000, 2000]);
      expect(log).toEqual(["a onError CALLBACK_FAILED slowConsumer", "a onError CALLBACK_FAILED slowConsumer"]);
      await end(socket);
    });

    it("is told to a function also while another server's is told of its own", async () => {
      const told: string[] = [];
      const other = begin({ maxBackpressure: 1000, slowConsumer: () => told.push("other") });
      const otherSocket = other.open();
      const { server, open } = begin({
        maxBackpressure: 1000,
        slowConsumer: () => {
          told.push("one");
          other.server.broadcast("a");
          server.broadcast("a");
        },
      });
      const socket = open();
      slow(socket, 1001);
      slow(otherSocket, 1001);
      other.server.broadcast("a");
      expect(told).toEqual([]);
      for (let i = 0; i < 2; i++) server.broadcast("a");
      expect(told).toEqual(["one", "other"]);
      await end(socket, otherSocket);
    });

    it("one message above the limit passes where nothing waits", async () => {
      const { server, open, log } = begin({ maxBackpressure: 10 });
      const socket = open();
      expect(clientOf(server).send("a", ["x".repeat(1000)])).toBeDefined();
      expect(log).toEqual([]);
      await end(socket);
    });

    it("pings are counted only while more waits than may, and then end a peer that never reads", async () => {
      const { open, log } = begin({ maxBackpressure: 100 * 1024 });
      const socket = open();
      for (let i = 0; i < 100; i++) socket.handler.pinged(1014);
      socket.bufferedAmount = 100 * 1024 + 1;
      for (let i = 0; i < 100; i++) socket.handler.pinged(1014);
      expect(socket.log).toEqual([]);
      socket.bufferedAmount = 100 * 1024;
      socket.handler.pinged(0);
      socket.bufferedAmount = 100 * 1024 + 1;
      for (let i = 0; i < 100; i++) socket.handler.pinged(1014);
      expect(log).toEqual([]);
      socket.handler.pinged(1014);
      await settle();
      expect(socket.log).toEqual(["terminate"]);
      expect(log).toEqual(["a onError TRANSPORT_ERROR transport", "a onDisconnect 1006"]);
    });

    it("drain is told only where something had waited, and only while alive", async () => {
      const { server, open, log } = begin();
      const socket = open();
      socket.handler.drain();
      slow(socket, 10);
      clientOf(server).send("a");
      socket.handler.drain();
      expect(log).toEqual([]);
      clientOf(server).disconnect();
      socket.bufferedAmount = 0;
      socket.handler.drain();
      await settle();
      expect(log).toEqual(["a onDisconnect 1000"]);
    });
  });

  describe("the heartbeat", () => {
    it("pings, and ends with 1006 who is silent for two intervals", async () => {
      const { server, open, log } = begin({ heartbeatIntervalMs: 1000 });
      const socket = open();
      socket.answersPing = false;
      clientOf(server).send("q", [], () => {});
      await vi.advanceTimersByTimeAsync(2999);
      expect(log).toEqual([]);
      await vi.advanceTimersByTimeAsync(2);
      expect(socket.log).toEqual(["ping", "ping", "terminate"]);
      expect(log).toEqual(["a onError HEARTBEAT_LOST heartbeat", "a onDisconnect 1006"]);
    });

    it("a pong or a message is a sign of life", async () => {
      const { open } = begin({ heartbeatIntervalMs: 1000 });
      const ponging = open();
      const sending = open();
      sending.answersPing = false;
      for (let i = 1; i <= 10; i++) {
        await vi.advanceTimersByTimeAsync(1000);
        sending.receive("a", i, null);
      }
      expect([ponging.log, sending.log].map((entries) => new Set(entries))).toEqual([
        new Set(["ping"]),
        new Set(["ping"]),
      ]);
      await end(ponging, sending);
    });

    it("is not for sockets that cannot ping", async () => {
      const { open } = start({ heartbeatIntervalMs: 1000 }, {}, closing, false);
      const socket = open();
      await vi.advanceTimersByTimeAsync(10_000);
      expect(socket.log).toEqual([]);
      await end(socket);
    });
  });

  describe("the end", () => {
    it("the peer's code and reason are told, once", async () => {
      const { server, open, log } = begin();
      const socket = open();
      const client = clientOf(server);
      client.send("q", [], () => log.push("never"));
      socket.leave(4321, "bye");
      await settle();
      socket.handler.close(1006, "");
      client.disconnect();
      await settle();
      expect(log).toEqual(["a onDisconnect 4321 bye"]);
      expect(client).toMatchObject({ alive: false, awaitingRepliesCount: 0, bufferedAmount: 0 });
      expect(client.request.url).toBe("/ws");
    });

    it("after disconnect ours are, whatever the peer says", async () => {
      const { server, open, log } = begin();
      const socket = open();
      socket.answersClose = false;
      clientOf(server).disconnect(4000, "enough");
      expect(log).toEqual([]);
      await Promise.resolve();
      expect(log).toEqual(["a onDisconnect 4000 enough"]);
      socket.leave(1001, "other");
      await settle();
      expect(log).toEqual(["a onDisconnect 4000 enough"]);
    });

    it("a peer that does not finish the closing handshake is terminated after 2 s", async () => {
      const { server, open } = begin();
      const socket = open();
      socket.answersClose = false;
      clientOf(server).disconnect();
      await vi.advanceTimersByTimeAsync(1999);
      expect(socket.log).toEqual(["close 1000"]);
      await vi.advanceTimersByTimeAsync(2);
      expect(socket.log).toEqual(["close 1000", "terminate"]);
    });

    it("the order of callbacks is the same", async () => {
      const { server, open, log } = begin(
        {},
        {
          onMessage: (client) => {
            client.disconnect(4000, "x");
            log.push("after disconnect");
          },
          onDisconnect: () => {
            throw new Error("mine");
          },
        },
      );
      const socket = open();
      clientOf(server).send("q", [], () => log.push("never"));
      socket.receive("a", 1, null);
      log.push("after the message");
      await settle();
      expect(log).toEqual([
        "a onMessage a",
        "after disconnect",
        "after the message",
        "a onDisconnect 4000 x",
        "a onError CALLBACK_FAILED onDisconnect",
      ]);
    });

    it.each([999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, Number.NaN, "1000", null])(
      "disconnect(%o) throws",
      async (code) => {
        const { server, open } = begin();
        const socket = open();
        expect(errorOf(() => clientOf(server).disconnect(code as number))).toMatchObject({
          code: "INVALID_CLOSE_CODE",
          stage: "close",
        });
        expect(clientOf(server).alive).toBe(true);
        await end(socket);
      },
    );

    it.each([1000, 1001, 1002, 1003, 1007, 1014, 3000, 4999])("disconnect(%i) closes", async (code) => {
      const { server, open, log } = begin();
      open();
      clientOf(server).disconnect(code);
      await settle();
      expect(log).toEqual([`a onDisconnect ${code}`]);
    });

    it("a reason has 123 bytes of UTF-8 at most", async () => {
      const { server, open } = begin();
      const socket = open();
      const client = clientOf(server);
      for (const reason of ["x".repeat(124), "\u20ac".repeat(42), 1 as unknown as string]) {
        expect(errorOf(() => client.disconnect(1000, reason)).code).toBe("INVALID_CLOSE_REASON");
      }
      client.disconnect(1000, "\u20ac".repeat(41));
      expect(socket.log).toEqual([`close 1000 ${"\u20ac".repeat(41)}`]);
      await settle();
    });

    it("a transport error is told, and the close that follows", async () => {
      const { open, log } = begin();
      const socket = open();
      socket.handler.error(new Error("reset"));
      socket.handler.error("not an error");
      socket.leave(1006);
      await settle();
      expect(log).toEqual([
        "a onError TRANSPORT_ERROR transport",
        "a onError TRANSPORT_ERROR transport",
        "a onDisconnect 1006",
      ]);
    });
  });

  it("context is each client's own copy", async () => {
    const { server, open } = begin({ defaultContext: { user: { name: "nobody" } } });
    const sockets = [open(), open()];
    const [first, second] = server.clients;
    if (first?.context.user !== undefined) first.context.user.name = "Jane";
    expect([first?.context, second?.context]).toEqual([{ user: { name: "Jane" } }, { user: { name: "nobody" } }]);
    await end(...sockets);
  });

  it("connection ids count up, in the process", async () => {
    const first = begin();
    const second = begin();
    const sockets = [first.open(), second.open()];
    expect(clientOf(second.server).connectionId).toBe(clientOf(first.server).connectionId + 1);
    await end(...sockets);
  });
});
