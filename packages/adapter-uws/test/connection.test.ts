import { readFile } from "node:fs/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { encodeFrame, Opcode } from "../../conformance/src/frames.js";
import { encode } from "../../conformance/src/messages.js";
import { until, within } from "../../conformance/src/wait.js";
import { requestHttp, Wire } from "../../conformance/src/wire.js";
import { open, start } from "./harness.js";

const MESSAGE = new Uint8Array(64 * 1024);
// Fits into what uWS collects until a callback returns.
const ANSWER = new Uint8Array(12 * 1024);

/** All that the peer has sent so far was read: a ping behind it is answered. */
const answered = async (wire: Wire): Promise<void> => {
  wire.frame(Opcode.ping);
  expect((await wire.nextFrame()).opcode).toBe(Opcode.pong);
};

describe("a close while the peer does not read", () => {
  const congested = async () => {
    const running = await start({ maxBackpressure: 64 * 1024 * 1024 });
    const wire = await open(running.port);
    const client = running.server.clients[0];
    if (client === undefined) throw new Error("no client");
    wire.pause();
    let sent = 0;
    while (client.bufferedAmount < 1024 * 1024) {
      client.send("a", [MESSAGE]);
      sent++;
    }
    return { ...running, wire, client, sent };
  };

  test("loses neither what was sent before nor the close frame", async () => {
    const { wire, client, sent, disconnects } = await congested();
    client.disconnect(4321, "slow");
    await until(() => disconnects.length > 0, "onDisconnect");
    expect(client.alive).toBe(false);
    wire.resume();
    for (let i = 0; i < sent; i++) expect((await wire.next())[0]).toBe("a");
    expect(await wire.closed()).toEqual({ code: 4321, reason: "slow" });
    expect(disconnects).toEqual([[4321, "slow"]]);
  });

  test("terminates it after the time for the closing handshake", async () => {
    const { server, wire, client } = await congested();
    client.disconnect(4321, "slow");
    await wire.gone(4000);
    expect(server.clients).toEqual([]);
  });

  test("holds the server's close up for no longer than it may", async () => {
    const { server, wire } = await congested();
    await within(server.close({ timeoutMs: 300 }), "the close");
    await wire.gone();
  });

  test("and drains at the server's close", async () => {
    const { server, wire, sent, disconnects } = await congested();
    const closed = server.close();
    await until(() => disconnects.length > 0, "onDisconnect");
    wire.resume();
    for (let i = 0; i < sent; i++) await wire.next();
    expect(await wire.closed()).toEqual({ code: 1001, reason: "" });
    await closed;
  });
});

test("a peer that leaves TCP open keeps the process alive for a few seconds after the server's close", async () => {
  const { server, port } = await start();
  const wire = await open(port, { finishesClosing: false });
  await server.close();
  expect(await wire.closing()).toEqual({ code: 1001, reason: "" });
  await wire.gone(19_000);
});

test("a peer that sends pings and reads no answers is ended once they fill maxBackpressure", async () => {
  const { port, errors, disconnects } = await start({ maxBackpressure: 64 * 1024 });
  const wire = await open(port);
  wire.pause();
  const ping = encodeFrame(Opcode.ping, new Uint8Array(125));
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => ping));
  await until(() => {
    if (disconnects.length === 0) wire.write(pings);
    return disconnects.length > 0;
  }, "onDisconnect");
  expect(disconnects).toEqual([[1006, ""]]);
  expect(errors.map(({ code }) => code)).toEqual(["TRANSPORT_ERROR"]);
  wire.destroy();
});

describe("the memory of a message is not uWS'", () => {
  test.each(["queue", "accept"] as const)("messagesBeforeAuth: %s", async (messagesBeforeAuth) => {
    const got: unknown[] = [];
    const onMessage = (_client: unknown, _name: unknown, [bytes]: [Uint8Array]): void => void got.push(bytes);
    const { port } = await start({ messagesBeforeAuth, maxPayloadBeforeAuth: 1000 }, { onMessage });
    const wire = await Wire.open(port);
    wire.binary(encode("a", 1, null, Buffer.from([1, 2, 3])));
    await answered(wire);
    wire.auth();
    expect(await wire.next()).toEqual(["ezez-ws::auth-ok"]);
    await until(() => got.length > 0, "a message");
    // By then uWS has taken its memory back.
    await answered(wire);
    expect(got).toEqual([new Uint8Array([1, 2, 3])]);
    wire.destroy();
  });
});

