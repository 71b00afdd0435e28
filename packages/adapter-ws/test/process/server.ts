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
