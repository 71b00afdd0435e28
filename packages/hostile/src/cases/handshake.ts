import assert from "node:assert/strict";
import { connect } from "node:net";
import { encode, encodeFrame, Opcode, requestHttp, upgradeRequest } from "@ezez-ws/conformance";
import type { Case } from "../case.js";
import type { Lab, Setting } from "../program/lab.js";

const KiB = 1024;

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

/** An HTTP status, or the end of the connection without one. */
const statusOf = async (port: number, text: string): Promise<number | "ended"> => {
  try {
    return (await requestHttp(port, text)).status;
  } catch {
    return "ended";
  }
};

export const handshake: readonly Case[] = [
  {
    number: 1,
    title: "A GET without an upgrade: 426, and no connection",
    run: async (arena) => {
      const server = await arena.serve();
      const { status, headers } = await requestHttp(server.port, get("/"));
      assert.equal(status, 426);
      assert.equal(headers.get("upgrade"), "websocket");
      assert.equal(await server.run((lab) => lab.count("onUpgrade")), 0);
      await server.answersOthers();
    },
  },
  {
    number: 2,
    title: "Version 8, a key that is missing or too short: 400 or 426, and no connection",
    run: async (arena) => {
      const server = await arena.serve();
      const wrong = [
        { "Sec-WebSocket-Version": "8" },
        { "Sec-WebSocket-Version": undefined },
        { "Sec-WebSocket-Key": undefined },
        { "Sec-WebSocket-Key": "c2hvcnQ=" },
        { "Sec-WebSocket-Key": `${KEY}${KEY}` },
      ];
      for (const headers of wrong) {
        const { status } = await server.upgradeAnswer({ headers });
        assert.ok([400, 426].includes(status), `${JSON.stringify(headers)}: ${status}`);
      }
      await server.answersOthers();
      await server.called("onDisconnect");
      assert.equal(await server.run((lab) => lab.count("onDisconnect")), 1);
    },
  },
  {
    number: 3,
    title: "An origin that is not allowed: 403 before the upgrade, the hook is not asked; look-alikes are others",
    run: async (arena) => {
      const server = await arena.serve({ allowedOrigins: ["https://app.example.com"] });
      const others = [
        "https://app.example.com.evil",
        "https://app.example.com:443",
        "https://APP.example.com",
        "http://app.example.com",
        "https://app.example.com/",
        "https://evil.example/https://app.example.com",
        "null",
        "",
      ];
      for (const origin of others) {
        assert.equal((await server.upgradeAnswer({ headers: { Origin: origin } })).status, 403, origin);
      }
      assert.equal(await server.run((lab) => lab.count("onUpgrade")), 0);
      await server.open({ headers: { Origin: "https://app.example.com" } });
      // No browser, which always sends it.
      await server.open();
      const strict = await arena.serve(
        (): Setting => ({
          options: { allowedOrigins: (origin) => origin !== "https://evil.example" },
        }),
      );
      assert.equal((await strict.upgradeAnswer({ headers: { Origin: "https://evil.example" } })).status, 403);
    },
  },
  {
    number: 4,
    title:
      "2,000 headers, one of 64 KiB, a subprotocol of 32 KiB of spaces: an HTTP error, the end, or a proper upgrade",
    run: async (arena) => {
      const server = await arena.serve();
      const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`X-${i}`, "v"]));
      const spaces = { "Sec-WebSocket-Protocol": `a${" ".repeat(32 * KiB)}b` };
      for (const headers of [many, { "X-Large": "v".repeat(64 * KiB) }, spaces]) {
        const status = await statusOf(server.port, upgradeRequest(server.port, { headers }));
        assert.ok(status === "ended" || status === 101 || status >= 400, `${status}`);
      }
      await server.answersOthers();
    },
  },
  {
    number: 5,
    title: "200 upgrade requests at a byte a second: each is ended by the handshake's deadline; an honest peer gets in",
    pace: "waits",
    run: async (arena) => {
      const server = await arena.serve();
      const text = upgradeRequest(server.port);
      const sockets = Array.from({ length: 200 }, () => connect({ port: server.port, host: "127.0.0.1" }));
      let left = sockets.length;
      for (const socket of sockets) {
        socket.on("error", () => undefined);
        socket.on("close", () => left--);
        socket.resume();
      }
      const start = performance.now();
      let at = 0;
      const drip = setInterval(() => {
        for (const socket of sockets) if (socket.writable) socket.write(text[at] ?? "x");
        at++;
      }, 1000);
      try {
        await server.answersOthers();
        if (!arena.capability("endsSlowRequests")) {
          while (performance.now() - start < 20_000) {
            assert.equal(left, sockets.length);
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
          return;
        }
        while (left > 0 && performance.now() - start < 45_000) await new Promise((resolve) => setTimeout(resolve, 100));
        assert.equal(left, 0);
        // By a deadline, uWS has one of about 4 s, and not for what they had sent by then.
        assert.ok(performance.now() - start > 3000, `after ${performance.now() - start} ms`);
        await server.answersOthers();
      } finally {
        clearInterval(drip);
        for (const socket of sockets) socket.destroy();
      }
    },
  },
  {
    number: 6,
    title: "The auth message in the TCP segment of the upgrade is not lost behind an asynchronous `onUpgrade`",
    run: async (arena) => {
      const auth = encodeFrame(Opcode.binary, encode("ezez-ws::auth", "key", 1));
      const plain = await arena.serve();
      const server = await arena.serve(
        (): Setting => ({
          callbacks: { onUpgrade: () => new Promise((resolve) => setTimeout(() => resolve(true), 50)) },
        }),
      );
      if (arena.capability("readsBehindUpgrade")) {
        const wire = await plain.open({ behindUpgrade: auth });
        assert.deepEqual(await wire.next(), ["ezez-ws::auth-ok"]);
      }
      const status = arena.capability("statusBehindPendingUpgrade");
      const wire = server.peer({ behindUpgrade: auth });
      assert.equal((await wire.response).status, status);
      if (status === 101) assert.deepEqual(await wire.next(), ["ezez-ws::auth-ok"]);
      await server.answersOthers();
    },
  },
  {
    number: 7,
    title: "`onUpgrade` does real I/O, accepts and refuses; a peer that leaves meanwhile leaves nothing behind",
    run: async (arena) => {
      const server = await arena.serve(
        (lab: Lab): Setting => ({
          callbacks: {
            onUpgrade: async ({ url }) => {
              await lab.realIo();
              await new Promise((resolve) => setTimeout(resolve, 100));
              if (!url.includes("refuse")) return true;
              return { status: 402, headers: { "x-why": "the hook" }, body: "pay first" };
            },
          },
        }),
      );
      await server.authenticated();
      const { status, headers, body } = await server.upgradeAnswer({ path: "/?refuse" });
      assert.deepEqual([status, headers.get("x-why"), body], [402, "the hook", "pay first"]);
      const leaving = Array.from({ length: 20 }, () => server.peer());
      for (const wire of leaving) wire.response.catch(() => undefined);
      await server.called("onUpgrade", 22);
      for (const [index, wire] of leaving.entries()) {
        if (index % 2 === 0) wire.reset();
        else wire.destroy();
      }
      await server.answersOthers();
      assert.equal(await server.run((lab) => lab.count("onAuthRequest")), 2);
      // A process whose sockets stay does not end by itself.
      if (!arena.capability("freesPendingUpgrades")) {
        await server.balances();
        server.ended();
      }
    },
  },
  {
    number: 8,
    title: "`maxConnections`: one more gets 503, and the next gets in once one has left",
    run: async (arena) => {
      // The canary is one of them.
      const server = await arena.serve({ maxConnections: 4 });
      const wires = [await server.open(), await server.authenticated(), await server.authenticated()];
      for (let i = 0; i < 5; i++) assert.equal((await server.upgradeAnswer()).status, 503);
      wires[1]?.close(1000);
      await wires[1]?.closed();
      await server.called("onDisconnect");
      await server.authenticated();
      assert.equal((await server.upgradeAnswer()).status, 503);
    },
  },
  {
    number: 9,
    title: "`disconnect` in the first callback of a connection: `onDisconnect` once, later than it",
    run: async (arena) => {
      const server = await arena.serve((lab: Lab): Setting => {
        const order: string[] = [];
        lab.kept.set("order", order);
        return {
          callbacks: {
            onAuthRequest: (client) => {
              client.disconnect(4000, "at once");
              order.push("returned");
              return true;
            },
            onDisconnect: () => order.push("onDisconnect"),
          },
        };
      });
      const wire = await server.open();
      wire.auth();
      assert.deepEqual(await wire.closed(), { code: 4000, reason: "at once" });
      await server.called("onDisconnect");
      assert.deepEqual(await server.run((lab) => lab.kept.get("order")), ["returned", "onDisconnect"]);
      assert.equal(await server.run((lab) => lab.count("onAuthOk")), 0);
    },
  },
];