describe("uWS' own reasons never were on the wire", () => {
  test("too large for uWS itself: an error with its reason, and 1006 without", async () => {
    const { port, errors, disconnects } = await start({ maxPayload: 1000 });
    const wire = await open(port);
    wire.binary(new Uint8Array(3000));
    expect(await wire.closed()).toEqual({ code: 1006, reason: "" });
    await until(() => disconnects.length > 0, "onDisconnect");
    expect(disconnects).toEqual([[1006, ""]]);
    expect(errors.map(({ code, message }) => [code, message])).toEqual([
      ["TRANSPORT_ERROR", "Received too big message"],
    ]);
  });

  test("a peer that ends TCP without a close frame is no error", async () => {
    const { port, errors, disconnects } = await start();
    const wire = await open(port);
    wire.endTcp();
    await until(() => disconnects.length > 0, "onDisconnect");
    expect([disconnects, errors]).toEqual([[[1006, ""]], []]);
  });

  test("the user's own end() without a code is 1005", async () => {
    const { server, port, disconnects } = await start();
    const wire = await open(port);
    server.clients[0]?.client.end();
    expect(await wire.closed()).toEqual({ code: 1005, reason: "" });
    await until(() => disconnects.length > 0, "onDisconnect");
    expect(disconnects).toEqual([[1005, ""]]);
  });
});

test("calls after the close do nothing", async () => {
  const { server, port, errors } = await start();
  const wire = await open(port);
  const client = server.clients[0];
  client?.client.close();
  expect(client?.send("a", [MESSAGE])).toBeUndefined();
  client?.disconnect();
  expect(client?.bufferedAmount).toBe(0);
  await wire.closed();
  expect(errors).toEqual([]);
});

describe("onUpgrade that takes its time", () => {
  test("a peer that leaves meanwhile becomes no client", async () => {
    let admit: (admission: true) => void = () => undefined;
    let asked = 0;
    const decision = new Promise<true>((resolve) => {
      admit = resolve;
    });
    const onUpgrade = () => (asked++ === 0 ? decision : (true as const));
    const { server, port, disconnects, errors } = await start({}, { onUpgrade });
    const wire = new Wire(port);
    await until(() => asked === 1, "onUpgrade");
    wire.reset();
    // Whoever comes after the reset shows that it was seen.
    await open(port);
    admit(true);
    await open(port);
    expect([server.clients.length, disconnects, errors]).toEqual([2, [], []]);
  });

  test("the request stays readable, and an upgrade after the server's close is refused", async () => {
    const onUpgrade = async ({ url }: { url: string }) => {
      await readFile(new URL(import.meta.url));
      return { status: 418, headers: { "x-url": url, "content-length": "99" }, body: "short" };
    };
    const { port } = await start({}, { onUpgrade });
    const wire = new Wire(port, { path: "/tea?" });
    const { status, headers, body } = await wire.response;
    expect([status, headers.get("x-url"), headers.get("content-length"), body]).toEqual([418, "/tea?", "5", "short"]);
    wire.destroy();
  });
});

test("headers are read as Node reads them", async () => {
  const { server, port } = await start();
  // uWS drops such bytes only where a value begins or ends with them.
  const cookie = "name=Zo\u00eb; theme=dark";
  await open(port, { headers: { Cookie: cookie } });
  expect(server.clients[0]?.request.headers.get("cookie")).toBe(Buffer.from(cookie).toString("latin1"));
});

describe("compression", () => {
  const offer = { headers: { "Sec-WebSocket-Extensions": "permessage-deflate" } };

  test("is not negotiated by default", async () => {
    const { port } = await start();
    expect((await (await open(port, offer)).response).headers.has("sec-websocket-extensions")).toBe(false);
  });

  test("is where it is wanted", async () => {
    const { default: uWS } = await import("uWebSockets.js");
    const { server, port } = await start({ compression: uWS.SHARED_COMPRESSOR });
    const wire = await Wire.open(port, offer);
    expect((await wire.response).headers.get("sec-websocket-extensions")).toContain("permessage-deflate");
    wire.auth();
    await wire.nextFrame();
    server.broadcast("a", [MESSAGE]);
    const { rsv, payload } = await wire.nextFrame();
    expect([rsv, payload.length < 1000]).toEqual([4, true]);
    wire.destroy();
  });
});

