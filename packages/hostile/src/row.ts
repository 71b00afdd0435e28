import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Capabilities } from "@ezez-ws/conformance/row";

/** What else differs, and that no adapter can even out, beside the capabilities of the conformance suite. */
export interface Facts extends Capabilities {
  /** A message of too many fragments closes with 1008. Elsewhere it is read, and only its size is limited. */
  readonly limitsFragments: boolean;
  /** A peer that takes too long over its upgrade request is ended. */
  readonly endsSlowRequests: boolean;
  /** The socket of a peer that leaves while `onUpgrade` decides is closed. Elsewhere it can stay until the process ends. */
  readonly freesPendingUpgrades: boolean;
  /**
   * Others get a turn of the loop beside a peer that never stops sending. Deno hands over what has come from one socket in one
   * turn: 500 KB were seen without a line of ours, whatever the size of the messages. It cannot be told to stop reading.
   */
  readonly sharesLoop: boolean;
  /** Serves the upgrades of a `node:http` server of the user's. */
  readonly takesHttpServer: boolean;
  /** Compression can be switched on. */
  readonly compresses: boolean;
}

/** One adapter on one runtime. */
export interface Row {
  readonly name: string;
  /** The head of its column. */
  readonly title: string;
  /** The program to run, and the command that runs it. */
  readonly program: string;
  readonly command: readonly string[];
  readonly facts?: Partial<Facts>;
}

const file = (relative: string): string => fileURLToPath(new URL(`../../../${relative}`, import.meta.url));

// The runtimes themselves: what npm puts in front of them is a process of its own, which signals would hit.
const NODE = process.execPath;
const BUN = file("node_modules/bun/bin/bun.exe");
const DENO = file("tools/runtimes/node_modules/deno/deno");

export const ROWS: readonly Row[] = [
  { name: "ws", title: "ws", program: "ws", command: [NODE], facts: { limitsFragments: true } },
  { name: "uws", title: "uWS", program: "uws", command: [NODE], facts: { takesHttpServer: false } },
  { name: "bun", title: "Bun.serve", program: "bun", command: [BUN, "run"], facts: { takesHttpServer: false } },
  { name: "ws-on-bun", title: "ws on Bun", program: "ws", command: [BUN, "run"] },
  {
    name: "deno",
    title: "Deno.serve",
    program: "deno",
    command: [DENO, "run", "-A", "--no-prompt", "--quiet"],
    facts: {
      compresses: false,
      endsSlowRequests: false,
      freesPendingUpgrades: false,
      sharesLoop: false,
      takesHttpServer: false,
    },
  },
  { name: "client", title: "client", program: "client", command: [NODE] },
];

/** Whether it is the client's row: other cases, against servers written by hand. */
export const isClient = ({ program }: Row): boolean => program === "client";

/** Why the runtime cannot be started; undefined where it may. */
export const missingRuntime = ({ command: [file = ""] }: Row): string | undefined =>
  existsSync(file) ? undefined : "the runtime is not installed";

/** What a capability is where nothing has to be said about it: as the contract or an RFC has it. */
export const STANDARD: Facts = {
  closesSynchronously: false,
  nativeFramingCloseCode: 1002,
  nativeUtf8CloseCode: 1007,
  nativeTooLargeCloseCode: 1009,
  reportsFramingErrors: true,
  unmaskedFrame: "refused",
  readsRegisteredCloseCodes: true,
  readsCloseCode1014: true,
  answersCloseBehindMessage: false,
  readsBehindUpgrade: true,
  statusBehindPendingUpgrade: 101,
  keepsUrl: true,
  readsRequestLineInPieces: true,
  heartbeat: "core",
  pacesPongs: false,
  keepsUntilPing: false,
  freesClosedSocketMs: 5000,
  limitsFragments: false,
  compresses: true,
  freesPendingUpgrades: true,
  sharesLoop: true,
  takesHttpServer: true,
  endsSlowRequests: true,
};
