export { type AnyReply, Channel, type ChannelOwner, type Outgoing } from "./channel.js";
export { checkFunctions, integer, oneOf, type Resolved, type Rule, resolve } from "./checks.js";
export { bytesOf, isBinary } from "./codec/encode-value.js";
export type {
  CodecOptions,
  CustomDeserializers,
  CustomSerializers,
  SerializerArgs,
  UnserializerArgs,
} from "./codec/options.js";
export { tellConsole, warnIfOlder } from "./console.js";
export type {
  CallbackResult,
  EventName,
  EZEZServerClient,
  Ids,
  Listen,
  MessageCallback,
  MessageParameters,
  OnCallback,
  OnReply,
  Reply,
  Send,
  SendArguments,
  TEvents,
} from "./contract.js";
export { Emitter } from "./emitter.js";
export {
  type CallerErrorCode,
  callbackFailed,
  EZEZError,
  type EZEZErrorCode,
  type PeerErrorCode,
  type ReportedErrorCode,
} from "./errors.js";
export { FrameCodec, type Message, type ReservedMessage } from "./frame.js";
export { guard } from "./guard.js";
export { createHandshake } from "./handshake.js";
export { Heartbeat } from "./heartbeat.js";
export type {
  AnyServerClient,
  Callbacks,
  CommonOptions,
  ContextOption,
  Options,
  ResolvedOptions,
} from "./options.js";
export {
  AUTH_TIMEOUT,
  CloseCode,
  PROTOCOL_VERSION,
  ReservedEvent,
  VERIFICATION_FAILED,
} from "./protocol.js";
export { type BroadcastOptions, type CloseOptions, EZEZServer } from "./server.js";
export type {
  Acceptor,
  Admission,
  Group,
  Handshake,
  Listener,
  Refusal,
  SendStatus,
  Socket,
  SocketHandler,
} from "./socket.js";
