import type { Handshake } from "./socket.js";

/**
 * A handshake from what a runtime gives, so that it is the same on all. Names become lower case. A header that comes
 * twice is joined by ", " (RFC 9110 section 5.3), a cookie by "; " (RFC 9113 section 8.2.3).
 */
export const createHandshake = (
  url: string,
  headers: Iterable<readonly [string, string]>,
  remoteAddress: string,
): Handshake => {
  const joined = new Map<string, string>();
  for (const [given, value] of headers) {
    const name = shared(given.toLowerCase());
    const before = joined.get(name);
    joined.set(name, before === undefined ? value : `${before}${name === "cookie" ? "; " : ", "}${value}`);
  }
  return { url, headers: joined, remoteAddress: remoteAddress.replace(IPV4_IN_IPV6, "") };
};

// RFC 4291 section 2.5.5.2: how a socket for both families shows an IPv4 peer.
const IPV4_IN_IPV6 = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

// Every connection keeps its headers, whose names are mostly the same: one string for all saves 32 bytes for each.
const names = new Map<string, string>();
const MOST_NAMES = 100;
const LONGEST_NAME = 32;

const shared = (name: string): string => {
  const known = names.get(name);
  if (known !== undefined) return known;
  if (names.size < MOST_NAMES && name.length <= LONGEST_NAME) names.set(name, name);
  return name;
};
