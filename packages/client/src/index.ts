export {
  type CallbackResult,
  CloseCode,
  type CodecOptions,
  type CustomDeserializers,
  type CustomSerializers,
  type EventName,
  EZEZError,
  type EZEZErrorCode,
  type Ids,
  type Listen,
  type MessageCallback,
  type MessageParameters,
  type Send,
  type SendArguments,
  type SerializerArgs,
  type TEvents,
  type UnserializerArgs,
} from "@ezez-ws/core";
export { EZEZWebSocketClient, type OnCallback } from "./client.js";
export type { Auth, ClientCallbacks, ClientOnReply, ClientOptions, ClientReply } from "./options.js";
export type { WebSocketConstructor, WebSocketEvent, WebSocketLike } from "./web-socket.js";
