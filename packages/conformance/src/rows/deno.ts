import { EZEZWebsocketServer } from "@ezez-ws/adapter-deno";
import type { Row } from "../row.js";
import { connectTcp } from "../wire.js";

export const deno: Row = {
  name: "deno",
  create: (options, callbacks) => new EZEZWebsocketServer(options, callbacks),
  connect: connectTcp,
  emitters: () => [],
  capabilities: {
    closesSynchronously: false,
    nativeFramingCloseCode: 1006,
    nativeUtf8CloseCode: 1006,
    nativeTooLargeCloseCode: 1006,
    reportsFramingErrors: true,
    unmaskedFrame: "read",
    readsRegisteredCloseCodes: true,
    readsCloseCode1014: false,
    answersCloseBehindMessage: true,
    readsBehindUpgrade: true,
    statusBehindPendingUpgrade: 101,
    keepsUrl: true,
    readsRequestLineInPieces: true,
    heartbeat: "runtime",
    pacesPongs: true,
    keepsUntilPing: true,
    freesClosedSocketMs: 5000,
  },
};