const behind = { nothing: Buffer.alloc(0), "a ping": encodeFrame(Opcode.ping, Buffer.alloc(0)) };
test.each(Object.entries(behind))(
  "onDrain is called where what a callback had sent waited at its end, %s behind it",
  async (_what, bytes) => {
    let drains = 0;
    const running = await start(
      { maxBackpressure: 2 ** 30 },
      { onMessage: (client) => void client.send("a", [ANSWER]), onDrain: () => drains++ },
    );
    const wire = await open(running.port);
    const [client] = running.server.clients;
    let asked = 0;
    let answered = 0;
    client?.on("a", () => void answered++);
    wire.pause();
    while (client?.bufferedAmount === 0) {
      wire.write(Buffer.concat([encodeFrame(Opcode.binary, encode("a", ++asked, null, Buffer.alloc(0))), bytes]));
      while (answered < asked) await new Promise((resolve) => setImmediate(resolve));
    }
    wire.resume();
    // Pongs come between them.
    for (let read = 0; read < asked; ) if ((await wire.nextFrame()).opcode === Opcode.binary) read++;
    await until(() => drains > 0, "onDrain");
    expect(drains).toBe(1);
  },
);

test("where only pongs waited, nothing is told of a drain", async () => {
  let drains = 0;
  const running = await start({}, { onDrain: () => drains++ });
  const wire = await open(running.port);
  const [client] = running.server.clients;
  const pings = Buffer.concat(Array.from({ length: 500 }, () => encodeFrame(Opcode.ping, Buffer.alloc(125))));
  let asked = 0;
  wire.pause();
  while (client?.bufferedAmount === 0) {
    wire.write(pings);
    asked += 500;
    await new Promise((resolve) => setImmediate(resolve));
  }
  wire.resume();
  for (let i = 0; i < asked; i++) await wire.nextFrame();
  expect(client?.bufferedAmount).toBe(0);
  expect(drains).toBe(0);
});

// Where the response alone was corked this failed in one of four runs: one peer of 2,500 was ended. With another connection
// open it cannot.
test("peers whose upgrade waited are not ended while others leave", async () => {
  const { port } = await start({}, { onUpgrade: () => new Promise((resolve) => setTimeout(() => resolve(true), 20)) });
  await open(port);
  for (let round = 0; round < 100; round++) {
    const leaving = Array.from({ length: 20 }, () => new Wire(port));
    await new Promise((resolve) => setTimeout(resolve, (round * 7) % 30));
    for (const [index, wire] of leaving.entries()) {
      if (index % 2 === 0) wire.reset();
      else wire.destroy();
    }
    const wires = await Promise.all(Array.from({ length: 5 }, () => Wire.authenticated(port)));
    for (const wire of wires) wire.close(1000);
    await Promise.all(wires.map((wire) => wire.closed()));
  }
});

test("an upgrade whose Connection header says close does not end the process", async () => {
  const { port } = await start({}, { onUpgrade: async () => true });
  await open(port);
  // With more than uWS collects, which it writes while it upgrades, and with another socket open.
  for (const protocol of ["a", "a".repeat(16_400)]) {
    for (const connection of ["close", "xyzzy", ["close", "Upgrade"]]) {
      const wire = new Wire(port, { headers: { Connection: connection, "Sec-WebSocket-Protocol": protocol } });
      expect([400, 426]).toContain((await wire.response).status);
      wire.destroy();
    }
  }
  await open(port);
});

test("an upgrade that another request settles does not end the process", async () => {
  const { server, port } = await start({}, { onUpgrade: ({ url }) => url !== "/waits" || waiting });
  let accept: (value: boolean) => void = () => undefined;
  const waiting = new Promise<boolean>((resolve) => {
    accept = resolve;
  });
  server.app.get("/accept", (response) => {
    accept(true);
    response.end("accepted");
  });
  const wire = new Wire(port, { path: "/waits" });
  onTestFinished(() => wire.destroy());
  expect((await requestHttp(port, "GET /accept HTTP/1.1\r\nHost: a\r\n\r\n")).body).toBe("accepted");
  await wire.authenticate();
});
