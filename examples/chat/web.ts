// The chat on a page: one node:http server for the page, the list of servers and, on its path /ws, the chat.
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { EZEZWebsocketServer } from "@ezez-ws/adapter-ws";
import { build } from "esbuild";
import { WS_PATH } from "./adapters.js";
import { DEMO_KEY } from "./events.js";
import { type Served, type ServerName, WS_ON_NODE } from "./runtimes.js";
import { type Chat, createChat } from "./server.js";

/** What is served, by path. */
export type Page = ReadonlyMap<string, { type: string; body: string }>;

/** What the page is told of each server, at /servers.json. */
export interface ListedServer extends ServerName {
  url: string;
}

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
  /** Chats on other servers that the page can choose; they are not closed with this one. */
  others?: readonly Served[] | undefined;
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

export const openWebsite = async ({
  page,
  port,
  orNextFree,
  others = [],
  secondsToAnswer,
}: WebsiteOptions): Promise<Website> => {
  const http = servePage(page, others);
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

/** Each server under the name by which the page was asked for. */
const listServers = ({ headers: { host = "" } }: IncomingMessage, others: readonly Served[]): ListedServer[] => {
  // It also goes into a header of ours, so nothing but a host.
  const [, hostname, port] = /^([\w.-]+|\[[\da-f:.]+\])(:\d+)?$/iu.exec(host) ?? [];
  const urlOf = (suffix: string): string => `ws://${hostname ?? "localhost"}${suffix}${WS_PATH}`;
  return [
    { ...WS_ON_NODE, url: urlOf(port ?? "") },
    ...others.map((other) => ({
      id: other.id,
      name: other.name,
      runtime: other.runtime,
      url: urlOf(`:${other.port}`),
    })),
  ];
};

const policy = (servers: ListedServer[]): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    `connect-src 'self' ${servers.map(({ url }) => new URL(url).origin).join(" ")}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");

const HEADERS = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

const servePage = (page: Page, others: readonly Served[]): Server =>
  createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const servers = listServers(request, others);
    const list = { type: "application/json", body: JSON.stringify(servers) };
    const file = pathname === "/servers.json" ? list : page.get(pathname);
    if (file === undefined) {
      response.writeHead(404, { "content-type": "text/plain" }).end("Not found\n");
      return;
    }
    response.writeHead(200, {
      ...HEADERS,
      "content-security-policy": policy(servers),
      "content-type": file.type,
    });
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
