import type { EventEmitter } from "node:events";
import type { Callbacks, CommonOptions, EZEZServer, EZEZServerClient } from "@ezez-ws/core";
import type { Connect } from "./wire.js";

/** The events of the suite's application. Arguments are checked at run time, so any may come. */
export type Events = {
  a: unknown[];
  b: unknown[];
  c: unknown[];
  /** An event's name like any other on the wire, whatever it is to an emitter. */
  "*": unknown[];
};

export interface Context {
  name?: string;
  nested?: { list: number[] };
}

export type Client = EZEZServerClient<Events, Events, Context>;
export type ServerCallbacks = Callbacks<Events, Events, Context>;
/** The options that every adapter takes. */
export type ServerOptions = CommonOptions & {
  defaultContext?: Context | undefined;
  port?: number;
  host?: string;
};

/** What every adapter's `EZEZWebsocketServer` can do. */
export type Server = Pick<EZEZServer<Events, Events, Context>, "start" | "close" | "broadcast" | "clients" | "address">;

/** Constructs one adapter's server; does not start it. */
export type CreateServer = (options: ServerOptions & { port: number }, callbacks: ServerCallbacks) => Server;

/** One adapter on one runtime. */
export interface Row {
  readonly name: string;
  readonly create: CreateServer;
  /** How a peer gets to a server's port. */
  readonly connect: Connect;
  /** What an adapter lets its users listen to beside its callbacks. */
  readonly emitters: (server: Server) => readonly EventEmitter[];
  readonly capabilities: Capabilities;
}

/**
 * Facts about a runtime that a user can observe and that no adapter can even out. Each is asserted itself, so a row that
 * claims the wrong one fails.
 */
export interface Capabilities {
  /**
   * The transport counts a connection as closed as soon as it has sent its close frame. Otherwise it waits for the peer's
   * and until then the connection counts for `maxConnections`.
   */
  readonly closesSynchronously: boolean;
  /** What the peer sees when it breaks the rules of framing: a close frame with 1002, or none. */
  readonly nativeFramingCloseCode: 1002 | 1006;
  /** What the peer sees when a text message is no UTF-8. */
  readonly nativeUtf8CloseCode: 1007 | 1006;
  /** What the peer sees when a message is far above `maxPayload`, so that the transport refuses it at its header. */
  readonly nativeTooLargeCloseCode: 1009 | 1006;
  /** A broken frame, which ends the connection, also becomes an `onError` with `TRANSPORT_ERROR`. */
  readonly reportsFramingErrors: boolean;
  /** What comes of a frame without a mask: the end of the connection, as RFC 6455 section 5.1 says, or no good. */
  readonly unmaskedFrame: "refused" | "misread" | "read";
  /** The peer's close codes from 1012 to 3999 are read; otherwise they are taken for none that a peer may send. */
  readonly readsRegisteredCloseCodes: boolean;
  /** The same of 1014, where the others are read. */
  readonly readsCloseCode1014: boolean;
  /**
   * Pings and a close frame of the peer's right behind the message that the server closes on are answered first, so that it
   * sees its own code. `onDisconnect` has the server's everywhere.
   */
  readonly answersCloseBehindMessage: boolean;
  /** What comes in the TCP segment of the upgrade request and behind it is read. RFC 6455 has peers wait with it. */
  readonly readsBehindUpgrade: boolean;
  /** What answers an upgrade that has something behind it while `onUpgrade` is pending; with 101 that is read. */
  readonly statusBehindPendingUpgrade: 101 | 400 | 505;
  /** `request.url` is as sent whatever it holds. Otherwise `..` is resolved, and what a URL may not hold is encoded. */
  readonly keepsUrl: boolean;
  /** The first line of an HTTP request may come in several TCP segments. */
  readonly readsRequestLineInPieces: boolean;
  /**
   * Who pings: the core, in intervals; or the runtime, and only a silent peer, which is closed with 1001 if it stays silent.
   * That becomes an `onError` with `TRANSPORT_ERROR`. For the application either ends with 1006.
   */
  readonly heartbeat: "core" | "runtime";
  /** Pings are answered only as fast as the peer reads. Otherwise one that never reads is ended at maxBackpressure. */
  readonly pacesPongs: boolean;
  /** A little of a connection stays in memory after its end until its next ping would be due. */
  readonly keepsUntilPing: boolean;
  /**
   * A socket whose peer does not finish the closing handshake is given up within this time; where that is longer than 5 s, not
   * in half of it.
   */
  readonly freesClosedSocketMs: number;
}
