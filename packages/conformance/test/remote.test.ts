import { afterAll, beforeAll } from "vitest";
import { type RemoteIn, type RemoteOut, remoteApplication } from "../src/remote/application.js";
import { describeRemote } from "../src/remote/suite.js";

const given = process.env.CONFORMANCE_URL;

if (given !== undefined) describeRemote(given, () => given);
else {
  // Without a URL the suite proves itself, on the server that every runtime here has.
  const { EZEZWebsocketServer } = await import("@ezez-ws/adapter-ws");
  // The time-out alone is shorter than by default, so as not to wait for it.
  const server: InstanceType<typeof EZEZWebsocketServer<RemoteIn, RemoteOut>> = new EZEZWebsocketServer(
    { port: 0, host: "127.0.0.1", path: "/remote", authTimeoutMs: 200 },
    remoteApplication(() => server),
  );
  beforeAll(() => server.start());
  afterAll(() => server.close({ timeoutMs: 500 }));
  describeRemote("any URL", () => `ws://127.0.0.1:${server.address()?.port}/remote`);
}
