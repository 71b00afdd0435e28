export type * from "@ezez-ws/core";
export { CloseCode, EZEZError } from "@ezez-ws/core";
export { type BunOptions, type BunServer, type BunSocket, EZEZWebsocketServer } from "./server.js";
