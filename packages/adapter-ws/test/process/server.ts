// Run in a process of its own: each scenario leaves nothing that keeps the process alive, and calls no process.exit.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { EZEZWebsocketServer, type WsOptions } from "@ezez-ws/adapter-ws";
import { Wire } from "@ezez-ws/conformance";

const server = (options: WsOptions): EZEZWebsocketServer<{ a: [] }> =>
  new EZEZWebsocketServer<{ a: [] }>(options, {
    onAuthRequest: (client, key) => {
      client.send("a", [], () => undefined);
      return key === "slow" ? new Promise(() => undefined) : true;
    },
  });

const connect = async (port: number, finishesClosing: boolean): Promise<void> => {
  await Wire.open(port, { finishesClosing });
  const deciding = await Wire.open(port, { finishesClosing });
  deciding.auth("slow");
  const wire = await Wire.open(port, { finishesClosing });
  wire.auth();
  await wire.next();
};

const scenarios: Record<string, () => Promise<void>> = {
  "after close, with clients connected": async () => {
    const running = server({ port: 0 });
    await running.start();
    await connect(running.address()?.port ?? 0, true);
    await running.close();
  },
  "after close, with clients that never answer": async () => {
    const running = server({ port: 0 });
    await running.start();
    await connect(running.address()?.port ?? 0, true);
    const stuck = await Wire.open(running.address()?.port ?? 0, { finishesClosing: false });
    await running.close({ timeoutMs: 100 });
    stuck.destroy();
  },
  "after close, with an HTTP server of the user's that closes": async () => {
    const http = createServer();
    const running = server({ server: http });
    await running.start();
    http.listen(0);
    await once(http, "listening");
    await connect((http.address() as AddressInfo).port, true);
    await running.close();
    http.close();
  },
  "and counted its connections from 0 over two servers": async () => {
    const ids: number[] = [];
    const running = [server({ port: 0 }), server({ port: 0 })];
    for (const one of running) await one.start();
    for (const one of [...running, ...running]) {
      const wire = await Wire.open(one.address()?.port ?? 0);
      wire.auth();
      // The event that onAuthRequest sends, and auth-ok.
      await wire.next();
      await wire.next();
      ids.push(...one.clients.slice(-1).map(({ connectionId }) => connectionId));
    }
    for (const one of running) await one.close();
    if (ids.join() !== "0,1,2,3") throw new Error(`counted ${ids}`);
  },
  "where the server was never started": async () => {
    server({ port: 0 });
    server({ noServer: true });
  },
  "where start failed": async () => {
    const first = server({ port: 0 });
    await first.start();
    const second = server({ port: first.address()?.port });
    await second.start().then(
      () => Promise.reject(new Error("the port was free")),
      () => undefined,
    );
    await first.close();
  },
};

await scenarios[process.argv[2] ?? ""]?.();
console.log("done");
