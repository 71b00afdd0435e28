import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { encode, encodeFrame, Opcode, requestHttp, until, Wire, within } from "@ezez-ws/conformance";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { createServer, describeOnBun, portOf } from "./harness.js";

const run = promisify(execFile);
const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const get = (url: string): string => `GET ${url} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

const inFolder = async (body: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), "ezez-ws-bun-"));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
};

describeOnBun("a server of our own", () => {
  it("gives Bun's server while it listens, and its address", async () => {
    const { server } = createServer({ port: 0, host: "127.0.0.1" });
    expect([server.server, server.address()]).toEqual([null, null]);
    await server.start();
    expect(server.server?.port).toBe(portOf(server));
    expect(server.address()).toEqual({ address: "127.0.0.1", port: portOf(server) });
    await server.close();
    expect([server.server, server.address()]).toEqual([null, null]);
  });

  it("listens on all addresses where no host is given", async () => {
    const { server } = createServer({ port: 0 });
    await server.start();
    expect(["::", "0.0.0.0"]).toContain(server.address()?.address);
    (await Wire.authenticated(portOf(server))).destroy();
  });

  it("gives Bun's own socket as client.client", async () => {
    const { server } = createServer({ port: 0 });
    await server.start();
    const wire = await Wire.authenticated(portOf(server));
    expect(server.clients[0]?.client.remoteAddress).toContain("127.0.0.1");
    wire.destroy();
  });

  it("ends a peer that sends pings and reads no answers once they fill maxBackpressure", async () => {
    const { server, errors, ended } = createServer({ port: 0, host: "127.0.0.1", maxBackpressure: 64 * 1024 });
    await server.start();
    const wire = await Wire.authenticated(portOf(server));
    wire.pause();
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => encodeFrame(Opcode.ping, new Uint8Array(125))));
    await until(() => {
      if (ended.length === 0) wire.write(pings);
      return ended.length > 0;
    }, "onDisconnect");
    expect(ended).toEqual([[1006, ""]]);
    expect(errors.map(({ code }) => code)).toEqual(["TRANSPORT_ERROR"]);
    wire.destroy();
  });

  const behind = { nothing: Buffer.alloc(0), "a ping": encodeFrame(Opcode.ping, Buffer.alloc(0)) };
  it.each(Object.entries(behind))(
    "calls onDrain where what a callback had sent waited at its end, %s behind it",
    async (_what, bytes) => {
      let drains = 0;
      let answered = 0;
      const { server } = createServer(
        { port: 0, host: "127.0.0.1", maxBackpressure: 2 ** 30 },
        {
          onMessage: (client) => {
            // Fits into what Bun collects until a callback returns.
            client.send("echo", [new Uint8Array(12 * 1024)]);
            answered++;
          },
          onDrain: () => drains++,
        },
      );
      await server.start();
      const wire = await Wire.authenticated(portOf(server));
      const [client] = server.clients;
      let asked = 0;
      wire.pause();
      while (client?.bufferedAmount === 0) {
        wire.write(Buffer.concat([encodeFrame(Opcode.binary, encode("echo", ++asked, null, 1)), bytes]));
        while (answered < asked) await new Promise((resolve) => setImmediate(resolve));
      }
      wire.resume();
      // Pongs come between them.
      for (let read = 0; read < asked; ) if ((await wire.nextFrame()).opcode === Opcode.binary) read++;
      await until(() => drains > 0, "onDrain");
      expect(drains).toBe(1);
      wire.destroy();
    },
  );

  it("tells nothing of a drain where only pongs waited", async () => {
    let drains = 0;
    const { server } = createServer({ port: 0, host: "127.0.0.1" }, { onDrain: () => drains++ });
    await server.start();
    const wire = await Wire.authenticated(portOf(server));
    const [client] = server.clients;
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
    wire.destroy();
  });

  it("rejects start where the port is taken, also by a server of ours", async () => {
    const first = createServer({ port: 0, host: "127.0.0.1" });
    await first.server.start();
    const second = createServer({ port: portOf(first.server), host: "127.0.0.1" });
    await expect(second.server.start()).rejects.toMatchObject({ code: "EADDRINUSE" });
    await expect(second.server.start()).rejects.toMatchObject({ code: "ALREADY_STARTED" });
    expect(second.server.address()).toBeNull();
    await second.server.close();
  });

  it("rejects start where the host is none of this machine's", async () => {
    const { server } = createServer({ port: 0, host: "203.0.113.1" });
    await expect(server.start()).rejects.toThrow();
  });

  it("takes no port out of range, and no host, tls or fetch without one", () => {
    for (const options of [
      { port: -1 },
      { port: 65_536 },
      { port: 1.5 },
      { host: "127.0.0.1" },
      { tls: {} },
      { fetch: () => new Response() },
    ]) {
      expect(() => createServer(options), JSON.stringify(options)).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION" }),
      );
    }
  });

  it.each<[string, unknown[]]>([
    ["tls", ["key.pem", 5, null, [5]]],
    ["perMessageDeflate", [5, "true", null]],
    ["fetch", [5, "page", null, {}]],
  ])("%s of another kind throws from the constructor, with its name", (option, values) => {
    for (const value of values) {
      expect(() => createServer({ port: 0, [option]: value }), String(value)).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringMatching(`^${option} must be `) }),
      );
    }
  });

  it("lets fetch answer what is no upgrade, on every path", async () => {
    const { server } = createServer({
      port: 0,
      path: "/ws",
      fetch: (request, bun) => new Response(`${new URL(request.url).pathname} ${bun.port}`),
    });
    await server.start();
    const port = portOf(server);
    expect((await requestHttp(port, get("/page"))).body).toBe(`/page ${port}`);
    expect((await requestHttp(port, get("/ws"))).body).toBe(`/ws ${port}`);
    (await Wire.authenticated(port, { path: "/ws" })).destroy();
    expect((await new Wire(port, { path: "/page" }).response).status).toBe(404);
  });

  it("serves wss and https with tls, and rejects start with a certificate that is none", async () => {
    await inFolder(async (folder) => {
      const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
      const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
      const newKey = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"];
      await run("openssl", ["req", ...newKey, "-keyout", key, "-out", cert, ...subject]);
      const bad = createServer({ port: 0, tls: { key: "no key", cert: "no certificate" } });
      await expect(bad.server.start()).rejects.toThrow();

      const tls = { key: Bun.file(key), cert: Bun.file(cert) };
      const { server, ended } = createServer({ port: 0, tls, fetch: () => new Response("secure") });
      await server.start();
      const at = `localhost:${portOf(server)}`;
      const ca = await Bun.file(cert).text();
      expect(await (await fetch(`https://${at}/`, { tls: { ca } })).text()).toBe("secure");
      const socket = new WebSocket(`wss://${at}/`, { tls: { ca } });
      const closed = new Promise<number>((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
      await within(new Promise((resolve) => socket.addEventListener("open", resolve)), "the connection");
      socket.close(4000, "enough");
      expect(await within(closed, "the close")).toBe(4000);
      await until(() => ended.length > 0, "onDisconnect was called");
      expect(ended).toEqual([[4000, "enough"]]);
    });
  });

  it("compresses with perMessageDeflate, for peers that offer it", async () => {
    const { server } = createServer({ port: 0, perMessageDeflate: true });
    await server.start();
    const extension = { "Sec-WebSocket-Extensions": "permessage-deflate" };
    const wire = await Wire.open(portOf(server), { headers: extension });
    expect((await wire.response).headers.get("sec-websocket-extensions")).toContain("permessage-deflate");
    await Wire.authenticated(portOf(server)).then((plain) => plain.destroy());
    await until(() => server.clients.length === 0, "the plain peer left");
    wire.auth();
    expect((await wire.nextFrame()).rsv).toBe(4);
    server.broadcast("echo", ["x".repeat(10_000)]);
    const { rsv, payload } = await wire.nextFrame();
    expect([rsv, payload.length < 1000]).toEqual([4, true]);
    wire.destroy();
  });
});

