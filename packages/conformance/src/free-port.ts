import { once } from "node:events";
import { createServer } from "node:net";

// Below those that the kernel gives to connections: where nothing listens on one of those, a client that tries to connect
// may be given the same port, and be connected with itself.
const FIRST = 20_000;
const PORTS = 10_000;

/** A port to listen on again and again. */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * PORTS);
    const probe = createServer().listen(port, "127.0.0.1");
    const free = await once(probe, "listening").then(
      () => true,
      () => false,
    );
    if (!free) continue;
    probe.close();
    await once(probe, "close");
    return port;
  }
};
