import type { Callbacks, CommonOptions, EZEZServer, EZEZServerClient } from "@ezez-ws/core";
import type { PeerEvents, ServerEvents } from "./events.js";

export type Client = EZEZServerClient<PeerEvents, ServerEvents>;

/** The part of an adapter's server that the applications need. */
export type Server = Pick<
  EZEZServer<PeerEvents, ServerEvents>,
  "start" | "close" | "broadcast" | "clients" | "address"
>;

/** Any adapter's class. */
export type ServerClass = new (
  options: CommonOptions & { port: number; host: string },
  callbacks: Callbacks<PeerEvents, ServerEvents>,
) => Server;

/** What one program serves. */
export interface Application {
  readonly options: CommonOptions;
  readonly callbacks: Callbacks<PeerEvents, ServerEvents>;
  /** What it counts itself, for comparison with what the library says. */
  readonly counts?: () => unknown;
  /** What else the process that started it may ask of it. */
  readonly commands: Readonly<Record<string, (argument: never) => unknown>>;
}

/** `server` is asked for only once it has started. */
export type CreateApplication = (server: () => Server) => Application;
