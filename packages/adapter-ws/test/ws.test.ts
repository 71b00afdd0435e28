import type { EventEmitter } from "node:events";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { decode, encode, Opcode, until, Wire, within } from "@ezez-ws/conformance";
import { EZEZError } from "@ezez-ws/core";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { echoServer, notOnBun, onBun, theirServer } from "./harness.js";

const where = { port: 0, host: "127.0.0.1" };
const started: { close(): Promise<void> }[] = [];

const start = async (...[options, callbacks]: Parameters<typeof echoServer>) => {
  const running = echoServer(options, callbacks);
  await running.server.start();
  started.push(running.server);
  return { ...running, port: running.server.address()?.port ?? 0 };
};

afterEach(async () => {
  for (const server of started.splice(0)) await server.close();
});

it("ws gets a maxPayload that it can hold: twice ours would be negative in its 32 bits", async () => {
  const { server } = echoServer({ ...where, maxPayload: 2 ** 31 - 1 });
  expect(server.wss.options.maxPayload).toBe(2 ** 31 - 1);
});

it.skipIf(onBun)(
  `a message in tiny fragments is given up long before maxPayload${notOnBun("Bun's ws does not count fragments")}`,
  async () => {
    const { port, errors } = await start(where);
    const wire = await Wire.open(port);
    wire.frame(Opcode.binary, Buffer.alloc(1), { fin: false });
    for (let i = 0; i < 1024; i++) wire.frame(Opcode.continuation, Buffer.alloc(1), { fin: false });
    expect(await wire.closed()).toMatchObject({ code: 1008 });
    await until(() => errors.length > 0, "onError");
    expect(errors).toMatchObject([{ code: "TRANSPORT_ERROR", message: "Too many message fragments" }]);
  },
);

it("fragments of 1 KiB are enough for any maxPayload", async () => {
  const maxPayload = 2 * 1024 * 1024;
  const { port } = await start({ ...where, maxPayload });
  const wire = await Wire.authenticated(port);
  const bytes = encode("ask", 1, null, "x".repeat(maxPayload - 100));
  for (let at = 0; at < bytes.length; at += 1024) {
    const options = { fin: at + 1024 >= bytes.length };
    wire.frame(at === 0 ? Opcode.binary : Opcode.continuation, bytes.subarray(at, at + 1024), options);
  }
  expect((await wire.next())[0]).toBe("answer");
});

describe("where to listen", () => {
  it("is exactly one of port, server and noServer", async () => {
    const { http } = await theirServer();
    for (const options of [{}, { port: 0, server: http }, { port: 0, noServer: true }, { noServer: false }]) {
      expect(() => echoServer(options)).toThrow(EZEZError);
      expect(() => echoServer(options)).toThrow(/port, server and noServer/);
    }
    http.close();
  });

  it.each<[string, unknown[]]>([
    ["server", [{}, null, 5, () => undefined, { on: () => undefined }]],
    ["noServer", [5, "true", null]],
    ["perMessageDeflate", [5, "true", null]],
  ])("%s of another kind throws from the constructor, with its name", (option, values) => {
    const where = option === "perMessageDeflate" ? { port: 0 } : {};
    for (const value of values) {
      expect(() => echoServer({ ...where, [option]: value }), String(value)).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringMatching(`^${option} must be `) }),
      );
    }
  });

  it("a host that is none of ours rejects with its cause", async () => {
    const { server } = echoServer({ port: 0, host: "192.0.2.1" });
    await expect(server.start()).rejects.toMatchObject({ code: "EADDRNOTAVAIL" });
    await server.close();
  });

  it("the address is all of them by default", async () => {
    const { server } = await start({ port: 0 });
    expect(["::", "0.0.0.0"]).toContain(server.address()?.address);
  });
});

