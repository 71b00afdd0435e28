import assert from "node:assert/strict";
import { freePort, requestHttp } from "@ezez-ws/conformance";
import type { Case } from "../case.js";
import type { Lab, Setting } from "../program/lab.js";

export const shutdown: readonly Case[] = [
  {
    number: 70,
    title:
      "`close` with 200 connected, of which 20 never answer the close frame: 1001 to all, and the process ends by itself",
    pace: "waits",
    run: async (arena) => {
      const server = await arena.serve();
      const wires = await server.many(200, (i) => server.authenticated({ finishesClosing: i % 10 > 0 }));
      await server.run((lab) => lab.server.close({ timeoutMs: 1000 }));
      server.ended();
      for (const wire of wires) assert.equal((await wire.closing(15_000)).code, 1001);
      const told = await server.disconnects();
      assert.deepEqual(told, Array(200).fill([1001, ""]));
      // Nobody has helped it: the 20 are still connected, as far as they know.
      assert.deepEqual(await server.program.exited(25_000), { code: 0, signal: null });
      assert.deepEqual(server.program.unhandled, []);
    },
  },
  {
    number: 71,
    title: "A second `close` gives the same promise; `send` and `broadcast` meanwhile follow `sendAfterDisconnect`",
    run: async (arena) => {
      for (const sendAfterDisconnect of ["ignore", "throw"] as const) {
        const server = await arena.serve({ sendAfterDisconnect });
        const wire = await server.authenticated();
        const seen = await server.run(async (lab) => {
          const { client } = lab;
          const [first, second] = [lab.server.close(), lab.server.close({ timeoutMs: 10 })];
          const attempt = (run: () => unknown): string => {
            try {
              return String(run());
            } catch (error) {
              return (error as { code: string }).code;
            }
          };
          const sent = attempt(() => client.send("late"));
          const told = attempt(() => lab.server.broadcast("late"));
          await first;
          const started = await lab.server.start().then(
            () => "started",
            (error: { code: string }) => error.code,
          );
          return { same: first === second, sent, told, started, clients: lab.server.clients.length };
        });
        server.ended();
        const sent = sendAfterDisconnect === "throw" ? "DISCONNECTED" : "undefined";
        assert.deepEqual(seen, { same: true, sent, told: "0", started: "SERVER_CLOSED", clients: 0 });
        assert.equal((await wire.closed()).code, 1001);
        assert.deepEqual(wire.unread, []);
        assert.deepEqual(await server.program.exited(25_000), { code: 0, signal: null });
      }
    },
  },
  {
    number: 72,
    title:
      "A server of the user's survives `close`, with no listener of ours; the port is free again; `start` twice rejects",
    run: async (arena) => {
      // On a port that was chosen by uWS, nobody can listen again while connections of before are in TIME_WAIT.
      const server = await arena.serve({ port: await freePort() });
      const again = await server.run(async (lab) => {
        const codeOf = (error: { code: string }): string => error.code;
        const twice = await lab.server.start().then(() => "started", codeOf);
        const { port } = lab;
        const other = lab.make({ port }, {});
        const taken = await other.start().then(
          () => "started",
          () => "rejected",
        );
        await other.close();
        return { twice, taken };
      });
      assert.deepEqual(again, { twice: "ALREADY_STARTED", taken: "rejected" });
      await server.answersOthers();
      await server.run(async (lab) => {
        const { port } = lab;
        await lab.server.close();
        lab.server = lab.make({ port }, {});
        await lab.server.start();
      });
      await server.freshCanary();
      await server.answersOthers();
      if (!arena.capability("takesHttpServer")) return;
      const theirs = await server.run(async (lab: Lab) => {
        const http = lab.httpServer();
        const before = http.listenerCount("upgrade");
        const options: Setting["options"] & object = Object.assign({}, { server: http });
        // Without the port that is the default here.
        const ours = lab.make({ ...options, port: undefined as never, host: undefined as never }, {});
        await ours.start();
        await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
        lab.kept.set("close", async () => {
          await ours.close();
          return http.listenerCount("upgrade") - before;
        });
        lab.kept.set("end", () => http.close());
        return (http.address() as { port: number }).port;
      });
      const wire = await server.authenticated({}, theirs);
      const left = await server.run((lab) => (lab.kept.get("close") as () => Promise<number>)());
      assert.equal(left, 0);
      assert.equal((await wire.closed()).code, 1001);
      const { status, body } = await requestHttp(theirs, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      assert.deepEqual([status, body], [200, "the user's"]);
      await server.run((lab) => void (lab.kept.get("end") as () => void)());
    },
  },
];
