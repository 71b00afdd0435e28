// The proxies' configurations of docs/security.md, each before the server that stands there, on each adapter.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { EZEZWebsocketServer } from "@ezez-ws/adapter-uws";
import { afterEach, describe, expect, test } from "vitest";
import { Opcode } from "../packages/conformance/src/frames.js";
import { freePort } from "../packages/conformance/src/free-port.js";
import { until } from "../packages/conformance/src/wait.js";
import { requestHttp, upgradeRequest, Wire, type WireOptions } from "../packages/conformance/src/wire.js";
import { blocks, read } from "./documents.js";
import { Program, whyNot } from "./programs.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const tsconfig = join(root, "test", "tsconfig.run.json");
const bun = join(dirname(createRequire(import.meta.url).resolve("bun/package.json")), "bin", "bun.exe");
const document = read("docs/security.md");

/** The first block of this language. */
const block = (language: string): string => {
  const [first] = blocks(document, language);
  if (first === undefined) throw new Error(`docs/security.md has no ${language}`);
  return first;
};

/** Every replacement must be of something. */
const replace = (text: string, replacements: Readonly<Record<string, string>>): string =>
  Object.entries(replacements).reduce((replaced, [before, after]) => {
    if (!replaced.includes(before)) throw new Error(`there is no ${before} in:\n${replaced}`);
    return replaced.replaceAll(before, after);
  }, text);

// ---- What there is

const whyNoUws = (): string | undefined => {
  try {
    // Loads it.
    void new EZEZWebsocketServer({ port: 0 }, { onAuthRequest: () => false }).app;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split(".")[0] : String(error);
  }
};

const ADAPTERS = [
  { adapter: "adapter-ws", command: [process.execPath, "--import", "tsx"], missing: undefined },
  { adapter: "adapter-uws", command: [process.execPath, "--import", "tsx"], missing: whyNoUws() },
  { adapter: "adapter-bun", command: [bun, `--tsconfig-override=${tsconfig}`], missing: whyNot(bun, "--version") },
] as const;

interface Proxy {
  readonly name: string;
  readonly missing: string | undefined;
  /** The documented file, with the ports and the certificate of the test in place of those that stand there. */
  readonly start: (folder: string, replacements: Record<string, string>, port: number) => Program;
}

const PROXIES: readonly Proxy[] = [
  {
    name: "nginx",
    missing: whyNot("nginx", "-v"),
    start: (folder, replacements, port) => {
      const site = replace(block("nginx"), { ...replacements, "listen 443": `listen 127.0.0.1:${port}` });
      const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
        (name) => `${name}_temp_path ${folder}/${name};`,
      );
      // What Debian's own nginx.conf does for such a file.
      const main = `pid ${folder}/nginx.pid; error_log stderr; events {} http { access_log off; ${paths.join(" ")}\n${site}}`;
      writeFileSync(join(folder, "nginx.conf"), main);
      return new Program("nginx", [
        "-e",
        "stderr",
        "-p",
        folder,
        "-c",
        join(folder, "nginx.conf"),
        "-g",
        "daemon off;",
      ]);
    },
  },
  {
    name: "HAProxy",
    missing: whyNot("haproxy", "-v"),
    start: (folder, replacements, port) => {
      const file = join(folder, "haproxy.cfg");
      writeFileSync(file, replace(block("haproxy"), { ...replacements, "bind :443": `bind 127.0.0.1:${port}` }));
      return new Program("haproxy", ["-db", "-f", file]);
    },
  },
];

// ---- What a test starts, and ends

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const start = (program: Program): Program => {
  cleanups.push(() => program.end());
  return program;
};

// Another one than the proxy's own.
const PEER = "127.0.0.2";

