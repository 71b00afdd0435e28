import { encodeFrame, gate, Opcode, until, Wire, within } from "@ezez-ws/conformance";
import { afterEach, expect, it } from "vitest";
import { type EchoServer, echoServer, notOnBun, onBun, theirServer, upgradeThroughStream } from "./harness.js";

let server: EchoServer;

afterEach(async () => {
  await server.close({ timeoutMs: 100 });
});

const text = "x".repeat(64 * 1024);

const counts = "ends a peer that reads no pongs for the memory that they hold, not for their few bytes";
it.skipIf(onBun)(`${counts}${notOnBun("pongs of Bun's ws hold no more than their bytes")}`, async () => {
  const running = echoServer({ port: 0, host: "127.0.0.1", maxBackpressure: 1024 * 1024 });
  ({ server } = running);
  await server.start();
  const wire = await Wire.authenticated(server.address()?.port ?? 0);
  wire.pause();
  // The kernel takes no more.
  while (server.clients[0]?.bufferedAmount === 0) server.clients[0].send("answer", [text]);
  // 80 KiB of pongs.
  const ping = encodeFrame(Opcode.ping, Buffer.alloc(2));
  wire.write(Buffer.concat(Array.from({ length: 20_000 }, () => ping)));
  await until(() => running.closes.length > 0, "onDisconnect");
  expect(running.closes).toEqual([1006]);
  expect(running.errors.map(({ code }) => code)).toEqual(["TRANSPORT_ERROR"]);
  wire.destroy();
});

it("tells of a drain where pongs went last through the stream that handleUpgrade was given", async () => {
  const { http, port } = await theirServer();
  let slow: EchoServer["clients"][number] | undefined;
  let drains = 0;
  const drained = gate<void>();
  ({ server } = echoServer(
    { noServer: true, maxBackpressure: 64 * 1024 * 1024 },
    {
      onDrain: (client) => {
        if (client !== slow) return;
        drains++;
        drained.open();
      },
    },
  ));
  await server.start();
  upgradeThroughStream(http, server);
  const wire = await Wire.authenticated(port);
  wire.pause();
  [slow] = server.clients;
  // Far more than the kernel takes.
  for (let i = 0; i < 200; i++) slow?.send("answer", [text]);
  for (let i = 0; i < 50; i++) wire.frame(Opcode.ping, Buffer.alloc(100));
  // All of them were read, and answered behind the messages.
  const other = await Wire.authenticated(port);
  other.event("ask", "x");
  await other.next();
  wire.resume();
  for (let i = 0; i < 250; i++) await wire.nextFrame();
  await within(drained.passed, "onDrain");
  expect(drains).toBe(1);
  for (const one of [wire, other]) one.destroy();
  http.closeAllConnections();
  http.close();
});