describeOnBun("the end of a server of our own", () => {
  /** Sends until a mebibyte waits for a peer that does not read: more would be too much for the 2 s of a closing handshake. */
  const fill = (client: { readonly bufferedAmount: number } | undefined, send: () => unknown): number => {
    let sent = 0;
    while ((client?.bufferedAmount ?? Infinity) < 1024 * 1024) {
      send();
      sent++;
    }
    return sent;
  };

  it("delivers what is buffered, and the close frame, before it ends the connection", async () => {
    const { server, ended } = createServer({ port: 0, maxBackpressure: 64 * 1024 * 1024 });
    await server.start();
    const wire = await Wire.authenticated(portOf(server));
    const [client] = server.clients;
    const piece = new Uint8Array(256 * 1024);
    wire.pause();
    const sent = fill(client, () => client?.send("echo", [piece]));
    client?.disconnect(4001, "enough");
    expect(client?.alive).toBe(false);
    await until(() => ended.length > 0, "onDisconnect was called");
    wire.resume();
    for (let i = 0; i < sent; i++) expect((await wire.bytes()).length).toBeGreaterThan(piece.length);
    expect(await wire.closed()).toEqual({ code: 4001, reason: "enough" });
    expect(ended).toEqual([[4001, "enough"]]);
  });

  it("close waits until what is buffered is written", async () => {
    const { server } = createServer({ port: 0, maxBackpressure: 64 * 1024 * 1024 });
    await server.start();
    const wire = await Wire.authenticated(portOf(server));
    wire.pause();
    const sent = fill(server.clients[0], () => server.broadcast("echo", [new Uint8Array(256 * 1024)]));
    let closed = false;
    const closing = server.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(closed).toBe(false);
    wire.resume();
    for (let i = 0; i < sent; i++) await wire.bytes();
    expect(await wire.closed()).toEqual({ code: 1001, reason: "" });
    await closing;
  });

  it("terminates a peer that does not read, and close resolves", async () => {
    const { server, ended } = createServer({ port: 0, maxBackpressure: 64 * 1024 * 1024 });
    await server.start();
    const wire = await Wire.authenticated(portOf(server));
    wire.pause();
    for (let i = 0; i < 80; i++) server.broadcast("echo", [new Uint8Array(256 * 1024)]);
    await server.close({ timeoutMs: 100 });
    expect(ended).toEqual([[1001, ""]]);
    wire.destroy();
  });

  it("closes with 1001 what close() overtakes between its admission and its upgrade", async () => {
    const { server, ended } = createServer(
      {
        port: 0,
        handleProtocols: () => {
          server.close();
          return "chat";
        },
      },
      { onUpgrade: () => Promise.resolve(true) },
    );
    await server.start();
    const wire = await Wire.open(portOf(server), { headers: { "Sec-WebSocket-Protocol": "chat" } });
    expect(await wire.closed()).toEqual({ code: 1001, reason: "" });
    await within(server.close(), "close to resolve");
    expect(ended).toEqual([[1001, ""]]);
  });

  it("is not held up by idle HTTP connections, and only so long by half a request or a slow answer", async () => {
    const { server } = createServer({ port: 0, fetch: () => new Promise<Response>(() => undefined) });
    await server.start();
    const port = portOf(server);
    const silent = connect(port, "127.0.0.1");
    await new Promise((resolve) => silent.once("connect", resolve));
    const half = connect(port, "127.0.0.1");
    half.write("GET / HTTP/1.1\r\nHo");
    const slow = connect(port, "127.0.0.1");
    slow.write(get("/"));
    for (const socket of [silent, half, slow]) socket.on("error", () => undefined);
    await until(() => server.server?.pendingRequests === 1, "the request came");
    await within(server.close(), "close to resolve", 4000);
    for (const socket of [silent, half, slow]) socket.destroy();
  });

  it("leaves nothing that keeps the process alive", async () => {
    await inFolder(async (folder) => {
      const script = join(folder, "script.mjs");
      const { outputFiles } = await build({
        stdin: {
          contents: `
            import { EZEZWebsocketServer } from ${JSON.stringify(path("../src/index.ts"))};
            const server = new EZEZWebsocketServer({ port: 0 }, { onAuthRequest: () => true });
            await server.start();
            const { port } = server.address();
            await (await fetch(\`http://localhost:\${port}/\`)).text();
            const socket = new WebSocket(\`ws://localhost:\${port}/\`);
            socket.addEventListener("close", ({ code }) => console.log(code));
            await new Promise((resolve) => socket.addEventListener("open", resolve));
            await server.close();
            // One that close() overtakes.
            const onUpgrade = () => Promise.resolve(true);
            const handleProtocols = () => {
              overtaken.close();
              return "chat";
            };
            const overtaken = new EZEZWebsocketServer({ port: 0, handleProtocols }, { onAuthRequest: () => true, onUpgrade });
            await overtaken.start();
            const late = new WebSocket(\`ws://localhost:\${overtaken.address().port}/\`, "chat");
            late.addEventListener("close", ({ code }) => console.log(code));
          `,
          resolveDir: folder,
        },
        alias: { "@ezez-ws/core": path("../../core/src/index.ts") },
        bundle: true,
        format: "esm",
        platform: "neutral",
        mainFields: ["module", "main"],
        write: false,
        logLevel: "silent",
      });
      await writeFile(script, outputFiles[0]?.text ?? "");
      const { stdout } = await run(process.execPath, [script], { timeout: 60_000 });
      expect(stdout).toBe("1001\n1001\n");
    });
  });
});