/** Plain TCP in, and TLS out: a wire writes every byte by hand, but those of TLS. */
const tunnel = async (port: number): Promise<number> => {
  const server: Server = createServer((plain) => {
    // The certificate is the test's own.
    const to = { port, host: "127.0.0.1", localAddress: PEER };
    const secure = connectTls({ ...to, rejectUnauthorized: false });
    plain.pipe(secure).pipe(plain);
    plain.on("error", () => secure.destroy());
    secure.on("error", () => plain.destroy());
    plain.on("close", () => secure.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
};

type Adapter = (typeof ADAPTERS)[number];

/** The documented server and the documented proxy before it. Returns a port of ours that leads to the proxy's. */
const startBoth = async (
  { adapter, command }: Adapter,
  proxy: Proxy,
  serverChanges: Record<string, string> = {},
  proxyChanges: Record<string, string> = {},
): Promise<number> => {
  const folder = mkdtempSync(join(root, "test", ".proxy-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const changes = { "port: 7070": "port: 0", "@ezez-ws/adapter-ws": `@ezez-ws/${adapter}`, ...serverChanges };
  writeFileSync(join(folder, "server.ts"), replace(block("ts"), changes));
  const [program, ...options] = command;
  const env = { TSX_TSCONFIG_PATH: tsconfig, CHAT_KEY: "secret" };
  const server = start(new Program(program, [...options, join(folder, "server.ts")], env));
  const listening = (): string | undefined => server.output.match(/listening on (\d+)/)?.[1];
  await server.until(() => listening() !== undefined, "the server listens");

  const pem = join(folder, "chat.pem");
  const subject = [
    "-subj",
    "/CN=chat.example",
    "-days",
    "1",
    "-nodes",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
  ];
  execFileSync("openssl", ["req", "-x509", ...subject, "-keyout", pem, "-out", `${pem}.crt`], { stdio: "pipe" });
  const certificate = execFileSync("cat", [`${pem}.crt`, pem]);
  writeFileSync(pem, certificate);

  const port = await freePort();
  const replacements = {
    "127.0.0.1:7070": `127.0.0.1:${listening()}`,
    "/etc/ssl/private/chat.pem": pem,
    ...proxyChanges,
  };
  const running = start(proxy.start(folder, replacements, port));
  const through = await tunnel(port);
  let answers = false;
  const knock = setInterval(() => {
    requestHttp(through, "GET /up HTTP/1.1\r\nHost: chat.example\r\n\r\n").then(
      () => {
        answers = true;
      },
      () => undefined,
    );
  }, 50);
  await running.until(() => answers, `${proxy.name} answers`);
  clearInterval(knock);
  return through;
};

const HOST = { Host: "chat.example" };
const SERVES: WireOptions = { path: "/ws", headers: { ...HOST, Origin: "https://chat.example" } };

const open = async (port: number, options: WireOptions = SERVES): Promise<Wire> => {
  const wire = await Wire.open(port, options);
  cleanups.push(() => wire.destroy());
  return wire;
};

const statusOf = async (port: number, options: WireOptions): Promise<number> =>
  (await requestHttp(port, upgradeRequest(port, options))).status;

// ---- The tests

for (const proxy of PROXIES) {
  for (const adapter of ADAPTERS) {
    const missing = proxy.missing ?? adapter.missing ?? whyNot("openssl", "version");
    const skipped = missing === undefined ? "" : ` (skipped: ${missing})`;
    describe.skipIf(missing !== undefined)(`${proxy.name} before ${adapter.adapter}${skipped}`, () => {
      test("passes messages, close codes and the peer's address on, and refuses what it should", async () => {
        const port = await startBoth(adapter, proxy);

        const forged = { ...SERVES.headers, "X-Forwarded-For": "192.0.2.1" };
        const wire = await open(port, { path: "/ws", headers: forged });
        await wire.authenticate("secret");
        wire.event("whoami");
        expect((await wire.next()).slice(0, 4)).toEqual(["address", expect.any(Number), 1, PEER]);

        const intruder = await open(port);
        intruder.auth("guess");
        expect((await intruder.next())[1]).toBe("Invalid auth key");
        expect(await intruder.closed()).toMatchObject({ code: 4401 });

        const large = await open(port);
        large.frame(Opcode.binary, Buffer.alloc(64 * 1024 + 1));
        expect(await large.closed()).toMatchObject({ code: 1009 });

        expect(await statusOf(port, { path: "/ws", headers: { ...HOST, Origin: "https://chat.example.evil" } })).toBe(
          403,
        );
        expect(await statusOf(port, { path: "/other", headers: HOST })).toBe(404);
        const page = await requestHttp(port, "GET /ws HTTP/1.1\r\nHost: chat.example\r\n\r\n");
        expect(page.status).toBe(426);
        const huge = await statusOf(port, {
          path: "/ws",
          headers: { ...SERVES.headers, Cookie: "x".repeat(20_000) },
        });
        expect(huge).toBe(400);

        wire.event("whoami");
        expect((await wire.next())[0]).toBe("address");
      });

      test("keeps a quiet connection while the server's heartbeat is faster than its time-out", async () => {
        const port = await startBoth(
          adapter,
          proxy,
          { "heartbeatIntervalMs: 30_000": "heartbeatIntervalMs: 400" },
          { "75s": "2s" },
        );
        const wire = await open(port);
        await wire.authenticate("secret");
        await until(() => wire.pings >= 8, "eight pings came", 20_000);
        expect(wire.isOpen).toBe(true);
      });

      test("gives it up where there is no heartbeat", async () => {
        const port = await startBoth(
          adapter,
          proxy,
          { "heartbeatIntervalMs: 30_000": "heartbeatIntervalMs: 0" },
          { "75s": "2s" },
        );
        const wire = await open(port);
        await wire.authenticate("secret");
        expect(await wire.closed(20_000)).toEqual({ code: 1006, reason: "" });
      });
    });
  }
}
