export type * from "@ezez-ws/core";
export { CloseCode, EZEZError } from "@ezez-ws/core";
export { EZEZWebsocketServer, type WsOptions } from "./server.js";
