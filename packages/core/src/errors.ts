import { CloseCode } from "./protocol.js";

/** The caller's mistakes: thrown at once. */
export type CallerErrorCode =
  | "INVALID_OPTION"
  | "INVALID_EVENT_NAME"
  | "NOT_SERIALIZABLE"
  | "TOO_MANY_AWAITING_REPLIES"
  | "DISCONNECTED"
  | "QUEUE_FULL"
  | "INVALID_CLOSE_CODE"
  | "INVALID_CLOSE_REASON"
  | "ALREADY_STARTED"
  | "SERVER_CLOSED"
  | "UNSAFE_VERSION"
  | "UNSUPPORTED_RUNTIME";

/** The peer's mistakes: each closes the connection and is reported. */
export type PeerErrorCode = keyof ReturnType<typeof closeCodes>;

/** Failures of the user's own code, of the network, or of the runtime: reported. */
export type ReportedErrorCode = "CALLBACK_FAILED" | "TRANSPORT_ERROR" | "HEARTBEAT_LOST" | "CONNECT_FAILED";

export type EZEZErrorCode = CallerErrorCode | PeerErrorCode | ReportedErrorCode;

// A function, so that a bundle which closes nothing leaves it out.
const closeCodes = () =>
  ({
    MALFORMED_MESSAGE: CloseCode.protocolError,
    RESERVED_EVENT: CloseCode.protocolError,
    DUPLICATE_AUTH: CloseCode.protocolError,
    TEXT_MESSAGE: CloseCode.unsupportedData,
    QUEUE_OVERFLOW: CloseCode.policyViolation,
    MESSAGE_TOO_LARGE: CloseCode.messageTooBig,
    SLOW_CONSUMER: CloseCode.tryAgainLater,
    AUTH_DECISION_TIMEOUT: CloseCode.tryAgainLater,
    AUTH_UNAVAILABLE: CloseCode.tryAgainLater,
    RATE_LIMITED: CloseCode.rateLimited,
  }) as const;

/** The one error class. `code` tells what happened, `stage` where, `cause` why. */
export class EZEZError<TCode extends EZEZErrorCode = EZEZErrorCode> extends Error {
  override readonly name = "EZEZError";
  /** Where it happened: a callback's name, or `"transport"`, `"decode"`, `"listener"` and the like. */
  readonly stage: string | undefined;
  override readonly cause: unknown;

  constructor(
    readonly code: TCode,
    message: string,
    details: { stage?: string | undefined; cause?: unknown } = {},
  ) {
    super(message);
    this.stage = details.stage;
    this.cause = details.cause;
  }
}

/** The close code that answers a peer's mistake. */
export const closeCodeOf = (code: PeerErrorCode): number => closeCodes()[code];

export const malformed = (message: string, cause?: unknown): EZEZError<"MALFORMED_MESSAGE"> =>
  new EZEZError("MALFORMED_MESSAGE", message, { stage: "decode", cause });

export const callbackFailed = (stage: string, cause: unknown): EZEZError =>
  new EZEZError("CALLBACK_FAILED", `${stage} failed`, { stage, cause });

export const transportError = (cause: unknown): EZEZError => {
  const message = cause instanceof Error ? cause.message : "transport error";
  return new EZEZError("TRANSPORT_ERROR", message, { stage: "transport", cause });
};
