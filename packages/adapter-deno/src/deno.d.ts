// What of Deno's types is used here: https://docs.deno.com/api/deno/http-server
declare namespace Deno {
  interface HttpServer {
    readonly addr: { readonly hostname: string; readonly port: number };
    readonly finished: Promise<void>;
    shutdown(): Promise<void>;
    ref(): void;
    unref(): void;
  }
  interface ServeOptions {
    port: number;
    hostname?: string;
    key?: string;
    cert?: string;
    signal?: AbortSignal;
    onListen?(): void;
  }
  interface ServeHandlerInfo {
    readonly remoteAddr: { readonly hostname: string } | { readonly path: string };
    /** Settles once the answer is delivered, or cannot be. */
    readonly completed: Promise<void>;
  }
  function serve(
    options: ServeOptions,
    handler: (request: Request, info: ServeHandlerInfo) => Response | Promise<Response>,
  ): HttpServer;
  /** `idleTimeout` is in seconds: after half of it a silent peer is pinged, after all of it given up. 0 disables. */
  function upgradeWebSocket(
    request: Request,
    options: { protocol?: string; idleTimeout: number },
  ): { readonly socket: WebSocket; readonly response: Response };
  const version: { readonly deno: string };
  /** Where `core`, the runtime's own machinery, is found. */
  const internal: unique symbol;
}

declare function setImmediate(callback: () => void): void;
