// What a peer can make the server hold of a message that never ends.
import { connect } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { encode, encodeFrame, Opcode, until, upgradeRequest, Wire } from "@ezez-ws/conformance";
import { expect, it, onTestFinished } from "vitest";
import { echoServer, notOnBun, onBun } from "./harness.js";

const KiB = 1024;
const MiB = 1024 * KiB;
const onNode = it.skipIf(onBun);
const why = notOnBun("its ws is Bun's own");

const start = async () => {
  let pings = 0;
  const running = echoServer({ port: 0, host: "127.0.0.1", authTimeoutMs: 60_000 });
  running.server.wss.on("connection", (webSocket) => webSocket.on("ping", () => pings++));
  await running.server.start();
  onTestFinished(() => running.server.close());
  return { ...running, port: running.server.address()?.port ?? 0, pings: () => pings };
};

const open = async (port: number): Promise<Wire> => {
  const wire = await Wire.open(port);
  onTestFinished(() => wire.destroy());
  return wire;
};

const buffers = (): number => {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc()");
  return process.memoryUsage().arrayBuffers;
};

const behind = { "a segment of pings": 0, "one of pings, and a small one": 14 };
onNode.each(Object.entries(behind))(`a fragment holds nothing of what came with it, %s${why}`, async (_how, small) => {
  const { port, pings, errors } = await start();
  // Keeps nothing of the pongs, as a Wire would.
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let accepted = false;
  socket.on("data", (chunk: Buffer) => {
    accepted ||= chunk.includes("ezez-ws::auth-ok");
  });
  socket.write(upgradeRequest(port));
  const many = Buffer.concat(Array.from({ length: 400 }, () => encodeFrame(Opcode.ping, Buffer.alloc(125))));
  const auth = encode("ezez-ws::auth", "k".repeat(170 * (1 + small)), 1);
  const before = buffers();
  let at = 0;
  const fragment = (length: number): Buffer => {
    const opcode = at === 0 ? Opcode.binary : Opcode.continuation;
    at += length;
    return encodeFrame(opcode, auth.subarray(at - length, at), { fin: at === auth.length });
  };
  for (let i = 1; i <= 180; i++) {
    // Read apart from what comes behind it: ws defers what follows a ping.
    const ping = encodeFrame(Opcode.ping, Buffer.alloc(1));
    socket.write(Buffer.concat([ping, fragment(1), many]));
    await until(() => pings() === i * 401, "the pings");
    if (small > 0) socket.write(fragment(small));
  }
  // 10 MiB of pings came with them.
  expect(buffers() - before).toBeLessThan(4 * MiB);
  socket.write(fragment(auth.length - at));
  await until(() => accepted, "auth-ok");
  expect(errors).toEqual([]);
});

onNode(`a message in TCP segments of one byte is given up long before maxPayload${why}`, async () => {
  const { port, errors } = await start();
  const wire = await open(port);
  wire.write(encodeFrame(Opcode.binary, Buffer.alloc(64 * KiB)).subarray(0, 14));
  for (let sent = 0; wire.isOpen && sent < 50_000; sent++) {
    wire.write(Buffer.alloc(1));
    await turn();
  }
  expect(await wire.closed()).toMatchObject({ code: 1008 });
  await until(() => errors.length > 0, "onError");
  expect(errors).toMatchObject([{ code: "TRANSPORT_ERROR", message: "Too many buffered chunks" }]);
});

onNode(`one of maxPayload in TCP segments of 512 bytes is read${why}`, async () => {
  const { port } = await start();
  const wire = await open(port);
  await wire.authenticate();
  const frame = encodeFrame(Opcode.binary, encode("ask", 1, null, "x".repeat(MiB - 100)));
  for (let at = 0; at < frame.length; at += 512) {
    wire.write(frame.subarray(at, at + 512));
    await turn();
  }
  expect((await wire.next())[0]).toBe("answer");
});
