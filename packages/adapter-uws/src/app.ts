import type { AppOptions, TemplatedApp, us_listen_socket } from "uWebSockets.js";
import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { EZEZError, warnIfOlder } from "@ezez-ws/core";

/** An app that listens. */
export interface Listening {
  readonly address: string;
  readonly port: number;
  /** Stops to listen; open connections stay. */
  stop(): void;
}

const HELP =
  "uWebSockets.js could not be loaded. It is not on npm (https://github.com/uNetworking/uWebSockets.js): install it with " +
  '"npm install uNetworking/uWebSockets.js#v20.52.0". It runs on certain versions of Node, on Windows, macOS and glibc Linux; ' +
  "elsewhere use @ezez-ws/adapter-ws, or @ezez-ws/adapter-bun on Bun.";

// LIBUS_LISTEN_EXCLUSIVE_PORT. By default uWS sets SO_REUSEPORT, and then two servers share the connections of one port:
// https://github.com/uNetworking/uSockets/blob/master/src/bsd.c
const EXCLUSIVE_PORT = 1;

// Only when it is needed: with an app of the user's it is not, and an import of the package must not fail.
const load = (): typeof import("uWebSockets.js") => {
  try {
    return createRequire(import.meta.url)("uWebSockets.js");
  } catch (cause) {
    throw new EZEZError("UNSUPPORTED_RUNTIME", HELP, { cause });
  }
};

/** Warns where the installed one is old, which an app of the user's is of as well. */
export const checkVersion = (): void => {
  try {
    // Its uws.js: that can be resolved whatever the package exports.
    const file = createRequire(import.meta.url).resolve("uWebSockets.js");
    const { name, version } = JSON.parse(readFileSync(join(dirname(file), "package.json"), "utf8"));
    // Others pack it too, and count versions of their own.
    if (name === "uWebSockets.js") warnIfOlder(name, version, "20.48.0");
  } catch {
    // Bundled, or installed where we do not look: no version is known.
  }
};

/**
 * An app of our own.
 * @throws EZEZError `UNSUPPORTED_RUNTIME` where uWebSockets.js cannot be loaded, `INVALID_OPTION` where it refuses `ssl`; or
 * what reading a file of `ssl` throws
 */
export const createApp = (ssl: AppOptions | undefined): TemplatedApp => {
  const { App, SSLApp } = load();
  if (ssl === undefined) return App();
  try {
    return SSLApp(ssl);
  } catch (cause) {
    // uWS says only "App construction failed"; reading the files says which of them is missing.
    for (const [name, file] of Object.entries(ssl)) {
      if (name.endsWith("_file_name") && typeof file === "string") readFileSync(file);
    }
    throw new EZEZError("INVALID_OPTION", "ssl is refused by uWebSockets.js", { cause });
  }
};

/** Listens on a port that nobody else has. Rejects with the cause where that cannot be. */
export const listen = async (app: TemplatedApp, port: number, host: string | undefined): Promise<Listening> => {
  const { us_listen_socket_close, us_socket_local_port } = load();
  // Of a name's addresses uWS would take any, and not tell which.
  const address = host === undefined ? "::" : (await lookup(host)).address;
  const token = await new Promise<us_listen_socket | false>((resolve) => {
    // The types leave out that host and options go together:
    // https://github.com/uNetworking/uWebSockets.js/blob/master/src/AppWrapper.h
    Reflect.apply(app.listen, app, [...(host === undefined ? [] : [address]), port, EXCLUSIVE_PORT, resolve]);
  });
  if (token === false) throw await whyNot(port, host);
  return { address, port: us_socket_local_port(token), stop: () => us_listen_socket_close(token) };
};

// uWS says only `false`; Node, asked for the same, says why.
const whyNot = (port: number, host: string | undefined): Promise<Error> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", resolve);
    probe.listen({ port, host, exclusive: true }, () => {
      const message = `uWebSockets.js could not listen on ${host ?? "port"} ${port}`;
      probe.close(() => resolve(new EZEZError("TRANSPORT_ERROR", message, { stage: "listen" })));
    });
  });
