import { Socket } from "node:net";
import { encode, encodeFrame, Opcode, Wire } from "@ezez-ws/conformance";
import { afterEach, expect, it, vi } from "vitest";
import { type EchoServer, echoServer } from "./harness.js";

let server: EchoServer;

afterEach(async () => {
  vi.restoreAllMocks();
  await server.close();
});

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

const start = async (): Promise<Wire> => {
  ({ server } = echoServer({ port: 0, host: "127.0.0.1" }));
  await server.start();
  return Wire.authenticated(server.address()?.port ?? 0);
};

it("writes all that one turn of the loop sends at once, pings and broadcasts among it, in order", async () => {
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

it("writes the replies to what came in one TCP segment at once", async () => {
  const wire = await start();
  const writes = spyOnWrites();
  const asked = Array.from({ length: 20 }, (_, i) => encodeFrame(Opcode.binary, encode("ask", i + 1, null, `${i}`)));
  wire.write(Buffer.concat(asked));
  for (let i = 0; i < 20; i++) expect((await wire.next()).at(-1)).toBe(`${i}`);
  expect(writes).toHaveLength(1);
});

it("waits for no end of the turn where much was sent, and loses nothing at a close", async () => {
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
