import { afterEach, describe } from "vitest";
import { type BunOptions, type EZEZError, EZEZWebsocketServer } from "../src/index.js";

export type Events = { echo: [value: unknown] };
type Callbacks = ConstructorParameters<typeof EZEZWebsocketServer<Events>>[1];

const started: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of started.splice(0)) await one.close();
});

/** Closes it after the test. */
export const keep = <T extends { close(): unknown }>(one: T): T => {
  started.push(one);
  return one;
};

/** A server that answers every event with the same, and what it told. */
export const createServer = (
  options: BunOptions & ConstructorParameters<typeof EZEZWebsocketServer<Events>>[0],
  callbacks: Partial<Callbacks> = {},
) => {
  const errors: EZEZError[] = [];
  const ended: [number, string][] = [];
  const server = keep(
    new EZEZWebsocketServer<Events>(options, {
      onAuthRequest: () => true,
      onMessage: (_client, eventName, args, reply) => void reply(eventName, args),
      onDisconnect: (_client, code, reason) => void ended.push([code, reason]),
      onError: (_client, error) => void errors.push(error),
      ...callbacks,
    }),
  );
  return { server, errors, ended };
};

export const portOf = (server: { address(): { port: number } | null }): number => {
  const address = server.address();
  if (address === null) throw new Error("the server does not listen");
  return address.port;
};

/** What needs the runtime itself. */
export const describeOnBun = (name: string, body: () => void): void => {
  const isBun = "Bun" in globalThis;
  describe.skipIf(!isBun)(isBun ? name : `${name} (skipped: Bun is not the runtime)`, body);
};
