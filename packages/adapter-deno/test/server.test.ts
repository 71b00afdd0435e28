import { EZEZWebsocketServer } from "@ezez-ws/adapter-deno";
import { gate, requestHttp, until, Wire, within } from "@ezez-ws/conformance";
import { describe, expect, test } from "vitest";

const skipped = "Deno" in globalThis ? undefined : "Deno is not the runtime";

type Events = { a: [Uint8Array]; b: [] };

const callbacks = { onAuthRequest: () => true };
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const portOf = (server: { address(): { port: number } | null }): number => server.address()?.port ?? 0;

describe.skipIf(skipped !== undefined)(`on Deno${skipped === undefined ? "" : ` (skipped: ${skipped})`}`, () => {
  test("fetch answers what is no upgrade, and an upgrade is ours", async () => {
    const server = new EZEZWebsocketServer<Events>(
      { port: 0, host: "127.0.0.1", fetch: (request) => new Response(`page ${new URL(request.url).pathname}`) },
      callbacks,
    );
    await server.start();
    expect(await requestHttp(portOf(server), get("/x"))).toMatchObject({ status: 200, body: "page /x" });
    await Wire.authenticated(portOf(server));
    await within(server.close(), "close");
  });

  test("a fetch that throws ends neither the server nor its close", async () => {
    const server = new EZEZWebsocketServer<Events>(
      {
        port: 0,
        host: "127.0.0.1",
        fetch: () => {
          throw new Error("failed");
        },
      },
      callbacks,
    );
    await server.start();
    expect((await requestHttp(portOf(server), get("/"))).status).toBe(500);
    await Wire.authenticated(portOf(server));
    await within(server.close(), "close");
  });

  test("upgrade serves a Deno.serve of the user's, which goes on after close", async () => {
    const server = new EZEZWebsocketServer<Events>({ path: "/ws" }, callbacks);
    await server.start();
    const theirs = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => undefined }, (request, info) =>
      new URL(request.url).pathname === "/ws" ? server.upgrade(request, info) : new Response("page"),
    );
    try {
      const { port } = theirs.addr;
      expect(server.address()).toBeNull();
      expect((await requestHttp(port, get("/ws"))).status).toBe(426);
      const wire = await Wire.authenticated(port, { path: "/ws" });
      await within(server.close(), "close");
      expect((await wire.closed()).code).toBe(1001);
      expect(await requestHttp(port, get("/"))).toMatchObject({ status: 200, body: "page" });
      await expect(Wire.open(port, { path: "/ws" })).rejects.toThrow("503");
    } finally {
      await theirs.shutdown();
    }
  });

  test("an upgrade that is not decided on gets 503 at close, on a Deno.serve of the user's too", async () => {
    const asked = gate<void>();
    const onUpgrade = (): Promise<true> => {
      asked.open();
      return new Promise(() => undefined);
    };
    const server = new EZEZWebsocketServer<Events>({}, { ...callbacks, onUpgrade });
    await server.start();
    const theirs = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => undefined }, (request, info) =>
      server.upgrade(request, info),
    );
    try {
      const wire = new Wire(theirs.addr.port);
      await asked.passed;
      await within(server.close(), "close");
      expect((await wire.response).status).toBe(503);
    } finally {
      await theirs.shutdown();
    }
  });

  test("host, tls and fetch need a port", () => {
    for (const options of [{ host: "127.0.0.1" }, { tls: { key: "", cert: "" } }, { fetch: () => new Response() }]) {
      expect(() => new EZEZWebsocketServer(options, callbacks)).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION" }),
      );
    }
  });

  test.each<[string, unknown[]]>([
    ["tls", ["key.pem", 5, null, {}, { key: "", cert: 5 }, []]],
    ["fetch", [5, "page", null, {}]],
  ])("%s of another kind throws from the constructor, with its name", (option, values) => {
    for (const value of values) {
      expect(() => new EZEZWebsocketServer({ port: 0, [option]: value }, callbacks), String(value)).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringMatching(`^${option} must be `) }),
      );
    }
  });

  test("server is Deno's own while it listens, and null before, after and without a port", async () => {
    const server = new EZEZWebsocketServer<Events>({ port: 0, host: "127.0.0.1" }, callbacks);
    expect(server.server).toBeNull();
    await server.start();
    const own = server.server;
    expect(own?.addr).toMatchObject({ hostname: "127.0.0.1", port: portOf(server) });
    await within(server.close(), "close");
    await within(own?.finished ?? Promise.reject(new Error("no server")), "its end");
    expect(server.server).toBeNull();

    const theirs = new EZEZWebsocketServer<Events>({}, callbacks);
    await theirs.start();
    expect(theirs.server).toBeNull();
    await within(theirs.close(), "close");
  });

  test("an address that is none rejects start", async () => {
    const server = new EZEZWebsocketServer<Events>({ port: 0, host: "256.0.0.1" }, callbacks);
    await expect(server.start()).rejects.toThrow();
    await within(server.close(), "close");
  });

  test("a peer that never answers the close frame is dropped", async () => {
    const server = new EZEZWebsocketServer<Events>({ port: 0, host: "127.0.0.1" }, callbacks);
    await server.start();
    const wire = await Wire.authenticated(portOf(server), { finishesClosing: false });
    server.clients[0]?.disconnect(4000, "enough");
    expect(await wire.closed()).toEqual({ code: 4000, reason: "enough" });
    await within(server.close(), "close");
  });

  test("a peer that reads nothing does not hold up close, though Deno keeps what it was sent", async () => {
    const server = new EZEZWebsocketServer<Events>(
      { port: 0, host: "127.0.0.1", maxBackpressure: 16 * 1024 * 1024 },
      callbacks,
    );
    await server.start();
    const wire = await Wire.authenticated(portOf(server), { finishesClosing: false });
    wire.pause();
    const [client] = server.clients;
    const chunk = new Uint8Array(64 * 1024);
    while (client?.send("a", [chunk]) !== undefined);
    expect(client?.alive).toBe(false);
    await within(server.close({ timeoutMs: 500 }), "close");
    wire.resume();
    // Nothing ends a write that has begun: with it the rest, close frame and all, comes once the peer reads.
    expect((await wire.closed()).code).toBe(1013);
  });

  test("client.client is Deno's WebSocket", async () => {
    const server = new EZEZWebsocketServer<Events>({ port: 0, host: "127.0.0.1" }, callbacks);
    await server.start();
    await Wire.authenticated(portOf(server));
    await until(() => server.clients.length === 1, "one client is there");
    expect(server.clients[0]?.client).toBeInstanceOf(WebSocket);
    await within(server.close(), "close");
  });
});
