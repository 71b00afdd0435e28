// The chat on a page: one node:http server for the page and, on its path /ws, the chat.
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { EZEZWebsocketServer } from "@ezez-ws/adapter-ws";
import { build } from "esbuild";
import { DEMO_KEY } from "./events.js";
import { type Chat, createChat } from "./server.js";

export const WS_PATH = "/ws";

/** What is served, by path. */
export type Page = ReadonlyMap<string, { type: string; body: string }>;

export interface Website {
  readonly url: string;
  readonly port: number;
  readonly chat: Chat;
  close(): Promise<void>;
}

export interface WebsiteOptions {
  page: Page;
  port: number;
  /** Try the ports after it where it is taken. */
  orNextFree?: boolean | undefined;
  secondsToAnswer?: number | undefined;
}

/** @param tsconfig says where modules are, as tsx is told for the modules of this process */
export const buildPage = async (tsconfig = process.env.TSX_TSCONFIG_PATH): Promise<Page> => {
  const folder = new URL("page/", import.meta.url);
  const [html, css, script] = await Promise.all([
    readFile(new URL("index.html", folder), "utf8"),
    readFile(new URL("style.css", folder), "utf8"),
    bundle(new URL("main.ts", folder), tsconfig),
  ]);
  return new Map([
    ["/", { type: "text/html; charset=utf-8", body: html }],
    ["/style.css", { type: "text/css; charset=utf-8", body: css }],
    ["/main.js", { type: "text/javascript; charset=utf-8", body: script }],
  ]);
};

export const openWebsite = async ({ page, port, orNextFree, secondsToAnswer }: WebsiteOptions): Promise<Website> => {
  const http = servePage(page);
  const chat = createChat(EZEZWebsocketServer, {
    transport: { server: http, path: WS_PATH },
    key: DEMO_KEY,
    secondsToAnswer,
  });
  const taken = await listen(http, port, orNextFree === true ? port + 20 : port);
  await chat.start();
  return {
    url: `http://localhost:${taken}/`,
    port: taken,
    chat,
    close: async () => {
      await chat.close();
      const closed = new Promise((resolve) => http.close(resolve));
      http.closeAllConnections();
      await closed;
    },
  };
};

const bundle = async (entry: URL, tsconfig: string | undefined): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [entry.pathname],
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    write: false,
    ...(tsconfig === undefined ? {} : { tsconfig }),
  });
  return outputFiles.map(({ text }) => text).join("");
};

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

const servePage = (page: Page): Server =>
  createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const file = page.get(pathname);
    if (file === undefined) {
      response.writeHead(404, { "content-type": "text/plain" }).end("Not found\n");
      return;
    }
    response.writeHead(200, { ...HEADERS, "content-type": file.type });
    response.end(request.method === "HEAD" ? undefined : file.body);
  });

const listen = async (http: Server, port: number, lastPort: number): Promise<number> => {
  try {
    await new Promise<void>((resolve, reject) => {
      http.once("error", reject);
      http.listen(port, () => {
        http.off("error", reject);
        resolve();
      });
    });
  } catch (error) {
    const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    if (!taken || port >= lastPort) throw error;
    return listen(http, port + 1, lastPort);
  }
  const address = http.address();
  return typeof address === "object" && address !== null ? address.port : port;
};
