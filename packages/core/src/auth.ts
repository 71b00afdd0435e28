import { CloseCode, PROTOCOL_VERSION, RejectReason, VERSION_MISMATCH } from "./protocol.js";

/** Where one connection stands: before its auth message, while `onAuthRequest` decides, accepted, or done with. */
export type AuthState = "waiting" | "deciding" | "open" | "rejected";

export type AuthEvent =
  | { readonly type: "message"; readonly key: unknown; readonly version: unknown }
  | { readonly type: "decision"; readonly accepted: boolean }
  /** `onAuthRequest` threw or rejected. */
  | { readonly type: "failure"; readonly retry: boolean }
  /** The time of this state is over. */
  | { readonly type: "timeout" };

export type AuthEffect =
  | { readonly type: "ask"; readonly key: string }
  | { readonly type: "accept" }
  /** Send auth-rejected, then close. */
  | { readonly type: "reject"; readonly code: number; readonly reason: string }
  /** Close without it, so that the peer comes back. */
  | { readonly type: "fail"; readonly code: "DUPLICATE_AUTH" | "AUTH_DECISION_TIMEOUT" | "AUTH_UNAVAILABLE" }
  | { readonly type: "none" };

export interface AuthStep {
  readonly state: AuthState;
  readonly effect: AuthEffect;
}

const reject = (reason: string, code: number = CloseCode.unauthorized): AuthStep => ({
  state: "rejected",
  effect: { type: "reject", code, reason },
});

const fail = (code: "DUPLICATE_AUTH" | "AUTH_DECISION_TIMEOUT" | "AUTH_UNAVAILABLE"): AuthStep => ({
  state: "rejected",
  effect: { type: "fail", code },
});

/** One step of the authentication of one connection. Pure: the session performs the effect. Late events change nothing. */
export const authStep = (state: AuthState, event: AuthEvent): AuthStep => {
  switch (state) {
    case "waiting":
      if (event.type === "timeout") return reject(RejectReason.timeout, CloseCode.authTimeout);
      if (event.type !== "message") break;
      if (event.version !== PROTOCOL_VERSION) return reject(VERSION_MISMATCH + printed(event.version));
      if (typeof event.key !== "string") return reject(RejectReason.invalidKey);
      return { state: "deciding", effect: { type: "ask", key: event.key } };
    case "deciding":
      if (event.type === "message") return fail("DUPLICATE_AUTH");
      if (event.type === "timeout") return fail("AUTH_DECISION_TIMEOUT");
      if (event.type === "failure")
        return event.retry ? fail("AUTH_UNAVAILABLE") : reject(RejectReason.verificationFailed);
      return event.accepted ? { state: "open", effect: { type: "accept" } } : reject(RejectReason.invalidKey);
    case "open":
      if (event.type === "message") return fail("DUPLICATE_AUTH");
      break;
    case "rejected":
  }
  return { state, effect: { type: "none" } };
};

// A peer may send a version of any length, and gets it back.
const PRINTED_LENGTH = 100;

// As a template literal prints it. An object may have sent a toString of its own, which is no function and throws there.
const printed = (value: unknown): string => {
  let text: string;
  try {
    text = `${value as string}`;
  } catch {
    text = typeof value;
  }
  return text.slice(0, PRINTED_LENGTH);
};