describe("ws itself", () => {
  it("is wss, whose connection event tells of each client", async () => {
    const { server, port } = await start(where);
    expect(server.wss).toBeInstanceOf(WebSocketServer);
    const connections: unknown[] = [];
    server.wss.on("connection", (webSocket, request) => connections.push(webSocket, request.url));
    await Wire.authenticated(port, { path: "/x" });
    expect(connections).toEqual([server.clients[0]?.client, "/x"]);
    expect(server.clients[0]?.client).toBeInstanceOf(WebSocket);
  });

  it("a WebSocket that is given to the connection event of wss becomes a client", async () => {
    const { server } = await start(where);
    const { http, port } = await theirServer();
    const other = new WebSocketServer({ noServer: true });
    http.on("upgrade", (request, socket, head) => {
      other.handleUpgrade(request, socket, head, (webSocket) => server.wss.emit("connection", webSocket, request));
    });
    const wire = await Wire.authenticated(port, { path: "/elsewhere" });
    wire.event("ask", "x");
    expect((await wire.next()).at(-1)).toBe("x");
    expect(server.clients[0]?.request.url).toBe("/elsewhere");
    wire.close(1000);
    await wire.closed();
    http.close();
  });

  it("takes other options of ws: compression", async () => {
    const { port } = await start({ ...where, perMessageDeflate: { serverNoContextTakeover: true, threshold: 100 } });
    const offer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    const wire = await Wire.open(port, { headers: { "Sec-WebSocket-Extensions": offer } });
    expect((await wire.response).headers.get("sec-websocket-extensions")).toMatch(/^permessage-deflate/);
    await wire.authenticate();
    // RFC 7692 section 7.2: RSV1, and without the empty block at the end.
    const text = "z".repeat(1000);
    const packed = deflateRawSync(encode("ask", 1, null, text), { finishFlush: constants.Z_SYNC_FLUSH });
    wire.frame(Opcode.binary, packed.subarray(0, -4), { rsv: 4 });
    const { rsv, payload } = await wire.nextFrame();
    expect(rsv).toBe(4);
    const answer = inflateRawSync(Buffer.concat([payload, packed.subarray(-4)]), {
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    expect(decode(answer).at(-1)).toBe(text);
  });

  it("takes other options of ws: verifyClient", async () => {
    const { port } = await start({
      ...where,
      verifyClient: (info, decide) => setTimeout(() => decide(info.req.url === "/in", 401, "Who are you?"), 5),
    });
    expect((await new Wire(port, { path: "/out" }).response).status).toBe(401);
    await Wire.authenticated(port, { path: "/in" });
  });

  it("takes other options of ws: a WebSocket class of the user's", async () => {
    class Own extends WebSocket {
      readonly own = true;
    }
    const { server, port } = await start({ ...where, WebSocket: Own });
    await Wire.authenticated(port);
    expect(server.clients[0]?.client).toBeInstanceOf(Own);
  });

  it("takes other options of ws: closeTimeout", async () => {
    const { port, closes } = await start({ ...where, closeTimeout: 50 } as typeof where);
    const wire = await Wire.authenticated(port, { finishesClosing: false });
    wire.close(1000);
    await wire.gone(1500);
    expect(closes).toEqual([1000]);
  });
});

describe("errors", () => {
  it("of the HTTP server after it listens are reported, and end nothing", async () => {
    const { server, port, errors } = await start(where);
    await Wire.authenticated(port);
    // A connection of Node's knows its server.
    const [client] = server.clients;
    if (client === undefined) throw new Error("no client");
    const { _socket } = client.client as unknown as { _socket: { server: EventEmitter } };
    const cause = Object.assign(new Error("too many open files"), { code: "EMFILE" });
    _socket.server.emit("error", cause);
    _socket.server.emit("error", cause);
    expect(errors.map((error) => [error.code, error.cause])).toEqual([
      ["TRANSPORT_ERROR", cause],
      ["TRANSPORT_ERROR", cause],
    ]);
    await Wire.authenticated(port);
  });

  it("of a socket that is reset while onUpgrade is pending end nothing, whatever the answer", async () => {
    for (const answer of [true, { status: 401, body: "no" }] as const) {
      let settle: (answer: true | { status: number }) => void = () => undefined;
      let asked = 0;
      const { server, port, errors, closes } = await start(where, {
        onUpgrade: () => {
          asked++;
          return asked > 1 ? true : new Promise((resolve) => (settle = resolve));
        },
      });
      const wire = new Wire(port, { behindUpgrade: Buffer.alloc(100_000, "x") });
      await until(() => asked === 1, "onUpgrade was called");
      wire.reset();
      await Wire.authenticated(port);
      settle(answer);
      await Wire.authenticated(port);
      await until(() => server.clients.length === 2, "the others are there");
      // Either nothing came of it, or a connection that ended at once.
      expect([[], [1006]]).toContainEqual(closes);
      expect(errors.filter(({ code }) => code !== "TRANSPORT_ERROR")).toEqual([]);
    }
  });

  const name = "of ws (a frame that is none) are one TRANSPORT_ERROR with ws's own as its cause";
  it.skipIf(onBun)(`${name}${notOnBun("Bun's ws has none of these")}`, async () => {
    const { port, errors, closes } = await start(where);
    const wire = await Wire.authenticated(port);
    wire.write(Buffer.from([0xf2, 0x80]));
    expect((await wire.closed()).code).toBe(1002);
    await until(() => closes.length === 1, "it was closed");
    expect(errors.map(({ code }) => code)).toEqual(["TRANSPORT_ERROR"]);
    expect(errors[0]?.cause).toMatchObject({ code: "WS_ERR_UNEXPECTED_RSV_2_3" });
    expect(closes).toEqual([1006]);
  });

  it("of the user's own listener on the socket do not stop ours", async () => {
    const { server, port } = await start(where);
    server.wss.on("connection", (webSocket) => webSocket.on("message", () => undefined));
    const wire = await Wire.authenticated(port);
    wire.event("ask", "x");
    expect((await wire.next()).at(-1)).toBe("x");
  });
});

describe("close() ends what is no WebSocket yet", () => {
  const closed = (server: { close(options: { timeoutMs: number }): Promise<void> }): Promise<void> =>
    within(server.close({ timeoutMs: 300 }), "the close");

  it("whose verifyClient never calls back", async () => {
    let asked = false;
    const { server, port } = await start({
      ...where,
      verifyClient: (_info: unknown, _verified: unknown) => {
        asked = true;
      },
    });
    const wire = new Wire(port);
    await until(() => asked, "verifyClient");
    await closed(server);
    await wire.gone();
  });

  it("who does not read why it is refused", async () => {
    let asked = false;
    const { server, port } = await start(where, {
      onUpgrade: () => {
        asked = true;
        return { status: 403, body: "x".repeat(16 * 1024 * 1024) };
      },
    });
    const wire = new Wire(port);
    wire.pause();
    await until(() => asked, "onUpgrade");
    await closed(server);
    wire.destroy();
  });
});
