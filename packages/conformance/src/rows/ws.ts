import { EZEZWebsocketServer } from "@ezez-ws/adapter-ws";
import type { Row } from "../row.js";
import { connectTcp } from "../wire.js";

export const ws: Row = {
  name: "ws",
  create: (options, callbacks) => new EZEZWebsocketServer(options, callbacks),
  connect: connectTcp,
  emitters: (server) => (server instanceof EZEZWebsocketServer ? [server.wss] : []),
  capabilities: {
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
  },
};
