import type { WebSocketConstructor, WebSocketLike } from "./web-socket.js";

/** Opens a WebSocket; throws where the url, the protocols or the extra argument are wrong. */
export type OpenWebSocket = (
  url: string | URL,
  protocols: string | string[] | undefined,
  extra: unknown,
) => WebSocketLike;

// What Node's HTTP client calls when a connection becomes a WebSocket, under its old name and its new one; the socket is
// the last argument.
type Upgraded = (...parameters: unknown[]) => unknown;
type RequestHandler = { onUpgrade?: Upgraded; onRequestUpgrade?: Upgraded };
interface Dispatcher {
  dispatch(options: unknown, handler: RequestHandler): boolean;
}

interface Runtime {
  readonly WebSocket?: WebSocketConstructor;
  readonly process?: { readonly versions?: { readonly node?: string } };
  readonly Bun?: unknown;
  readonly Deno?: unknown;
  readonly [DISPATCHER]?: Dispatcher;
}

// The same for every copy of undici, Node's own among them; it is there once the global WebSocket was looked at.
const DISPATCHER: unique symbol = Symbol.for("undici.globalDispatcher.1") as never;
const runtime = globalThis as Runtime;

const isNode = (): boolean => {
  const { process, Bun, Deno } = runtime;
  return process?.versions?.node !== undefined && Bun === undefined && Deno === undefined;
};

const openWith =
  (WebSocketClass: WebSocketConstructor): OpenWebSocket =>
  (url, protocols, extra) =>
    new WebSocketClass(url, protocols, extra as never);

/** What opens a connection: the given class, or the runtime's own. `undefined` where `ws` has to be tried first. */
export const findWebSocket = (given: WebSocketConstructor | undefined): OpenWebSocket | undefined => {
  const WebSocketClass = given ?? (isNode() ? undefined : runtime.WebSocket);
  return WebSocketClass && openWith(WebSocketClass);
};

/**
 * The class of a package, which is `ws`, or else the runtime's own. The name is an argument, and the comments are there, so
 * that no bundler takes the package into a bundle for browsers.
 */
export const importWebSocket = async (name: string): Promise<OpenWebSocket> => {
  try {
    const module: { default: WebSocketConstructor } = await import(/* webpackIgnore: true */ /* @vite-ignore */ name);
    return openWith(module.default);
  } catch (cause) {
    const { WebSocket } = runtime;
    if (WebSocket !== undefined) return openTerminable(WebSocket);
    throw new Error(`no WebSocket here: install ${name}, or pass WSConstructor`, { cause });
  }
};

/**
 * Node's own WebSocket waits without end for a peer that does not finish the closing handshake, and keeps the process. It
 * takes a dispatcher, which sees the connection's socket: that can be destroyed.
 */
const openTerminable =
  (WebSocketClass: WebSocketConstructor): OpenWebSocket =>
  (url, protocols, extra) => {
    let socket: { destroy(): void } | undefined;
    const dispatcher: Dispatcher = {
      dispatch: (options, handler) => {
        for (const name of ["onUpgrade", "onRequestUpgrade"] as const) {
          const original = handler[name];
          if (original === undefined) continue;
          handler[name] = (...parameters) => {
            socket = parameters.at(-1) as typeof socket;
            return original.apply(handler, parameters);
          };
        }
        return (runtime[DISPATCHER] as Dispatcher).dispatch(options, handler);
      },
    };
    const open = (): WebSocketLike => {
      if (runtime[DISPATCHER] === undefined) return openWith(WebSocketClass)(url, protocols, extra);
      try {
        return openWith(WebSocketClass)(url, { protocols: protocols ?? [], dispatcher } as never, extra);
      } catch {
        // Another class than Node's, as that of jsdom, takes no such object.
        return openWith(WebSocketClass)(url, protocols, extra);
      }
    };
    const webSocket = open();
    const terminate = (): void => (socket === undefined ? webSocket.close() : socket.destroy());
    return Object.assign(webSocket, { terminate });
  };

const SCHEMES = ["ws:", "wss:", "http:", "https:", "ws+unix:"];
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

/** Checks what a class that is still to be imported would. */
export const checkAddress = (url: string | URL, protocols: string | string[] = []): void => {
  const { protocol, hash } = new URL(url);
  if (!SCHEMES.includes(protocol)) throw new Error(`${protocol} is no scheme of a WebSocket`);
  if (hash !== "") throw new Error("a url with a fragment");
  const list = [protocols].flat();
  if (new Set(list).size < list.length) throw new Error("a subprotocol is there twice");
  if (!list.every((name) => TOKEN.test(name))) throw new Error("a subprotocol is no token");
};
