/** The load generator: a process of its own, told over IPC what to do. Runs on Bun, whose sockets cost the least. */
import type { ValueName } from "../values.js";
import type { Answer, Command, Outcome } from "./commands.js";
import { DIALECTS, type Dialect } from "./dialects.js";
import { ask, askMe, broadcast, connect, echo, hold, type Pool } from "./jobs.js";
import { Link, watched } from "./link.js";

const PATIENCE_MS = 20_000;
const CONNECTING_AT_ONCE = 100;
const NOTHING: Outcome = { count: 0, p50: 0, p99: 0, cpu: 0, wall: 0 };

const pools = new Map<string, Pool>();

const find = (name: string): Pool => {
  const pool = pools.get(name);
  if (pool === undefined) throw new Error(`no pool ${name}`);
  return pool;
};

// Frames are made once for each dialect and value.
const prepared = new Map<string, ReturnType<Dialect["echo"]>>();

const prepare = ({ name, dialect }: Pool, value: ValueName): ReturnType<Dialect["echo"]> => {
  const key = `${name} ${value}`;
  const made = prepared.get(key) ?? dialect.echo(value);
  prepared.set(key, made);
  return made;
};

const open = async (port: number, dialect: Dialect, count: number): Promise<Link[]> => {
  const links: Link[] = [];
  while (links.length < count) {
    const length = Math.min(CONNECTING_AT_ONCE, count - links.length);
    links.push(...(await Promise.all(Array.from({ length }, () => Link.open(port, dialect)))));
  }
  return links;
};

const perform = async (command: Command): Promise<Outcome> => {
  switch (command.kind) {
    case "open": {
      const { dialect: name, port, connections } = command;
      const dialect = DIALECTS[name];
      pools.set(command.pool, { name, dialect, links: await open(port, dialect, connections) });
      return NOTHING;
    }
    case "drop": {
      const { links } = find(command.pool);
      pools.delete(command.pool);
      for (const link of links) link.drop();
      return NOTHING;
    }
    case "echo": {
      const pool = find(command.pool);
      const { requests, checker } = prepare(pool, command.value);
      return echo(pool, requests, checker, command.window, command.milliseconds);
    }
    case "broadcast":
      return broadcast(find(command.pool), command.burst, command.milliseconds);
    case "ask":
      return ask(find(command.pool), command.milliseconds);
    case "askMe":
      return askMe(find(command.pool), 20, command.milliseconds);
    case "hold":
      return hold(find(command.pool), command.count);
    case "connect":
      return connect(command.port, DIALECTS[command.dialect], command.concurrency, command.milliseconds);
  }
};

process.on("message", (command: Command) => {
  const duration = "milliseconds" in command ? command.milliseconds : 0;
  watched(perform(command), duration + PATIENCE_MS).then(
    (outcome) => process.send?.({ outcome } satisfies Answer),
    (error) => process.send?.({ error: String(error) } satisfies Answer),
  );
});
process.on("disconnect", () => process.exit());
process.send?.({ port: 0 });
