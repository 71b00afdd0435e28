import { expect, vi } from "vitest";
import type { Area } from "../area.js";
import { encode } from "../messages.js";
import type { ServerCallbacks, ServerOptions } from "../row.js";
import { Wire } from "../wire.js";

// More than the kernel's buffers take.
const LARGE_BYTES = 16 * 1024 * 1024;

const boom = new Error("boom");

const throws = {
  get: (): never => {
    throw boom;
  },
};

/** An object that even looking at throws: what prints an error reads the tag as well. */
const untouchable = Object.defineProperties({}, { message: throws, [Symbol.toStringTag]: throws });

const FAILURES: Readonly<Record<string, () => unknown>> = {
  "throws an error": () => {
    throw boom;
  },
  rejects: () => Promise.reject(boom),
  "throws null": () => {
    throw null;
  },
  "throws undefined": () => {
    throw undefined;
  },
  "throws an object with a getter that throws": () => {
    throw untouchable;
  },
};

/** What each failure ends up as. */
const causes: Readonly<Record<string, unknown>> = {
  "throws an error": boom,
  rejects: boom,
  "throws null": null,
  "throws undefined": undefined,
  "throws an object with a getter that throws": untouchable,
};

export const callbacks: Area = ({ it, alone, row: { create, connect } }) => {
  for (const [how, fail] of Object.entries(FAILURES)) {
    for (const name of ["onAuthOk", "onMessage"] as const) {
      it(`${name} ${how}: one CALLBACK_FAILED, and the connection goes on`, async (lab) => {
        const running = await lab.start({}, { [name]: fail } as Partial<ServerCallbacks>);
        const { wire, client } = await running.pair();
        client.on("a", (_args, reply) => reply("b", ["answered"]));
        wire.event("a");
        expect((await wire.next()).slice(3)).toEqual(["answered"]);
        await running.called("onError");
        expect(running.errors.map(({ code, stage, cause }) => ({ code, stage, cause }))).toEqual([
          { code: "CALLBACK_FAILED", stage: name, cause: causes[how] },
        ]);
        expect(running.of("onError")[0]?.client).toBe(client);
      });
    }

    it(`a listener ${how}: one CALLBACK_FAILED, and the other listeners are called`, async (lab) => {
      const running = await lab.start();
      const { wire, client } = await running.pair();
      client.on("a", fail);
      client.on("a", (_args, reply) => reply("b", ["answered"]));
      wire.event("a");
      expect((await wire.next()).slice(3)).toEqual(["answered"]);
      await running.called("onError");
      expect(running.errors.map(({ code, stage, cause }) => ({ code, stage, cause }))).toEqual([
        { code: "CALLBACK_FAILED", stage: "listener", cause: causes[how] },
      ]);
    });

    it(`onReply ${how}: one CALLBACK_FAILED, and the connection goes on`, async (lab) => {
      const running = await lab.start();
      const { wire, client } = await running.pair();
      client.send("a", [], fail);
      const [, eventId] = await wire.next();
      wire.reply(eventId, "b");
      await running.called("onError");
      expect(running.errors.map(({ code, stage, cause }) => ({ code, stage, cause }))).toEqual([
        { code: "CALLBACK_FAILED", stage: "onReply", cause: causes[how] },
      ]);
      client.send("c", []);
      expect((await wire.next())[0]).toBe("c");
    });

    it(`queueOverflow ${how}: one CALLBACK_FAILED for each that was dropped, and what fitted is delivered`, async (lab) => {
      const fits = encode("a", 1, null, "x".repeat(50));
      const running = await lab.start({
        messagesBeforeAuth: "queue",
        queueLimitBytes: fits.length,
        maxPayloadBeforeAuth: fits.length,
        queueOverflow: fail as () => void,
      });
      const wire = await running.open();
      for (let i = 0; i < 3; i++) wire.binary(fits);
      await wire.authenticate();
      await running.called("onMessage");
      expect(running.errors.map(({ code, stage, cause }) => ({ code, stage, cause }))).toEqual(
        Array(2).fill({ code: "CALLBACK_FAILED", stage: "queueOverflow", cause: causes[how] }),
      );
      expect(running.count("onMessage")).toBe(1);
    });

    alone(`onDrain ${how}: one CALLBACK_FAILED, and the connection goes on`, async (lab) => {
      const running = await lab.start({ maxBackpressure: 1 }, { onDrain: fail });
      const { wire, client } = await running.pair();
      client.send("a", [new Uint8Array(LARGE_BYTES)]);
      expect((await wire.next())[0]).toBe("a");
      await running.called("onError");
      expect(running.errors.map(({ code, stage, cause }) => ({ code, stage, cause }))).toEqual([
        { code: "CALLBACK_FAILED", stage: "onDrain", cause: causes[how] },
      ]);
      expect(running.of("onError")[0]?.client).toBe(client);
      client.send("c", []);
      expect((await wire.next())[0]).toBe("c");
    });

    it(`onDisconnect ${how}: one CALLBACK_FAILED, and others are served`, async (lab) => {
      const running = await lab.start({}, { onDisconnect: fail });
      const { wire } = await running.pair();
      wire.close(1000);
      await running.called("onError");
      expect(running.errors.map(({ code, stage, cause }) => ({ code, stage, cause }))).toEqual([
        { code: "CALLBACK_FAILED", stage: "onDisconnect", cause: causes[how] },
      ]);
      await running.authenticated();
    });

    it(`onAuthRejected ${how}: one CALLBACK_FAILED, and the peer is still rejected`, async (lab) => {
      const running = await lab.start({}, { onAuthRequest: () => false, onAuthRejected: fail });
      const wire = await running.open();
      wire.auth();
      expect(await wire.next()).toEqual(["ezez-ws::auth-rejected", "Invalid auth key"]);
      expect((await wire.closed()).code).toBe(4401);
      await running.called("onError");
      expect(running.errors.map(({ stage, cause }) => ({ stage, cause }))).toEqual([
        { stage: "onAuthRejected", cause: causes[how] },
      ]);
    });

    it(`onUpgrade ${how}: 500, one CALLBACK_FAILED, and no connection`, async (lab) => {
      const running = await lab.start({}, { onUpgrade: fail } as Partial<ServerCallbacks>);
      expect((await running.upgradeAnswer()).status).toBe(500);
      await running.called("onError");
      expect(running.errors.map(({ code, stage, cause }) => ({ code, stage, cause }))).toEqual([
        { code: "CALLBACK_FAILED", stage: "onUpgrade", cause: causes[how] },
      ]);
      expect(running.of("onError")[0]?.client).toBeUndefined();
      expect(running.count("onAuthRequest")).toBe(0);
    });

    alone(`onError ${how}: contained, and told on the console`, async (lab) => {
      const told = vi.spyOn(console, "error").mockImplementation(() => undefined);
      try {
        const running = await lab.start({}, { onError: fail });
        const { wire, client } = await running.pair();
        client.on("a", () => {
          throw boom;
        });
        wire.event("a");
        await running.called("onError");
        client.send("c", []);
        expect((await wire.next())[0]).toBe("c");
        expect(running.count("onError")).toBe(1);
        expect(told.mock.calls).toEqual([[causes[how]]]);
      } finally {
        told.mockRestore();
      }
    });
  }

  for (const option of ["allowedOrigins", "handleProtocols"] as const) {
    for (const [how, promise] of Object.entries({
      resolves: () => Promise.resolve(option === "allowedOrigins" ? true : "chat"),
      rejects: () => Promise.reject(boom),
    })) {
      it(`${option} gives a promise that ${how}: 500, one CALLBACK_FAILED, and no connection`, async (lab) => {
        const running = await lab.start({ [option]: promise } as ServerOptions);
        expect((await running.upgradeAnswer({ headers: { "Sec-WebSocket-Protocol": "chat" } })).status).toBe(500);
        await running.called("onError");
        expect(running.errors.map(({ code, stage, cause }) => ({ code, stage, cause }))).toEqual([
          { code: "CALLBACK_FAILED", stage: option, cause: new TypeError(`${option} must not give a promise`) },
        ]);
        expect(running.count("onAuthRequest")).toBe(0);
      });
    }
  }

  alone("without onError, failures of callbacks go to console.error, and a peer's mistakes do not", async () => {
    const told = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const server = create(
      { port: 0, host: "127.0.0.1" },
      {
        onAuthRequest: () => true,
        onMessage: () => {
          throw boom;
        },
      },
    );
    try {
      await server.start();
      const wire = await Wire.authenticated(server.address()?.port ?? 0, { connect });
      wire.event("a");
      wire.binary(Buffer.from("-5f\0"));
      expect((await wire.closed()).code).toBe(1002);
      expect(told.mock.calls).toEqual([
        [expect.objectContaining({ name: "EZEZError", code: "CALLBACK_FAILED", stage: "onMessage", cause: boom })],
      ]);
    } finally {
      told.mockRestore();
      await server.close();
    }
  });

  it("arguments with a then, a toString and a toJSON of their own are data", async (lab) => {
    const running = await lab.start({}, { onMessage: (_client, _eventName, args) => args[0] });
    const wire = await running.authenticated();
    // biome-ignore lint/suspicious/noThenProperty: a peer may send one
    const data = { then: "now", toString: 1, toJSON: { constructor: "x" } };
    wire.event("a", data);
    await running.called("onMessage");
    expect(running.messages).toEqual([["a", data]]);
    expect(running.errors).toEqual([]);
  });

  it("a callback that returns a promise which never settles holds nothing up", async (lab) => {
    const never = (): Promise<never> => new Promise(() => undefined);
    const running = await lab.start({}, { onAuthOk: never, onMessage: never });
    const wire = await running.authenticated();
    wire.event("a", 1);
    wire.event("a", 2);
    await running.called("onMessage", 2);
  });

  it("onError about a broken connection may end it, broadcast to the others, and close the server", async (lab) => {
    let closed: Promise<void> | undefined;
    const running = await lab.start(
      { maxPayload: 1000 },
      {
        onError: (client, { code }) => {
          if (code === "CALLBACK_FAILED") return;
          running.server.broadcast("a", ["one has left"], { except: client });
          client?.disconnect(4000, "broken");
          closed = running.server.close({ timeoutMs: 100 });
        },
      },
    );
    const other = await running.authenticated();
    const { wire } = await running.pair();
    wire.binary(new Uint8Array(3000));
    expect((await other.next())[3]).toBe("one has left");
    expect((await other.closed()).code).toBe(1001);
    await running.called("onDisconnect", 2);
    await closed;
    expect(running.errors.map(({ code }) => code)).not.toContain("CALLBACK_FAILED");
  });

  it("disconnect in onAuthRequest: no onAuthOk, and the decision is ignored", async (lab) => {
    const running = await lab.start(
      {},
      {
        onAuthRequest: (client) => {
          client.disconnect(4000, "enough");
          return true;
        },
      },
    );
    const wire = await running.open();
    wire.auth();
    expect(await wire.closed()).toEqual({ code: 4000, reason: "enough" });
    await running.called("onDisconnect");
    expect(running.count("onAuthOk")).toBe(0);
    expect(wire.unread).toEqual([]);
  });

  it("disconnect in onAuthOk: what was queued is not delivered", async (lab) => {
    const running = await lab.start({ messagesBeforeAuth: "queue" }, { onAuthOk: (client) => client.disconnect() });
    const wire = await running.open();
    wire.event("a", 1);
    wire.auth();
    expect((await wire.closed()).code).toBe(1000);
    await running.called("onDisconnect");
    expect(running.messages).toEqual([]);
  });

  it("disconnect in onMessage: neither listeners nor onReply are called for that message", async (lab) => {
    const running = await lab.start({}, { onMessage: (client) => client.disconnect() });
    const { wire, client } = await running.pair();
    const called: string[] = [];
    client.on("b", () => called.push("listener"));
    client.send("a", [], () => called.push("onReply"));
    const [, eventId] = await wire.next();
    wire.reply(eventId, "b");
    await running.called("onDisconnect");
    expect(called).toEqual([]);
  });

  it("disconnect in a listener: the listeners behind it are not called", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair();
    const called: number[] = [];
    client.on("a", () => {
      called.push(1);
      client.disconnect();
    });
    client.on("a", () => called.push(2));
    wire.event("a");
    await running.called("onDisconnect");
    expect(called).toEqual([1]);
  });

  it("disconnect in a callback never calls onDisconnect before it returns", async (lab) => {
    const order: string[] = [];
    const running = await lab.start(
      {},
      {
        onMessage: (client) => {
          client.disconnect();
          order.push("onMessage returns");
        },
        onDisconnect: () => order.push("onDisconnect"),
      },
    );
    const wire = await running.authenticated();
    wire.event("a");
    await running.called("onDisconnect");
    expect(order).toEqual(["onMessage returns", "onDisconnect"]);
  });
};
