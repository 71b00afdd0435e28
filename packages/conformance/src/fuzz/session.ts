import type { Capabilities, Row, Server } from "../row.js";
import { until, within } from "../wait.js";
import { Wire } from "../wire.js";
import { Application } from "./application.js";
import { problemsOf } from "./model.js";
import { Peer, pause } from "./peer.js";
import { CANARY, type Plan, planOf } from "./plan.js";

const CLOSE_MS = 300;

/** Plays one session on real sockets; returns all that was not as it must be. */
export const play = async ({ create, capabilities }: Row, seed: number): Promise<string[]> => {
  const plan = planOf(seed, capabilities.heartbeat === "core");
  const app = new Application(plan);
  const server = create({ port: 0, host: "127.0.0.1", ...plan.options }, app.callbacks);
  app.server = server;
  await server.start();
  const peers = plan.peers.map((peer) => new Peer(peer, seed));
  const problems: string[] = [];
  try {
    await run(plan, server, app, peers);
  } catch (error) {
    problems.push(String(error));
  } finally {
    for (const peer of peers) peer.destroy();
    await server.close();
  }
  problems.push(...app.problems, ...leftovers(server, app));
  const wrong = peers.filter((peer) => {
    const found = checkPeer(plan, capabilities, peer, app);
    problems.push(...found);
    return found.length > 0;
  });
  if (problems.length > 0) problems.push(describe(plan, wrong, app));
  return problems;
};

const run = async (plan: Plan, server: Server, app: Application, peers: readonly Peer[]): Promise<void> => {
  const port = server.address()?.port;
  if (port === undefined) throw new Error("the server has no address");
  const canary = new Canary(await Wire.authenticated(port, { path: `/?peer=${CANARY}` }), plan);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    if (closed === undefined) {
      canary.stop();
      app.noteClose();
      closed = server.close({ timeoutMs: CLOSE_MS });
    }
    return closed;
  };
  const midway = plan.closesAfterMs === undefined ? undefined : pause(plan.closesAfterMs).then(close);
  const sings = canary.sing();
  // Awaited below, where it may have failed already.
  sings.catch(() => undefined);
  await Promise.all(peers.map((peer) => peer.play(port)));
  await midway;
  await until(() => app.isQuiet, "what was put off is done");
  await within(close(), "the server to close");
  await sings;
  await Promise.all(peers.map((peer) => peer.ended()));
  await until(
    () => [...app.known.values()].every(({ log }) => log.some(({ at }) => at === "onDisconnect")),
    "every onDisconnect",
  );
  await until(() => app.isQuiet, "what was put off is done");
};

/** An honest peer in the midst of it all: each of its questions is answered. */
class Canary {
  readonly #wire: Wire;
  readonly #paceMs: number;
  #stopped = false;

  constructor(wire: Wire, { options }: Plan) {
    this.#wire = wire;
    this.#paceMs = options.maxMessagesPerSecond === undefined ? 2 : 2000 / options.maxMessagesPerSecond;
  }

  async sing(): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      const id = this.#wire.event("a", n);
      await this.#answerTo(id, n);
      await pause(this.#paceMs);
    }
    this.#wire.close(1000);
    await this.#wire.closed();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #answerTo(id: number, n: number): Promise<void> {
    for (;;) {
      const message = await this.#wire.next().catch((error) => {
        // Its last question may have come when the server was closing already.
        if (this.#stopped) return undefined;
        throw new Error(`the canary: ${error}`);
      });
      if (message === undefined) return;
      const [eventName, , replyTo, what] = message;
      if (replyTo === null) continue;
      if (replyTo !== id || eventName !== "a" || what !== n)
        throw new Error(`the canary got another's answer: ${message}`);
      return;
    }
  }
}

const leftovers = (server: Server, app: Application): string[] => {
  const problems: string[] = [];
  if (server.clients.length > 0) problems.push("clients are left");
  if (server.address() !== null) problems.push("the server has an address still");
  for (const [label, { client }] of app.known) {
    const { alive, awaitingRepliesCount, bufferedAmount } = client;
    if (alive || awaitingRepliesCount + bufferedAmount > 0) {
      problems.push(`${label}: alive ${alive}, ${awaitingRepliesCount} awaited, ${bufferedAmount} buffered`);
    }
  }
  return problems;
};

const checkPeer = (plan: Plan, capabilities: Capabilities, peer: Peer, app: Application): string[] => {
  const { label, upgrade } = peer.plan;
  const log = app.known.get(label)?.log;
  const allowed: (number | undefined)[] = [UPGRADED[upgrade]];
  const { maxConnections } = plan.options;
  if (maxConnections !== undefined || plan.closesAfterMs !== undefined) allowed.push(503);
  if (plan.closesAfterMs !== undefined) allowed.push(undefined);
  if (!allowed.includes(peer.status)) return [`${label}: answered with ${peer.status} and not ${allowed.join(" or ")}`];
  if (peer.status === 101) return problemsOf(plan, capabilities, peer, log ?? []);
  return log === undefined || peer.status === undefined ? [] : [`${label}: a client of an upgrade that was refused`];
};

const UPGRADED = { ok: 101, later: 101, refused: 402, fails: 500 } as const;

const describe = (plan: Plan, peers: readonly Peer[], app: Application): string => {
  const lines = [`seed ${plan.seed}, options ${JSON.stringify(plan.options)}, closes after ${plan.closesAfterMs} ms`];
  for (const peer of peers) {
    const { label, actions, ...how } = peer.plan;
    lines.push(
      `${label} ${JSON.stringify({ ...how, status: peer.status, ending: peer.ending, barrier: peer.passedBarrier })}`,
    );
    for (const sent of peer.sent) lines.push(`${label} -> ${JSON.stringify(sent)}`);
    for (const message of peer.received) lines.push(`${label} <- ${JSON.stringify(message).slice(0, 80)}`);
    for (const noted of app.known.get(label)?.log ?? []) lines.push(`${label} server ${shown(noted)}`);
  }
  return lines.join("\n");
};

const shown = (noted: object): string =>
  JSON.stringify(noted, (key, value: unknown) => (key === "args" ? undefined : value));
