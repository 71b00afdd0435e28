import { createRequire } from "node:module";
import type { DialectName } from "./generator/commands.js";

/** One server that is measured. */
export interface ServerDefinition {
  readonly name: string;
  readonly title: string;
  readonly runtime: "node" | "bun";
  readonly dialect: DialectName;
  /** A package that has to be loadable. */
  readonly needs: string | undefined;
  /** The server that it is compared with: the same work on its runtime alone. */
  readonly control: string | undefined;
}

const define = (
  name: string,
  title: string,
  runtime: ServerDefinition["runtime"],
  dialect: DialectName,
  { needs, control }: { needs?: string; control?: string } = {},
): ServerDefinition => ({ name, title, runtime, dialect, needs, control });

/** Its file is `servers/<name>.ts`. */
export const SERVERS: readonly ServerDefinition[] = [
  define("raw-ws", "ws alone", "node", "raw"),
  define("ezez-ws", "ezez on ws", "node", "ezez", { control: "raw-ws" }),
  define("socketio-ws", "socket.io on ws", "node", "socketio", { control: "raw-ws" }),
  define("raw-uws", "uWS alone", "node", "raw", { needs: "uWebSockets.js" }),
  define("ezez-uws", "ezez on uWS", "node", "ezez", { needs: "uWebSockets.js", control: "raw-uws" }),
  define("socketio-uws", "socket.io on uWS", "node", "socketio", { needs: "uWebSockets.js", control: "raw-uws" }),
  define("raw-bun", "Bun alone", "bun", "raw"),
  define("ezez-bun", "ezez on Bun", "bun", "ezez", { control: "raw-bun" }),
];

/** The servers of these families: `ws`, `uws`, `bun`. */
export const serversOf = (families: readonly string[]): ServerDefinition[] =>
  SERVERS.filter(({ name }) => families.some((family) => name.endsWith(`-${family}`)));

/** Why it cannot run here, if it cannot. */
export const whyNot = ({ runtime, needs }: ServerDefinition, bun: string | undefined): string | undefined => {
  if (runtime === "bun" && bun === undefined) return "Bun is not installed";
  if (needs === undefined) return undefined;
  try {
    createRequire(import.meta.url)(needs);
    return undefined;
  } catch (error) {
    return `${needs} cannot be loaded by Node ${process.versions.node}: ${String(error).split("\n")[0]}`;
  }
};
