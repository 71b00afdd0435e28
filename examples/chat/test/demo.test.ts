import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const DEADLINE_MS = 20_000;

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

interface Ended {
  code: number | null;
  output: string;
}

/** The demo as a process of its own, over the packages' sources. */
const start = (args: string[], preload: string[] = []) => {
  const imports = ["tsx", ...preload].flatMap((module) => ["--import", module]);
  const child = spawn(process.execPath, [...imports, path("../demo.ts"), ...args], {
    env: { ...process.env, TSX_TSCONFIG_PATH: path("../tsconfig.source.json"), NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const heard = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on("data", heard);
  child.stderr.on("data", heard);
  const ended = new Promise<Ended>((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`the demo did not end by itself; it printed:\n${output}`));
    }, DEADLINE_MS);
    child.on("close", (code) => {
      clearTimeout(late);
      resolve({ code, output });
    });
  });
  const prints = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(output);
        if (match !== null) resolve(match);
      };
      child.stdout.on("data", look);
      child.on("close", () => reject(new Error(`the demo ended without printing ${pattern}:\n${output}`)));
    });
  return { child, ended, prints };
};

describe("demo", { timeout: DEADLINE_MS + 5000 }, () => {
  it("ends by itself with 0 after the transcript, with --once", async () => {
    const { code, output } = await start(["--once"]).ended;
    expect(output).toMatch(/All \d+ checks passed/);
    expect(output).not.toContain("http://");
    expect(code).toBe(0);
  });

  it('takes a "--" before its arguments, which pnpm hands on', async () => {
    expect((await start(["--", "--once"]).ended).code).toBe(0);
  });

  it("fails when a byte of the picture is not what it was", async () => {
    const { code, output } = await start(["--once"], [path("fixtures/tamper.ts")]).ended;
    expect(output).toContain('The demo failed: "A picture crosses as bytes": not true that every byte is as it was');
    expect(code).toBe(1);
  });

  it("refuses a port that is none", async () => {
    const { code, output } = await start(["--port", "http"]).ended;
    expect(output).toContain('--port must be from 0 to 65535, not "http"');
    expect(code).toBe(1);
  });

  it("serves the page after the transcript, until it is told to end", async () => {
    const { child, ended, prints } = start(["--port", "0"]);
    const [, url = ""] = await prints(/(http:\/\/localhost:\d+\/)/);
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-security-policy")).toContain("script-src 'self'");
    expect(await answer.text()).toContain("<title>ezez-ws chat</title>");
    expect((await (await fetch(`${url}main.js`)).text()).length).toBeGreaterThan(10_000);
    expect((await fetch(`${url}else`)).status).toBe(404);
    child.kill("SIGTERM");
    expect((await ended).code).toBe(0);
  });
});
