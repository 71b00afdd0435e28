import assert from "node:assert/strict";
import { deflateRawSync } from "node:zlib";
import { encode, encodeFrame, Opcode } from "@ezez-ws/conformance";
import type { Case } from "../case.js";
import type { Setting } from "../program/lab.js";

const KiB = 1024;
const MiB = 1024 * KiB;

export const framing: readonly Case[] = [
  {
    number: 10,
    title:
      "No mask, reserved bits, a reserved opcode, a control frame in fragments or too long, a lone continuation: the runtime's own close",
    run: async (arena) => {
      const server = await arena.serve();
      const code = arena.capability("nativeFramingCloseCode");
      const broken = [
        ...[4, 2, 1].map((rsv) => encodeFrame(Opcode.binary, Buffer.from("x"), { rsv })),
        ...[3, 7, 11, 15].map((opcode) => encodeFrame(opcode, Buffer.from("x"))),
        encodeFrame(Opcode.ping, Buffer.from("x"), { fin: false }),
        encodeFrame(Opcode.ping, Buffer.alloc(126)),
        encodeFrame(Opcode.continuation, Buffer.from("x")),
      ];
      for (const bytes of broken) {
        const wire = await server.authenticated();
        wire.write(bytes);
        assert.equal((await wire.closed()).code, code, bytes.subarray(0, 2).toString("hex"));
      }
      await server.called("onDisconnect", broken.length);
      assert.deepEqual(await server.disconnects(), Array(broken.length).fill([1006, ""]));
      const errors = arena.capability("reportsFramingErrors") ? broken.map(() => "TRANSPORT_ERROR") : [];
      assert.deepEqual(await server.errors(), errors);
      assert.deepEqual(await server.messages(), []);
      const wire = await server.authenticated();
      wire.frame(Opcode.binary, encode("unmasked", 1, null), { masked: false });
      if (arena.capability("unmaskedFrame") === "read") await server.called("onMessage");
      else {
        wire.event("behind it");
        await wire.closed();
        assert.deepEqual(await server.messages(), []);
      }
    },
  },
  {
    number: 11,
    title:
      "Text that is no UTF-8, a close frame with 1005 or with half a code: the runtime's own close, `onDisconnect` once",
    run: async (arena) => {
      const server = await arena.serve();
      const text = await server.authenticated();
      text.frame(Opcode.text, Buffer.from([0xc3, 0x28]));
      assert.equal((await text.closed()).code, arena.capability("nativeUtf8CloseCode"));
      const closes = [Buffer.from([0x03, 0xed]), Buffer.from([3]), Buffer.from([0x03, 0xe8, 0xff])];
      for (const payload of closes) {
        const wire = await server.authenticated();
        wire.frame(Opcode.close, payload);
        const { code } = await wire.closed();
        assert.ok([1002, 1005, 1006, 1007].includes(code), `closed with ${code}`);
      }
      await server.called("onDisconnect", 4);
      for (const [code] of await server.disconnects())
        assert.ok([1005, 1006, 1007].includes(code as number), `told ${code}`);
    },
  },
  {
    number: 12,
    title: "Frames that declare 2^63 bytes, or 100 MiB that never come: refused at the header, no memory taken",
    pace: "busy",
    run: async (arena) => {
      const server = await arena.serve();
      const code = arena.capability("nativeTooLargeCloseCode");
      await (await server.authenticated()).close(1000);
      const grown = await server.growth(async () => {
        const wires = await server.many(20, () => server.authenticated());
        for (const [index, wire] of wires.entries()) {
          const declaredLength = index % 2 === 0 ? 2n ** 63n : BigInt(100 * MiB);
          wire.frame(Opcode.binary, Buffer.from("x"), { declaredLength });
        }
        for (const [index, wire] of wires.entries()) {
          const ending = await wire.closed();
          // A length with the highest bit set is against RFC 6455 section 5.2 as well.
          const codes = index % 2 === 0 ? [code, arena.capability("nativeFramingCloseCode")] : [code];
          assert.ok(codes.includes(ending.code as never), `closed with ${ending.code}`);
        }
      });
      assert.ok(grown < 8 * MiB, `grew by ${grown}`);
      assert.deepEqual(await server.messages(), []);
    },
  },
  {
    number: 13,
    title:
      "A message in fragments of one byte with pings between is decoded once; one of 20,000 fragments takes no more than its size",
    pace: "busy",
    run: async (arena) => {
      const server = await arena.serve();
      const fragments = (bytes: Uint8Array, pingEvery: number): Buffer => {
        const frames: Buffer[] = [];
        bytes.forEach((byte, at) => {
          const opcode = at === 0 ? Opcode.binary : Opcode.continuation;
          frames.push(encodeFrame(opcode, Buffer.from([byte]), { fin: at === bytes.length - 1 }));
          if (at % pingEvery === 0) frames.push(encodeFrame(Opcode.ping, Buffer.from("?")));
        });
        return Buffer.concat(frames);
      };
      const wire = await server.authenticated();
      wire.write(fragments(encode("small", 1, null, "fragments 😀"), 7));
      await server.called("onMessage");
      const grown = await server.growth(async () => {
        wire.write(fragments(encode("large", 2, null, "x".repeat(20_000)), 1000));
        if (arena.capability("limitsFragments")) assert.equal((await wire.closed()).code, 1008);
        else await server.called("onMessage", 2, 15_000);
      });
      assert.ok(grown < 8 * MiB, `grew by ${grown}`);
      assert.deepEqual((await server.messages())[0], ["small", "fragments 😀"]);
    },
  },
  {
    number: 14,
    title:
      "A text message, such as the original client's `sendJson` sends: 1003, never dispatched, authenticated or not",
    run: async (arena) => {
      const server = await arena.serve({ messagesBeforeAuth: "accept" });
      for (const wire of [await server.open(), await server.authenticated()]) {
        wire.text('{"event":"a"}');
        wire.event("behind it");
        assert.equal((await wire.closed()).code, 1003);
      }
      await server.called("onDisconnect", 2);
      assert.deepEqual(await server.errors(), ["TEXT_MESSAGE", "TEXT_MESSAGE"]);
      assert.deepEqual(await server.messages(), []);
    },
  },
  {
    number: 15,
    title: "Compression is off unless asked for; where it is on, a bomb is refused by what it inflates to",
    pace: "busy",
    run: async (arena) => {
      const headers = { "Sec-WebSocket-Extensions": "permessage-deflate" };
      const plain = await arena.serve();
      const refused = await plain.authenticated({ headers });
      assert.equal((await refused.response).headers.get("sec-websocket-extensions"), undefined);
      const server = await arena.serve((): Setting => {
        // Each adapter's own option; those of the others mean nothing to it.
        const options: Setting["options"] & object = Object.assign({}, { perMessageDeflate: true, compression: 1 });
        return { options };
      });
      const wire = await server.open({ headers });
      wire.auth();
      // auth-ok, compressed.
      await wire.nextFrame();
      const negotiates = (await wire.response).headers.get("sec-websocket-extensions") !== undefined;
      assert.equal(negotiates, arena.capability("compresses"));
      const bomb = deflateRawSync(Buffer.alloc(64 * MiB), { finishFlush: 2 }).subarray(0, -4);
      assert.ok(bomb.length < 128 * KiB);
      const grown = await server.growth(async () => {
        wire.frame(Opcode.binary, bomb, { rsv: 4 });
        const code = arena.capability(negotiates ? "nativeTooLargeCloseCode" : "nativeFramingCloseCode");
        assert.equal((await wire.closed()).code, code);
      });
      assert.ok(grown < 48 * MiB, `grew by ${grown}`);
      assert.deepEqual(await server.messages(), []);
    },
  },
  {
    number: 16,
    title: "200,000 pings at once: others are served meanwhile, and memory stays",
    pace: "busy",
    run: async (arena) => {
      const server = await arena.serve({ heartbeatIntervalMs: 30_000 });
      const wire = await server.authenticated();
      const thousand = Buffer.concat(Array.from({ length: 1000 }, () => encodeFrame(Opcode.ping, Buffer.from("?"))));
      let pongs = 0;
      const grown = await server.growth(async () => {
        for (let i = 0; i < 200; i++) wire.write(thousand);
        while (pongs < 200_000) {
          assert.equal((await wire.nextFrame("a pong", 20_000)).opcode, Opcode.pong);
          pongs++;
        }
      });
      assert.ok(grown < 64 * MiB, `grew by ${grown}`);
      assert.equal(await server.echo(wire, 1), 1);
      wire.close(1000);
      await wire.closed();
    },
  },
];
