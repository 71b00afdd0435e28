import assert from "node:assert/strict";
import { until } from "@ezez-ws/conformance";
import { encode, frame, Opcode, type Peer, RawServer } from "../../../client/test/raw-server.js";
import { type Arena, MARGIN_MS } from "../arena.js";
import type { Case } from "../case.js";
import type { ClientLab } from "../program/client-lab.js";
import type { Program } from "../program.js";
import { Relay } from "../relay.js";

/** A case with a server that is written by hand, and a process of clients. */
const against =
  (run: (server: RawServer, program: Program<ClientLab>, arena: Arena) => Promise<void>) =>
  async (arena: Arena): Promise<void> => {
    const server = await RawServer.start();
    try {
      await run(server, await arena.client(), arena);
    } finally {
      await server.stop();
    }
  };

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until the callback was called so often. */
const called = async (program: Program<ClientLab>, name: string, times = 1): Promise<void> => {
  const source = `(lab) => lab.given(${JSON.stringify(name)}).length`;
  const end = performance.now() + 10_000;
  for (;;) {
    const count = await program.runSource<number>(source, undefined);
    if (count >= times) return;
    if (performance.now() > end) throw new Error(`${name} was called ${count} times, not ${times}`);
    await pause(20);
  }
};

/** Attempts follow one another at once, or each after the longest time that it may. */
const setRandom = (program: Program<ClientLab>, random: number): Promise<void> =>
  program.run((_lab, random: number) => {
    Math.random = () => random;
  }, random);

