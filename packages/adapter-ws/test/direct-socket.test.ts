import { Socket } from "node:net";
import { encode, encodeFrame, gate, Opcode, Wire, within } from "@ezez-ws/conformance";
import { afterEach, expect, it, vi } from "vitest";
import { type EchoServer, echoServer, notOnBun, onBun, theirServer, upgradeThroughStream } from "./harness.js";

let server: EchoServer;

afterEach(async () => {
  vi.restoreAllMocks();
  await server.close();
});

const itWrites = (sentence: string, run: () => Promise<void>): void =>
  void it.skipIf(onBun)(`${sentence}${notOnBun("Bun's ws writes to no network socket of Node's")}`, run);

/** The sizes of what each call to the kernel writes, of the sockets that the server accepted. */
const spyOnWrites = (): number[] => {
  const sizes: number[] = [];
  const { _write: write, _writev: writev } = Socket.prototype;
  if (writev === undefined) throw new Error("net.Socket writes several chunks at once");
  const isServers = (socket: Socket): boolean => socket.localPort === server.address()?.port;
  vi.spyOn(Socket.prototype, "_write").mockImplementation(function (this: Socket, chunk, encoding, done) {
    if (isServers(this)) sizes.push(chunk.length);
    write.call(this, chunk, encoding, done);
  });
  vi.spyOn(Socket.prototype, "_writev").mockImplementation(function (this: Socket, chunks, done) {
    if (isServers(this)) sizes.push(chunks.reduce((sum, { chunk }) => sum + chunk.length, 0));
    writev.call(this, chunks, done);
  });
  return sizes;
};

const start = async (...[options, callbacks]: Partial<Parameters<typeof echoServer>>): Promise<Wire> => {
  ({ server } = echoServer({ port: 0, host: "127.0.0.1", ...options }, callbacks));
  await server.start();
  return Wire.authenticated(server.address()?.port ?? 0);
};

/** Sends until bytes wait for the kernel; returns how many messages. */
const congest = (client: EchoServer["clients"][number] | undefined): number => {
  const text = "x".repeat(64 * 1024);
  let sent = 0;
  while (client?.bufferedAmount === 0) {
    client.send("answer", [text]);
    sent++;
  }
  return sent;
};

itWrites("writes all that one turn of the loop sends at once, pings and broadcasts among it, in order", async () => {
  const wire = await start();
  const writes = spyOnWrites();
  const [client] = server.clients;
  for (let i = 0; i < 10; i++) client?.send("answer", [`${i}`]);
  client?.client.ping();
  server.broadcast("answer", ["all"]);
  for (let i = 0; i < 10; i++) expect((await wire.next()).at(-1)).toBe(`${i}`);
  expect((await wire.next()).at(-1)).toBe("all");
  expect(writes).toHaveLength(1);
});

itWrites("writes the replies to what came in one TCP segment at once", async () => {
  const wire = await start();
  const writes = spyOnWrites();
  // They come in as many turns of the loop, which take no time here.
  vi.spyOn(performance, "now").mockReturnValue(performance.now());
  const asked = Array.from({ length: 20 }, (_, i) => encodeFrame(Opcode.binary, encode("ask", i + 1, null, `${i}`)));
  wire.write(Buffer.concat(asked));
  for (let i = 0; i < 20; i++) expect((await wire.next()).at(-1)).toBe(`${i}`);
  expect(writes).toHaveLength(1);
});

itWrites("waits for no end of the turn where much was sent, and loses nothing at a close", async () => {
  const wire = await start();
  const writes = spyOnWrites();
  const [client] = server.clients;
  const text = "x".repeat(10_000);
  for (let i = 0; i < 20; i++) client?.send("answer", [text]);
  expect(writes.length).toBeGreaterThan(0);
  client?.disconnect(4000, "bye");
  for (let i = 0; i < 20; i++) expect((await wire.next()).at(-1)).toBe(text);
  expect(await wire.closed()).toEqual({ code: 4000, reason: "bye" });
});

itWrites("does not let what one turn sends wait for turns that take long", async () => {
  const wire = await start();
  const writes = spyOnWrites();
  const [client] = server.clients;
  let now = performance.now();
  vi.spyOn(performance, "now").mockImplementation(() => now);
  for (let i = 0; i < 10; i++) {
    client?.send("answer", [`${i}`]);
    now += 20;
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (let i = 0; i < 10; i++) expect((await wire.next()).at(-1)).toBe(`${i}`);
  expect(writes.length).toBeGreaterThan(4);
});

it("tells of a drain where pongs of ws went last", async () => {
  let drains = 0;
  const drained = gate<void>();
  const wire = await start(
    { maxBackpressure: 64 * 1024 * 1024 },
    {
      onDrain: () => {
        drains++;
        drained.open();
      },
    },
  );
  wire.pause();
  const sent = congest(server.clients[0]);
  for (let i = 0; i < 50; i++) wire.frame(Opcode.ping, Buffer.alloc(100));
  // All of them were read, and answered behind the messages.
  const other = await Wire.authenticated(server.address()?.port ?? 0);
  other.event("ask", "x");
  await other.next();
  wire.resume();
  for (let i = 0; i < sent; i++) await wire.next();
  await within(drained.passed, "onDrain");
  expect(drains).toBe(1);
});

it("tells of no drain where the peer is gone", async () => {
  const log: string[] = [];
  const gone = gate<void>();
  const wire = await start(
    { maxBackpressure: 64 * 1024 * 1024 },
    {
      onDrain: () => log.push("onDrain"),
      onDisconnect: (_client, code) => {
        log.push(`onDisconnect ${code}`);
        gone.open();
      },
    },
  );
  wire.pause();
  congest(server.clients[0]);
  wire.reset();
  await within(gone.passed, "onDisconnect");
  expect(log).toEqual(["onDisconnect 1006"]);
});

it("keeps to the stream that handleUpgrade was given", async () => {
  const { http, port } = await theirServer();
  ({ server } = echoServer({ noServer: true }));
  await server.start();
  let through = "";
  upgradeThroughStream(http, server, (written) => {
    through += written.toString("latin1");
  });
  const wire = await Wire.authenticated(port);
  wire.event("ask", "through");
  expect((await wire.next()).at(-1)).toBe("through");
  expect(through).toContain("auth-ok");
  expect(through).toContain("through");
  wire.destroy();
  http.closeAllConnections();
  http.close();
});
