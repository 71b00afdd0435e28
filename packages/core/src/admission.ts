import { atOnce } from "./guard.js";
import type { ResolvedOptions } from "./options.js";
import type { Admission, Handshake, Refusal } from "./socket.js";

const TEXT = "text/plain; charset=utf-8";

const refusal = (status: number, body: string, headers: Record<string, string> = {}): Refusal => ({
  status,
  headers: { "content-type": TEXT, ...headers },
  body: `${body}\n`,
});

// Marked as pure, so that a bundle without a server leaves them out.
export const NOT_FOUND = /* @__PURE__ */ refusal(404, "Not Found");
export const UPGRADE_REQUIRED = /* @__PURE__ */ refusal(426, "Upgrade Required", {
  upgrade: "websocket",
  connection: "Upgrade",
});
export const FORBIDDEN = /* @__PURE__ */ refusal(403, "Forbidden");
export const UNAVAILABLE = /* @__PURE__ */ refusal(503, "Service Unavailable");
export const FAILED = /* @__PURE__ */ refusal(500, "Internal Server Error");

/** Whether the url has this path; the query does not count. */
export const hasPath = (url: string, path: string | undefined): boolean =>
  path === undefined || url.split("?", 1)[0] === path;

/** Whether the request's origin may connect. Throws what a predicate throws, and where it gives a promise. */
export const isAllowedOrigin = (origin: string | undefined, allowed: ResolvedOptions["allowedOrigins"]): boolean => {
  if (allowed === undefined) return true;
  if (typeof allowed === "function") return atOnce("allowedOrigins", allowed(origin)) === true;
  // Only browsers send an origin, and only browsers have to be kept from other sites' cookies.
  return origin === undefined || allowed.includes(origin);
};

/** The subprotocol to answer with. Throws what `handleProtocols` throws, and where it chose one that was not offered. */
export const chooseProtocol = (
  handshake: Handshake,
  choose: ResolvedOptions["handleProtocols"],
): string | undefined => {
  const header = handshake.headers.get("sec-websocket-protocol");
  if (header === undefined || choose === false) return undefined;
  const offered = new Set(header.split(",").map((protocol) => protocol.trim()));
  if (choose === undefined) return [...offered].find((protocol) => protocol !== "");
  const chosen = atOnce("handleProtocols", choose(offered, handshake));
  if (chosen === false) return undefined;
  if (!offered.has(chosen)) throw new TypeError("handleProtocols must give an offered protocol or false");
  return chosen;
};

/** What `onUpgrade` resolved to, as an admission; throws where it is neither a boolean nor a refusal that HTTP can carry. */
export const admissionOf = (answer: unknown): true | Refusal => {
  if (answer === true) return true;
  if (answer === false) return FORBIDDEN;
  const { status, headers = {}, body = "" } = Object(answer) as { [K in keyof Refusal]: unknown };
  if (!Number.isInteger(status) || (status as number) < 200 || (status as number) > 599) {
    throw new TypeError("onUpgrade must give a boolean or a status from 200 to 599, in upgradeDecisionTimeoutMs");
  }
  let hasType = false;
  for (const [name, value] of Object.entries(Object(headers) as object)) {
    // A value may repeat what the peer sent: none may end its line and begin another.
    if (!HEADER_NAME.test(name) || typeof value !== "string" || !HEADER_VALUE.test(value)) {
      throw new TypeError(`onUpgrade must give headers that HTTP can carry: ${JSON.stringify(name)}`);
    }
    hasType ||= name.toLowerCase() === "content-type";
  }
  if (typeof body !== "string") throw new TypeError("onUpgrade must give a string as body");
  // Where a body has no type, Bun adds one and others leave the browser to guess.
  const type = body === "" || hasType ? {} : { "content-type": TEXT };
  return { status: status as number, headers: { ...type, ...(headers as Record<string, string>) }, body };
};

// RFC 9110 sections 5.6.2 and 5.5.
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export const accepted = (protocol: string | undefined): Admission => ({ accepted: true, protocol });
