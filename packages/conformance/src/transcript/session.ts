import type { ServerOptions } from "../row.js";

/** What the server's application is told to do, by what a peer sends or by the session itself. Plain data. */
export type Act =
  | { readonly act: "reply"; readonly name: string; readonly args?: readonly unknown[] }
  | { readonly act: "send"; readonly to?: string; readonly name: string; readonly args?: readonly unknown[] }
  /** Sends a question; what answers it says what is done then. */
  | { readonly act: "ask"; readonly to?: string }
  | { readonly act: "broadcast"; readonly except?: readonly string[]; readonly args?: readonly unknown[] }
  | { readonly act: "disconnect"; readonly to?: string; readonly code?: number; readonly reason?: string }
  /** What cannot be sent. */
  | { readonly act: "sendFunction" }
  | { readonly act: "once" }
  | { readonly act: "throw" }
  | { readonly act: "reject" };

/** The first argument of an event, as JSON: what is done when it is dispatched, and where. */
export interface Order {
  readonly at: "onMessage" | "listener" | "onReply";
  readonly acts: readonly Act[];
}

/** The auth key, as JSON. Another key is refused. */
export interface Key {
  readonly answer: "yes" | "no" | "truthy" | "later" | "throw";
  readonly onAuthRequest?: readonly Act[];
  readonly onAuthOk?: readonly Act[];
  readonly onAuthRejected?: readonly Act[];
  readonly onDisconnect?: readonly Act[];
}

/** What a peer sends. */
export type Sent =
  | { readonly auth: readonly unknown[] }
  | {
      readonly event: string;
      readonly args?: readonly unknown[];
      /** The question with this number of those that this peer got, from 0; or an id that is no question's. */
      readonly answers?: number | "unknown";
    }
  /** Parts of a message as they are, envelope and all. */
  | { readonly parts: readonly unknown[] }
  | { readonly hex: string }
  | { readonly size: number }
  | { readonly text: string }
  | { readonly ping: string }
  | { readonly close: readonly [code?: number, reason?: string] };

/** One step; the next begins when all is quiet again. */
export type Step =
  | {
      readonly step: "connect";
      readonly peer: string;
      readonly path?: string;
      readonly headers?: Readonly<Record<string, string>>;
      /** Sent as soon as the connection is open. */
      readonly send?: readonly Sent[];
    }
  /** Several peers at once, each all its messages at once. Across connections there is no order then. */
  | { readonly step: "send"; readonly by: Readonly<Record<string, readonly Sent[]>> }
  /** The promise of `onAuthRequest` settles. */
  | { readonly step: "decide"; readonly peer: string; readonly answer: boolean | "fail" }
  /** The server's application acts on its own. */
  | { readonly step: "serve"; readonly acts: readonly Act[] }
  | { readonly step: "vanish"; readonly peer: string; readonly how: "reset" | "endTcp" }
  /** Waits until the server has given the peer up. */
  | { readonly step: "expire"; readonly peer: string }
  | { readonly step: "close" };

export interface Session {
  readonly title: string;
  readonly options: ServerOptions;
  readonly onUpgrade?: Readonly<Record<string, { status: number; headers?: Record<string, string>; body?: string }>>;
  readonly steps: readonly Step[];
}