export const client: readonly Case[] = [
  {
    number: 60,
    title:
      "The network swallows everything after auth: the client notices within three heartbeats, drops its questions, and comes back",
    pace: "waits",
    run: against(async (server, program) => {
      const relay = await Relay.start(Number(new URL(server.url).port));
      try {
        await program.run((lab, url: string) => {
          lab.connect(url, { heartbeatIntervalMs: 1000 });
        }, `ws://127.0.0.1:${relay.port}/`);
        await (await server.nextPeer()).accept();
        await called(program, "onAuthOk");
        await program.run((lab) => lab.client.send("question", [], () => undefined));
        relay.blackHole();
        const start = performance.now();
        await called(program, "onDisconnect");
        const took = performance.now() - start;
        assert.ok(took > 900 && took < 3000 + MARGIN_MS, `after ${took} ms`);
        const seen = await program.run((lab) => [
          lab.given("onDisconnect"),
          lab.errors,
          lab.client.awaitingRepliesCount,
        ]);
        assert.deepEqual(seen, [[[1006, ""]], ["HEARTBEAT_LOST"], 0]);
        relay.heal();
        await (await server.nextPeer()).accept();
        await called(program, "onAuthOk", 2);
      } finally {
        relay.stop();
      }
    }),
  },
  {
    number: 63,
    title: "`close` in each state, 100 times: no connection is opened afterwards, no timer is left",
    pace: "waits",
    run: against(async (server, program) => {
      // What becomes of an attempt its url says.
      server.handshake = (socket, request, upgrade) => {
        if (request.includes("/refused")) socket.destroy();
        else if (!request.includes("/connecting")) upgrade();
      };
      const accepting = (async () => {
        for (;;) {
          const peer = await server.nextPeer();
          if (peer.request.includes("/ready")) peer.accept().catch(() => undefined);
        }
      })().catch(() => undefined);
      const states = ["connecting", "asked", "undecided", "ready", "refused", "new"];
      const { closedIn, sockets } = await program.run(
        async (lab, { url, states }: { url: string; states: string[] }) => {
          const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
          const opened: string[] = [];
          for (const state of states) {
            const auth = state === "undecided" ? () => new Promise<string>(() => undefined) : "key";
            const clients = Array.from({ length: 100 }, () => lab.connect(`${url}${state}`, { auth }));
            // The first two cannot be told from outside.
            const end = performance.now() + (["connecting", "refused"].includes(state) ? 500 : 8000);
            while (state !== "new" && performance.now() < end && !clients.every(({ alive }) => alive)) await wait(20);
            for (const client of clients) {
              opened.push(`${state} ${client.alive}`);
              client.close();
              client.close();
            }
          }
          return { closedIn: [...new Set(opened)], sockets: lab.attempts.length };
        },
        { url: server.url, states },
      );
      assert.deepEqual(
        closedIn.filter((state) => !state.startsWith("refused")),
        ["connecting false", "asked true", "undecided true", "ready true", "new false"],
      );
      await program.until(
        (lab) => lab.timers,
        (timers) => timers === 0,
        "no timer is left",
        10_000,
      );
      await pause(1500);
      assert.ok(sockets >= 500);
      assert.equal(await program.run((lab) => lab.attempts.length), sockets);
      void accepting;
    }),
  },
  {
    number: 65,
    title: "A server that accepts and closes at once: the client waits longer each time",
    pace: "waits",
    run: against(async (server, program) => {
      await setRandom(program, 1);
      const times: number[] = [];
      await program.run((lab, url: string) => void lab.connect(url), server.url);
      for (let i = 0; i < 4; i++) {
        const peer = await server.nextPeer();
        times.push(performance.now());
        await peer.accept();
        peer.close(1013);
        if (i < 3) await until(() => server.attempts > i + 1, "the next attempt", 10_000);
      }
      const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
      for (const [index, gap] of gaps.entries()) {
        assert.ok(gap > 500 * 2 ** index * 0.95, `waited ${gaps}`);
      }
    }),
  },
  {
    number: 66,
    title:
      "Sends while offline, before auth, within callbacks and at a flush that breaks off: in order, none twice, none sent too early",
    run: against(async (server, program) => {
      await setRandom(program, 0);
      await program.run((lab, url: string) => {
        let next = 0;
        const send = (): void => void lab.client.send("event", [next++]);
        lab.kept.set("send", send);
        let connects = 0;
        lab.connect(
          url,
          {},
          {
            onConnect: () => {
              send();
              if (connects++ === 0) send();
            },
            onAuthOk: () => {
              send();
            },
          },
        );
        // Offline.
        for (let i = 0; i < 20; i++) send();
      }, server.url);
      const first = await server.nextPeer();
      await first.next();
      await called(program, "onConnect");
      await program.run((lab) => (lab.kept.get("send") as () => void)());
      // Not accepted: nothing may come.
      assert.equal(first.unread, 0);
      first.destroy();
      const second = await server.nextPeer();
      await second.accept();
      // 20 offline, 2 in the first onConnect, 1 before auth, 1 in the second onConnect, 1 in onAuthOk.
      const got: unknown[] = [];
      for (let i = 0; i < 25; i++) got.push((await second.next())[3]);
      assert.deepEqual(
        got,
        Array.from({ length: 25 }, (_, i) => i),
      );
      // Offline again, with a flush that breaks off.
      second.destroy();
      await called(program, "onDisconnect", 2);
      await setRandom(program, 1);
      await program.run((lab) => {
        for (let i = 0; i < 500; i++) (lab.kept.get("send") as () => void)();
      });
      const later: number[] = [];
      const read = async (peer: Peer, count: number): Promise<void> => {
        await peer.accept();
        for (let i = 0; i < count; i++) later.push((await peer.next())[3] as number);
      };
      const third = await server.nextPeer();
      await read(third, 100);
      third.destroy();
      const fourth = await server.nextPeer();
      await setRandom(program, 0);
      await program.run((lab) => (lab.kept.get("send") as () => void)());
      await read(fourth, 1);
      assert.deepEqual(
        later,
        [...new Set(later)].sort((a, b) => a - b),
      );
      assert.ok((later[0] ?? 0) >= 25);
    }),
  },
  {
    number: 67,
    title: "What cannot be encoded throws at `send` and harms no neighbour; what changes after `send` is not seen",
    run: against(async (server, program) => {
      const thrown = await program.run((lab, url: string) => {
        const client = lab.connect(url);
        const codes: string[] = [];
        const circular: unknown[] = [];
        circular.push(circular);
        const mutable = { value: 1 };
        client.send("event", ["before"]);
        for (const poison of [() => 0, circular, Symbol("x"), new Map(), { a: [() => 0] }]) {
          try {
            client.send("event", [poison]);
          } catch (error) {
            codes.push((error as { code: string }).code);
          }
        }
        client.send("event", [mutable]);
        mutable.value = 2;
        client.send("event", ["after"]);
        return codes;
      }, server.url);
      assert.deepEqual(thrown, Array(5).fill("NOT_SERIALIZABLE"));
      const peer = await server.nextPeer();
      await peer.accept();
      const got = [await peer.next(), await peer.next(), await peer.next()].map(([, , , value]) => value);
      assert.deepEqual(got, ["before", { value: 1 }, "after"]);
    }),
  },
  {
    number: 68,
    title:
      "A server that sends bad bytes, auth-ok twice or too early, 200 MB, bad compression: each an `onError`, and the client lives",
    run: against(async (server, program, arena) => {
      await setRandom(program, 0);
      await program.run((lab, url: string) => void lab.connect(url), server.url);
      const huge = Buffer.alloc(10);
      huge[0] = 0x80 | Opcode.binary;
      huge[1] = 127;
      huge.writeBigUInt64BE(200_000_000n, 2);
      const attacks: ((peer: Peer) => void)[] = [
        (peer) => peer.sendBytes(Buffer.from("-5f\0")),
        (peer) => peer.send("ezez-ws::auth-ok"),
        (peer) => peer.write(huge),
        (peer) => peer.write(frame(Opcode.binary, Buffer.from([0xff, 0xff, 0xff]), 4)),
        (peer) => peer.write(frame(3, Buffer.alloc(1))),
        (peer) => peer.write(Buffer.from([0x82, 0x81, 0, 0, 0, 0, 1])),
      ];
      for (const [index, attack] of attacks.entries()) {
        const peer = await server.nextPeer();
        await peer.accept();
        attack(peer);
        await called(program, "onError", index + 1);
        await called(program, "onDisconnect", index + 1);
      }
      const expected = ["MALFORMED_MESSAGE", "RESERVED_EVENT", ...Array(4).fill("TRANSPORT_ERROR")];
      assert.deepEqual(await program.run((lab) => lab.errors), expected);
      // Away from the client that has gone through it all and goes on.
      await (await server.nextPeer()).accept();
      await called(program, "onAuthOk", attacks.length + 1);
      // In one segment with the upgrade, while the key is still being made.
      const undecided = await arena.client();
      server.handshake = (socket, _request, upgrade) => {
        socket.cork();
        upgrade();
        socket.write(frame(Opcode.binary, encode("ezez-ws::auth-ok")));
        socket.uncork();
      };
      await undecided.run((lab, url: string) => {
        lab.connect(url, { auth: () => new Promise<string>(() => undefined) });
      }, server.url);
      await called(undecided, "onError");
      assert.deepEqual(await undecided.run((lab) => [lab.errors, lab.given("onAuthOk")]), [["RESERVED_EVENT"], []]);
    }),
  },
  {
    number: 69,
    title: "A key or a version that is refused ends all attempts and the queue; 100 reconnections add no listener",
    pace: "waits",
    run: against(async (server, program, arena) => {
      for (const reason of ["Invalid auth key", "Protocol version mismatch, wanted 1, got 2"]) {
        const rejected = await arena.client();
        await rejected.run((lab, url: string) => {
          lab.connect(url, { sendWhenNotConnected: "queueAfterAuth" }).send("queued", [], () => undefined);
        }, server.url);
        const peer = await server.nextPeer();
        await peer.next();
        const { attempts } = server;
        peer.send("ezez-ws::auth-rejected", reason);
        await called(rejected, "onAuthRejected");
        await pause(1500);
        assert.equal(server.attempts, attempts);
        assert.deepEqual(await rejected.run((lab) => [lab.client.awaitingRepliesCount, lab.client.alive]), [0, false]);
      }
      await setRandom(program, 0);
      await program.run((lab, url: string) => {
        const heard = { count: 0 };
        lab.kept.set("heard", heard);
        lab.connect(url).on("event", () => heard.count++);
      }, server.url);
      for (let i = 0; i < 100; i++) {
        const peer = await server.nextPeer();
        await peer.accept();
        peer.send("event", 1, null);
        peer.close(1012);
        await peer.gone;
      }
      await called(program, "onDisconnect", 100);
      assert.deepEqual(await program.run((lab) => lab.kept.get("heard")), { count: 100 });
    }),
  },
];
